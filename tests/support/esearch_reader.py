"""Reads ESEARCH responses, strictly.

RFC 4466 §3, RFC 4731 §4, RFC 5267 §5, RFC 6203 §6, RFC 7377 §2.1, RFC 9394 §4. A new
item is added to ``ESEARCH_DATA``.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from typing import cast

from tests.support import responses as r
from tests.support.body_reader import BodyReader

_NAME = re.compile(rb"[A-Za-z][A-Za-z0-9.=+-]*")


def esearch(reader: BodyReader) -> r.Esearch:
    """``esearch-response`` (RFC 4466 §3), with the correlator of RFC 7377 §2.1."""
    correlator: dict[str, object] = {}
    if reader.accept(b" ("):
        while not correlator or reader.accept(b" "):
            name = reader.match(_NAME, "TAG, MAILBOX or UIDVALIDITY").decode().upper()
            if name not in _CORRELATOR or name in correlator:
                reader.refuse("TAG, MAILBOX or UIDVALIDITY, each once")
            reader.take(b" ")
            correlator[name] = _CORRELATOR[name](reader)
        reader.take(b")")
    uid = reader.accept(b" UID")
    data: list[tuple[str, object]] = []
    while reader.accept(b" "):
        name = reader.match(_NAME, "search-return-data").decode().upper()
        if name not in ESEARCH_DATA:
            reader.refuse("known search-return-data")
        reader.take(b" ")
        data.append((name, ESEARCH_DATA[name](reader)))
    once = [name for name, _ in data if name not in ("ADDTO", "REMOVEFROM")]
    if len(set(once)) < len(once):
        reader.refuse("each item once")
    return r.Esearch(
        cast("str | None", correlator.get("TAG")),
        uid,
        tuple(data),
        cast("str | None", correlator.get("MAILBOX")),
        cast("int | None", correlator.get("UIDVALIDITY")),
    )


_CORRELATOR: dict[str, Callable[[BodyReader], object]] = {
    "TAG": lambda reader: reader.string().decode("ascii"),
    "MAILBOX": lambda reader: reader.mailbox(),
    "UIDVALIDITY": lambda reader: reader.nz_number(),
}


def _message_set(reader: BodyReader) -> tuple[int, ...]:
    found = reader.uid_set()
    if len(set(found)) != len(found):
        reader.refuse("each message once")
    return found


def _partial_data(reader: BodyReader) -> tuple[str, tuple[int, ...]]:
    reader.take(b"(")
    span = reader.match(_PARTIAL_RANGE, "partial-range").decode("ascii")
    reader.take(b" ")
    found = () if reader.accept_word(b"NIL") else _message_set(reader)
    reader.take(b")")
    return span, found


def _update_data(reader: BodyReader) -> tuple[tuple[int, tuple[int, ...]], ...]:
    reader.take(b"(")
    found: list[tuple[int, tuple[int, ...]]] = []
    while not found or reader.accept(b" "):
        position = reader.number()
        reader.take(b" ")
        found.append((position, _message_set(reader)))
    reader.take(b")")
    return tuple(found)


def _relevancy_data(reader: BodyReader) -> tuple[int, ...]:
    reader.take(b"(")
    found: list[int] = []
    while not reader.accept(b")"):
        if found:
            reader.take(b" ")
        found.append(reader.nz_number())
    if any(score > 100 for score in found):
        reader.refuse("scores from 1 to 100")
    return tuple(found)


_PARTIAL_RANGE = re.compile(
    rb"[1-9][0-9]{0,9}:[1-9][0-9]{0,9}|-[1-9][0-9]{0,9}:-[1-9][0-9]{0,9}"
)
ESEARCH_DATA: dict[str, Callable[[BodyReader], object]] = {
    "MIN": BodyReader.nz_number,
    "MAX": BodyReader.nz_number,
    "ALL": _message_set,
    "COUNT": BodyReader.number,
    "MODSEQ": BodyReader.number64,
    "PARTIAL": _partial_data,
    "ADDTO": _update_data,
    "REMOVEFROM": _update_data,
    "RELEVANCY": _relevancy_data,
}
"""Items of ESEARCH by name; what follows name and space is read."""


def uid_batches(reader: BodyReader) -> r.Batches:
    """``* UIDBATCHES (TAG "x") 9:5,4:1``: descending, without a gap (RFC 10022)."""
    reader.take(b" (TAG ")
    tag = reader.string().decode("ascii")
    reader.take(b")")
    bounds: list[tuple[int, int]] = []
    while reader.accept(b"," if bounds else b" "):
        high = reader.nz_number()
        reader.take(b":")
        bounds.append((high, reader.nz_number()))
    if any(high < low for high, low in bounds) or any(
        after[0] != before[1] - 1 for before, after in itertools.pairwise(bounds)
    ):
        reader.refuse("ranges that descend without a gap")
    return r.Batches(tag, tuple(bounds))


def in_progress(reader: BodyReader) -> tuple[str | None, int | None, int | None]:
    """``[INPROGRESS ("tag" 5 10)]`` (RFC 9585): tag, done, goal, or NIL for each."""
    reader.take(b"(")
    tag = None if reader.accept_word(b"NIL") else reader.string().decode("ascii")
    reader.take(b" ")
    done = None if reader.accept_word(b"NIL") else reader.number()
    reader.take(b" ")
    goal = None if reader.accept_word(b"NIL") else reader.nz_number()
    reader.take(b")")
    if done is not None and goal is not None and done > goal:
        reader.refuse("no more than the goal")
    return tag, done, goal
