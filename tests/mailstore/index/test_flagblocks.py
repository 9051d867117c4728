"""Rows of flags: several blocks, gaps, and who changes what."""

from __future__ import annotations

import pytest

from mailstore.errors import Corrupt
from mailstore.index import entries, flagblocks, upkeep
from mailstore.index.blocks import SIZE
from mailstore.index.flags import store_flags
from mailstore.index.records import NewColumns
from mailstore.index.removal import expunge
from mailstore.index.selection import EVERYTHING, Selection
from mailstore.model import DELETED, SEEN, FlagChange, FlagOperation
from tests.mailstore.index.records import (
    NOW,
    add,
    load,
    mailbox_id,
    new_index,
    state_of,
)
from tests.mailstore.stores import Statements

COUNT = 3 * SIZE - 10


@pytest.fixture
def database(tmp_path):
    made = new_index(tmp_path, "INBOX", "Other")
    add(made, "INBOX", *([("\\Seen",)] * COUNT))
    yield made
    made.close()


@pytest.fixture
def mailbox(database):
    return mailbox_id(database)


def numbers(database, mailbox):
    return [block.number for block in flagblocks.read(database, mailbox)]


def flag(database, mailbox, *uids):
    return store_flags(
        database,
        mailbox,
        Selection(tuple((uid, uid) for uid in uids)),
        FlagChange(FlagOperation.ADD, ("\\Deleted",)),
        unchanged_since=None,
        seen_at=1 << 60,
    )


def test_blocks_are_made_as_messages_come(database, mailbox):
    assert numbers(database, mailbox) == [0, 1, 2]
    for _ in range(20):
        add(database, "INBOX", ())
    assert numbers(database, mailbox) == [0, 1, 2, 3]
    rows = flagblocks.flags(database, mailbox)
    assert [uid for uid, _, _ in rows] == list(range(1, COUNT + 21))
    assert [mask for _, mask, _ in rows] == [SEEN] * COUNT + [0] * 20
    assert [modseq for _, _, modseq in rows[COUNT:]] == list(range(3, 23))


def test_only_what_is_asked_for_is_read(database, mailbox):
    edge = Selection(((SIZE - 1, SIZE), (2 * SIZE + 5, 2 * SIZE + 5)))
    found = [uid for uid, _, _ in flagblocks.flags(database, mailbox, edge)]
    assert found == [SIZE - 1, SIZE, 2 * SIZE + 5]
    assert not flagblocks.read(database, mailbox, Selection(()))
    flag(database, mailbox, SIZE + 1)
    assert [one.number for one in flagblocks.read(database, mailbox, after=2)] == [1]
    assert flagblocks.flags(database, mailbox, EVERYTHING, 2) == [
        (SIZE + 1, SEEN | DELETED, 3)
    ]
    assert flagblocks.masks(database, mailbox, edge) == dict.fromkeys(found, SEEN)


def test_messages_with_a_flag(database, mailbox):
    flag(database, mailbox, 7, 8, 9, SIZE + 1)
    having = flagblocks.having(database, mailbox, DELETED)
    assert having.ranges == ((7, 9), (SIZE + 1, SIZE + 1))
    among = Selection(((8, 600),))
    some = flagblocks.having(database, mailbox, DELETED, among)
    assert some.ranges == ((8, 9), (SIZE + 1, SIZE + 1))


def test_a_block_without_messages_goes(database, mailbox):
    with Statements(database) as statements, database.transaction():
        expunge(
            database,
            mailbox,
            Selection(((1, 3), (SIZE, 2 * SIZE))),
            NOW,
            deleted_only=False,
        )
    assert len(statements) < 20
    assert numbers(database, mailbox) == [0, 2]
    state = state_of(database)
    assert list(state.uids) == [*range(4, SIZE), *range(2 * SIZE + 1, COUNT + 1)]


def test_a_change_of_something_else_is_a_mod_sequence(database, mailbox):
    touched = flagblocks.touch(database, mailbox, {SIZE + 3, 4}, 9)
    assert touched == [(4, SEEN), (SIZE + 3, SEEN)]
    assert flagblocks.flags(database, mailbox, EVERYTHING, 8) == [
        (4, SEEN, 9),
        (SIZE + 3, SEEN, 9),
    ]
    database.execute("UPDATE mailbox SET highestmodseq = 1000 WHERE id = ?", (mailbox,))
    flagblocks.leap(database)
    rows = flagblocks.flags(database, mailbox)
    assert {modseq for _, _, modseq in rows} == {1_000}
    assert not flagblocks.read(database, mailbox, after=1_000)


def test_a_block_that_cannot_be_read_is_damage(database, mailbox):
    database.execute("UPDATE flag_block SET octets = x'0102' WHERE block = 1")
    with pytest.raises(Corrupt) as error:
        flagblocks.read(database, mailbox)
    assert "block 1" in error.value.detail
    with pytest.raises(Corrupt):
        load(database)


def test_behind_a_power_cut_damage_does_not_keep_an_account_shut(database, mailbox):
    other = mailbox_id(database, "Other")
    add(database, "Other", ())
    sql = "UPDATE flag_block SET octets = x'00' WHERE mailbox = ? AND block = 1"
    database.execute(sql, (mailbox,))
    with database.transaction():
        upkeep.leap(database)
    with pytest.raises(Corrupt):
        flagblocks.read(database, mailbox)
    among = Selection(((1, SIZE - 1), (2 * SIZE, COUNT)))
    for one, some in (mailbox, among), (other, EVERYTHING):
        sql = "SELECT highestmodseq FROM mailbox WHERE id = ?"
        ((highest,),) = database.all(sql, (one,))
        assert highest > 1 << 20
        assert {row[2] for row in flagblocks.flags(database, one, some)} == {highest}


def test_messages_whose_flags_are_lost_are_there(database, mailbox):
    """Nobody loses a message because the flags beside it are gone."""
    before = NewColumns.of(entries.rows(database, mailbox))
    assert before.messages == load(database).messages
    database.execute("DELETE FROM flag_block WHERE block = 1")
    loaded = load(database)
    assert loaded.uids == before.uids
    assert loaded.messages == before.messages
    assert loaded == NewColumns.of(entries.rows(database, mailbox))
    assert loaded.system.count(SEEN) == COUNT - SIZE
    with database.transaction():
        gone = expunge(database, mailbox, EVERYTHING, NOW, deleted_only=False)
    assert gone is not None
    assert gone.vanished == before.uids
    assert database.all("SELECT count(*), sum(flags) FROM expunged") == [
        (COUNT, SEEN * (COUNT - SIZE))
    ]
