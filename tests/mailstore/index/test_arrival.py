"""New messages in a mailbox whose rows are damaged: they come in, as what they are."""

from __future__ import annotations

import pytest

from mailstore.errors import TooMany
from mailstore.index import audit, entries, mending, seals
from mailstore.index.blocks import LAST, SIZE
from mailstore.index.records import NewColumns
from mailstore.index.selection import Selection
from tests.mailstore.index.records import add, load, mailbox_id, new_index

MANY = [()] * (SIZE + 10)  # messages, with UIDs up to SIZE + 10


@pytest.fixture
def database(tmp_path):
    made = new_index(tmp_path, "INBOX", "Other")
    yield made
    made.close()


def spoil(database, *statements):
    with database.transaction():
        for one in statements:
            database.execute(one)


COPY = (
    "INSERT INTO flag_block (mailbox, block, modseq, octets)"
    " SELECT mailbox, {}, modseq, octets FROM flag_block"
    " WHERE mailbox = 1 AND block = 1"
)
DAMAGES = {
    "flags of the block behind": [COPY.format(2)],
    "flags of the last block": [COPY.format(LAST)],
    "flags of blocks further on": [COPY.format(3), COPY.format(4), COPY.format(6)],
    "flags behind UIDNEXT": [f"UPDATE mailbox SET uidnext = {SIZE + 5}"],
    "an older UIDNEXT": ["UPDATE mailbox SET uidnext = 7"],
    "an unreadable block": ["UPDATE flag_block SET octets = x'00' WHERE block = 1"],
    "rows of messages are lost": [f"DELETE FROM entry WHERE uid > {SIZE + 3}"],
    "rows and UIDNEXT": [
        f"DELETE FROM entry WHERE uid > {SIZE + 3}",
        f"UPDATE mailbox SET uidnext = {SIZE + 4}",
    ],
}


def rows_of(database, new):
    among = Selection(((new[0].uid, new[-1].uid),))
    return entries.rows(database, mailbox_id(database), among)


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
@pytest.mark.parametrize("count", [1, 3 * SIZE])
def test_mail_comes_into_a_damaged_mailbox(database, damage, count):
    add(database, "INBOX", *MANY)
    spoil(database, *damage)
    assert any(list(look(database)) for look in audit.EVERYTHING)  # it is told
    before = database.all("SELECT uid, message FROM entry")
    first = add(database, "INBOX", *[("\\Seen",)] * count).delta
    second = add(database, "INBOX", ()).delta
    assert second.uidnext is not None
    uids = [row.uid for row in (*first.new, *second.new)]
    assert uids == sorted(set(uids))
    assert uids[0] > max(uid for uid, _ in before)
    assert uids[-1] < second.uidnext
    found = database.one("SELECT uidnext FROM mailbox WHERE name = 'INBOX'")
    assert found == (second.uidnext,)
    for delta in (first, second):
        assert rows_of(database, delta.new) == list(delta.new)
    there = database.all("SELECT uid, message FROM entry")
    assert there[: len(before)] == before
    assert len(there) == len(before) + len(uids)


def test_few_uids_are_passed_over(database):
    add(database, "INBOX", *MANY)
    spoil(database, COPY.format(LAST), COPY.format(3))
    assert add(database, "INBOX", ()).delta.uidnext == SIZE + 12
    assert add(database, "INBOX", *[()] * SIZE).delta.uidnext == 2 * SIZE + 12
    assert add(database, "INBOX", *[()] * SIZE).delta.uidnext == 5 * SIZE
    assert add(database, "INBOX", ()).delta.uidnext == 5 * SIZE + 1


def test_a_mailbox_that_is_full_takes_nothing(database):
    spoil(database, f"UPDATE mailbox SET uidnext = {2**32 - 5}")
    with pytest.raises(TooMany):
        add(database, "INBOX", *[()] * 5)
    assert database.one("SELECT count(*) FROM entry") == (0,)
    add(database, "INBOX", *[()] * 4)


def test_no_seal_of_messages_that_are_lost_tells_of_new_ones(database):
    """A page of rows was lost, and a repair made UIDNEXT what is left."""
    add(database, "INBOX", *MANY)
    spoil(
        database,
        "DELETE FROM entry WHERE uid >= 5",
        "UPDATE mailbox SET uidnext = 5",
    )
    with database.transaction():
        mending.flags(database, 0)
        mending.counters(database, 0)
    assert seals.contradictions(database)
    add(database, "INBOX", *[()] * (SIZE - 5))  # as many as the seal has
    rows = NewColumns.of(entries.rows(database, mailbox_id(database)))
    assert load(database) == rows
    with database.transaction():
        mending.copies(database, 0)
    assert not seals.contradictions(database)
