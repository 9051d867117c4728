"""The way out: order, back-pressure, slow clients, and the end of a connection."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imapd.net.output import LINGER_SECONDS, Output
from imapd.net.tcp import BULK, READ
from imapd.session.faults import ConnectionGone
from imapd.session.limits import Limits
from imapd.session.reply import CHUNK
from tests.imapd.net.fakes import ClockLoop, FakeTcp, make_runtime


class Side:
    def __init__(self, **limits: int) -> None:
        self.loop: ClockLoop
        self.loop, self.runtime, self.errors = make_runtime()
        self.tcp: Any = FakeTcp()  # Any: a checker takes two looks for one
        self.limits = replace(Limits(), **limits)
        self.out = Output(self.tcp, self.runtime, lambda: self.limits)
        self.events: list[str] = []

    async def _wait(self) -> None:
        try:
            await self.out.room()
        except ConnectionGone:
            self.events.append("gone")
        else:
            self.events.append("room")

    def wait(self) -> None:
        self.runtime.spawn(self._wait())


def test_small_answers_go_straight_to_the_kernel():
    side = Side()
    side.tcp.kernel = 100
    side.out.write(b"* OK\r\n")
    assert bytes(side.tcp.sent) == b"* OK\r\n"
    assert not side.out.crowded()
    side.wait()
    assert side.events == ["room"]


def test_a_fast_reader_does_not_keep_the_loop():
    """Its kernel takes all that there is: others have their turn all the same."""
    side = Side()
    side.tcp.kernel = 100_000_000
    for _ in range(6):
        assert not side.out.crowded()
        side.out.write(b"x" * 12_000)
    assert side.out.crowded()
    assert len(side.tcp.sent) == 72_000
    side.wait()
    assert side.events == []
    side.loop.advance(0)
    assert side.events == ["room"]
    assert not side.out.crowded()
    side.out.write(b"x" * 70_000)
    while side.tcp.waiting:
        side.tcp.drain()
    side.out.write(b"x" * 70_000)
    side.wait()
    side.out.lost()
    side.loop.advance(0)
    assert side.events == ["room", "gone"]


def test_what_the_kernel_does_not_take_follows_later():
    side = Side()
    side.tcp.kernel = 2
    side.out.write(b"abcdef")
    side.out.write(b"ghi")
    assert bytes(side.tcp.sent) == b"ab"
    assert side.tcp.producerPaused
    side.tcp.drain()
    side.tcp.kernel = 100
    side.out.write(b"j")
    assert bytes(side.tcp.sent) == b"abcdefghij"


def test_an_error_of_the_kernel_is_left_to_twisted():
    side = Side()
    side.tcp.kernel = ConnectionError("lost")
    side.out.write(b"abc")
    assert bytes(side.tcp.waiting) == b"abc"


_SIZES = st.integers(0, 100) | st.integers(0, 3 * CHUNK)
_KERNEL = st.sampled_from([0, 0, 1, 50, 20_000])


@given(st.lists(st.tuples(_SIZES, st.booleans(), _KERNEL), max_size=12))
def test_octets_leave_in_order_and_the_socket_never_holds_much(writes):
    side = Side()
    expected = bytearray()
    for number, (size, drain, kernel) in enumerate(writes):
        side.tcp.kernel = kernel
        data = bytes([number % 256]) * size
        expected += data
        side.out.write(data)
        if drain:
            side.tcp.drain()
        assert side.tcp.most_waiting <= side.tcp.room + CHUNK
    while side.tcp.waiting:
        side.tcp.drain()
    assert side.tcp.sent == expected
    assert not side.out.crowded()


def test_a_full_socket_makes_writers_wait():
    side = Side()
    side.out.write(b"x" * CHUNK * 4)
    assert side.out.crowded()
    side.wait()
    assert side.events == []
    side.tcp.drain()
    assert side.events == []
    side.tcp.drain()
    assert side.events == ["room"]


def test_a_client_that_takes_nothing_is_cut_off():
    side = Side(output_stuck_seconds=60)
    side.out.write(b"x" * CHUNK * 20)
    side.loop.advance(59)
    assert not side.tcp.aborted
    side.loop.advance(2)
    assert side.tcp.aborted


def test_a_slow_client_that_takes_something_is_not():
    side = Side(output_stuck_seconds=60)
    side.out.write(b"x" * CHUNK * 20)
    while side.tcp.waiting:
        side.loop.advance(50)
        side.tcp.drain()
    side.loop.advance(1000)
    assert not side.tcp.aborted


def test_reading_stops_while_too_much_is_unread():
    side = Side(output_buffer=4 * CHUNK)
    side.out.write(b"x" * CHUNK * 5)
    assert side.tcp.reading
    side.out.write(b"x" * CHUNK * 2)
    assert not side.tcp.reading
    side.out.resume_reading()
    assert not side.tcp.reading
    while side.tcp.waiting:
        side.tcp.drain()
    assert side.tcp.reading


def test_the_session_may_pause_reading():
    side = Side()
    side.out.pause_reading()
    assert not side.tcp.reading
    side.out.resume_reading()
    assert side.tcp.reading


def test_larger_pieces_are_read_of_what_is_large():
    side = Side()
    side.out.expect(10 * BULK)
    assert side.tcp.octets == BULK
    side.out.expect(7)
    assert side.tcp.octets == READ


def test_a_lost_connection_ends_every_wait():
    side = Side()
    side.out.write(b"x" * CHUNK * 4)
    side.wait()
    side.out.lost()
    side.wait()
    assert side.events == ["gone", "gone"]
    side.out.write(b"more")
    side.out.close()
    assert not side.loop.getDelayedCalls()


def test_closing_sends_everything_first():
    side = Side()
    side.out.write(b"x" * CHUNK * 4)
    side.out.close()
    side.out.write(b"after the end")
    assert not side.tcp.write_closed
    while side.tcp.waiting:
        side.tcp.drain()
    assert len(side.tcp.sent) == CHUNK * 4
    assert side.tcp.write_closed
    assert not side.tcp.aborted


def test_the_client_gets_a_moment_to_close_too():
    side = Side()
    side.out.write(b"* BYE\r\n")
    side.out.close()
    side.out.write_closed()
    side.loop.advance(LINGER_SECONDS - 0.1)
    assert not side.tcp.aborted
    side.loop.advance(0.2)
    assert side.tcp.aborted


def test_a_client_that_closes_after_us_ends_it():
    side = Side()
    side.out.close()
    side.out.write_closed()
    side.out.peer_finished()
    assert side.tcp.closed


def test_a_client_that_closes_when_all_is_said_ends_it_at_once():
    side = Side()
    side.tcp.kernel = 100
    side.out.write(b"* OK\r\n")
    side.out.peer_finished()
    assert side.tcp.lost
    assert bytes(side.tcp.sent) == b"* OK\r\n"


def test_a_client_that_closes_early_gets_what_the_kernel_had_no_room_for():
    side = Side()
    side.tcp.kernel = 3
    side.out.write(b"* OK\r\n")
    side.out.peer_finished()
    assert not side.tcp.lost
    side.tcp.drain()
    assert bytes(side.tcp.sent) == b"* OK\r\n"
    assert side.tcp.write_closed


def test_a_client_that_closes_first_gets_what_was_written():
    side = Side()
    side.out.write(b"x" * CHUNK * 3)
    side.out.peer_finished()
    assert not side.tcp.write_closed
    side.tcp.drain()
    side.tcp.drain()
    assert side.tcp.write_closed


def test_a_closed_connection_ends_though_the_client_reads_nothing():
    side = Side(output_stuck_seconds=60)
    side.out.write(b"x" * CHUNK * 4)
    side.out.close()
    side.loop.advance(61)
    assert side.tcp.aborted
    other = Side(output_stuck_seconds=60)
    other.out.write(b"x")
    other.out.close()
    other.loop.advance(61)
    assert other.tcp.aborted


def test_closing_reads_on_so_that_the_last_words_arrive():
    """Unread input makes the kernel answer our close with a reset."""
    side = Side()
    side.out.pause_reading()
    side.out.close()
    assert side.tcp.reading


def test_tls_cannot_begin_twice_or_without_a_certificate():
    side = Side()
    with pytest.raises(RuntimeError):
        side.out.start_tls()
