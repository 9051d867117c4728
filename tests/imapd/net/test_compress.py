"""DEFLATE both ways: flushed at once, in bounded steps, broken streams ended."""

import os
import ssl
import zlib
from collections.abc import Callable
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imapd.net.compress import STEP, Deflater, Inflater
from tests.imapd.net.test_imap import House, TlsClient, files

__all__ = ["files"]


def deflated(data: bytes, bits: int = -15) -> bytes:
    stream = zlib.compressobj(9, zlib.DEFLATED, bits)
    return stream.compress(data) + stream.flush(zlib.Z_SYNC_FLUSH)


class Turns:
    """A loop in which what a turn plans belongs to the next turn."""

    def __init__(self) -> None:
        self.planned: list[Callable[[], None]] = []

    def later(self, seconds: float, call: Callable[[], None]) -> None:
        assert seconds == 0
        self.planned.append(call)


class In:
    def __init__(self) -> None:
        self.turns = Turns()
        self.got: list[bytes] = []
        self.held: list[bool] = []
        self.broken: list[str] = []
        self.inflater = Inflater(
            cast("Any", self.turns),
            self.got.append,
            self.held.append,
            self.broken.append,
        )

    def turn(self) -> None:
        planned, self.turns.planned = self.turns.planned, []
        for call in planned:
            call()


NOISE = os.urandom(40_000)
PIECES = st.lists(
    st.one_of(
        st.binary(max_size=300),
        st.integers(1, 70_000).map(lambda n: b"x" * n),
        st.integers(1, 200_000).map(lambda n: (NOISE * 6)[:n]),
    ),
    max_size=8,
)


@given(PIECES)
def test_each_piece_is_there_when_it_was_said(pieces):
    """A client that waits for an answer never waits for the next one's octets."""
    out, back = Deflater(), zlib.decompressobj(-15)
    for piece in pieces:
        assert back.decompress(out.deflate(piece)) == piece


def test_what_is_dense_is_stored_and_text_shrinks():
    out = Deflater()
    assert len(out.deflate(NOISE)) < len(NOISE) + 40
    assert len(out.deflate(b"* 1 FETCH (FLAGS (\\Seen))\r\n" * 2_000)) < 2_000


@given(st.binary(max_size=2_000), st.lists(st.integers(1, 50), max_size=20))
def test_octets_come_in_however_they_are_cut(data, cuts):
    side = In()
    wire, at = deflated(data), 0
    for cut in [*cuts, len(wire)]:
        side.inflater.feed(wire[at : at + cut])
        at += cut
    assert b"".join(side.got) == data
    assert side.broken == []


def test_a_bomb_is_taken_a_step_a_turn_and_holds_the_socket():
    side = In()
    side.inflater.feed(deflated(b"\x00" * (10 * STEP)))
    assert [len(one) for one in side.got] == [STEP]
    assert side.held == [True]
    for turn in range(2, 11):
        side.turn()
        assert len(side.got) == turn
    side.turn()
    assert sum(map(len, side.got)) == 10 * STEP
    assert side.held[-1] is False
    assert not side.turns.planned


def test_nothing_is_inflated_while_the_session_takes_nothing():
    side = In()
    side.inflater.feed(deflated(b"a" * (3 * STEP)))
    side.inflater.pause()
    side.turn()
    side.turn()
    assert len(side.got) == 1
    side.inflater.resume()
    for _ in range(4):
        side.turn()
    assert b"".join(side.got) == b"a" * (3 * STEP)


def test_what_comes_while_steps_wait_keeps_its_place():
    side = In()
    stream = zlib.compressobj(9, zlib.DEFLATED, -15)
    first = stream.compress(b"a" * (2 * STEP)) + stream.flush(zlib.Z_SYNC_FLUSH)
    second = stream.compress(b"end") + stream.flush(zlib.Z_SYNC_FLUSH)
    side.inflater.feed(first)
    side.inflater.feed(second)
    for _ in range(4):
        side.turn()
    assert b"".join(side.got) == b"a" * (2 * STEP) + b"end"


@pytest.mark.parametrize(
    "wire", [b"a2 NOOP\r\n" * 3, b"\xff" * 20, zlib.compress(b"a2 NOOP\r\n")]
)
def test_what_is_no_deflate_ends_it(wire):
    side = In()
    side.inflater.feed(wire)
    assert side.broken == ["what was sent is not DEFLATE"]
    side.inflater.feed(wire)
    side.turn()
    assert len(side.broken) == 1


def test_the_end_of_the_stream_ends_it():
    side = In()
    stream = zlib.compressobj(9, zlib.DEFLATED, -15)
    side.inflater.feed(stream.compress(b"last") + stream.flush(zlib.Z_FINISH) + b"x")
    assert side.got == [b"last"]
    assert side.broken == ["the compressed stream has ended"]


# -- a connection


class DeflateClient:
    """Speaks DEFLATE over whatever ``send`` reaches."""

    def __init__(self) -> None:
        self.out = zlib.compressobj(6, zlib.DEFLATED, -15)
        self.back = zlib.decompressobj(-15)

    def say(self, text: bytes) -> bytes:
        return self.out.compress(text) + self.out.flush(zlib.Z_SYNC_FLUSH)


def test_behind_the_ok_everything_is_compressed(files):
    house = House(files)
    protocol, tcp = house.connect()
    tcp.sent.clear()
    protocol.dataReceived(b"a1 SQUEEZE\r\n")
    assert bytes(tcp.sent) == b"a1 OK squeezed\r\n"
    tcp.sent.clear()
    client = DeflateClient()
    protocol.dataReceived(client.say(b"a2 NOOP\r\n"))
    assert client.back.decompress(bytes(tcp.sent)) == b"a2 OK NOOP completed\r\n"
    tcp.sent.clear()
    protocol.dataReceived(client.say(b"a3 MUCH\r\n"))
    tcp.settle()
    answer = client.back.decompress(bytes(tcp.sent))
    assert len(answer) > 7_996_000
    assert answer.endswith(b"a3 OK that was much\r\n")
    assert len(tcp.sent) < 100_000
    assert house.errors == []


def test_compression_lies_within_tls(files):
    house = House(files, "implicit")
    protocol, tcp = house.connect()
    outer = TlsClient(files[0], protocol, tcp)
    outer.handshake()
    outer.read()
    assert outer.ask(b"a1 SQUEEZE\r\n") == b"a1 OK squeezed\r\n"
    client = DeflateClient()
    answer = outer.ask(client.say(b"a2 NOOP\r\n"))
    assert client.back.decompress(answer) == b"a2 OK NOOP completed\r\n"


def test_tls_may_begin_around_compression(files):
    """RFC 4978 §3: the order of layers is the same whichever came first."""
    house = House(files, "starttls")
    protocol, tcp = house.connect()
    protocol.dataReceived(b"a1 SQUEEZE\r\n")
    client = DeflateClient()
    tcp.sent.clear()
    protocol.dataReceived(client.say(b"a2 SECURE\r\n"))
    assert client.back.decompress(bytes(tcp.sent)) == b"a2 OK begin TLS\r\n"
    outer = TlsClient(files[0], protocol, tcp)
    outer.handshake()
    answer = outer.ask(client.say(b"a3 NOOP\r\n"))
    assert client.back.decompress(answer) == b"a3 OK NOOP completed\r\n"
    assert isinstance(outer.end, ssl.SSLObject)


def test_a_line_is_as_long_as_it_is_inflated(files):
    """Sixty octets on the wire, a megabyte in a line: BAD, and bounded."""
    house = House(files)
    protocol, tcp = house.connect()
    protocol.dataReceived(b"a1 SQUEEZE\r\n")
    client = DeflateClient()
    tcp.sent.clear()
    protocol.dataReceived(client.say(b"a2 " + b"x" * 1_000_000 + b"\r\n"))
    for _ in range(20):
        house.loop.advance(0)
    said = client.back.decompress(bytes(tcp.sent))
    assert said.startswith(b"a2 BAD [LIMIT] ")
    assert house.errors == []


def test_a_broken_stream_ends_the_connection_with_a_word(files):
    house = House(files)
    protocol, tcp = house.connect()
    protocol.dataReceived(b"a1 SQUEEZE\r\n")
    tcp.sent.clear()
    protocol.dataReceived(b"a2 NOOP\r\n")
    said = zlib.decompressobj(-15).decompress(bytes(tcp.sent))
    assert said == b"* BYE what was sent is not DEFLATE\r\n"
    assert tcp.write_closed


def test_how_much_comes_compressed_nobody_knows(files):
    house = House(files)
    protocol, tcp = house.connect()
    protocol._output.expect(100_000)
    before = tcp.octets
    protocol.dataReceived(b"a1 SQUEEZE\r\n")
    protocol._output.expect(10_000_000)
    assert tcp.octets == before


def test_a_lost_connection_leaves_no_step_behind(files):
    house = House(files)
    protocol, _ = house.connect()
    protocol.dataReceived(b"a1 SQUEEZE\r\n")
    protocol.dataReceived(DeflateClient().say(b"x" * 1_000_000))
    protocol.connectionLost(None)
    house.loop.advance(0)
    assert not house.loop.getDelayedCalls()
    assert house.runtime.running == 0
    assert house.errors == []


def ended(plain: bytes, behind: bytes) -> bytes:
    """Give a stream that ends behind some text, and what comes plain behind it."""
    stream = zlib.compressobj(9, zlib.DEFLATED, -15)
    return stream.compress(plain) + stream.flush(zlib.Z_FINISH) + behind


class Stopped(In):
    """A session that stops inflating once it has got so much."""

    def __init__(self, length: int) -> None:
        super().__init__()
        self.length = length
        self.rest: bytes | None = None
        self.inflater._received = self.take

    def take(self, data: bytes) -> None:
        self.got.append(data)
        if sum(map(len, self.got)) == self.length:
            self.rest = self.inflater.stop()


@pytest.mark.parametrize("length", [10, STEP - 1, STEP, STEP + 1, 2 * STEP])
def test_what_comes_behind_an_ended_stream_is_kept(length):
    """RFC 8437 §4.1. A step may end just before the stream does."""
    side = Stopped(length)
    side.inflater.feed(ended(b"x" * length, b"a LOGIN"))
    side.turn()
    assert (side.rest, side.broken) == (b"a LOGIN", [])


def test_what_follows_in_the_stream_that_was_stopped_ends_it():
    side = Stopped(STEP)
    side.inflater.feed(deflated(b"x" * STEP + b"more"))
    assert (side.rest, side.broken) == (b"", ["nothing may follow in the same stream"])


def test_a_flush_behind_the_last_step_is_nothing():
    side = Stopped(STEP)
    side.inflater.feed(deflated(b"x" * STEP))
    assert (side.rest, side.broken) == (b"", [])
