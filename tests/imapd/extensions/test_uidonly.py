"""UIDONLY: a session without message numbers (RFC 9586).

What is told is tried in tests/imapd/session/test_telling.py; all transcripts are
played once more in this mode by tests/transcripts/test_uid_only.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from imapd.extensions import uidonly
from imapd.features import ALL
from imapd.session.registry import Effects, Registry
from tests.support.responses import Enabled, Exists, Fetch, Status, UidFetch, Vanished
from tests.support.session import Session, World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    made.deliver(*(b"Subject: %d\r\n\r\nx\r\n" % n for n in range(4)))
    yield made
    made.close()


@pytest.fixture
def ann(world: World) -> Session:
    session = world.session()
    answer = session.ok(b"ENABLE UIDONLY QRESYNC")
    assert answer.of(Enabled) == [Enabled(frozenset({"UIDONLY", "QRESYNC"}))]
    session.ok(b"SELECT INBOX")
    return session


def test_every_command_with_a_uid_form_says_whether_it_is_by_number():
    """Or it would tell or take numbers where there are none."""
    commands = Registry.of(ALL).commands
    twins = {name for name in commands if f"UID {name}" in commands}
    assert twins >= {"FETCH", "STORE", "SEARCH", "COPY", "MOVE", "EXPUNGE"}
    numbered = {n for n, spec in commands.items() if spec.effects & Effects.BY_NUMBER}
    assert numbered == twins - {"EXPUNGE"}
    assert [one.name for one in uidonly.FEATURE.enables] == ["UIDONLY"]


def test_select_tells_no_number(world, ann):
    answer = ann.ok(b"SELECT INBOX")
    assert "UNSEEN" not in {one.code_name for one in answer.of(Status)}
    assert answer.of(Exists) == [Exists(4)]
    assert "UNSEEN" in {
        one.code_name for one in world.session().ok(b"SELECT INBOX").of(Status)
    }


def test_the_uid_is_told_once_unless_it_is_asked_for(ann):
    (fetch,) = ann.ok(b"UID FETCH 2 (FLAGS)").of(UidFetch)
    assert fetch.number == 2
    assert set(fetch.items) == {"FLAGS"}
    (fetch,) = ann.ok(b"UID FETCH 2 (UID)").of(UidFetch)
    assert fetch.items == {"UID": 2}
    (fetch,) = ann.ok(b"UID STORE 2 +FLAGS (\\Seen)").of(UidFetch)
    assert set(fetch.items) == {"FLAGS", "MODSEQ"}
    (fetch,) = ann.ok(b"UID STORE 2 -FLAGS.SILENT (\\Seen)").of(UidFetch)
    assert set(fetch.items) == {"MODSEQ"}
    data, flags = ann.ok(b"UID FETCH 3 BODY[]").of(UidFetch)
    assert (data.number, set(data.items)) == (3, {"BODY[]"})
    assert (flags.number, set(flags.items)) == (3, {"FLAGS", "MODSEQ"})


def test_others_are_told_as_ever(world, ann):
    other = world.session(mailbox=b"INBOX")
    ann.ok(b"UID STORE 2:3 +FLAGS (\\Deleted)")
    answer = ann.ok(b"EXPUNGE")
    assert answer.of(Vanished) == [Vanished(((2, 3),))]
    assert [type(one) for one in other.ok(b"NOOP").of(Fetch)] == []
    other.ok(b"STORE 2 +FLAGS (\\Flagged)")
    (fetch,) = ann.ok(b"NOOP").of(Fetch)
    assert isinstance(fetch, UidFetch)
    assert fetch.number == 4
    ann.begin(b"IDLE")
    other.ok(b"STORE 1 +FLAGS (\\Flagged)")
    (told,) = ann.read()
    assert isinstance(told, UidFetch)
    assert told.number == 1


def test_a_conditional_store_names_uids(ann):
    answer = ann.ok(b"UID STORE 3:4 (UNCHANGEDSINCE 1) +FLAGS (\\Seen)")
    assert answer.status.code is not None
    assert answer.status.code.value == (3, 4)


@pytest.mark.parametrize(
    "command",
    [
        b"FETCH 1 (FLAGS)",
        b"STORE 1 +FLAGS (x)",
        b"SEARCH ALL",
        b"COPY 1 Sent",
        b"MOVE 1 Sent",
        b"UID SEARCH 1:3",
        b"UID SEARCH NOT (SEEN 2)",
        b"UID SEARCH RETURN (ALL) OR SEEN 2",
        b"SELECT INBOX (QRESYNC (1 1 (1 1)))",
    ],
)
def test_numbers_are_refused(ann, command):
    assert ann.bad(command).code == "UIDREQUIRED"
    assert ann.ok(b"UID SEARCH ALL").untagged


def test_resynchronizing_without_numbers(world, ann):
    selected = ann.connection.session.selected
    assert selected is not None
    uidvalidity, modseq = selected.mailbox.uidvalidity, selected.view.settled
    other = world.session(mailbox=b"INBOX")
    other.ok(b"STORE 2 +FLAGS (\\Deleted)")
    other.ok(b"STORE 4 +FLAGS (\\Flagged)")
    other.ok(b"EXPUNGE")
    answer = ann.ok(b"SELECT INBOX (QRESYNC (%d %d 1:4))" % (uidvalidity, modseq))
    assert answer.of(Vanished) == [Vanished(((2, 2),), earlier=True)]
    (fetch,) = answer.of(UidFetch)
    assert (fetch.number, set(fetch.items)) == (4, {"FLAGS", "MODSEQ"})
