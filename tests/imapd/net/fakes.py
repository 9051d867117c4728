"""A socket and a loop that tests move by hand."""

import itertools
from collections.abc import Callable
from typing import Any, cast

from twisted.internet.address import IPv4Address
from twisted.internet.task import Clock

from imapd.net.lanes import TwistedRuntime
from imapd.net.loop import Loop


class ClockLoop(Clock):
    """A loop on a clock that only moves when a test says so."""

    _turns = itertools.count()

    @property
    def turn(self) -> int:
        """Always another: a test may do anything between two lines."""
        return next(self._turns)

    @turn.setter
    def turn(self, _: int) -> None:
        pass

    def callFromThread(self, call: Any) -> None:
        self.callLater(0, call)


def make_runtime() -> tuple[ClockLoop, TwistedRuntime, list[BaseException]]:
    loop = ClockLoop()
    errors: list[BaseException] = []
    runtime = TwistedRuntime(
        cast("Loop", loop),
        lambda error, where: errors.append(error),
        monotonic=loop.seconds,
        wall=loop.seconds,
    )
    return loop, runtime, errors


class FakeTcp:
    """A Twisted TCP transport: it takes ``room`` octets before it is full."""

    def __init__(self, room: int = 65_536) -> None:
        self.room = room
        self.sent = bytearray()
        self.waiting = bytearray()
        self.most_waiting = 0
        self.kernel: object = 0
        self.producer: Any = None
        self.producerPaused = False
        self.reading = True
        self.write_closed = False
        self.closed = False
        self.aborted = False
        self.lost = False  # we ended it ourselves
        self.peer = "192.0.2.7"
        self.turn: Callable[[], object] = lambda: None  # of its loop

    def write(self, data: bytes) -> None:
        assert isinstance(data, bytes)
        assert not self.write_closed
        self.waiting += data
        self.most_waiting = max(self.most_waiting, len(self.waiting))
        if self.producer is not None and len(self.waiting) > self.room:
            self.producer.pauseProducing()

    def writeSomeData(self, data: bytes) -> object:
        """Take what the kernel's buffer takes; ``kernel`` may be an error."""
        if not isinstance(self.kernel, int):
            return self.kernel
        assert not self.waiting, "what waits must go first"
        taken = data[: self.kernel]
        self.sent += taken
        return len(taken)

    def drain(self) -> None:
        """Let the client take everything that waits in the socket."""
        self.sent += self.waiting
        self.waiting.clear()
        if self.producer is not None:
            self.producer.resumeProducing()

    def settle(self) -> None:
        """Turn the loop and drain until nothing more is sent."""
        before = -1
        while before != len(self.sent):
            before = len(self.sent)
            while self.waiting:
                self.drain()
            self.turn()

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        assert streaming
        self.producer = producer

    def unregisterProducer(self) -> None:
        self.producer = None

    def pauseProducing(self) -> None:
        self.reading = False

    def resumeProducing(self) -> None:
        self.reading = True

    def loseWriteConnection(self) -> None:
        assert self.producer is None, "Twisted would wait for the producer"
        self.write_closed = True

    def loseConnection(self) -> None:
        self.closed = True

    def connectionLost(self, reason: object) -> None:
        assert not self.waiting, "that would never be sent"
        self.lost = True
        self.producer = None

    def abortConnection(self) -> None:
        self.aborted = True

    def getPeer(self) -> IPv4Address:
        return IPv4Address("TCP", self.peer, 40_000)

    def getHost(self) -> IPv4Address:
        return IPv4Address("TCP", "192.0.2.1", 143)
