"""Connections on real sockets: what is read, what is written, how they end."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from twisted.internet.main import CONNECTION_DONE, CONNECTION_LOST
from twisted.internet.protocol import Protocol

from imapd.net.tcp import BULK, READ, AcceptingPort, Connected, piece
from tests.imapd.net.fakes import ClockLoop


class Taking(Protocol):
    def __init__(self) -> None:
        self.taken: list[bytes] = []

    def dataReceived(self, data: bytes) -> None:
        self.taken.append(data)


class Raising:
    """A socket of which every call fails."""

    def __init__(self, number: int) -> None:
        self._error = OSError(number, "no")

    def recv(self, _: int) -> bytes:
        raise self._error

    def send(self, _: bytes) -> int:
        raise self._error


class Reading(ClockLoop):
    def addReader(self, reader: Any) -> None:
        pass


@pytest.fixture
def pair() -> Iterator[tuple[Any, Taking, socket.socket]]:
    ours, theirs = socket.socketpair()
    protocol = Taking()
    made: Any = Connected
    with ours, theirs:
        yield (
            made(ours, protocol, ("192.0.2.7", 1), None, 1, Reading()),
            protocol,
            theirs,
        )


def test_what_comes_is_handed_on(pair):
    connected, protocol, theirs = pair
    theirs.send(b"a NOOP\r\n")
    assert connected.doRead() is None
    assert protocol.taken == [b"a NOOP\r\n"]


def test_something_large_is_read_in_larger_pieces_but_never_to_its_end(pair):
    assert piece(-5) == piece(0) == piece(READ) == READ
    assert piece(READ + 1) == READ
    assert piece(BULK) == BULK - 1
    assert piece(50 * BULK) == BULK
    connected, protocol, theirs = pair
    theirs.setblocking(False)
    sent = theirs.send(b"x" * 2 * BULK)
    connected.octets = piece(sent)
    connected.doRead()
    connected.octets = READ
    while sent > sum(map(len, protocol.taken)):
        connected.doRead()
    assert len(protocol.taken[0]) == piece(sent) > READ
    assert max(map(len, protocol.taken[1:])) <= READ


def test_nothing_there_is_no_end(pair):
    connected, protocol, _ = pair
    assert connected.doRead() is None
    assert protocol.taken == []


def test_the_end_is_told(pair):
    connected, _, theirs = pair
    theirs.close()
    assert connected.doRead() is CONNECTION_DONE


def test_a_full_socket_takes_what_it_can(pair):
    connected, _, theirs = pair
    sent = connected.writeSomeData(b"x" * 10_000_000)
    assert 0 < sent < 10_000_000
    assert connected.writeSomeData(b"x") == 0
    assert theirs.recv(1) == b"x"


def test_errors_end_it(pair):
    connected, _, _ = pair
    connected.socket = Raising(errno.ECONNRESET)
    assert connected.doRead() is CONNECTION_LOST
    assert connected.writeSomeData(b"x") is CONNECTION_LOST
    connected.socket = Raising(errno.ENOBUFS)
    assert connected.writeSomeData(b"x") == 0


class Making:
    """A factory of `Taking`, which may refuse and fail."""

    def __init__(self) -> None:
        self.made: list[Taking] = []
        self.refuses = self.fails = False

    def doStart(self) -> None:
        pass

    def doStop(self) -> None:
        pass

    def buildProtocol(self, _: object) -> Taking | None:
        if self.fails:
            raise ValueError("no")
        if self.refuses:
            return None
        self.made.append(Taking())
        return self.made[-1]


class Listening:
    """A port that accepts when a test says so, and those who connect to it."""

    def __init__(self, host: str) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.create_server((host, 0), family=family) as made:
            made.setblocking(False)
            self.address = made.getsockname()
            self.factory = Making()
            make: Any = AcceptingPort._fromListeningDescriptor
            self.port = make(Reading(), made.fileno(), family, self.factory)
        self.port.startListening()
        self.port.numberAccepts = 1

    def connect(self) -> socket.socket:
        return socket.create_connection(self.address[:2], timeout=20)


@pytest.fixture(params=["127.0.0.1", "::1"])
def listening(request) -> Iterator[Listening]:
    made = Listening(request.param)
    with made.port.socket:
        yield made


def test_who_connects_is_known_and_served(listening):
    with listening.connect() as client:
        listening.port.doRead()
        (protocol,) = listening.factory.made
        transport: Any = protocol.transport
        with transport.socket:
            host, port = client.getsockname()[:2]
            assert (transport.hostname, transport.client[1]) == (host, port)
            assert (transport.getPeer().host, transport.getPeer().port) == (host, port)
            assert host in repr(transport)
            assert transport.writeSomeData(b"* OK\r\n") == 6
            assert client.recv(10) == b"* OK\r\n"


def test_as_many_are_taken_as_there_are(listening):
    clients = [listening.connect() for _ in range(5)]
    listening.port.doRead()
    assert len(listening.factory.made) == 1  # as few as the last time
    listening.port.doRead()
    assert len(listening.factory.made) == 5
    listening.port.doRead()  # another worker was faster
    assert len(listening.factory.made) == 5
    for one in [*clients, *[made.transport.socket for made in listening.factory.made]]:
        one.close()


def test_who_is_refused_is_closed(listening):
    listening.factory.refuses = True
    with listening.connect() as client:
        listening.port.doRead()
        assert client.recv(1) == b""


def test_one_that_fails_keeps_nobody_out(listening):
    listening.factory.fails = True
    with listening.connect() as client:
        listening.port.doRead()
        assert client.recv(1) == b""
    listening.factory.fails = False
    with listening.connect():
        listening.port.doRead()
        (protocol,) = listening.factory.made
        protocol.transport.socket.close()


def test_without_a_descriptor_twisted_takes_over(listening, monkeypatch):
    class Exhausted:
        proto = 0

        def _accept(self) -> None:
            raise OSError(errno.EMFILE, "no")

        accept = _accept

    asked: list[bool] = []
    with listening.connect():
        plain = listening.port.socket
        listening.port.socket = Exhausted()
        monkeypatch.setattr(
            "twisted.internet.tcp.Port.doRead", lambda _: asked.append(True)
        )
        listening.port.doRead()
        listening.port.socket = plain
    assert asked == [True]
