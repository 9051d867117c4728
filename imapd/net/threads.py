"""A bounded set of threads that run what they are given, first come, first served.

Work wakes one thread, the one that has rested for the shortest time: each that is
woken in vain would wait for the interpreter's lock, and have it taken from whoever
works. It must not know what the work is, which must not raise.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

Work = Callable[[], None]


class _Hand:
    """Where a thread is given its work, and what wakes it when it rests."""

    __slots__ = ("_work", "gate")

    def __init__(self, work: Work) -> None:
        self._work: Work | None = work
        self.gate = threading.Lock()
        self.gate.acquire()

    def give(self, work: Work | None) -> None:
        """Wake the thread; None: it ends."""
        self._work = work
        self.gate.release()

    def take(self) -> Work | None:
        """Give what it is to do, and keep nothing of that."""
        work, self._work = self._work, None
        return work


class Threads:
    """Up to ``most`` threads, begun when they are needed."""

    def __init__(self, most: int, name: str) -> None:
        self._most = most
        self._name = name
        self._lock = threading.Lock()
        self._waiting: deque[Work] = deque()
        self._resting: list[_Hand] = []
        self._threads: list[threading.Thread] = []
        self._closed = False

    def start(self, work: Work) -> None:
        """Run ``work`` on one of the threads, soon. From any thread.

        Raises `RuntimeError` once they were closed, and when there can be none.
        """
        with self._lock:
            if self._closed:
                raise RuntimeError("the threads have ended")
            if self._resting:
                self._resting.pop().give(work)
            elif len(self._threads) < self._most:
                self._begin_or_wait(work)
            else:
                self._waiting.append(work)

    def _begin_or_wait(self, work: Work) -> None:
        try:
            self._begin(work)
        except RuntimeError:
            # The system grants no more threads: those that are there do it.
            if not self._threads:
                raise
            self._waiting.append(work)

    def _begin(self, work: Work) -> None:
        name = f"{self._name}_{len(self._threads)}"
        hand = _Hand(work)
        # A program that fails before it comes to `close` must end all the same.
        thread = threading.Thread(
            target=self._run, args=(hand,), name=name, daemon=True
        )
        thread.start()
        self._threads.append(thread)

    def _run(self, hand: _Hand) -> None:
        work = hand.take()
        while work is not None:
            work()
            del work  # what it holds must not live on while nothing is to be done
            work = self._next(hand)

    def _next(self, hand: _Hand) -> Work | None:
        with self._lock:
            if self._waiting:
                return self._waiting.popleft()
            if self._closed:
                return None
            self._resting.append(hand)
        hand.gate.acquire()
        return hand.take()

    def close(self) -> None:
        """Let the threads finish all that they were given, then end them."""
        with self._lock:
            self._closed = True
            while self._resting:
                self._resting.pop().give(None)
        for thread in self._threads:
            thread.join()
