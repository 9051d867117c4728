"""Pipelined commands share turns, and their answers packets; nobody waits for either.

`imapd.session.turns`: an answer is held back for those to come, but only as long as
these are being made.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest

from imapd.session import turns as shared
from tests.support.session import Session, World
from tests.support.turns import Turns

NOOPS = b"a NOOP\r\nb NOOP\r\nc NOOP\r\n"


class Packets:
    """What a session's client gets, packet by packet."""

    def __init__(self, session: Session) -> None:
        self.all: list[bytes] = []
        self.session = session
        plain = session.write

        def write(data: bytes) -> None:
            self.all.append(data)
            plain(data)

        session.write = write  # type: ignore[method-assign]

    def after(self, data: bytes) -> list[bytes]:
        self.all.clear()
        self.session.connection.receive(data)
        return self.all


@pytest.fixture
def world(tmp_path) -> World:
    return World(tmp_path)


@pytest.fixture
def packets(world) -> Packets:
    return Packets(world.session())


def lines(data: bytes) -> list[bytes]:
    return [line.split(b" ")[0] for line in data.splitlines()]


def test_answers_to_pipelined_commands_leave_together(packets):
    (sent,) = packets.after(NOOPS)
    assert lines(sent) == [b"a", b"b", b"c"]


def test_an_answer_does_not_wait_for_half_a_command(packets):
    (sent,) = packets.after(b"a NOOP\r\nb NO")
    assert lines(sent) == [b"a"]
    (sent,) = packets.after(b"OP\r\n")
    assert lines(sent) == [b"b"]


@pytest.mark.parametrize("behind", [b"b IDLE\r\n", b"b STATUS {5}\r\n"])
def test_an_answer_does_not_wait_for_the_client(packets, behind):
    sent = b"".join(packets.after(b"a NOOP\r\n" + behind))
    assert lines(sent) == [b"a", b"+"]


def parked(world: World, monkeypatch: pytest.MonkeyPatch) -> list[Callable[[], None]]:
    """Have threads work when the test says so."""
    waiting: list[Callable[[], None]] = []
    monkeypatch.setattr(
        world.runtime, "start", lambda _pool, work: waiting.append(work)
    )
    return waiting


def test_an_answer_does_not_wait_for_the_store(world, packets, monkeypatch):
    waiting = parked(world, monkeypatch)
    append = b"b APPEND INBOX {3+}\r\nabc\r\n"
    (sent,) = packets.after(b"a NOOP\r\n" + append + b"c NOOP\r\nd NOOP\r\n")
    assert lines(sent) == [b"a"]
    while waiting:
        waiting.pop(0)()
    sent = b"".join(packets.all[1:])
    assert lines(sent) == [b"b", b"c", b"d"]


@pytest.mark.parametrize("behind", [b"c NO", b"c APPEND INBOX {3+}\r\nabc\r\n"])
def test_who_was_waited_for_is_answered_at_once(world, packets, monkeypatch, behind):
    """What comes behind it is half a command, or has to wait for the store too."""
    waiting = parked(world, monkeypatch)
    packets.after(b"a NOOP\r\nb APPEND INBOX {3+}\r\nabc\r\n" + behind)
    while b"b OK" not in b"".join(packets.all):
        assert waiting, packets.all
        waiting.pop(0)()
    assert b"c OK" not in b"".join(packets.all)


def test_nothing_is_encrypted_that_was_said_before_tls(world, monkeypatch):
    session = world.connect(secure=False, starttls=True)
    packets = Packets(session)
    kept = packets.all.append
    monkeypatch.setattr(session, "write", lambda data: kept(b"%d" % session.secure))
    packets.after(b"a NOOP\r\nb STARTTLS\r\n")
    assert session.secure
    assert packets.all == [b"0"]


def test_the_last_compressed_answer_leaves_by_itself(packets):
    session = packets.session
    session.ok(b"COMPRESS DEFLATE")
    sent = packets.after(b"a NOOP\r\nb UNAUTHENTICATE\r\nc NOOP\r\nd NOOP\r\n")
    assert not session.compressed
    assert list(map(lines, sent)) == [[b"a"], [b"b"], [b"c", b"d"]]


def test_the_last_word_comes_behind_all_answers(packets):
    sent = b"".join(packets.after(b"a NOOP\r\nb LOGOUT\r\nc NOOP\r\n"))
    assert lines(sent) == [b"a", b"*", b"b"]
    assert packets.session.closed


def test_what_was_said_is_counted_with_its_command(world, packets):
    packets.after(NOOPS)
    counted = [facts["octets"] for kind, facts in world.log.events if kind == "command"]
    assert counted[-3:] == [len(b"a OK NOOP completed\r\n")] * 3


def test_a_turn_ends_after_some_commands(world, packets):
    turns = Turns(world)
    many = b"".join(b"%d NOOP\r\n" % number for number in range(100))
    costs = turns.each(lambda: packets.after(many))
    assert len(packets.all) == len(costs) == -(-100 // shared.COMMANDS)


def test_a_turn_ends_when_it_has_lasted(world, packets, monkeypatch):
    """By a clock that goes with the work: 60,000 instructions are a millisecond."""
    world.deliver(*[b"Subject: %d\r\n\r\nx\r\n" % number for number in range(500)])
    packets.session.ok(b"SELECT INBOX")
    turns = Turns(world)
    monkeypatch.setattr(world.runtime, "monotonic", lambda: turns.count / 60_000_000)
    turns.each(lambda: packets.after(b"x UID FETCH 1:* FLAGS\r\n"))
    # The first time Python 3.13 doesn't count all of it.
    (one,) = turns.each(lambda: packets.after(b"x UID FETCH 1:* FLAGS\r\n"))
    many = b"".join(b"%d UID FETCH 1:* FLAGS\r\n" % number for number in range(30))
    costs = turns.each(lambda: packets.after(many))
    assert max(costs) < 60_000_000 * shared.SECONDS + 2 * one
    assert lines(packets.all[-1])[-1] == b"29"


def test_who_has_sent_nothing_more_needs_no_other_turn(world, packets, monkeypatch):
    turns = Turns(world)
    times = itertools.count()
    monkeypatch.setattr(world.runtime, "monotonic", lambda: next(times))
    costs = turns.each(lambda: packets.after(b"a NOOP\r\n"))
    assert len(costs) == 1
    assert lines(packets.all[0]) == [b"a"]
