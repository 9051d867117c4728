"""`mailstore.lanes.Runtime` over Twisted: coroutines on the loop, threads beside it.

Invariants: a future is resolved on the event thread, and what awaits it goes on at
once, in the same call; calls from threads arrive in their order.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Coroutine, Generator, Mapping
from contextvars import Context as Variables
from contextvars import copy_context
from functools import partial
from typing import Any, Generic, TypeVar

from imapd.net.loop import Call, Loop
from imapd.net.threads import Threads
from mailstore.lanes import Future, Pool, Timer

T = TypeVar("T")

THREADS: Mapping[Pool, int] = {
    Pool.WRITE: 4,
    Pool.READ: 2,
    Pool.SEARCH: 2,
    Pool.PASSWORD: 2,
    Pool.INDEX: 1,
    Pool.LOOKUP: 4,
}
"""Four writers: one slow fsync holds up its own account only. Two that search, apart
from those that read: long searches keep nobody from opening a mailbox. Two for
passwords: bcrypt releases the interpreter lock, so more would only take processors
away. One that indexes texts: it takes what time is left. Four that wait for the
network, as many as there are connections to LDAP."""

_TURN = 0.002  # seconds of delivered calls before the sockets get their turn


class LoopFuture(Generic[T]):
    """A future that a coroutine driven by Twisted can await."""

    __slots__ = ("_error", "_others", "_state", "_value", "_waiter")

    def __init__(self) -> None:
        self._state = 0
        self._value: T
        self._error: BaseException
        self._waiter: Callable[[], None] | None = None  # nearly always there is one
        self._others: list[Callable[[], None]] | None = None

    def succeed(self, value: T) -> None:
        """Give the value to who awaits it."""
        if self._state:
            raise RuntimeError("a future is resolved once")
        self._state = 1
        self._value = value
        if self._waiter is not None:
            self._waiter()
        if self._others is not None:
            self._wake_others(self._others)

    def fail(self, error: BaseException) -> None:
        """Raise the error in who awaits it."""
        if self._state:
            raise RuntimeError("a future is resolved once")
        self._state = 2
        self._error = error
        if self._waiter is not None:
            self._waiter()
        if self._others is not None:
            self._wake_others(self._others)

    def done(self) -> bool:
        """Tell whether it was resolved."""
        return self._state != 0

    def on_done(self, call: Callable[[], None]) -> None:
        """Call this when it is resolved, which it is not yet."""
        if self._waiter is None:
            self._waiter = call
        elif self._others is None:
            self._others = [call]
        else:
            self._others.append(call)

    @staticmethod
    def _wake_others(waiters: list[Callable[[], None]]) -> None:
        for waiter in waiters:
            waiter()

    def __await__(self) -> Generator[Any, Any, T]:
        if self._state == 0:
            yield self
        if self._state == 2:
            raise self._error
        return self._value


class _Driven:
    """A coroutine, from one future that it waits for to the next.

    It has the context variables that it is given, or a copy of the spawner's.
    """

    __slots__ = ("_advance", "_context", "_ended")

    def __init__(
        self,
        coroutine: Coroutine[Any, Any, Any],
        ended: Callable[[BaseException | None], None],
        variables: Variables | None,
    ) -> None:
        self._context = copy_context() if variables is None else variables
        self._ended = ended
        self._advance = coroutine.send

    def __call__(self) -> None:
        """Go on to the next wait, or to the end."""
        try:
            future = self._context.run(self._advance, None)
        except StopIteration:
            self._ended(None)
        except BaseException as error:  # noqa: BLE001 - whoever spawned it hears of it
            self._ended(error)
        else:
            future.on_done(self)


class _Later:
    """A timer that may be cancelled at any time."""

    __slots__ = ("_call",)

    def __init__(self, call: Call) -> None:
        self._call = call

    def cancel(self) -> None:
        if self._call.active():
            self._call.cancel()


class TwistedRuntime:
    """The event loop of one worker, its threads and its clocks.

    ``report`` takes errors that nobody awaits, with a word on where they happened.
    """

    def __init__(
        self,
        loop: Loop,
        report: Callable[[BaseException, str], object],
        *,
        threads: Mapping[Pool, int] = THREADS,
        monotonic: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,  # noqa: TID251 - this is the clock port
    ) -> None:
        self._loop = loop
        self._report = report
        # Asked several times for each command: no call of ours lies around them.
        self.monotonic = monotonic
        self.now = wall
        self.turn: Callable[[], int] = partial(getattr, loop, "turn")
        self.future: Callable[[], Future[Any]] = LoopFuture
        self._delivered: deque[Callable[[], None]] = deque()
        self._scheduled = False
        self._running = 0
        self._pools = {
            pool: Threads(count, pool.value) for pool, count in threads.items()
        }

    def start(self, pool: Pool, work: Callable[[], None]) -> None:
        """Run ``work`` on a thread of the pool; an error is reported."""

        def call() -> None:
            try:
                work()
            except BaseException as error:  # noqa: BLE001 - threads have no other place
                self._report(error, f"{pool.value} lane")

        self._pools[pool].start(call)

    def deliver(self, call: Callable[[], None]) -> None:
        """From any thread: run ``call`` on the event thread, soon and in order."""
        self._delivered.append(call)
        # The drain clears the mark before it takes calls, so a call appended while
        # the mark was up is taken by that drain; at worst one drain finds nothing.
        if not self._scheduled:
            self._scheduled = True
            self._loop.callFromThread(self._drain)

    def _drain(self) -> None:
        self._scheduled = False
        until = self.monotonic() + _TURN
        while self._delivered:
            call = self._delivered.popleft()
            self._loop.turn += 1  # others may have done something
            try:
                call()
            except Exception as error:  # noqa: BLE001 - the next call must run
                self._report(error, "delivered call")
            if self._delivered and self.monotonic() > until:
                if not self._scheduled:
                    self._scheduled = True
                    self._loop.callLater(0, self._drain)
                return

    def later(self, seconds: float, call: Callable[[], None]) -> Timer:
        """Run ``call`` on the event thread after ``seconds``."""

        def run() -> None:
            self._loop.turn += 1
            call()

        return _Later(self._loop.callLater(max(0.0, seconds), run))

    def spawn(
        self, work: Coroutine[Any, Any, Any], variables: Variables | None = None
    ) -> None:
        """Run a coroutine beside the caller; errors are reported."""
        self._running += 1
        _Driven(work, self._ended, variables)()

    def _ended(self, error: BaseException | None) -> None:
        self._running -= 1
        if error is not None:
            self._report(error, "spawned coroutine")

    @property
    def running(self) -> int:
        """How many spawned coroutines have not ended."""
        return self._running

    def close(self) -> None:
        """Let the threads finish what they were given, then end them."""
        for pool in self._pools.values():
            pool.close()
