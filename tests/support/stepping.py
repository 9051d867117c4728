"""An event loop that a test steps by hand: no sockets, no threads, no waiting.

Coroutines that wait are parked and go on when their future is resolved. Pools run at
once; timers run when the test turns the clock. The same calls give the same order of
events, so that a failure found by hypothesis can be played again.
"""

from __future__ import annotations

import heapq
import itertools
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context, copy_context
from typing import Any, TypeVar

from mailstore.lanes import Future, InlineFuture, InlineRuntime, Pool, Timer

T = TypeVar("T")


class SteppingFuture(InlineFuture[Any]):
    """A future that tells who waits for it."""

    __slots__ = ("_woken",)

    def __init__(self) -> None:
        super().__init__()
        self._woken: list[Callable[[], None]] = []

    def then(self, call: Callable[[], None]) -> None:
        self._woken.append(call)

    def succeed(self, value: Any) -> None:
        super().succeed(value)
        self._wake()

    def fail(self, error: BaseException) -> None:
        super().fail(error)
        self._wake()

    def _wake(self) -> None:
        woken, self._woken = self._woken, []
        for call in woken:
            call()


class _Timer:
    def __init__(self) -> None:
        self.live = True

    def cancel(self) -> None:
        self.live = False


class SteppingRuntime(InlineRuntime):
    """`Runtime` whose clock stands still until `advance`."""

    def __init__(self) -> None:
        self.time = 1_700_000_000.0
        self._numbers = itertools.count()
        self._timers: list[tuple[float, int, _Timer, Callable[[], None]]] = []
        self._ready: deque[Callable[[], None]] = deque()
        self._stepping = False
        self.pools: list[Pool] = []

    def future(self) -> Future[Any]:
        return SteppingFuture()

    def start(self, pool: Pool, work: Callable[[], None]) -> None:
        self.pools.append(pool)
        work()

    def later(self, seconds: float, call: Callable[[], None]) -> Timer:
        timer = _Timer()
        entry = (self.time + seconds, next(self._numbers), timer, call)
        heapq.heappush(self._timers, entry)
        return timer

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time

    def spawn(
        self, work: Coroutine[Any, Any, Any], variables: Context | None = None
    ) -> None:
        context = copy_context() if variables is None else variables
        self._soon(lambda: context.run(self._step, work, context))

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Drive a coroutine that needs no clock to its result."""
        result: list[Any] = []

        async def outer() -> None:
            try:
                result.append((await work, None))
            except BaseException as error:  # noqa: BLE001 - it belongs to the caller
                result.append((None, error))

        self.spawn(outer())
        assert result, "the coroutine waits for an event that cannot come"
        value, error = result[0]
        if error is not None:
            raise error
        done: T = value
        return done

    def advance(self, seconds: float) -> None:
        """Turn the clock, and run what becomes due."""
        end = self.time + seconds
        while self._timers and self._timers[0][0] <= end:
            when, _, timer, call = heapq.heappop(self._timers)
            self.time = max(self.time, when)
            if timer.live:
                self._soon(call)
        self.time = end

    def event(self, call: Callable[[], None]) -> None:
        """Make a call as a loop does: what becomes due meanwhile waits for its end."""
        self._soon(call)

    def _soon(self, call: Callable[[], None]) -> None:
        self._ready.append(call)
        if self._stepping:
            return
        self._stepping = True
        try:
            while self._ready:
                self._ready.popleft()()
        finally:
            self._stepping = False

    def _resume(self, call: Callable[[], None]) -> None:
        """Have a coroutine go on whose future was resolved."""
        self._soon(call)

    def _step(self, work: Coroutine[Any, Any, Any], context: Context) -> None:
        try:
            waited: SteppingFuture = work.send(None)
        except StopIteration:
            return

        def go_on() -> None:
            self._resume(lambda: context.run(self._step, work, context))

        if waited.done():
            go_on()
        else:
            waited.then(go_on)
