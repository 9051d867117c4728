"""Blocks of flags that are proved, mended, and made of an older program's rows."""

from __future__ import annotations

from contextlib import closing

import apsw
import pytest

from mailstore.index import (
    audit,
    entries,
    flagblocks,
    flagproof,
    mending,
    seals,
    upkeep,
)
from mailstore.index.blocks import SIZE
from mailstore.index.database import Database
from mailstore.index.flags import store_flags
from mailstore.index.packing import register
from mailstore.index.readable import copy_readable
from mailstore.index.selection import EVERYTHING, Selection
from mailstore.model import FlagChange, FlagOperation
from tests.mailstore.index.older import flags_in, make_older
from tests.mailstore.index.records import add, mailbox_id, new_index

ROWS = 18  # the last version with flags in the rows of messages
KEYWORDS = tuple(f"k{number}" for number in range(70))


@pytest.fixture
def path(tmp_path):
    """Give an index of two mailboxes with all kinds of flags."""
    database = new_index(tmp_path, "INBOX", "Other")
    add(database, "INBOX", *([("\\Seen",)] * (SIZE + 100)))
    add(database, "Other", KEYWORDS, (), ("\\Deleted", "k3"))
    with database.transaction():
        for flag, uid in (("\\Flagged", 7), ("k69", SIZE + 5), ("k1", 8)):
            store_flags(
                database,
                mailbox_id(database),
                Selection(((uid, uid),)),
                FlagChange(FlagOperation.ADD, (*KEYWORDS[:60], flag)),
                unchanged_since=None,
                seen_at=1 << 60,
            )
    database.close()
    return tmp_path / "index.db"


def test_an_upgrade_keeps_every_flag_and_mod_sequence(path):
    before = flags_in(path)
    assert len(before) == SIZE + 103
    make_older(path, ROWS)
    assert flags_in(path, writer=False) == before  # read where they were
    assert flags_in(path) == before
    database = Database.open(path, writer=False)
    assert database.column_names("entry") == [
        "mailbox",
        "uid",
        "message",
        "size",
        "internaldate",
        "zone",
        "saved",
    ]
    assert database.one("SELECT compat_version FROM about") == (2,)
    assert not flagproof.contradictions(database)
    database.close()


def test_an_upgrade_does_not_fail_for_damaged_rows(path, tmp_path):
    before = flags_in(path)
    make_older(path, ROWS)
    damage = (
        "modseq = -5",
        "modseq = 'x'",
        "modseq = 1e300",
        "flags = 'x'",
        "more = 7",
        "more = zeroblob(300)",
        "more = x'01' || zeroblob(300) || x'01'",
        "size = -1",
        "zone = 99999",
        "zone = 'x'",
        "internaldate = 1e300",
        "message = -7",
    )
    with closing(apsw.Connection(str(path))) as older:
        for uid, change in enumerate(damage, 10):
            older.execute(f"UPDATE entry SET {change} WHERE uid = {uid}")
    made = Database.open(tmp_path / "new.db")
    assert copy_readable(path, made) == []
    made.close()
    after = flags_in(path)
    assert flags_in(tmp_path / "new.db") == after
    assert after.keys() == before.keys()
    for mailbox, uid in before:
        if not 10 <= uid < 10 + len(damage):
            assert after[mailbox, uid] == before[mailbox, uid]
    database = Database.open(path)
    assert seals.contradictions(database)
    with database.transaction():
        mending.flags(database, 0)
        mending.copies(database, 0)
    for look in audit.EVERYTHING:
        look(database)
    database.close()


def test_an_index_of_an_older_program_is_proved_as_it_is(path):
    make_older(path, ROWS)
    database = Database.open(path, writer=False)
    assert not flagproof.contradictions(database)
    assert not audit.counters(database)
    assert not audit.numbers(database)
    assert not audit.keywords(database)
    database.close()


def test_what_can_be_read_of_an_older_programs_index_keeps_its_flags(path, tmp_path):
    before = flags_in(path)
    make_older(path, ROWS)
    made = Database.open(tmp_path / "new.db")
    assert copy_readable(path, made) == []
    made.close()
    assert flags_in(tmp_path / "new.db") == before


def test_counts_and_keywords(path):
    database = Database.open(path)
    one, other = mailbox_id(database), mailbox_id(database, "Other")
    assert flagproof.counted(database) == {one: (0, 0), other: (3, 1)}
    used = flagproof.keywords_used(database)
    assert used[other].bit_count() == len(KEYWORDS)
    assert used[one].bit_count() == 61
    assert not audit.keywords(database)
    database.close()


@pytest.mark.parametrize(
    ("damage", "words", "lost"),
    [
        ("UPDATE flag_block SET octets = x''", "cannot be read", True),
        ("DELETE FROM flag_block", "have no flags", True),
        ("UPDATE flag_block SET modseq = 77", "not of 77", False),
        ("DELETE FROM entry WHERE uid = 3", "not those of its messages", False),
        (
            "INSERT OR IGNORE INTO flag_block SELECT 9, 0, 5, octets FROM flag_block",
            "not those of its messages",
            False,
        ),
    ],
)
def test_damage_is_told_and_mended(path, damage, words, lost):
    before = flags_in(path)
    database = Database.open(path)
    mailbox = mailbox_id(database)
    sql = "SELECT highestmodseq FROM mailbox WHERE id = ?"
    ((highest,),) = database.all(sql, (mailbox,))
    database.execute(damage)
    told = flagproof.contradictions(database)
    assert told
    assert all(words in text for text in told)
    with database.transaction():
        assert flagproof.mend(database) == told
    assert flagproof.contradictions(database) == []
    assert audit.numbers(database) == []
    there = {uid for uid, _, _ in flagblocks.flags(database, mailbox)}
    assert there == {row.uid for row in entries.rows(database, mailbox)}
    if lost:
        rows = flagblocks.flags(database, mailbox, EVERYTHING)
        assert {row[1:] for row in rows} == {(0, highest + 1)}
    else:
        kept = flagblocks.flags(database, mailbox)
        assert all(before[mailbox, uid] == (m, seq) for uid, m, seq in kept)
    assert flagproof.mend(database) == []
    database.close()


@pytest.mark.parametrize(
    "damage",
    [
        "block = 'x'",
        "block = 1e300",
        "block = -1",
        "block = 1 << 60",
        "mailbox = 'x'",
        "modseq = 'x'",
    ],
)
def test_rows_that_are_of_no_block_are_told_and_taken_away(path, damage):
    database = Database.open(path)
    database.execute(f"UPDATE flag_block SET {damage} WHERE block = 1")
    told = flagproof.contradictions(database)
    assert told
    assert not audit.numbers(database)
    with database.transaction():
        upkeep.leap(database)
        told = flagproof.contradictions(database)
        assert flagproof.mend(database) == told
    assert flagproof.contradictions(database) == []
    assert audit.numbers(database) == []
    assert len(flagblocks.flags(database, mailbox_id(database))) == SIZE + 100
    database.close()


def test_a_step_of_the_schema_packs_rows_in_any_order(path):
    database = Database.open(path)
    register(database.connection)
    ((packed,),) = database.all(
        "SELECT pack_flags(column1, column2, column3, column4) FROM"
        " (VALUES (1027, 1, NULL, 9), (1025, -1, x'01', 300), (1026, 0, NULL, 10))"
    )
    block = flagblocks.block((None, 2, 0, packed))
    assert list(block.rows()) == [
        (1025, (1 << 65) - 1, 300),
        (1026, 0, 10),
        (1027, 1, 9),
    ]
    database.close()
