"""EMAILIDs of copies that don't share their message's."""

from __future__ import annotations

import pytest

from mailstore.index import audit, damage, emailids, mending, undelete, unloaded, upkeep
from mailstore.index.copying import copy, move_all
from mailstore.index.database import Database
from mailstore.index.removal import expunge
from mailstore.index.selection import EVERYTHING, Selection
from mailstore.model import MailboxId
from tests.mailstore.index.records import NOW, add, mailbox_id, new_index

INBOX, OTHER, THIRD = MailboxId(1), MailboxId(2), MailboxId(3)


@pytest.fixture
def database(tmp_path):
    made = new_index(tmp_path, "INBOX", "Other", "Third")
    yield made
    made.close()


def copied(database: Database, source: MailboxId, to: str, **how):
    with database.transaction():
        how = {"apart": True, **how}
        return list(copy(database, source, EVERYTHING, to, NOW, **how).target)


def numbers(database: Database) -> dict[tuple[int, int], int]:
    """Give what each message is called by EMAILID."""
    found = {}
    for mailbox, uid, message in database.all(
        "SELECT mailbox, uid, message FROM entry"
    ):
        own = unloaded.own_emailids(database, MailboxId(mailbox), [uid])
        found[mailbox, uid] = own.get(uid, message)
    return found


def whole(database: Database) -> bool:
    return not [said for look in audit.EVERYTHING for said in look(database)]


def test_each_copy_has_a_number_of_its_own(database):
    add(database, "INBOX", (), ())
    copied(database, INBOX, "Other")
    copied(database, INBOX, "INBOX")
    copied(database, OTHER, "Third")
    found = numbers(database)
    assert [found[1, 1], found[1, 2]] == [1, 2]
    assert len(set(found.values())) == len(found) == 8
    add(database, "Third")  # a message that comes later has none of them
    assert len(set(numbers(database).values())) == 9
    assert whole(database)


def test_copies_share_it_where_that_is_not_wanted(database):
    add(database)
    copied(database, INBOX, "Other", apart=False)
    assert set(numbers(database).values()) == {1}
    assert database.all("SELECT * FROM emailid") == []


def test_what_is_moved_keeps_it(database):
    add(database, "INBOX", (), ())
    copied(database, INBOX, "Other")
    before = numbers(database)
    copied(database, OTHER, "Third", move=True)
    after = numbers(database)
    assert [after[3, uid] for uid in (1, 2)] == [before[2, uid] for uid in (1, 2)]
    assert whole(database)
    # INBOX is emptied by RENAME: the same.
    copied(database, THIRD, "INBOX", move=True, apart=False)
    kept = numbers(database)
    with database.transaction():
        move_all(database, INBOX, "Other", NOW)
    assert sorted(numbers(database).values()) == sorted(kept.values())
    assert whole(database)


def test_messages_are_found_by_it(database):
    add(database, "INBOX", (), ())
    copied(database, INBOX, "INBOX")
    found = numbers(database)
    assert list(unloaded.having_emailid(database, INBOX, found[1, 3])) == [3]
    assert list(unloaded.having_emailid(database, INBOX, 1)) == []
    assert list(unloaded.emailid_apart(database, INBOX, 1)) == [3]
    assert list(unloaded.emailid_apart(database, OTHER, 1)) == []


def test_it_is_forgotten_with_the_tombstone(database):
    add(database)
    copied(database, INBOX, "Other")
    with database.transaction():
        expunge(database, OTHER, EVERYTHING, NOW, deleted_only=False)
    assert unloaded.own_emailids(
        database, OTHER, [1]
    )  # other sessions are still told of it
    assert whole(database)
    with database.transaction():
        upkeep.purge(database, NOW + 1, NOW + 1)
    assert database.all("SELECT * FROM emailid") == []
    assert whole(database)


def test_what_is_brought_back_has_it_again(database):
    add(database)
    copied(database, INBOX, "Other")
    before = numbers(database)[2, 1]
    with database.transaction():
        expunge(database, OTHER, EVERYTHING, NOW, deleted_only=False)
    (one,) = undelete.tombstones(database, NOW - 1)
    with database.transaction():
        done = undelete.bring_back(database, OTHER, [one], NOW, 100)
    ((_, uid),) = done.uids
    assert numbers(database) == {(1, 1): 1, (2, uid): before}
    assert whole(database)


@pytest.mark.parametrize("purged", [False, True])
def test_a_damaged_message_keeps_it_until_it_is_whole(database, purged):
    add(database)
    copied(database, INBOX, "Other")
    before = sorted(numbers(database).values())
    with database.transaction():
        damage.set_aside(database, 1, "torn", NOW)
    if purged:
        with database.transaction():
            upkeep.purge(database, NOW + 1, NOW + 1)
    assert whole(database)
    with database.transaction():
        damage.put_back(database, 1, None, NOW)
    assert sorted(numbers(database).values()) == before
    assert whole(database)


@pytest.mark.parametrize(
    ("break_", "said"),
    [
        ("UPDATE emailid SET uid = 77 WHERE uid = 1", "an EMAILID of no UID 77"),
        ("UPDATE emailid SET number = 3", "two messages have the EMAILID 3"),
        ("UPDATE emailid SET message = 2 WHERE uid = 1", "UID 1 is another message's"),
        ("UPDATE emailid SET number = 900", "the last EMAILID is said to be 4"),
    ],
)
def test_what_is_wrong_is_found_and_mended(database, break_, said):
    add(database, "INBOX", (), ())
    copied(database, INBOX, "Other")
    database.execute(break_)
    found = [text for look in audit.EVERYTHING for text in look(database)]
    assert any(said in text for text in found)
    with database.transaction():
        for mend in (mending.identities, mending.strays):
            mend(database, NOW)
    assert whole(database)
    assert len(set(numbers(database).values())) in (3, 4)


def test_a_part_of_a_mailbox_is_moved_with_its_own(database):
    add(database, "INBOX", (), (), ())
    copied(database, INBOX, "Other")
    before = numbers(database)
    with database.transaction():
        copy(database, OTHER, Selection(((1, 1), (3, 3))), "Third", NOW, move=True)
    after = numbers(database)
    assert (after[3, 1], after[3, 2]) == (before[2, 1], before[2, 3])
    assert mailbox_id(database, "Third") == THIRD
    assert whole(database)


def test_where_all_is_right_nothing_is_mended(database):
    add(database, "INBOX", (), ())
    copied(database, INBOX, "Other")
    before = numbers(database)
    with database.transaction():
        assert emailids.mend(database) == []
        assert emailids.forget_gone(database) == []
    assert numbers(database) == before
