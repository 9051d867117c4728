"""What a search found: UIDs, and where they stand among those of the mailbox.

Who tells all of them has no use for a number object for each: to know which ones of a
column are meant is enough. Everybody else takes it as the ascending UIDs that it is::

    found = Found(array("I", [3, 4, 9]), bytes([1, 0, 1]))
    list(found) == [3, 9]
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate, compress, count
from operator import add
from typing import overload

Plane = bytes | bytearray
"""One byte for each of some things: 1 for those that are meant, else 0."""

_SPARSE = 8  # of so many things one: then each is looked up by itself


def indexes(plane: Plane) -> list[int]:
    """Give the indexes of the messages in a plane, ascending."""
    gaps = plane.split(b"\x01")
    del gaps[-1]  # behind the last of them
    return list(map(add, accumulate(map(len, gaps)), count()))


def chosen(column: array[int], plane: Plane) -> array[int]:
    """Give a column's values for the messages in a plane, which may be shorter."""
    marked = plane.count(1)
    if marked == len(plane):
        return column[:marked]
    if marked * _SPARSE < len(plane):
        return array(column.typecode, list(map(column.__getitem__, indexes(plane))))
    return array(column.typecode, list(compress(column, plane)))


class Found(Sequence[int]):
    """The UIDs of a column, ascending, that a plane marks: one byte for each, 1 or 0.

    Nobody changes either. A mailbox's own column may go on behind the plane's end, and
    become longer there: what the plane marks stays where it is.
    """

    __slots__ = ("_uids", "column", "plane")

    def __init__(self, column: array[int], plane: bytes) -> None:
        self.column = column
        self.plane = plane
        self._uids: array[int] | None = None

    @property
    def uids(self) -> array[int]:
        """The UIDs by themselves."""
        if self._uids is None:
            self._uids = chosen(self.column, self.plane)
        return self._uids

    def until(self, largest: int) -> Found:
        """Leave out the UIDs above one."""
        end = len(self.plane)
        if not end or self.column[end - 1] <= largest:
            return self
        return Found(
            self.column, self.plane[: bisect_right(self.column, largest, 0, end)]
        )

    def __len__(self) -> int:
        return self.plane.count(1)

    @overload
    def __getitem__(self, at: int) -> int: ...
    @overload
    def __getitem__(self, at: slice) -> array[int]: ...
    def __getitem__(self, at: int | slice) -> int | array[int]:
        return self.uids[at]


NOTHING = Found(array("I"), b"")
