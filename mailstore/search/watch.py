"""A search that runs on a thread, as those outside follow it: how far, how long.

Steps are counted in looks at one message for one term of text. What is cheap is not
counted, and what a search can skip it jumps over, so that the count never goes back.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from mailstore.errors import TooMany

_TELL_EVERY = 0.5  # seconds


class Cancelled(Exception):
    """Nobody waits for the answer any more."""


class Watch:
    """One search. ``told`` hears (steps done, steps in all), twice a second at most.

    ``seconds`` bound the processor's time of the thread that searches: an account
    may not take the others' (`TooMany`).
    """

    __slots__ = ("_cancelled", "_done", "_next", "_told", "_total", "_until")

    def __init__(
        self,
        cancelled: Callable[[], bool] = bool,
        seconds: float = math.inf,
        told: Callable[[int, int], None] | None = None,
    ) -> None:
        self._cancelled = cancelled
        self._told = told
        # A thread's own time takes a call of the system.
        self._until = time.thread_time() + seconds if seconds < math.inf else seconds
        self._next = 0.0 if told is None else time.monotonic() + _TELL_EVERY
        self._done = 0
        self._total = 0

    def plan(self, total: int) -> None:
        """Say how many steps there are."""
        self._total = total

    def jump(self, done: int) -> None:
        """Say how many steps are done, or need not be done."""
        self._done = max(self._done, done)

    def pause(self) -> None:
        """Look whether to end, in the middle of a step. As `step`."""
        self.step(0)

    def step(self, count: int = 1) -> None:
        """Note steps, between two of them. Raises `Cancelled`, `TooMany`."""
        self._done += count
        if self._cancelled():
            raise Cancelled
        if self._until < math.inf and time.thread_time() > self._until:
            raise TooMany("the search takes too long, ask for less")
        if self._told is not None and time.monotonic() >= self._next:
            self._next = time.monotonic() + _TELL_EVERY
            self._told(min(self._done, self._total), self._total)
