"""The change bus: notices between workers, none of them a danger to anybody."""

import socket
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imapd.net.bus import DatagramBus, parse_notice, unparse_notice
from mailstore.changes import ChangeNotice
from mailstore.model import AccountId, MailboxId
from tests.imapd.net.fakes import ClockLoop, make_runtime


class ReaderLoop(ClockLoop):
    turn = 0

    def __init__(self) -> None:
        super().__init__()
        self.readers: list[Any] = []

    def addReader(self, reader: Any) -> None:
        self.readers.append(reader)

    def removeReader(self, reader: Any) -> None:
        self.readers.remove(reader)


@contextmanager
def two_workers():
    loop, runtime, _ = make_runtime()
    reader_loop: Any = ReaderLoop()
    pairs = [socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM) for _ in range(2)]
    buses = [
        DatagramBus(
            reader_loop,
            runtime,
            pairs[index][0],
            [pairs[1 - index][1]],
        )
        for index in range(2)
    ]
    try:
        yield loop, buses
    finally:
        for bus in buses:
            bus.close()


def notice(modseq: int, mailbox: int = 7) -> ChangeNotice:
    return ChangeNotice(AccountId("ab12"), MailboxId(mailbox), modseq)


notices = st.builds(
    ChangeNotice,
    st.text("0123456789abcdef", min_size=1, max_size=32).map(AccountId),
    st.integers(0, 2**32 - 1).map(MailboxId),
    st.integers(0, 2**63 - 1),
)


@given(notices)
def test_a_notice_is_read_as_it_was_written(one):
    assert parse_notice(unparse_notice(one)) == one


@given(st.binary(max_size=80))
def test_any_datagram_is_a_notice_or_nothing(data):
    parse_notice(data)


def test_a_notice_reaches_the_other_worker_only():
    with two_workers() as (_, buses):
        seen: list[list[ChangeNotice]] = [[], []]
        for bus, into in zip(buses, seen, strict=True):
            bus.subscribe(into.append)
        buses[0].publish(notice(4711))
        for bus in buses:
            bus.doRead()
        assert seen == [[], [notice(4711)]]


def test_each_datagram_is_news_from_outside():
    """Who has looked at the database for one looks again for the next."""
    with two_workers() as (_, buses):
        loop: Any = buses[1]._loop
        turns: list[int] = [loop.turn]
        buses[1].subscribe(lambda _: turns.append(loop.turn))
        buses[1].hear(b"login", lambda _: turns.append(loop.turn))
        buses[0].publish(notice(1, mailbox=7))
        buses[0].publish(notice(1, mailbox=8))
        buses[0].tell(b"login", b"x")
        buses[1].doRead()
        assert len(set(turns)) == len(turns) == 4


def test_a_full_queue_keeps_the_newest_of_each_mailbox():
    with two_workers() as (loop, buses):
        seen: list[ChangeNotice] = []
        buses[1].subscribe(seen.append)
        for modseq in range(1, 21):
            for mailbox in range(100):
                buses[0].publish(notice(modseq, mailbox))
            loop.advance(0.006)
        for _ in range(10):
            loop.advance(0.05)
            buses[1].doRead()
        newest = {one.mailbox: one.modseq for one in seen}
        assert newest == dict.fromkeys(range(100), 20)
        assert len(seen) < 2_000
        assert not loop.getDelayedCalls()


def test_of_a_burst_the_first_and_the_newest_are_told():
    with two_workers() as (loop, buses):
        seen: list[ChangeNotice] = []
        buses[1].subscribe(seen.append)
        for modseq in range(1, 100):
            buses[0].publish(notice(modseq))
        buses[0].publish(notice(5, mailbox=8))
        buses[1].doRead()
        assert seen == [notice(1), notice(5, mailbox=8)]
        loop.advance(0.006)
        buses[1].doRead()
        assert seen[2:] == [notice(99)]
        buses[0].publish(notice(100))
        buses[0].publish(notice(101))
        buses[0].close()
        buses[1].doRead()
        assert seen[3:] == [notice(101)]


def test_a_worker_that_is_gone_harms_nobody():
    with two_workers() as (loop, buses):
        buses[1]._inbox.close()
        buses[0].publish(notice(1))
        loop.advance(0.01)
        assert len(loop.getDelayedCalls()) <= 1


def test_garbage_is_dropped():
    with two_workers() as (_, buses):
        seen: list[ChangeNotice] = []
        buses[1].subscribe(seen.append)
        buses[0]._others[0].send(b"no notice")
        buses[0].publish(notice(1))
        buses[1].doRead()
        assert seen == [notice(1)]


def test_an_account_id_is_ascii():
    with pytest.raises(UnicodeEncodeError):
        unparse_notice(ChangeNotice(AccountId("ä"), MailboxId(1), 1))


def test_other_topics_are_told_once_to_everybody_else():
    with two_workers() as (_, buses):
        heard: list[bytes] = []
        mail: list[ChangeNotice] = []
        buses[1].hear(b"login", heard.append)
        buses[1].subscribe(mail.append)
        buses[0].tell(b"login", b"a note ! of spaces")
        buses[0].tell(b"nobody's", b"x")
        buses[0].tell(b"login", b"x" * 10_000)  # longer than any honest one
        buses[0].publish(notice(5))
        buses[1].doRead()
        assert heard == [b"a note ! of spaces"]
        assert mail == [notice(5)]
