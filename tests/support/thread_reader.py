"""SORT, THREAD and COMPARATOR responses as a strict client reads them.

RFC 5256 §4, §5; RFC 5255 §4.8, §4.10.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests.support import responses as r
from tests.support.modseq_reader import modseq

if TYPE_CHECKING:
    from tests.support.response_parser import ResponseReader


_SELECTED = re.compile(r"[+-]?[a-z][a-z0-9-]*(?:;[a-z0-9=.-]+)+")


def comparator(reader: ResponseReader) -> r.ComparatorLine:
    """Read ``"COMPARATOR" SP comp-sel-quoted [SP "(" ids ")"]``."""
    reader.take(b" ")
    active = reader.astring().decode("ascii")
    if _SELECTED.fullmatch(active) is None:
        reader.refuse("a collation")
    matching: list[str] = []
    if reader.accept(b" ("):
        while not matching or reader.accept(b" "):
            matching.append(reader.astring().decode("ascii"))
        reader.take(b")")
        if len(matching) < 2:
            reader.refuse("more than one")
    return r.ComparatorLine(active, tuple(matching))


def sort_result(reader: ResponseReader) -> r.SortResult:
    """Read ``"SORT" [1*(SP nz-number) SP search-sort-mod-seq]`` (RFC 7162 §3.1.9)."""
    found: list[int] = []
    highest = None
    while reader.accept(b" "):
        if found and reader.accept(b"(MODSEQ "):
            highest = modseq(reader)
            reader.take(b")")
            break
        found.append(reader.nz_number())
    if len(set(found)) != len(found):
        reader.refuse("each message once")
    return r.SortResult(tuple(found), highest)


def thread_lists(reader: ResponseReader) -> r.Threads:
    """Read ``"THREAD" [SP 1*thread-list]``, however deep."""
    if not reader.accept(b" "):
        return r.Threads(())
    done: list[r.Members] = []
    stack: list[list[int | r.Members]] = []
    seen: set[int] = set()
    while True:
        if stack and reader.peek_digit():
            number = reader.nz_number()
            if number in seen or any(isinstance(one, tuple) for one in stack[-1]):
                reader.refuse("each message once, before any list")
            seen.add(number)
            stack[-1].append(number)
            if (
                reader.accept(b" ")
                and not reader.peek_digit()
                and not reader.peek(b"(")
            ):
                reader.refuse("a member")
        elif reader.accept(b"("):
            stack.append([])
        elif stack:
            reader.take(b")")
            members = tuple(stack.pop())
            lists = sum(isinstance(one, tuple) for one in members)
            if not members or lists == 1:
                reader.refuse("two lists at least, or none")
            (stack[-1] if stack else done).append(members)
        else:
            break
    if not done:
        reader.refuse("a thread")
    return r.Threads(tuple(done))
