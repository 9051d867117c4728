"""Where store code runs: the port to the event loop and its threads.

The store's public calls are ``async def``; what they wait for is a `Future` made by
a `Runtime`. ``imapd.net.lanes`` gives one over Twisted; `InlineRuntime` runs
everything at once in the caller's thread, for the command line and for tests.

Invariants: memory state of mailboxes is touched on the event thread only; SQL that
writes runs on a writer lane only; `Runtime.deliver` is the one way back.
"""

from __future__ import annotations

import enum
import itertools
import time
from collections.abc import Awaitable, Callable, Coroutine, Generator
from contextvars import Context as Variables
from contextvars import copy_context
from typing import Any, Generic, Protocol, TypeVar

T = TypeVar("T")


class Pool(enum.Enum):
    """Which bounded set of threads a piece of work belongs to."""

    WRITE = "write"  # transactions, fsync, checkpoints
    READ = "read"  # cold loads, conversions: what is short
    SEARCH = "search"  # searches, sorting: what may take long
    PASSWORD = "password"  # bcrypt
    INDEX = "index"  # fills text indexes; nobody waits for it
    LOOKUP = "lookup"  # waits for other servers: LDAP, OAuth


class Future(Protocol[T]):
    """A result that somebody awaits. Resolved once, on the event thread."""

    def succeed(self, value: T) -> None:
        """Give the value to who awaits it."""
        ...

    def fail(self, error: BaseException) -> None:
        """Raise the error in who awaits it."""
        ...

    def done(self) -> bool:
        """Tell whether it was resolved."""
        ...

    def __await__(self) -> Generator[Any, Any, T]: ...


class Timer(Protocol):
    """A pending call."""

    def cancel(self) -> None:
        """Forget the call. Harmless after it ran."""
        ...


class Runtime(Protocol):
    """The event loop, its threads and its clocks."""

    def future(self) -> Future[Any]:
        """Return a fresh, unresolved future."""
        ...

    def start(self, pool: Pool, work: Callable[[], None]) -> None:
        """Run ``work`` on a thread of the pool; it must not raise.

        Raises `RuntimeError` when there can be no thread.
        """
        ...

    def deliver(self, call: Callable[[], None]) -> None:
        """From any thread: run ``call`` on the event thread, soon and in order."""
        ...

    def later(self, seconds: float, call: Callable[[], None]) -> Timer:
        """Run ``call`` on the event thread after ``seconds``."""
        ...

    def spawn(
        self, work: Coroutine[Any, Any, Any], variables: Variables | None = None
    ) -> None:
        """Run a coroutine on the event thread beside the caller; errors are logged.

        Its context variables are ``variables``, or a copy of the caller's: what it sets
        is its own.
        """
        ...

    def turn(self) -> int:
        """Give the same number as long as the event thread hasn't looked outside.

        What a client or another process did that an answer may depend on was heard
        of in an earlier turn, or will be in a later one.
        """
        ...

    def now(self) -> float:
        """Wall clock, in seconds since the epoch."""
        ...

    def monotonic(self) -> float:
        """Steady clock, in seconds."""
        ...


def in_pool(runtime: Runtime, pool: Pool, work: Callable[[], T]) -> Awaitable[T]:
    """Run ``work`` on a thread of the pool and give its result or its error."""
    future: Future[T] = runtime.future()

    def call() -> None:
        try:
            value = work()
        except BaseException as error:  # noqa: BLE001 - it belongs to the awaiting caller
            failure = error
            runtime.deliver(lambda: future.fail(failure))
        else:
            runtime.deliver(lambda: future.succeed(value))

    runtime.start(pool, call)
    return future


async def give_way(runtime: Runtime) -> None:
    """Let others have the event thread; what computes at length calls it in between.

    It costs microseconds while nobody waits, and the loop's next turn once this one
    has lasted.
    """
    future: Future[None] = runtime.future()
    runtime.deliver(lambda: future.succeed(None))
    await future


class _Begun:
    """A coroutine that has run until it waited for something."""

    __slots__ = ("_future", "_work")

    def __init__(self, work: Coroutine[Any, Any, None], future: Future[Any]) -> None:
        self._work = work
        self._future = future

    def __await__(self) -> Generator[Any, Any, None]:
        if not self._future.done():
            yield self._future
        yield from self._work.__await__()


def begin(work: Coroutine[Any, Any, None]) -> Awaitable[None] | None:
    """Run a coroutine until it waits for something; gives what is to be awaited then.

    None if it has ended, as what waits for nothing does: nobody need be woken for it.
    Raises what it raises. It runs with the context variables of the caller.
    """
    try:
        future = work.send(None)
    except StopIteration:
        return None
    return _Begun(work, future)


_turns = itertools.count()


class InlineFuture(Generic[T]):
    """A future for code that runs in one thread: it can only be awaited when done."""

    __slots__ = ("_error", "_state", "_value")

    def __init__(self) -> None:
        self._state = 0
        self._value: T
        self._error: BaseException

    def succeed(self, value: T) -> None:
        """Give the value to who awaits it."""
        self._value, self._state = value, 1

    def fail(self, error: BaseException) -> None:
        """Raise the error in who awaits it."""
        self._error, self._state = error, 2

    def done(self) -> bool:
        """Tell whether it was resolved."""
        return self._state != 0

    def __await__(self) -> Generator[Any, Any, T]:
        while self._state == 0:
            yield self  # `InlineRuntime.run` refuses; a test's driver may resume
        if self._state == 2:
            raise self._error
        return self._value


class _NoTimer:
    def cancel(self) -> None:
        pass


class InlineRuntime:
    """Runs everything in the caller's thread, at once; timers never fire."""

    def turn(self) -> int:
        """Give another, always: no event loop could say that none began."""
        return next(_turns)

    def future(self) -> Future[Any]:
        """Return a fresh, unresolved future."""
        return InlineFuture()

    def start(self, pool: Pool, work: Callable[[], None]) -> None:  # noqa: ARG002
        """Run ``work`` now."""
        work()

    def deliver(self, call: Callable[[], None]) -> None:
        """Run ``call`` now."""
        call()

    def later(self, seconds: float, call: Callable[[], None]) -> Timer:  # noqa: ARG002
        """Drop the call: nothing waits in a program without an event loop."""
        return _NoTimer()

    def spawn(
        self, work: Coroutine[Any, Any, Any], variables: Variables | None = None
    ) -> None:
        """Run the coroutine to its end."""
        (copy_context() if variables is None else variables).run(self.run, work)

    def now(self) -> float:
        """Wall clock, in seconds since the epoch."""
        return time.time()  # noqa: TID251 - this is the clock port

    def monotonic(self) -> float:
        """Steady clock, in seconds."""
        return time.monotonic()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Drive a coroutine to its result.

        Raises what the coroutine raises, and `RuntimeError` when it waits for
        something that nobody in this thread can bring about.
        """
        try:
            work.send(None)
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]
        work.close()
        raise RuntimeError("the coroutine waits for an event that cannot come")
