"""What was read of text indexes, kept for the next search of any account.

One for each process, bounded in octets; what was not asked for the longest goes first.
A key says a segment, and a segment's number is never given twice, in any file: nothing
that is kept can become wrong, and what belonged to a file that is gone is never asked
for again. Any thread may use it.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import TypeVar, cast

T = TypeVar("T")

Key = tuple[int, int, int]
"""Segment, kind of block, number of the block."""

DEFAULT = 64 << 20
_ENTRY = 300  # octets that one costs besides what it holds, about


class Kept:
    """Values by segment, kind and number, of at most ``most`` octets together."""

    def __init__(self, most: int = DEFAULT) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._values: OrderedDict[Key, tuple[object, int]] = OrderedDict()
        self._octets = 0

    @property
    def octets(self) -> int:
        """How much is kept."""
        return self._octets

    def get(self, key: Key, read: Callable[[], tuple[T, int]]) -> T:
        """Give what is kept by a key, or else read: the value and its octets.

        Two threads may read the same at once; both have it then. What would take
        more than half of the room by itself is not kept.
        """
        with self._lock:
            found = self._values.get(key)
            if found is not None:
                self._values.move_to_end(key)
                return cast("T", found[0])
        value, octets = read()
        octets += _ENTRY
        with self._lock:
            if octets * 2 <= self._most and key not in self._values:
                self._values[key] = value, octets
                self._octets += octets
                while self._octets > self._most:
                    _, (_, least) = self._values.popitem(last=False)
                    self._octets -= least
        return value
