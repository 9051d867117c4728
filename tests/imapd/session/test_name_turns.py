"""No turn of the event loop does much for an account of thousands of names.

What is told, what is left out, and what only is gone through: all in turns. See
`test_turns`.
"""

from __future__ import annotations

import pytest

from imapd.session.listing import LIST_BATCH
from tests.imapd.session.test_turns import A_TURN, said, taken_in_hand
from tests.support.session import World

MANY = 2_000


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    made = tmp_path_factory.mktemp("names")
    world = World(made)
    session = world.session()
    for number in range(MANY):
        name = b"lists/group %d/name %d" % (number // 100, number)
        session.ok(b'CREATE "%b"' % name)
    world.close()
    return made


@pytest.fixture
def world(path) -> World:
    return World(path)


@pytest.mark.parametrize(
    "command",
    [
        b'LIST "" *',
        b'LIST "" %',
        b'LIST "" "*/name 1999"',
        b'LIST "" ("lists/%" "*/name 1%" INBOX)',
        b'LIST (SUBSCRIBED RECURSIVEMATCH) "" %',
        b'LIST (SPECIAL-USE) "" *',
        b'LIST "" * RETURN (SUBSCRIBED STATUS (MESSAGES SIZE) MYRIGHTS)',
        b'LIST "" * RETURN (METADATA (/private/comment))',
        b'LSUB "" *',
        b'LSUB "" %',
        b'LSUB "" "*/name 1999"',
        b'ESEARCH IN (subtree "lists/group 1") ALL',
        b'XLIST "" *',
        b'XLIST "" %',
    ],
)
def test_names_are_gone_through_in_turns(world, monkeypatch, command):
    session = world.session()
    session.run(b'LIST "" INBOX')  # reads the names
    costs = said(session, taken_in_hand(world, monkeypatch), command)
    assert len(costs) >= MANY // LIST_BATCH
    assert max(costs) < A_TURN


WATCH = (
    b"NOTIFY SET %b(personal"
    b" (MessageNew MessageExpunge FlagChange MailboxName SubscriptionChange))"
)


def test_a_watch_begins_in_turns(world, monkeypatch):
    session = world.session()
    costs = said(session, taken_in_hand(world, monkeypatch), WATCH % b"STATUS ")
    assert len(costs) >= MANY // 128
    assert max(costs) < A_TURN


def test_new_names_of_everything_are_told_in_turns(world, monkeypatch):
    ann, other = world.session(), world.session()
    ann.ok(WATCH % b"")
    other.ok(b'LIST "" INBOX')
    turns = taken_in_hand(world, monkeypatch)
    for command, told in (
        (b"RENAME lists moved", 1),
        (b"CREATE one", 1),
        (b"RENAME moved lists", 1),
    ):
        assert max(said(other, turns, command)) < A_TURN, command
        costs = turns.each(lambda: ann.connection.receive(b"x NOOP\r\n"))
        assert max(costs) < A_TURN, command
        assert len(ann.read()) >= told, command
