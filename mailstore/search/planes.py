"""Sets of messages as planes: one byte per message, 1 for those that match.

What 100,000 messages need is done by `bytes.translate`, by `map` over an array, or
by one operation on a long integer; never by a loop of Python over messages.
"""

from __future__ import annotations

import sys
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import compress
from typing import Protocol

from mailstore.columns import at_least
from mailstore.found import Plane, chosen, indexes
from mailstore.index.records import LOW_KEYWORDS
from mailstore.query import Compare
from mailstore.search.table import Messages

_DAY = 86_400
_FAR = 86_400  # seconds; a zone is less than a day
_SPARSE = 8  # of so many messages one: then each is looked up by itself
_BITS = [bytes(1 if byte >> bit & 1 else 0 for byte in range(256)) for bit in range(8)]
_INVERSE = bytes([1, 0]) + bytes(254)


class Columns(Messages, Protocol):
    """The columns of a mailbox, all of one length.

    `mailstore.state.MailboxState` itself, or copies of one moment.
    """

    @property
    def system(self) -> bytearray: ...
    @property
    def keywords(self) -> array[int]: ...
    @property
    def more(self) -> Mapping[int, int]: ...
    @property
    def zones(self) -> array[int]: ...
    @property
    def keyword_names(self) -> tuple[str, ...]: ...
    @property
    def ordered(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class CopiedColumns:
    """Columns as they were: a thread may read them while the mailbox goes on."""

    uids: array[int]
    system: bytearray
    keywords: array[int]
    more: Mapping[int, int]
    modseqs: array[int]
    sizes: array[int]
    dates: array[int]
    zones: array[int]
    messages: array[int]
    keyword_names: tuple[str, ...]
    ordered: bool = False  # messages ascend, none is there twice


def everything(count: int) -> Plane:
    """Give the plane of all messages."""
    return b"\x01" * count


def both(a: Plane, b: Plane) -> Plane:
    """Give what is in both planes."""
    both_ = int.from_bytes(a, "little") & int.from_bytes(b, "little")
    return both_.to_bytes(len(a), "little")


def either(a: Plane, b: Plane) -> Plane:
    """Give what is in one of two planes."""
    either_ = int.from_bytes(a, "little") | int.from_bytes(b, "little")
    return either_.to_bytes(len(a), "little")


def inverse(a: Plane) -> Plane:
    """Give what is not in a plane."""
    return a.translate(_INVERSE)


def of_indexes(count: int, chosen: Sequence[int]) -> Plane:
    """Give the plane of some indexes."""
    plane = bytearray(count)
    for at in chosen:
        plane[at] = 1
    return plane


def only(columns: CopiedColumns, uids: Collection[int]) -> CopiedColumns:
    """Give the columns of some messages alone."""
    wanted = frozenset(uids)
    plane = bytes(map(wanted.__contains__, columns.uids))
    return replace(
        columns,
        uids=chosen(columns.uids, plane),
        system=bytearray(compress(columns.system, plane)),
        keywords=chosen(columns.keywords, plane),
        modseqs=chosen(columns.modseqs, plane),
        sizes=chosen(columns.sizes, plane),
        dates=chosen(columns.dates, plane),
        zones=chosen(columns.zones, plane),
        messages=chosen(columns.messages, plane),
    )


def with_messages(columns: Columns, wanted: Collection[int]) -> Plane:
    """Give the entries of some messages, by the ids of these."""
    messages = columns.messages
    if not columns.ordered or len(wanted) * _SPARSE > len(messages):
        return bytes(map(wanted.__contains__, messages))
    plane = bytearray(len(messages))
    for message in wanted:
        at = bisect_left(messages, message)
        if at < len(messages) and messages[at] == message:
            plane[at] = 1
    return plane


def with_system_flag(columns: Columns, bit: int) -> Plane:
    """Give the messages with a system flag, by its mask."""
    return columns.system.translate(_BITS[bit.bit_length() - 1])


def with_keyword(columns: Columns, keyword: str) -> Plane:
    """Give the messages with a keyword, compared without case."""
    count = len(columns.uids)
    names = [name.upper() for name in columns.keyword_names]
    if keyword.upper() not in names:
        return bytes(count)
    bit = names.index(keyword.upper())
    if bit < LOW_KEYWORDS:
        octet = bit // 8 if sys.byteorder == "little" else 7 - bit // 8
        return columns.keywords.tobytes()[octet::8].translate(_BITS[bit % 8])
    wanted = bit - LOW_KEYWORDS
    chosen = [
        bisect_left(columns.uids, uid)
        for uid, bits in columns.more.items()
        if bits >> wanted & 1
    ]
    return of_indexes(count, chosen)


def with_uids(columns: Columns, ranges: Sequence[tuple[int, int]]) -> Plane:
    """Give the messages whose UID lies in one of the ascending ranges."""
    plane = bytearray(len(columns.uids))
    stop = 0
    for low, high in ranges:
        start = bisect_left(columns.uids, low, stop)
        stop = bisect_right(columns.uids, high, start)
        plane[start:stop] = b"\x01" * (stop - start)
    return plane


def with_size(columns: Columns, compare: Compare, octets: int) -> Plane:
    """Give the messages of a size."""
    return _compared(columns.sizes, compare, octets)


def among_messages(columns: Columns, numbers: frozenset[int]) -> Plane:
    """Give the messages that are among some, by the store's own numbers."""
    return bytes(map(numbers.__contains__, columns.messages))


def changed_since(columns: Columns, modseq: int) -> Plane:
    """Give the messages that changed at or after a mod-sequence."""
    return at_least(columns.modseqs, modseq)[0]


def arrived_at(columns: Columns, compare: Compare, epoch: int) -> Plane:
    """Give the messages by the moment of INTERNALDATE."""
    return _compared(columns.dates, compare, epoch)


def _compared(column: array[int], compare: Compare, limit: int) -> Plane:
    match compare:
        case Compare.AT_LEAST:
            return at_least(column, limit)[0]
        case Compare.GREATER:
            return at_least(column, limit + 1)[0]
        case Compare.LESS:
            return inverse(at_least(column, limit)[0])
        case Compare.EQUAL:
            return bytes(map(limit.__eq__, column))


def arrived_on(columns: Columns, compare: Compare, day: int) -> Plane:
    """Give the messages by the day of INTERNALDATE, in its own zone."""
    match compare:
        case Compare.AT_LEAST:
            return _arrived_from(columns, day)
        case Compare.GREATER:
            return _arrived_from(columns, day + 1)
        case Compare.LESS:
            return inverse(_arrived_from(columns, day))
        case Compare.EQUAL:
            later = inverse(_arrived_from(columns, day + 1))
            return both(_arrived_from(columns, day), later)


def _arrived_from(columns: Columns, day: int) -> Plane:
    """Give the messages of a day and later ones.

    The moment alone tells for all that are further from midnight than any zone is.
    """
    start = day * _DAY
    surely, maybe = at_least(columns.dates, start + _FAR, start - _FAR)
    if surely == maybe:
        return surely
    found = bytearray(surely)
    for at in indexes(both(maybe, inverse(surely))):
        found[at] = columns.dates[at] + columns.zones[at] * 60 >= start
    return found


class _Test(Protocol):
    def __call__(self, value: int, /) -> bool: ...


def test(compare: Compare, limit: int) -> _Test:
    """Give the comparison of a value with a limit; the operands are turned round."""
    match compare:
        case Compare.LESS:
            return limit.__gt__
        case Compare.EQUAL:
            return limit.__eq__
        case Compare.AT_LEAST:
            return limit.__le__
        case Compare.GREATER:
            return limit.__lt__


def matches(compare: Compare, value: int, limit: int) -> bool:
    """Compare one value with a limit."""
    return test(compare, limit)(value)
