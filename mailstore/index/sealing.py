"""Columns of messages that never change, as octets: see `mailstore.index.seals`.

Layout, little endian: count, whether the messages ascend, 0, CRC-32 of all else; then
UIDs (4 octets each), sizes (8), dates (8, signed), zones (2, signed), messages (8).

The checksum is there because SQLite has none: a page of a row as long as this may hold
anything, and which message a UID names must not be taken from that.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Sequence
from itertools import compress
from operator import lt
from sys import byteorder
from typing import Any, NamedTuple
from zlib import crc32

from mailstore.index.records import NewColumns
from mailstore.runs import runs

_HEADER = struct.Struct("<H?xI")
_TYPES = "IQqhQ"  # of the columns, in their order
_WIDTH = sum([array(kind).itemsize for kind in _TYPES])


class Seal(NamedTuple):
    """Columns of messages, ascending by UID: these, sizes, dates, zones, messages."""

    columns: tuple[array[int], ...]
    ordered: bool  # the messages ascend

    @classmethod
    def of(cls, rows: Sequence[Sequence[Any]]) -> Seal:
        """Lay (uid, size, date, zone, message) out, one at least.

        Raises `ValueError` when one is no such number: damage.
        """
        pairs = zip(_TYPES, zip(*rows, strict=True), strict=True)
        try:
            columns = tuple(array(kind, values) for kind, values in pairs)
        except (OverflowError, TypeError) as error:
            raise ValueError(f"it has numbers that can't be: {error}") from error
        messages = columns[-1]
        return cls(columns, ordered=all(map(lt, messages, messages[1:])))

    @classmethod
    def read(cls, octets: bytes) -> Seal:
        """Read a row. Raises `ValueError` when it can't be one."""
        try:
            count, ordered, checksum = _HEADER.unpack_from(octets)
        except (struct.error, TypeError) as error:
            raise ValueError("it is too short") from error
        if not count or len(octets) != _HEADER.size + count * _WIDTH:
            raise ValueError("it has another length")
        columns, at, view = [], _HEADER.size, memoryview(octets)
        if crc32(view[at:], _seed(count, ordered)) != checksum:
            raise ValueError("it has changed")
        for kind in _TYPES:
            column = array(kind)
            end = at + count * column.itemsize
            column.frombytes(view[at:end])
            columns.append(_little_endian(column))
            at = end
        return cls(tuple(columns), ordered=ordered)

    def octets(self) -> bytes:
        """Give the row."""
        columns = b"".join([_little_endian(c[:]).tobytes() for c in self.columns])
        count = len(self.uids)
        checksum = crc32(columns, _seed(count, self.ordered))
        return _HEADER.pack(count, self.ordered, checksum) + columns

    @property
    def uids(self) -> array[int]:
        """The UIDs."""
        return self.columns[0]

    def only(self, uids: range | array[int]) -> Seal | None:
        """Give it of some messages, ascending; None where it lacks one."""
        own = self.uids
        if len(uids) == len(own):
            same = uids == own if isinstance(uids, array) else uids[0] == own[0]
            return self if same and uids[-1] == own[-1] else None
        marks = bytearray(len(own))
        for start, stop, _ in runs(uids, own):
            marks[start:stop] = b"\x01" * (stop - start)
        if marks.count(1) != len(uids):
            return None
        kept = tuple(array(c.typecode, compress(c, marks)) for c in self.columns)
        return Seal(kept, self.ordered)

    @property
    def last(self) -> int:
        """The message of its last UID."""
        return self.columns[-1][-1]

    def put(self, columns: NewColumns, at: int) -> None:
        """Put it into columns, from a place on where they have room for it."""
        for mine, theirs in zip(self.columns, columns_of(columns), strict=True):
            theirs[at : at + len(mine)] = mine

    def follows(self, message: int) -> bool:
        """Tell whether all of it ascends, and comes behind another message."""
        return self.ordered and message < self.columns[-1][0]


def columns_of(columns: NewColumns) -> tuple[array[int], ...]:
    """Give those that a seal has, in its order."""
    return (
        columns.uids,
        columns.sizes,
        columns.dates,
        columns.zones,
        columns.messages,
    )


def _seed(count: int, ordered: bool) -> int:
    return count << 1 | ordered


def _little_endian(column: array[int]) -> array[int]:
    if byteorder != "little":
        column.byteswap()
    return column
