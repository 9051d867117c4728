"""Values in rows of messages that can't be: they are told, and taken from elsewhere."""

from __future__ import annotations

import pytest

from mailstore.index import (
    audit,
    mailboxes,
    mending,
    seals,
    upkeep,
    values,
    vanished,
)
from mailstore.index.blocks import SIZE
from mailstore.index.removal import expunge
from mailstore.index.selection import Selection
from tests.mailstore.index.records import NOW, add, mailbox_id, new_index


@pytest.fixture
def database(tmp_path):
    made = new_index(tmp_path)
    add(made, "INBOX", *[()] * (SIZE + 10))
    yield made
    made.close()


def spoil(database, change, uid):
    with database.transaction():
        database.execute(f"UPDATE entry SET {change} WHERE uid = ?", (uid,))


def date_of(database, uid):
    return database.one("SELECT internaldate, zone FROM entry WHERE uid = ?", (uid,))


def test_what_programs_write_is_no_damage(database):
    assert values.contradictions(database) == values.of_removed(database) == []
    with database.transaction():
        assert values.mend(database) == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("zone = 1440", "UID 3 has a zone"),
        ("zone = 'x'", "UID 3 has a zone"),
        ("internaldate = 1e300", "UID 3 has a date"),
        ("internaldate = 300000000000", "UID 3 has a date"),
        ("internaldate = x'00'", "UID 3 has a date"),
        ("saved = 'never'", "UID 3 has a save date"),
        ("uid = 0", "a message has UID 0,"),
        ("uid = 4294967295", "a message has UID 4294967295,"),
        ("uid = 'x'", "a message has UID x,"),
        ("mailbox = 'y'", "mailbox y: a message has UID 3,"),
    ],
)
def test_each_is_told(database, change, told):
    spoil(database, change, 3)
    (text,) = values.contradictions(database)
    assert told in text
    for look in audit.EVERYTHING:
        assert list(look(database)) is not None  # and nothing else fails for it


def test_a_date_comes_from_the_copy_of_the_row(database):
    before = date_of(database, 3)
    for change in ("internaldate = 'x'", "zone = 99999", "saved = 1e300"):
        spoil(database, change, 3)
    with database.transaction():
        assert values.mend(database)
    assert date_of(database, 3) == before
    assert values.contradictions(database) == []
    assert seals.contradictions(database) == []


def test_else_it_is_that_of_the_message(database):
    uid = SIZE + 3
    spoil(database, "internaldate = 'x'", uid)
    with database.transaction():
        database.execute("UPDATE message SET sent = 7, sent_zone = -60")
        assert values.mend(database)
    assert date_of(database, uid) == (7, -60)


SPOILT_DATE = "sent = 'x', sent_zone = 99999"


def test_that_of_the_message_may_be_one_that_cannot_be(database):
    uid = SIZE + 3
    spoil(database, "internaldate = 'x'", uid)
    with database.transaction():
        database.execute(f"UPDATE message SET {SPOILT_DATE}")
        assert values.mend(database)
    assert date_of(database, uid) == (0, 0)
    assert values.contradictions(database) == []


def test_a_message_without_a_place_is_in_no_mailbox(database):
    spoil(database, "uid = 'x'", 3)
    with database.transaction():
        (text,) = mending.places(database, NOW)
        assert "message 3 had UID x" in text
        mending.flags(database, NOW)
        mending.counters(database, NOW)
        assert audit.homeless(database) == [3]
        delta = mending.give_home(database, [3], NOW, 100)
    assert delta is not None
    assert delta.mailbox == mailbox_id(database, mending.RECOVERED)


@pytest.fixture
def removed(database):
    """Give the index with UID 3 removed, and UID 5 so long ago that it has no row."""
    mailbox = mailbox_id(database)
    with database.transaction():
        for uid, when in ((3, NOW), (5, NOW - 9)):
            only = Selection(((uid, uid),))
            expunge(database, mailbox, only, when, deleted_only=False)
        upkeep.purge(database, NOW - 1, NOW)
    assert vanished.vanished_ranges(database, mailbox, 1) == [(3, 3), (5, 5)]
    assert mended(database) == []
    return database


def mended(database):
    with database.transaction():
        told = [text for mend in mending.BEFORE_BYTES for text in mend(database, NOW)]
        told += mending.counters(database, NOW)
    assert values.of_removed(database) == []
    return told


@pytest.mark.parametrize(
    "change",
    [
        "expunged SET uid = 'x'",
        "expunged SET uid = 1 << 40",
        "vanished SET high = 1 << 40",
        "vanished SET low = 'x'",
        "vanished SET low = 9",
    ],
)
def test_a_removal_that_cannot_be_is_forgotten(removed, change):
    mailbox = mailbox_id(removed)
    before = mailboxes.mailbox_named(removed, "INBOX")
    with removed.transaction():
        removed.execute(f"UPDATE {change}")
    (text,) = values.of_removed(removed)
    assert "removed, which can't be" in text
    for look in audit.EVERYTHING:
        assert list(look(removed)) is not None  # and nothing else fails for it
    (told,) = mended(removed)
    assert told.startswith(f"mailbox {mailbox}: ")
    after = mailboxes.mailbox_named(removed, "INBOX")
    assert after.uidnext == before.uidnext  # UIDs are left to be given
    # Who comes back is told all that is missing (RFC 7162 §3.2.6).
    assert vanished.vanished_ranges(removed, mailbox, before.highestmodseq - 1) is None
    assert vanished.vanished_ranges(removed, mailbox, before.highestmodseq) == []


@pytest.mark.parametrize(
    ("change", "column", "value"),
    [
        ("zone = 'x'", "zone", -60),
        ("internaldate = 300000000000", "internaldate", 7),
        ("saved = 'never'", "saved", None),
    ],
)
def test_a_removed_message_has_dates_that_can_be(removed, change, column, value):
    with removed.transaction():
        removed.execute("UPDATE message SET sent = 7, sent_zone = -60")
        removed.execute(f"UPDATE expunged SET {change}")
    (text,) = values.of_removed(removed)
    assert "the removed UID 3 has a" in text
    (told,) = mended(removed)
    assert "date of the removed UID 3 was lost" in told
    assert removed.one(f"SELECT {column} FROM expunged") == (value,)


def test_a_removed_message_whose_date_is_nowhere_has_the_first_of_all(removed):
    with removed.transaction():
        removed.execute(f"UPDATE message SET {SPOILT_DATE}")
        removed.execute("UPDATE expunged SET internaldate = 'x'")
    (told,) = mended(removed)
    assert "date of the removed UID 3 was lost" in told
    assert removed.one("SELECT internaldate, zone FROM expunged") == (0, 0)
