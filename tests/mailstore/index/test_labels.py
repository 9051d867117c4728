"""Messages of one mailbox put into others as well, and taken out of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailstore.errors import NotFound
from mailstore.index import audit, labels
from mailstore.index.copying import copy
from mailstore.index.database import Database
from mailstore.index.labels import Filed, file_messages
from mailstore.index.selection import Selection
from mailstore.model import Filing, FlagChange, FlagOperation, MailboxId
from tests.mailstore.index.records import NOW, add, mailbox_id, new_index

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
