"""When a session is told: the moments, and what a watch may count on."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field

import apsw
import pytest

from imapd.session.context import Context
from imapd.session.limits import Limits
from imapd.session.plugs import FetchItem
from imapd.session.watching import Moment
from mailstore.errors import Unavailable
from mailstore.model import MailboxEntry
from mailstore.service import Mailbox, Store
from tests.mailstore.stores import Statements
from tests.support.furnished import OPTIONS
from tests.support.responses import Exists, Recent, Status
from tests.support.session import Session, World

MESSAGE = b"Subject: x\r\n\r\nbody\r\n"


@dataclass
class Spy:
    """A watch that notes the moments, and may fail."""

    moments: list[tuple[str, bool]] = field(default_factory=list)
    error: Exception | None = None
    ended: bool = False

    async def tell(self, context: Context, moment: Moment, *, with_uid: bool) -> None:
        self.moments.append((moment.name, with_uid))
        if self.error is not None:
            raise self.error
        context.reply.untagged(b"OK " + moment.name.encode())

    async def tell_before(self, context: Context, mailbox: Mailbox) -> None:
        raise AssertionError(mailbox)

    def wants_of_selected(self, event: str) -> bool:
        return False

    def wants(self, event: str, entry: MailboxEntry | None) -> bool:
        return False

    def annotations(self) -> Sequence[tuple[str, Sequence[str]]]:
        return ()

    @property
    def items(self) -> tuple[FetchItem, ...]:
        return ()

    def note_told(self, uids: Sequence[int]) -> None:
        raise AssertionError(uids)

    def end(self) -> None:
        self.ended = True


@pytest.fixture
def world(tmp_path):
    made = World(tmp_path)
    yield made
    made.close()


@pytest.fixture
def ann(world):
    return world.session(mailbox=b"INBOX")


def watched(session: Session) -> Spy:
    spy = Spy()
    session.connection.session.watch = spy
    return spy


def test_the_moments(ann):
    spy = watched(ann)
    ann.ok(b"NOOP")
    assert spy.moments == [("END", False), ("BETWEEN", False)]
    assert [said.text for said in ann.read()] == ["BETWEEN"]
    spy.moments.clear()
    ann.ok(b"SEARCH ALL")
    ann.ok(b"UID SEARCH ALL")
    assert [m for m in spy.moments if m[0] != "BETWEEN"] == [
        ("HOLD", False),
        ("END", True),
    ]
    spy.moments.clear()
    ann.begin(b"IDLE")
    assert {name for name, _ in spy.moments} == {"IDLE"}
    ann.connection.wake()
    assert {name for name, _ in spy.moments} == {"IDLE"}
    ann.feed(b"DONE\r\n")
    assert spy.moments[-2:] == [("END", False), ("BETWEEN", False)]


def test_nothing_is_told_between_commands_without_a_watch(world, ann):
    world.deliver(MESSAGE)
    ann.connection.wake()
    assert ann.read() == []
    assert ann.ok(b"NOOP").untagged == (Exists(1), Recent(1))


def test_nothing_is_told_into_a_command_that_is_on_its_way(ann):
    spy = watched(ann)
    for begun in (b"a NO", b"OP\r\nb LOGIN {3", b"+}\r\nab"):
        ann.feed(begun)
        spy.moments.clear()
        ann.connection.wake()
        assert spy.moments == []
    ann.feed(b"c {1+}\r\nx\r\n")
    assert spy.moments[-1] == ("BETWEEN", False)
    spy.moments.clear()
    ann.connection.wake()
    assert spy.moments == [("BETWEEN", False)]


def test_nothing_is_told_while_a_literal_is_decided_about(ann):
    spy = watched(ann)
    ann.feed(b"a APPEND INBOX {5}\r\n")
    spy.moments.clear()
    ann.connection.wake()
    assert spy.moments == []
    assert ann.feed(b"hello\r\n")[-1].kind == "OK"


def test_a_session_survives_a_watch_that_fails(world, ann):
    spy = watched(ann)
    spy.error = Unavailable("the disk is away")
    ann.connection.wake()
    assert world.log.events[-1][0] == "store"
    failures = []
    world.log.failure = lambda error, **facts: failures.append(error)
    spy.error = ZeroDivisionError()
    ann.connection.wake()
    assert failures == [spy.error]
    spy.error = None
    ann.ok(b"NOOP")


def test_a_watch_ends_with_its_connection(ann):
    spy = watched(ann)
    ann.drop()
    assert spy.ended


def test_what_comes_while_a_client_is_slow_is_not_missed(world, ann, monkeypatch):
    """DONE that arrives while an answer waits for room ends IDLE all the same."""
    ann.begin(b"IDLE")
    future = world.runtime.future()
    monkeypatch.setattr(ann, "crowded", lambda: True)
    monkeypatch.setattr(ann, "room", lambda: future)
    world.deliver(MESSAGE)
    assert ann.feed(b"DONE\r\n") == [Exists(1), Recent(1)]
    future.succeed(None)
    assert ann.read()[-1].kind == "OK"


# -- idling


def test_a_client_that_hears_something_needs_no_heartbeat(world, ann):
    beat = Limits().idle_heartbeat_seconds
    ann.begin(b"IDLE")
    world.runtime.advance(beat - 10)
    world.deliver(MESSAGE)
    assert ann.read() == [Exists(1), Recent(1)]
    world.runtime.advance(20)
    assert ann.read() == []
    world.runtime.advance(beat)
    (said,) = ann.read()
    assert isinstance(said, Status)
    world.runtime.advance(beat)
    assert len(ann.read()) == 1


def test_idlers_hear_of_other_programs_within_seconds(world, ann, tmp_path):
    ann.begin(b"IDLE")
    other = Store.open(tmp_path, world.runtime, options=OPTIONS)
    elsewhere = World.__new__(World)
    elsewhere.store, elsewhere.runtime = other, world.runtime
    elsewhere.deliver(MESSAGE)
    assert ann.read() == []
    world.runtime.advance(6)
    assert ann.read() == [Exists(1), Recent(1)]
    other.close()


def test_who_idles_costs_nothing_while_nothing_happens(world):
    sessions = [world.session(mailbox=b"INBOX") for _ in range(20)]
    for session in sessions:
        session.begin(b"IDLE")
    account = sessions[0].connection.session.account.own
    with Statements(account.readers.event) as statements:
        world.runtime.advance(100)
    assert set(statements) == {"PRAGMA data_version"}
    assert len(statements) <= 21  # one a look, for all of them
    assert all(session.read() == [] for session in sessions)


@pytest.mark.parametrize(
    ("command", "asking"),
    [
        (b"NOOP", False),
        (b"ENABLE CONDSTORE", True),
        (b"NOTIFY SET (personal (MessageNew MessageExpunge))", True),
        (b"SELECT INBOX (ANNOTATE)", True),
    ],
)
def test_who_has_asked_for_nothing_is_looked_at_for_little(world, command, asking):
    ann = world.session()
    ann.ok(command)
    session = ann.connection.session
    assert session.asking is asking
    session.forget()
    assert not session.enabled
    assert not session.asked


def test_who_has_a_mailbox_whose_index_went_back_is_sent_away(tmp_path, world, ann):
    """He would never hear of anything again; a new connection has it as it is."""
    bob = world.session(mailbox=b"INBOX")
    for flag in (b"\\Seen", b"\\Flagged", b"\\Draft"):
        world.deliver(MESSAGE)
        ann.ok(b"NOOP")
        ann.ok(b"STORE 1:* +FLAGS.SILENT (" + flag + b")")
    (path,) = tmp_path.rglob("index.db")
    with closing(apsw.Connection(str(path))) as index:
        index.execute("UPDATE mailbox SET highestmodseq = 1")
    world.deliver(MESSAGE)
    ann.feed(b"t NOOP\r\n")
    assert ann.closed
    assert b"BYE [UNAVAILABLE] the index of this mailbox was replaced" in ann.raw
    bob.feed(b"t IDLE\r\n")
    assert bob.closed
    again = world.session(mailbox=b"INBOX")
    assert len(again.ok(b"FETCH 1:* UID").untagged) == 4
