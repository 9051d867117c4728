"""The event loop: a Twisted reactor of our own, on the steady clock.

It is made here and never installed globally, so that a server can run in a thread
of a program that has a reactor already (`imapd.testing`).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from select import EPOLLIN
from threading import get_ident
from typing import Any, Protocol, cast

from twisted.internet.epollreactor import EPollReactor
from twisted.logger import (
    ILogObserver,
    LogEvent,
    LogLevel,
    formatEvent,
    globalLogBeginner,
)
from twisted.python import log
from twisted.python.failure import Failure

from imapd.net.tcp import AcceptingPort


class Call(Protocol):
    """A pending call of the loop."""

    def cancel(self) -> None:
        """Forget it; raises when it ran already."""
        ...

    def active(self) -> bool:
        """Tell whether it still waits."""
        ...


class Loop(Protocol):
    """The part of a reactor that imapd uses.

    ``turn`` is another number whenever something has come from outside; who calls what
    has come raises it.
    """

    turn: int

    def callLater(self, delay: float, call: Callable[[], object]) -> Call:
        """Run ``call`` after so many seconds."""
        ...

    def callFromThread(self, call: Callable[[], object]) -> None:
        """Run ``call`` soon; the one method that threads may use."""
        ...

    def adoptStreamPort(self, descriptor: int, family: int, factory: Any) -> Any:  # noqa: ANN401 - Twisted's types
        """Accept connections on a listening socket."""
        ...

    def adoptStreamConnection(self, descriptor: int, family: int, factory: Any) -> Any:  # noqa: ANN401 - Twisted's types
        """Serve a socket that is connected; it is duplicated."""
        ...

    def addReader(self, reader: Any) -> None:  # noqa: ANN401 - Twisted's types
        """Watch a descriptor for reading."""
        ...

    def removeReader(self, reader: Any) -> None:  # noqa: ANN401 - Twisted's types
        """Watch it no more."""
        ...

    def run(self, installSignalHandlers: bool = True) -> None:  # noqa: N803 - Twisted's
        """Run until `stop`."""
        ...

    def stop(self) -> None:
        """End `run`."""
        ...


_LONGEST = 3_600.0  # that the loop sleeps by our own reckoning


class _Reactor(EPollReactor):
    """Twisted's reactor with less around each event.

    Its timers go by the wall clock. When that clock is set forward, every time limit
    would run out at once: the steady clock takes its place. A call for later that is
    made on the loop's own thread wakes nobody, who is awake: it is found before the
    loop sleeps, and two system calls are saved.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.seconds = time.monotonic
        self.turn = 0
        self._awake: int | None = None  # the loop's thread while it can't sleep

    def adoptStreamPort(self, descriptor: int, family: int, factory: Any) -> Any:  # noqa: ANN401 - Twisted's types
        """Accept connections on a listening socket."""
        make: Any = AcceptingPort._fromListeningDescriptor  # noqa: SLF001 - as Twisted
        port = make(self, descriptor, family, factory)
        port.startListening()
        return port

    def mainLoop(self) -> None:
        """Run until `stop`; no error ends it."""
        while self._started:
            try:
                # One handler around all turns, not one around each.
                while self._started:
                    self.runUntilCurrent()
                    timeout = self.timeout()
                    self.doPoll(timeout if self.running else 0.0)
            except BaseException:  # noqa: BLE001 - as Twisted does
                log.err()  # type: ignore[no-untyped-call]

    def runUntilCurrent(self) -> None:
        """Make the calls that are due, if there are any."""
        timed = self._pendingTimedCalls
        if (
            self.threadCallQueue
            or self._newTimedCalls
            or self._justStopped
            or (timed and timed[0].time <= self.seconds())
        ):
            super().runUntilCurrent()

    def timeout(self) -> float | None:
        """Tell how long the loop may sleep."""
        # In this order: a signal may call between any two lines.
        self._awake = None
        if self.threadCallQueue:
            return 0.0
        if self._newTimedCalls:
            return super().timeout()
        timed = self._pendingTimedCalls
        if not timed:
            return None
        left = timed[0].time - self.seconds()
        return left if 0.0 < left < _LONGEST else super().timeout()

    def wakeUp(self) -> None:
        """End the loop's sleep."""
        if self._awake != get_ident():
            super().wakeUp()

    def doPoll(self, timeout: float | None) -> None:
        """Wait for events, and act on each."""
        there: dict[int, Any] = self._selectables
        act: Any = self._doReadOrWrite
        end: Any = self._disconnectSelectable
        found = self._poller.poll(-1 if timeout is None else timeout, len(there) or 1)
        self._awake = get_ident()
        for descriptor, event in found:
            selectable = there.get(descriptor)
            if selectable is None:
                continue
            self.turn += 1
            if event == EPOLLIN:
                # What nearly all are; as `act` does it, in a third of its steps.
                try:
                    ended = selectable.doRead()
                except BaseException as error:  # noqa: BLE001 - as Twisted does
                    log.err()  # type: ignore[no-untyped-call]
                    ended = error
                if ended:
                    end(selectable, ended, isRead=True)
            else:
                # It catches and reports whatever is raised.
                act(selectable, descriptor, event)

    doIteration = doPoll  # noqa: N815 - Twisted's


def new_loop() -> Loop:
    """Make a loop."""
    make: Any = _Reactor
    return cast("Loop", make())


def close_loop(loop: Loop) -> None:
    """Free the descriptors of a loop that has run and whose threads have ended.

    Twisted keeps the pipe that wakes its reactor for the life of the process.
    """
    reactor: Any = loop
    waker, reactor.waker = reactor.waker, None
    if waker is not None:
        waker.connectionLost(None)


def log_twisted(
    note: Callable[[str], object], failed: Callable[[BaseException], object]
) -> None:
    """Give Twisted's own warnings and errors to our log; once per process.

    ``note`` takes a warning's text, ``failed`` an error that nobody caught.
    """

    def observe(event: LogEvent) -> None:
        failure = event.get("log_failure")
        if isinstance(failure, Failure) and failure.value is not None:
            failed(failure.value)
        elif event.get("log_level") in (LogLevel.warn, LogLevel.error):
            note(formatEvent(event))

    globalLogBeginner.beginLoggingTo(
        [cast("ILogObserver", observe)], discardBuffer=True, redirectStandardIO=False
    )
