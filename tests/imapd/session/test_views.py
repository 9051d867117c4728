"""Views of many sessions: what they share, and what a command costs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from imapd.session.view import View
from mailstore.service import Account
from tests.mailstore.stores import Statements
from tests.support.responses import Fetch, Recent, Vanished
from tests.support.session import Session, World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.close()


def fill(world: World, count: int) -> None:
    world.deliver(*(b"Subject: %d\r\n\r\nx\r\n" % n for n in range(count)))


def session(world: World, enabled: bytes = b"") -> Session:
    made = world.session()
    if enabled:
        made.ok(b"ENABLE " + enabled)
    made.ok(b"SELECT INBOX")
    return made


def view(one: Session) -> Any:
    selected = one.connection.session.selected
    assert selected is not None
    return selected.view


def tables(sessions: list[Session]) -> set[int]:
    """Tell apart the arrays of UIDs that sessions count by."""
    return {id(view(one).uids) for one in sessions}


# -- sharing


@pytest.mark.parametrize("enabled", [b"", b"QRESYNC", b"UIDONLY"])
def test_idle_sessions_have_one_table_of_uids_together(world, enabled):
    """A thousand of them on 100,000 messages would need 400 MB otherwise."""
    fill(world, 50)
    sessions = [session(world, enabled) for _ in range(20)]
    (table,) = tables(sessions)
    assert table == id(view(sessions[0]).mailbox.uids)
    for one in sessions:
        one.begin(b"IDLE")
    fill(world, 3)
    assert tables(sessions) == {id(view(sessions[0]).mailbox.uids)}
    sessions[0].feed(b"DONE\r\n")
    sessions[0].ok(b"UID STORE 7,9,50 +FLAGS (\\Deleted)")
    sessions[0].ok(b"EXPUNGE")
    assert tables(sessions) == {id(view(sessions[0]).mailbox.uids)}
    assert {view(one).exists for one in sessions} == {50}


def test_sessions_that_wait_share_the_old_table(world):
    fill(world, 50)
    sessions = [session(world) for _ in range(20)]
    before = tables(sessions)
    other = session(world)
    other.ok(b"STORE 2:4 +FLAGS (\\Deleted)")
    other.ok(b"EXPUNGE")
    for one in sessions:
        one.ok(b"FETCH 3 FLAGS")
    assert tables(sessions) == before
    for one in sessions:
        one.ok(b"NOOP")
    assert tables(sessions) == tables([other])


# -- what a command costs


def account_of(world: World) -> Account:
    found = world.store.directory.find("ann")
    assert found is not None
    account = world.runtime.run(world.store.account(found.id))
    world.runtime.run(account.close())
    return account


COMMANDS = [
    (b"FETCH 1:* (UID FLAGS MODSEQ)", 0),
    (b"UID FETCH 1:* (FLAGS) (CHANGEDSINCE 1)", 0),
    (b"UID SEARCH MODSEQ 2", 0),
    (b"NOOP", 0),
    # One look for what vanished, on another thread only if that is much.
    (b"UID FETCH 1:* (FLAGS) (CHANGEDSINCE 1 VANISHED)", 0),
    # Changed in one statement each, where it is small enough at once.
    (b"STORE 1:* +FLAGS.SILENT (\\Seen)", 1),
    (b"STORE 1:* (UNCHANGEDSINCE 1) +FLAGS.SILENT (\\Flagged)", 1),
]


@pytest.mark.parametrize(("command", "hops"), COMMANDS)
def test_the_cost_does_not_grow_with_the_messages(tmp_path, command, hops):
    """No statement and no change of threads for a message (CONDSTORE is on)."""
    costs = []
    for count in (100, 300):
        world = World(tmp_path / str(count))
        fill(world, count)
        one = session(world, b"QRESYNC")
        one.ok(b"STORE 1 +FLAGS (x)")  # the first write of all marks the store
        account = account_of(world)
        world.runtime.pools.clear()
        with Statements(account.readers.event) as read:
            one.ok(command)
        costs.append((len(read), len(world.runtime.pools)))
        world.close()
    assert costs == [costs[0]] * 2
    assert costs[0][1] == hops


def test_telling_others_costs_no_statement(world):
    fill(world, 200)
    others = [session(world, b"QRESYNC") for _ in range(3)]
    one = session(world)
    for other in others:
        other.begin(b"IDLE")
        other.read()
    account = account_of(world)
    one.ok(b"STORE 1:200 +FLAGS.SILENT (\\Deleted)")
    for other in others:
        assert len([r for r in other.read() if isinstance(r, Fetch)]) == 200
    with Statements(account.readers.event) as read:
        one.ok(b"EXPUNGE")
    for other in others:
        assert [r for r in other.read() if isinstance(r, Vanished)] == [
            Vanished(((1, 200),))
        ]
    assert [sql for sql in read if "entry" in sql or "expunged" in sql] == []


# -- silence


def test_silence_hides_nothing_of_others_from_who_is_told_mod_sequences(world):
    """``.SILENT`` with a change by others since: flags, and both mod-sequences rise."""
    fill(world, 3)
    one, other = session(world, b"CONDSTORE"), session(world)
    other.ok(b"STORE 2 +FLAGS (\\Flagged)")
    told = one.ok(b"STORE 1:3 +FLAGS.SILENT (\\Seen)").of(Fetch)
    assert [set(fetch.items) for fetch in told] == [
        {"UID", "MODSEQ"},
        {"UID", "FLAGS", "MODSEQ"},
        {"UID", "MODSEQ"},
    ]
    assert told[1].flags >= {"\\Flagged", "\\Seen"}
    assert one.ok(b"NOOP").untagged == ()


def test_a_removed_message_is_served_with_its_last_mod_sequence(world):
    """From its tombstone, while its number lives (RFC 2180 §4.1)."""
    fill(world, 3)
    one, other = session(world, b"QRESYNC"), session(world)
    settled = view(one).settled
    other.ok(b"STORE 2 +FLAGS (\\Deleted)")
    other.ok(b"EXPUNGE")
    answer = one.ok(b"FETCH 2 (UID MODSEQ BODY.PEEK[TEXT])")
    (fetch,) = answer.of(Fetch)
    assert fetch.items["BODY[TEXT]"] == b"x\r\n"
    assert fetch.items["MODSEQ"] == view(one).modseq
    assert answer.status.code is not None
    assert answer.status.code.value == settled
    answer = one.ok(b"UID FETCH 2 (FLAGS)")  # by UID it may be told
    assert answer.of(Vanished) == [Vanished(((2, 2),))]
    assert one.ok(b"UID FETCH 2 (FLAGS)").untagged == ()


# -- \Recent


def test_what_is_recent_is_counted_once(world, monkeypatch):
    """Of what arrives each session has a part: ranges, one for nearly each message."""
    two = [session(world), session(world)]
    told = re.compile(rb"\* (\d+) RECENT")
    counted: list[tuple[int, int]] = []
    count = View._count_within

    def noted(self: View, bounds: tuple[int, int]) -> int:
        counted.append(bounds)
        return count(self, bounds)

    monkeypatch.setattr(View, "_count_within", noted)
    for turn in range(30):
        one = two[turn % 2]
        fill(world, 1 + turn % 3)
        counted.clear()
        (number,) = told.findall(one.ok(b"NOOP").raw)
        assert len(counted) <= 2 or turn in {20, 21}
        recent = one.ok(b"SEARCH RECENT").raw.partition(b"\r\n")[0]
        assert int(number) == len(recent.split()[2:])
        if turn == 19:  # what vanishes has all of them counted again
            one.ok(b"STORE 3:5 +FLAGS.SILENT (\\Deleted)")
            one.ok(b"EXPUNGE")
        two[1 - turn % 2].ok(b"NOOP")


def test_what_a_reader_was_told_of_is_recent_once(world):
    """EXAMINE takes no \\Recent from others (RFC 3501 §6.3.2): it is given it again."""
    reader = world.session()
    told = [reader.ok(b"EXAMINE INBOX").of(Recent)]
    for _ in range(3):
        fill(world, 2)
        told.append(reader.ok(b"NOOP").of(Recent))
    assert told == [[Recent(0)], [Recent(2)], [Recent(4)], [Recent(6)]]
    session(world)
    fill(world, 1)
    assert reader.ok(b"NOOP").of(Recent) == [Recent(7)]
    assert reader.ok(b"SEARCH RECENT").raw.startswith(b"* SEARCH 1 2 3 4 5 6 7\r\n")
