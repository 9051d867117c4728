"""The return options that SEARCH and SORT share: MIN, MAX, ALL, COUNT and PARTIAL.

RFC 4731 §3.1; in SORT the lowest message is the first in its order (RFC 5267 §3.1).
RFC 9394 §3.1. Which of the two commands takes them is each extension's to say.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from imapd.session.plugs import SearchReturnSpec
from imapd.session.search_result import SearchResult
from imapd.syntax.partial_range import PartialRange

LIST = "list"
"""The group of the options that tell the messages: ALL, and parts of it."""


def _first(result: SearchResult, _: object) -> Sequence[int]:
    return result.uids[:1]


def _last(result: SearchResult, _: object) -> Sequence[int]:
    return result.uids[-1:]


def _every(_: SearchResult, __: object) -> None:
    return None


async def _min(result: SearchResult, _: object) -> AsyncIterator[bytes]:
    for number in result.told(result.uids[:1]):
        yield b"MIN %d" % number


async def _max(result: SearchResult, _: object) -> AsyncIterator[bytes]:
    for number in result.told(result.uids[-1:]):
        yield b"MAX %d" % number


async def _all(result: SearchResult, _: object) -> AsyncIterator[bytes]:
    name = b"ALL "
    for piece in result.set_of(result.uids):
        yield name + piece
        name = b""


async def _count(result: SearchResult, _: object) -> AsyncIterator[bytes]:
    yield b"COUNT %d" % len(result.uids)


async def _partial(
    result: SearchResult, argument: PartialRange
) -> AsyncIterator[bytes]:
    yield b"PARTIAL (%b " % argument.unparse()
    some = argument.of(result.uids)
    for piece in result.set_of(some):
        yield piece
    yield b")" if some else b"NIL)"


def _page(result: SearchResult, argument: PartialRange) -> Sequence[int]:
    return argument.of(result.uids)


RETURNS = (
    SearchReturnSpec("MIN", "RFC 4731 §3.1", chooses=_first, data=_min),
    SearchReturnSpec("MAX", "RFC 4731 §3.1", chooses=_last, data=_max),
    SearchReturnSpec("ALL", "RFC 4731 §3.1", group=LIST, chooses=_every, data=_all),
    SearchReturnSpec("COUNT", "RFC 4731 §3.1", chooses=_every, data=_count),
)
PARTIAL = SearchReturnSpec(
    "PARTIAL",
    "RFC 9394 §3.1",
    parse=lambda cursor, _: PartialRange.parse(cursor),
    group=LIST,
    chooses=_page,
    data=_partial,
)
