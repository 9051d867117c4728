"""Messages of one mailbox put into others as well, and taken out of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailstore.errors import NotFound
from mailstore.index import audit, labels, mailboxes
from mailstore.index.copying import copy
from mailstore.index.database import Database
from mailstore.index.labels import Filed, file_messages
from mailstore.index.removal import expunge
from mailstore.index.selection import EVERYTHING, Selection
from mailstore.model import Filing, FlagChange, FlagOperation, MailboxId
from tests.mailstore.index.records import NOW, add, mailbox_id, new_index, state_of

INBOX = MailboxId(1)
NAMES = ("A", "B", "C")


def file(
    database: Database, ranges, filing: Filing, *, since: int | None = None
) -> Filed:
    with database.transaction():
        return file_messages(
            database,
            INBOX,
            Selection(ranges),
            filing,
            NOW,
            100,
            me="ann",
            by=None,
            unchanged_since=since,
            seen_at=1_000,
        )


def where(database: Database) -> dict[int, set[str]]:
    """Give the other mailboxes by UID of INBOX."""
    rows = database.all("SELECT uid, message FROM entry WHERE mailbox = 1")
    found = labels.labels(database, INBOX, [message for _, message in rows])
    return {uid: {one.name for one in found.get(m, ())} for uid, m in rows}


def test_what_memory_follows_is_what_is_there(tmp_path):
    """Copies, moves and removals of all kinds: each mailbox at its new mod-sequence."""
    database = new_index(tmp_path, "INBOX", *NAMES)
    add(database, "INBOX", (), ("\\Seen",), ("x",))
    labels.prepare(database)
    changes = labels.LabelChanges(lambda: True)
    states = {name: state_of(database, name) for name in ("INBOX", *NAMES)}

    def run(work) -> None:
        with database.transaction():
            deltas = list(work())
            deltas += changes.follow(database, deltas)
        for delta in deltas:
            for state in states.values():
                if state.id == delta.mailbox:
                    assert state.apply(delta)
        for name, state in states.items():
            if state.gone:
                continue
            fresh = state_of(database, name)
            assert (state.modseq, state.uids) == (fresh.modseq, fresh.uids)
            assert state.modseqs == fresh.modseqs
            assert state.masks(0, len(state.uids)) == fresh.masks(0, len(fresh.uids))

    def copied(source: str, to: str, **how):
        at = mailbox_id(database, source)
        return lambda: copy(database, at, EVERYTHING, to, NOW, **how).deltas

    def removed(name: str):
        at = mailbox_id(database, name)

        def work():
            gone = expunge(database, at, EVERYTHING, NOW, deleted_only=False)
            return [gone] if gone else []

        return work

    before = states["INBOX"].modseq
    run(copied("INBOX", "A"))
    assert states["INBOX"].modseq == before + 1
    run(copied("INBOX", "INBOX"))
    run(copied("A", "B"))
    run(copied("A", "C", move=True))
    run(removed("B"))
    run(removed("B"))
    run(lambda: [mailboxes.delete(database, "C", NOW)])


def test_a_mailbox_that_is_gone_files_nothing(tmp_path):
    database = new_index(tmp_path)
    database.execute("UPDATE mailbox SET name = NULL")
    with pytest.raises(NotFound):
        file(database, ((1, 1),), Filing(add=("A",)))
    database.close()


def test_what_is_there_is_not_copied_again(tmp_path):
    database = new_index(tmp_path, "INBOX", "A")
    add(database, "INBOX", (), ())
    with database.transaction():
        copy(database, INBOX, Selection(((1, 1),)), "A", NOW)
        copy(database, INBOX, Selection(((1, 1),)), "INBOX", NOW)
    done = file(database, ((1, 3),), Filing(add=("A", "New")))
    assert done.made
    counts = dict(database.all("SELECT name, messages FROM mailbox"))
    assert counts == {"INBOX": 3, "A": 2, "New": 2}
    assert not file(database, ((1, 3),), Filing(add=("A", "New"))).deltas
    labels.prepare(database)
    labels.prepare(database)
    assert labels.is_prepared(database)
    assert where(database) == {1: {"A", "New"}, 2: {"A", "New"}, 3: {"A", "New"}}
    assert labels.messages_in(database, [mailbox_id(database, "A")]) == {1, 2}
    assert audit.counters(database) == audit.numbers(database) == []
    database.close()


def test_what_changed_too_late_is_left_alone(tmp_path):
    database = new_index(tmp_path)
    add(database, "INBOX", ())
    (base,) = database.one("SELECT highestmodseq FROM mailbox") or (0,)
    add(database, "INBOX", ())
    starred = FlagChange(FlagOperation.ADD, ("\\Flagged",))
    done = file(database, ((1, 2),), Filing(add=("A",), flags=(starred,)), since=base)
    assert done.failed == [2]
    assert where(database) == {1: {"A"}, 2: set()}
    done = file(database, ((2, 2),), Filing(add=("A",)), since=base)
    assert (done.failed, done.deltas) == ([2], ())
    database.close()


names = st.sets(st.sampled_from(NAMES)).map(lambda some: tuple(sorted(some)))
filings = st.one_of(
    st.builds(Filing, add=names),
    st.builds(Filing, remove=names),
    st.builds(Filing, add=names, only=st.just(True)),
)
uids = st.integers(1, 4)
steps = st.lists(st.tuples(st.tuples(uids, uids).map(sorted), filings), max_size=8)


@settings(max_examples=20)
@given(steps, st.booleans())
def test_messages_are_where_they_were_put(tmp_path_factory, todo, indexed):
    folder: Path = tmp_path_factory.mktemp("index")
    database = new_index(folder)
    add(database, "INBOX", (), (), (), ())
    if indexed:
        labels.prepare(database)
    wanted: dict[int, set[str]] = {uid: set() for uid in range(1, 5)}
    for (low, high), filing in todo:
        for uid in range(low, high + 1):
            if filing.only:
                wanted[uid].clear()
            wanted[uid] |= set(filing.add)
            wanted[uid] -= set(filing.remove)
        file(database, ((low, high),), filing)
        assert where(database) == wanted
    assert audit.counters(database) == audit.references(database) == []
    assert audit.numbers(database) == []
    database.close()
