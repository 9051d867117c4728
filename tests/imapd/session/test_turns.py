"""No turn of the event loop does much: nobody waits long for somebody else.

Turns are measured in Python's instructions: 60,000 of them take about a millisecond.
"""

from __future__ import annotations

import pytest

from imapd.session.turns import COMMANDS
from tests.support.responses import Exists
from tests.support.session import Session, World
from tests.support.turns import Turns

A_TURN = 120_000
TOLD = 40_000
"""What telling others of a change may take at once."""
MANY = 4_096


@pytest.fixture
def world(tmp_path) -> World:
    made = World(tmp_path)
    first = made.session()
    made.deliver(*[b"Subject: %d\r\n\r\nx\r\n" % number for number in range(64)])
    first.ok(b"SELECT INBOX")
    count = 64
    while count < MANY:
        first.ok(b"COPY 1:* INBOX")
        count *= 2
    first.ok(b"LOGOUT")
    return made


def taken_in_hand(world: World, monkeypatch: pytest.MonkeyPatch) -> Turns:
    """Take a world's turns in hand until the test ends."""
    for name in ("deliver", "start"):
        monkeypatch.setattr(world.runtime, name, getattr(world.runtime, name))
    return Turns(world)


@pytest.fixture
def turns(world, monkeypatch) -> Turns:
    return taken_in_hand(world, monkeypatch)


def said(session: Session, turns: Turns, *commands: bytes) -> list[int]:
    """Have a session say something; give the cost of each turn until it is answered."""
    turns.pace(session)
    text = b"".join(b"x%d %b\r\n" % one for one in enumerate(commands))
    costs = turns.each(lambda: session.connection.receive(text))
    assert b"x%d OK" % (len(commands) - 1) in session.raw[-200:], session.raw[-200:]
    session.read()
    return costs


def test_thousands_of_commands_at_once_take_many_turns(world, turns):
    session = world.session(mailbox=b"Sent")
    costs = said(session, turns, *[b"NOOP"] * 1_000)
    assert len(costs) >= 1_000 // COMMANDS
    assert max(costs) < TOLD


def test_a_change_of_everything_is_told_in_turns(world, turns):
    one, other = world.session(mailbox=b"INBOX"), world.session(mailbox=b"INBOX")
    for command in (
        b"STORE 1:* +FLAGS.SILENT (\\Seen)",
        b"STORE 1:* +FLAGS (keyword)",
        b"STORE 1:* FLAGS.SILENT ()",
        b"UID STORE 1:* +FLAGS (\\Flagged)",
    ):
        costs = said(one, turns, command)
        assert max(costs) < A_TURN, command
        costs = said(other, turns, b"NOOP")
        assert len(costs) >= MANY // 1_024
        assert max(costs) < TOLD, command


def test_who_changes_everything_alone_looks_at_no_message(world, turns):
    session = world.session(mailbox=b"INBOX")
    # From 3.12 on Python counts little of what is traced for the first time.
    said(session, turns, b"STORE 1:128 +FLAGS.SILENT (\\Draft)")
    said(session, turns, b"STORE 1:* -FLAGS.SILENT (\\Draft)")
    for command in (
        b"STORE %b +FLAGS.SILENT (\\Seen)",
        b"STORE %b +FLAGS.SILENT (keyword)",
        b"UID STORE %b -FLAGS.SILENT (\\Seen keyword)",
        b"STORE %b FLAGS.SILENT (\\Answered)",
    ):
        few = sum(said(session, turns, command % b"1:128"))
        many = sum(said(session, turns, command % b"1:*"))
        assert many < few + MANY // 4, command  # not one instruction for each
    few = sum(said(session, turns, b"STORE 1:65 +FLAGS (other)"))
    many = sum(said(session, turns, b"STORE 1:* +FLAGS (other)"))
    assert many < few + 4 * MANY  # what each batch of 512 costs


def test_flags_of_new_messages_are_told_as_cheaply(world, monkeypatch):
    session = world.session(mailbox=b"INBOX")
    session.ok(b"COPY 1:* Sent")
    session.ok(b"SELECT Sent")
    turns = taken_in_hand(world, monkeypatch)
    said(session, turns, b"STORE 1:64 +FLAGS (\\Seen)")
    said(session, turns, b"STORE 65:512 +FLAGS (\\Seen)")
    few = sum(said(session, turns, b"STORE 1:65 +FLAGS (other)"))
    many = sum(said(session, turns, b"STORE 1:* +FLAGS (other)"))
    assert many < few + 4 * MANY  # they are \\Recent, and not alike


def test_refusals_are_found_and_told_in_turns(world, turns):
    one, other = world.session(mailbox=b"INBOX"), world.session()
    other.ok(b"SELECT INBOX (CONDSTORE)")
    odd = b",".join(b"%d" % number for number in range(1, MANY, 2))
    said(one, turns, b"STORE %b +FLAGS.SILENT (\\Seen)" % odd)
    for command in (
        b"STORE 1:* (UNCHANGEDSINCE 1) +FLAGS.SILENT (\\Flagged)",
        b"STORE 1:* (UNCHANGEDSINCE 9999999) -FLAGS (\\Flagged)",
    ):
        assert max(said(other, turns, command)) < A_TURN, command


def test_answers_about_everything_come_in_turns(world, turns):
    session = world.session(mailbox=b"INBOX")
    for command in (
        b"FETCH 1:* FLAGS",
        b"FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE)",
        b"SEARCH ALL",
        b"UID SEARCH UNSEEN",
        b"SEARCH RETURN (ALL) ALL",
        b"SORT (SUBJECT) UTF-8 ALL",
        b"SORT RETURN (ALL) (REVERSE SUBJECT) UTF-8 ALL",
        b"THREAD ORDEREDSUBJECT UTF-8 ALL",
        b"THREAD REFERENCES UTF-8 ALL",
        b"FETCH 1:* (EMAILID THREADID PREVIEW)",
        b"FETCH 1:1024 (BODY.PEEK[HEADER.FIELDS (SUBJECT)] BODYSTRUCTURE)",
        b"FETCH 1:512 BODY[]",
        b"FETCH 1:1024 (UID ANNOTATION (/comment (value.priv)))",
    ):
        assert max(said(session, turns, command)) < A_TURN, command


def test_a_sleeping_crowd_is_woken_one_by_one(world, monkeypatch):
    idlers = [world.session(mailbox=b"Sent") for _ in range(50)]
    for idler in idlers:
        idler.begin(b"IDLE")
    writer = world.session(mailbox=b"Sent")
    turns = taken_in_hand(world, monkeypatch)
    costs = said(writer, turns, b"APPEND Sent {3+}\r\nabc")
    assert len(costs) >= 50
    assert max(costs) < TOLD
    for idler in idlers:
        assert any(isinstance(one, Exists) for one in idler.read())


def test_removals_are_one_pass_and_told_in_turns(world, turns):
    one, other = world.session(mailbox=b"INBOX"), world.session(mailbox=b"INBOX")
    said(one, turns, b"STORE 1:3000 +FLAGS.SILENT (\\Deleted)")
    assert max(said(one, turns, b"EXPUNGE")) < A_TURN
    assert max(said(other, turns, b"NOOP")) < A_TURN
    assert max(said(one, turns, b"MOVE 1:* Archive")) < A_TURN
    assert max(said(other, turns, b"NOOP")) < A_TURN
