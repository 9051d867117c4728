"""A column of numbers as few octets: one number for all, and what each has above it.

``width`` octets hold what a number is above ``base``; none where all are the same.
Numbers of a block of messages lie close together (mod-sequences) or are equal
(keywords), so that a column of 64 bits takes none to four octets a number. One number
is read and written where it stands; the column is laid out anew only where a number
does not fit.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from functools import cache, lru_cache
from itertools import compress
from sys import byteorder

_TYPES = {1: "B", 2: "H", 4: "I", 8: "Q"}  # by the octets of a number
WIDTHS = frozenset((0, *_TYPES))
_WIDTH = 8  # octets of a number as it is given
_SMALL = (1 << 56) - 1  # numbers up to here stay within 64 bits,
_NARROW = 4  # whatever so many octets add
_OCTET = 0xFF
_FEW = 16


class Packed:
    """Numbers from 0 to 2**64 - 1. Octets are those of the little-endian numbers."""

    __slots__ = ("base", "count", "octets", "width")

    def __init__(self, count: int, base: int, width: int, octets: bytes) -> None:
        self.count = count
        self.base = base
        self.width = width
        self.octets = bytearray(octets)

    @classmethod
    def of(cls, values: Sequence[int]) -> Packed:
        """Lay numbers out in as few octets as they need."""
        made = cls(0, 0, 0, b"")
        made._lay_out(values)
        return made

    def _lay_out(self, values: Sequence[int]) -> None:
        low, high = (min(values), max(values)) if values else (0, 0)
        self.count, self.base, self.width = len(values), low, _width(high - low)
        self.octets = bytearray()
        if self.width:
            column = array(_TYPES[self.width], [value - low for value in values])
            self.octets = bytearray(_little_endian(column))

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, at: int) -> int:
        width = self.width
        if not width:
            return self.base
        start = at * width
        return self.base + int.from_bytes(self.octets[start : start + width], "little")

    def values(self) -> array[int]:
        """Give all numbers."""
        base, width, count = self.base, self.width, self.count
        if not width:
            return array("Q", (base,)) * count
        if base > _SMALL or width > _NARROW:
            return array("Q", map(base.__add__, self._column()))
        # As one large number, so that the base is added to all at once: none of them
        # goes over its 64 bits.
        wide = bytearray(_WIDTH * count)
        for plane in range(width):
            wide[plane::_WIDTH] = self.octets[plane::width]
        total = int.from_bytes(wide, "little") + base * _ones(count)
        found = array("Q")
        found.frombytes(total.to_bytes(_WIDTH * count, "little"))
        if byteorder != "little":
            found.byteswap()
        return found

    def _column(self) -> array[int]:
        """Give what the numbers are above the base."""
        column = array(_TYPES[self.width])
        column.frombytes(self.octets)
        if byteorder != "little":
            column.byteswap()
        return column

    def above(self, value: int) -> Sequence[int]:
        """Give the indexes of the numbers that are higher than one, ascending."""
        least, width = value - self.base, self.width
        if least < 0 or not width:
            return range(self.count if least < 0 else 0)
        # The highest octet that any has tells of most of them.
        plane = width - 1
        octets = self.octets[plane::width]
        while plane and octets.count(0) == self.count:
            plane -= 1
            octets = self.octets[plane::width]
        limit = least + 1 if not plane else least >> 8 * plane
        if limit > _OCTET:
            return ()
        places = _marked(octets.translate(_at_least(limit)))
        if not plane:
            return places
        column = self._column()
        return [at for at in places if column[at] > least]

    def at(self, places: Sequence[int]) -> list[int]:
        """Give the numbers at some indexes."""
        base = self.base
        if not self.width:
            return [base] * len(places)
        column = self._column()
        return [base + column[at] for at in places]

    @property
    def highest(self) -> int:
        """The highest of the numbers, 0 where there is none."""
        return max(self.values(), default=0) if self.width else self.base

    def put(self, at: int, value: int) -> None:
        """Put a number in the place of another."""
        width, above = self.width, value - self.base
        if above < 0 or above >> 8 * width or self.count == 1:
            self.fill(at, at + 1, value)
        elif width:
            octets = above.to_bytes(width, "little")
            self.octets[at * width : at * width + width] = octets

    def fill(self, start: int, stop: int, value: int) -> None:
        """Put one number in the place of some, side by side."""
        if start == 0 and stop == self.count:
            self.base, self.width, self.octets = value, 0, bytearray()
            return
        width, above = self.width, value - self.base
        if above < 0 or above >> 8 * width:
            values = self.values()
            values[start:stop] = array("Q", (value,)) * (stop - start)
            self._lay_out(values)
        elif width:
            piece = above.to_bytes(width, "little") * (stop - start)
            self.octets[start * width : stop * width] = piece

    def extend(self, values: Sequence[int]) -> None:
        """Add numbers behind the last, one at least."""
        low, high, base = min(values), max(values), self.base
        if not self.count or low < base or (high - base) >> 8 * self.width:
            self._lay_out([*self.values(), *values])
            return
        self.count += len(values)
        if self.width:
            column = array(_TYPES[self.width], [value - base for value in values])
            self.octets += _little_endian(column)

    def keep(self, marks: bytes | bytearray) -> None:
        """Drop the numbers where marks, one octet each, are 0."""
        if self.width:
            self._lay_out(array("Q", compress(self.values(), marks)))
        else:
            self.count = marks.count(1)


@lru_cache(maxsize=32)
def _ones(count: int) -> int:
    """Give a column of so many ones, as one number."""
    return int.from_bytes((b"\x01" + bytes(_WIDTH - 1)) * count, "little")


def _marked(marks: bytes | bytearray) -> list[int]:
    """Give the indexes of ones; few of many are found by C."""
    if marks.count(1) * _FEW > len(marks):
        return list(compress(range(len(marks)), marks))
    found, at = [], marks.find(1)
    while at >= 0:
        found.append(at)
        at = marks.find(1, at + 1)
    return found


@cache
def _at_least(limit: int) -> bytes:
    """Give a table that marks octets from one on."""
    return bytes(limit) + b"\x01" * (256 - limit)


def _width(highest: int) -> int:
    for width in (0, 1, 2, 4):
        if not highest >> 8 * width:
            return width
    return 8


def _little_endian(column: array[int]) -> bytes:
    if byteorder != "little":
        column.byteswap()
    return column.tobytes()
