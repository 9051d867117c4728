"""Computing on another thread while this one waits for the disk.

It costs nothing when no thread is free: what nobody has begun by the time that the
disk has answered is done here. So nobody waits for work that stands in a queue.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress

from mailstore.lanes import Pool, Runtime


class Beside:
    """A piece of work that another thread may take; it must not raise."""

    def __init__(self, runtime: Runtime, work: Callable[[], None]) -> None:
        self._work = work
        self._free = threading.Lock()  # who can lock it does the work
        self._undone = threading.Lock()
        self._undone.acquire()
        with suppress(RuntimeError):  # there can be no thread: `finish` does it
            runtime.start(Pool.READ, self._take)

    def _take(self) -> None:
        if self._free.acquire(blocking=False):
            try:
                self._work()
            finally:
                self._undone.release()

    def finish(self) -> None:
        """Have it done when this returns, whoever does it."""
        self._take()
        self._undone.acquire()
