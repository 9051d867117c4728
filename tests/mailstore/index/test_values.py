"""Values in rows of messages that can't be: they are told, and taken from elsewhere."""

from __future__ import annotations

import pytest

from mailstore.index import audit, mending, seals, values
from mailstore.index.blocks import SIZE
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
    assert values.contradictions(database) == []
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
