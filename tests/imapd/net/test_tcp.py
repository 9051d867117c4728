"""Connections on real sockets: what is read, what is written, how they end."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from twisted.internet.main import CONNECTION_DONE, CONNECTION_LOST
from twisted.internet.protocol import Protocol

from imapd.net.tcp import BULK, READ, Connected, piece
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
