"""Memo: what was made of something that comes again and again.

Clients repeat themselves: the same items are asked of one message after the other. What
is made of them alone, and never changes, is kept for the next time. Bounded by count:
when it is full it is emptied, so that there is no order to keep up.
"""

from __future__ import annotations

from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Memo(dict[K, V]):
    """At most ``most`` values by their keys, for the event thread."""

    __slots__ = ("_most",)

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most

    def keep(self, key: K, value: V) -> V:
        """Keep a value; gives it."""
        if len(self) >= self._most:
            self.clear()
        self[key] = value
        return value
