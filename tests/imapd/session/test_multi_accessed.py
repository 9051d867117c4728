"""Mailboxes that go, or get other names, while sessions have them selected (RFC 2180).

Each test runs three times: the others are in the same worker, in another one, or in a
program that tells nobody.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.linked_bus import LinkedBus
from tests.support.responses import (
    Exists,
    Expunge,
    Fetch,
    ListLine,
    SearchResult,
    StatusLine,
)
from tests.support.session import Answer, Session, World

MESSAGE = b"Subject: hello\r\n\r\nbody\r\n"


@dataclass
class Case:
    """A session with a mailbox selected, and somebody else."""

    world: World
    mine: Session
    other: Session
    told: bool  # the other one's worker tells of what it commits

    def wait(self) -> None:
        """Let the store look for what nobody told."""
        if not self.told:
            self.world.runtime.advance(6)


@pytest.fixture(params=["same worker", "other worker", "other program"])
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Case]:
    mine_bus, other_bus = LinkedBus.pair()
    world = World(tmp_path, bus=mine_bus)
    worlds = [world]
    if request.param != "same worker":
        told = request.param == "other worker"
        worlds.append(World(tmp_path, bus=other_bus if told else None))
    session = world.session()
    session.ok(b"CREATE Box")
    world.deliver(MESSAGE, MESSAGE, MESSAGE, to="Box")
    session.ok(b"SELECT Box")
    yield Case(
        world, session, worlds[-1].session(), told=request.param != "other program"
    )
    for one in worlds:
        one.close()


def texts(answer: Answer) -> list[bytes | None]:
    return [fetch.section("BODY[TEXT]") for fetch in answer.of(Fetch)]


# -- DELETE


def test_a_deleted_mailbox_is_served_until_it_can_be_told(case):
    """§3.3: no session is cut off. What is left to do is to leave."""
    case.other.ok(b"DELETE Box")
    answer = case.mine.ok(b"FETCH 1:3 (BODY.PEEK[TEXT])")
    assert texts(answer) == [b"body\r\n"] * 3
    assert case.mine.ok(b"NOOP").of(Expunge) == [Expunge(3), Expunge(2), Expunge(1)]
    assert case.mine.ok(b"SEARCH ALL").of(SearchResult) == [SearchResult(())]
    assert case.mine.ok(b"CLOSE").untagged == ()


def test_idlers_hear_of_a_deletion(case):
    case.mine.begin(b"IDLE")
    case.other.ok(b"DELETE Box")
    case.wait()
    assert case.mine.read() == [Expunge(3), Expunge(2), Expunge(1)]
    assert case.mine.feed(b"DONE\r\n")[-1].kind == "OK"


def test_nothing_can_be_written_to_a_deleted_mailbox(case):
    case.other.ok(b"DELETE Box")
    case.mine.no(b"STORE 1 +FLAGS (\\Seen)", "NONEXISTENT")
    answer = case.mine.ok(b"UID COPY 1 INBOX")
    assert answer.code == "EXPUNGEISSUED"
    assert len(answer.of(Expunge)) == 3
    case.mine.no(b"EXPUNGE", "NONEXISTENT")
    case.mine.no(b"APPEND Box {1+}\r\nx", "TRYCREATE")
    case.mine.no(b"SELECT Box", "NONEXISTENT")
    status = case.other.ok(b"STATUS INBOX (MESSAGES)").of(StatusLine)
    assert status[0].items["MESSAGES"] == 0


def test_its_successor_is_another_mailbox(case):
    """RFC 3501 §6.3.4: a client that stays sees nothing of the new one."""
    (before,) = case.mine.ok(b"STATUS Box (UIDVALIDITY)").of(StatusLine)
    case.other.ok(b"DELETE Box")
    case.other.ok(b"CREATE Box")
    case.other.append(b"Box", b"new\r\n")
    assert case.mine.ok(b"NOOP").of(Exists) == []
    assert case.mine.ok(b"UID FETCH 1:* (FLAGS)").of(Fetch) == []
    case.mine.run(b"STORE 1:* +FLAGS (\\Deleted)")
    case.mine.run(b"CLOSE")
    (after,) = case.mine.ok(b"STATUS Box (UIDVALIDITY MESSAGES)").of(StatusLine)
    assert after.items["MESSAGES"] == 1
    assert after.items["UIDVALIDITY"] > before.items["UIDVALIDITY"]
    assert case.mine.ok(b"SELECT Box").of(Exists) == [Exists(1)]


def test_a_parent_that_goes_leaves_its_name(case):
    case.other.ok(b"CREATE Box/inner")
    case.other.ok(b"DELETE Box")
    assert len(case.mine.ok(b"NOOP").of(Expunge)) == 3
    case.mine.no(b"SELECT Box", "NONEXISTENT")
    listed = {line.name: line for line in case.mine.ok(b'LIST "" Box*').of(ListLine)}
    assert "\\Noselect" in listed["Box"].attributes
    assert case.mine.ok(b"SELECT Box/inner").of(Exists) == [Exists(0)]


def test_a_session_may_delete_what_it_has_selected(case):
    case.other.ok(b"SELECT Box")
    case.mine.ok(b"DELETE Box")
    assert case.mine.ok(b"NOOP").of(Exists) == []
    assert case.mine.run(b"FETCH 1 (FLAGS)").status.kind == "BAD"
    case.wait()
    assert len(case.other.ok(b"NOOP").of(Expunge)) == 3


# -- RENAME


def test_a_renamed_mailbox_goes_on(case):
    """§3.4: what names no mailbox works as before, under the new name too."""
    case.other.ok(b"RENAME Box Chest")
    assert texts(case.mine.ok(b"FETCH 1:3 (BODY.PEEK[TEXT])")) == [b"body\r\n"] * 3
    case.mine.ok(b"STORE 1 +FLAGS (\\Seen \\Deleted)")
    assert case.mine.ok(b"EXPUNGE").of(Expunge) == [Expunge(1)]
    case.mine.ok(b"COPY 1 Chest")
    assert case.mine.ok(b"NOOP").status.kind == "OK"
    case.mine.no(b"APPEND Box {1+}\r\nx", "TRYCREATE")
    case.mine.no(b"COPY 1 Box", "TRYCREATE")
    (status,) = case.other.ok(b"STATUS Chest (MESSAGES UNSEEN)").of(StatusLine)
    assert status.items == {"MESSAGES": 3, "UNSEEN": 3}
    case.mine.ok(b"CLOSE")


def test_idlers_of_a_renamed_mailbox_go_on_hearing(case):
    case.mine.begin(b"IDLE")
    case.other.ok(b"RENAME Box Chest")
    case.wait()
    assert case.mine.read() == []
    case.other.append(b"Chest", MESSAGE)
    case.wait()
    assert case.mine.read()[0] == Exists(4)


def test_another_mailbox_takes_the_name(case):
    case.other.ok(b"RENAME Box Chest")
    case.other.ok(b"RENAME Sent Box")
    case.other.append(b"Box", b"sent\r\n")
    case.other.append(b"Chest", b"mine\r\n")
    assert case.mine.ok(b"NOOP").of(Exists) == [Exists(4)]
    assert texts(case.mine.ok(b"FETCH 4 (BODY.PEEK[TEXT])"))
    (line,) = case.mine.ok(b"STATUS Box (MESSAGES)").of(StatusLine)
    assert line.items["MESSAGES"] == 1
    assert case.mine.ok(b"SELECT Box").of(Exists) == [Exists(1)]


def test_what_is_renamed_with_its_parent_goes_on(case):
    case.other.ok(b"RENAME Box Deep/Box")
    case.other.ok(b"RENAME Deep Deeper")
    case.other.append(b"Deeper/Box", MESSAGE)
    assert case.mine.ok(b"NOOP").of(Exists) == [Exists(4)]
    case.mine.ok(b"STORE 4 +FLAGS (\\Deleted)")
    case.mine.ok(b"CLOSE")
    (line,) = case.other.ok(b"STATUS Deeper/Box (MESSAGES)").of(StatusLine)
    assert line.items["MESSAGES"] == 3


def test_renaming_inbox_empties_it_for_who_looks(case):
    """RFC 3501 §6.3.5: its messages are in another mailbox then."""
    case.world.deliver(MESSAGE, MESSAGE)
    case.mine.ok(b"SELECT INBOX")
    case.mine.begin(b"IDLE")
    case.other.ok(b"RENAME INBOX Old")
    case.wait()
    assert case.mine.read() == [Expunge(2), Expunge(1)]
    case.other.append(b"INBOX", MESSAGE)
    case.wait()
    assert case.mine.read()[0] == Exists(1)
    case.mine.feed(b"DONE\r\n")
    (fetch,) = case.mine.ok(b"FETCH 1 (UID)").of(Fetch)
    assert fetch.uid == 3


# -- EXPUNGE


def test_numbers_stand_still_for_who_uses_them(case):
    """§4.1.1, §4.2, §4.3: served, stored to in vain, and found no more."""
    case.other.ok(b"SELECT Box")
    case.other.ok(b"STORE 1 +FLAGS.SILENT (\\Deleted)")
    case.other.ok(b"EXPUNGE")
    assert texts(case.mine.ok(b"FETCH 1:3 (BODY.PEEK[TEXT])")) == [b"body\r\n"] * 3
    case.mine.ok(b"STORE 1:3 +FLAGS.SILENT (\\Flagged)")
    assert [f.uid for f in case.mine.ok(b"FETCH 2:3 (UID)").of(Fetch)] == [2, 3]
    answer = case.mine.ok(b"UID SEARCH ALL")
    assert answer.of(Expunge) == [Expunge(1)]
    answer = case.mine.ok(b"UID FETCH 1:9 (FLAGS)")
    assert [f.uid for f in answer.of(Fetch)] == [2, 3]


def test_two_who_expunge_the_same(case):
    case.other.ok(b"SELECT Box")
    case.other.ok(b"STORE 1:2 +FLAGS.SILENT (\\Deleted)")
    case.mine.ok(b"NOOP")
    case.other.ok(b"EXPUNGE")
    case.mine.ok(b"STORE 3 +FLAGS.SILENT (\\Deleted)")
    answer = case.mine.ok(b"EXPUNGE")
    assert sorted(one.number for one in answer.of(Expunge)) == [1, 2, 3]
    assert case.other.ok(b"NOOP").of(Expunge) == [Expunge(1)]
