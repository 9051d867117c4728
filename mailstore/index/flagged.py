"""Messages with their flags as columns, in a row of the index or in memory alike.

It must not know where columns come from, nor who changes them.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from typing import Protocol

from mailstore.index.records import LOW_BITS
from mailstore.model import FIRST_KEYWORD_BIT


class _Numbers(Protocol):
    def __getitem__(self, at: int, /) -> int: ...


class _Columns(Protocol):
    """What a subclass has, in the order of the UIDs; ``more`` is by UID."""

    @property
    def uids(self) -> Sequence[int]: ...
    @property
    def system(self) -> bytearray: ...
    @property
    def keywords(self) -> _Numbers: ...
    @property
    def more(self) -> Mapping[int, int]: ...


class Flagged:
    """Reads single messages of such columns."""

    __slots__ = ()

    def position(self: _Columns, uid: int) -> int | None:
        """Give the index of a UID in the columns."""
        at = bisect_left(self.uids, uid)
        return at if at < len(self.uids) and self.uids[at] == uid else None

    def mask(self: _Columns, at: int) -> int:
        """Give the flags of the message at an index."""
        low = self.system[at] | self.keywords[at] << FIRST_KEYWORD_BIT
        if self.more:
            return low | self.more.get(self.uids[at], 0) << LOW_BITS
        return low
