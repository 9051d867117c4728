"""What a mailbox is loaded from: what its rows say, and a row for 512 of them."""

from __future__ import annotations

import random

import pytest

from mailstore.index import entries, mending, seals
from mailstore.index.blocks import SIZE, block_of
from mailstore.index.copying import copy
from mailstore.index.database import Database
from mailstore.index.mailboxes import delete, mailbox_named
from mailstore.index.records import NewColumns
from mailstore.index.removal import expunge
from mailstore.index.selection import EVERYTHING, Selection
from tests.mailstore.index.older import make_older
from tests.mailstore.index.records import NOW, add, load, mailbox_id, new_index
from tests.mailstore.stores import Statements

ROWS = 18  # the last version without seals


@pytest.fixture
def database(tmp_path):
    made = new_index(tmp_path, "INBOX", "Other")
    yield made
    made.close()


def sealed(database, name="INBOX"):
    rows = database.all(
        "SELECT block FROM sealed WHERE mailbox = ? ORDER BY block",
        (mailbox_id(database, name),),
    )
    return [number for (number,) in rows]


def is_right(database, name="INBOX"):
    """Tell whether what is loaded is what the rows say."""
    mailbox = mailbox_id(database, name)
    rows = NewColumns.of(entries.rows(database, mailbox))
    return load(database, name) == rows


def remove(database, *ranges):
    with database.transaction():
        mailbox = mailbox_id(database)
        among = Selection(ranges)
        expunge(database, mailbox, among, NOW, deleted_only=False)


def test_a_block_is_sealed_when_the_next_one_begins(database):
    add(database, "INBOX", *([()] * (SIZE - 2)))
    assert sealed(database) == []
    add(database)  # UID 511 is the last of block 0
    assert sealed(database) == [0]
    add(database)
    assert sealed(database) == [0]
    add(database, "INBOX", *([()] * (2 * SIZE)))
    assert sealed(database) == [0, 1, 2]
    assert is_right(database)
    assert seals.contradictions(database) == []


def test_few_rows_are_read(database):
    add(database, "INBOX", *([()] * (6 * SIZE + 9)))
    row = mailbox_named(database, "INBOX")
    with Statements(database) as statements:
        loaded = entries.load(database, row)
    assert len(statements) == 3
    assert len(loaded.uids) == 6 * SIZE + 9
    assert loaded.ordered


def test_copies_are_sealed_and_known_to_be_in_no_order(database):
    add(database, "INBOX", *([()] * SIZE))
    add(database, "Other", *([()] * 10))
    inbox = mailbox_id(database)
    with database.transaction():
        copy(database, inbox, Selection(((100, 300),)), "Other", NOW)
        copy(database, inbox, EVERYTHING, "Other", NOW)
        copy(database, inbox, EVERYTHING, "Other", NOW)
    assert sealed(database, "Other") == [0, 1]
    assert is_right(database, "Other")
    assert not load(database, "Other").ordered


def test_removed_messages_are_left_out_until_most_are_gone(database):
    add(database, "INBOX", *([()] * (2 * SIZE)))
    remove(database, (5, 5), (7, 100), (SIZE, SIZE))
    assert sealed(database) == [0, 1]
    assert is_right(database)
    remove(database, (101, 300))
    assert sealed(database) == [1]
    assert is_right(database)
    remove(database, (SIZE, 2 * SIZE))
    assert sealed(database) == []
    assert is_right(database)


def test_a_mailbox_that_goes_leaves_nothing(database):
    add(database, "Other", *([()] * (SIZE + 1)))
    assert sealed(database, "Other") == [0]
    with database.transaction():
        delete(database, "Other", NOW)
    assert database.one("SELECT count(*) FROM sealed") == (0,)
    assert database.one("SELECT count(*) FROM flag_block") == (0,)


@pytest.mark.parametrize("seed", range(3))
def test_whatever_happens_it_is_what_the_rows_say(database, seed):
    dice = random.Random(seed)
    for _ in range(12):
        mailbox = mailbox_id(database)
        rows = entries.rows(database, mailbox)
        what = dice.choice(["add", "add", "copy", "remove", "remove"])
        if what == "add":
            flags = dice.choices([(), ("\\Seen",), ("k",)], k=dice.randrange(1, 400))
            add(database, "INBOX", *flags)
        elif rows:
            low = dice.choice(rows).uid
            among = Selection(((low, low + dice.randrange(400)),))
            with database.transaction():
                if what == "copy":
                    copy(database, mailbox, among, "INBOX", NOW)
                else:
                    expunge(database, mailbox, among, NOW, deleted_only=False)
        assert is_right(database)
    assert seals.contradictions(database) == []
    assert seals.mend(database) == []
    assert is_right(database)


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE sealed SET octets = x'00'",
        "UPDATE sealed SET octets = zeroblob(length(octets))",
        "UPDATE sealed SET messages = messages + 1",
        "UPDATE sealed SET block = block + 1",
        "UPDATE entry SET size = size + 1 WHERE uid = 3",
        "UPDATE entry SET message = 9 WHERE uid = 3",
        "DELETE FROM entry WHERE uid <= 511",
    ],
)
def test_damage_is_told_and_mended(database, damage):
    add(database, "INBOX", *([()] * (SIZE + 3)))
    database.execute(damage)
    assert seals.contradictions(database)
    with database.transaction():
        assert seals.mend(database)
        mending.flags(database, NOW)
    assert seals.contradictions(database) == []
    assert is_right(database)


def test_what_can_no_longer_be_read_is_read_from_the_rows(database):
    add(database, "INBOX", *([()] * (SIZE + 3)))
    for octets in "x'00'", "7", "'x'":
        database.execute(f"UPDATE sealed SET octets = {octets}")
        assert is_right(database)
        assert seals.contradictions(database)


def test_a_seal_whose_octets_have_changed_tells_nothing(database):
    add(database, "INBOX", *([()] * (SIZE + 3)))
    ((octets,),) = database.all("SELECT octets FROM sealed")
    changed = octets[:-3] + bytes([octets[-3] ^ 1]) + octets[-2:]
    database.execute("UPDATE sealed SET octets = ?", (changed,))
    assert is_right(database)
    assert seals.contradictions(database)


def test_a_block_that_a_repair_has_opened_again_is_sealed_again(database):
    add(database, "INBOX", *([()] * (SIZE + 3)))
    remove(database, (301, SIZE + 3))
    assert sealed(database) == [0]
    database.execute("DELETE FROM expunged")
    # As where the row of a mailbox was lost: of what was removed it knows nothing.
    database.execute("UPDATE mailbox SET uidnext = 301 WHERE name = 'INBOX'")
    add(database, "INBOX", *([()] * SIZE))
    assert sealed(database) == [0]
    assert seals.contradictions(database) == []
    assert is_right(database)


def test_messages_without_flags_are_loaded(database):
    add(database, "INBOX", *([()] * (SIZE + 3)))
    database.execute("DELETE FROM flag_block WHERE block = 0")
    assert is_right(database)


def test_an_upgrade_seals_what_is_there(tmp_path):
    database = new_index(tmp_path, "INBOX", "Other")
    add(database, "INBOX", *([()] * (3 * SIZE)))
    remove(database, (SIZE, SIZE + 50))
    add(database, "Other", ())
    database.close()
    make_older(tmp_path / "index.db", ROWS)
    older = Database.open(tmp_path / "index.db", writer=False)
    assert seals.contradictions(older) == []
    older.close()
    database = Database.open(tmp_path / "index.db")
    assert sealed(database) == [0, 1, 2]
    assert is_right(database)
    assert seals.contradictions(database) == []
    last = database.one("SELECT uidnext FROM mailbox WHERE name = 'INBOX'")
    assert last is not None
    assert block_of(last[0]) == 3
    database.close()
