"""Limits, rights, marks and indexes that are wrong are found, and mended with care."""

from __future__ import annotations

import apsw
import pytest

from mailstore.index import acl, belongings, mending, private
from mailstore.index.database import Database
from mailstore.maintenance.check import (
    check,
    check_account,
    public_account,
)
from mailstore.maintenance.healing import Wish, heal_account
from mailstore.maintenance.presence import account_folders
from mailstore.model import FlagChange, FlagOperation, MailboxId
from mailstore.quotas import QuotaLimits
from mailstore.rights import ALL, Grant, parse_rights
from tests.mailstore.service.test_access import Two
from tests.mailstore.stores import Home
from tests.support.furnished import OPTIONS

REPAIR = Wish(repair=True, server_runs=False)
SEEN = FlagChange(FlagOperation.ADD, ("\\Seen",))


@pytest.fixture
def folder(tmp_path):
    home = Home(tmp_path)
    home.append("INBOX", b"Subject: a\r\n\r\n", b"Subject: b\r\n\r\n")
    home.close()
    (found,) = account_folders(tmp_path)
    return found


def spoil(folder, *statements):
    database = apsw.Connection(str(folder / "index.db"))
    for statement in statements:
        database.execute(statement)
    database.close()


def healed(folder):
    done = heal_account(folder, OPTIONS, REPAIR)
    assert done.found
    assert done.now.problems == ()
    return "\n".join(done.done)


def reading(folder):
    return Database.open(folder / "index.db", writer=False)


def test_the_limits_that_can_be_read_stay(folder, tmp_path):
    spoil(
        folder,
        "INSERT INTO quota VALUES ('', -1, 7, NULL, NULL)",
        "INSERT INTO quota VALUES ('Sent', x'00', NULL, NULL, NULL)",
        "INSERT INTO quota VALUES ('Archive', 5, NULL, NULL, NULL)",
        "INSERT INTO quota VALUES ('Notes', NULL, NULL, NULL, 5)",
    )
    told = healed(folder)
    assert "the storage limit of the quota root ''" in told
    assert "'Sent' limits nothing any more" in told
    home = Home(tmp_path)
    roots = {one.top: one.limits for one in home.run(home.account.quota.roots())}
    assert roots == {
        "": QuotaLimits(message=7),
        "Archive": QuotaLimits(storage=5),
        "Notes": QuotaLimits(annotation_storage=5),
    }
    home.close()


def test_rights_that_cannot_be_read_give_nothing_and_take_all(folder):
    spoil(
        folder,
        "INSERT INTO acl VALUES (1, 'anyone', 'lr9')",
        "INSERT INTO acl VALUES (1, 'user:x', '9')",
        "INSERT INTO acl VALUES (1, '-user:y', 'w9')",
    )
    healed(folder)
    database = reading(folder)
    assert acl.acl_of(database, MailboxId(1)) == (
        Grant("user:y", ALL, negative=True),
        Grant("anyone", parse_rights("lr")),
    )
    database.close()


def test_a_list_that_nobody_heeds_is_heeded_again(folder, tmp_path):
    spoil(folder, "INSERT INTO acl VALUES (1, 'owner', 'l')")
    home = Home(tmp_path)
    assert home.account.acls.of(MailboxId(1)) == ()
    home.close()
    assert "nobody heeds" in healed(folder)
    home = Home(tmp_path)
    assert home.account.acls.of(MailboxId(1)) == (Grant("owner", parse_rights("l")),)
    home.close()


def test_whole_marks_of_a_row_that_was_cut_stay(tmp_path):
    home = Two(tmp_path)
    home.append("INBOX", b"a", b"b")
    home.give("INBOX", "bob", "lrs")
    bob = home.bob()
    mailbox = home.run(bob.open("Other Users/ann/INBOX"))
    home.run(mailbox.store_flags((1, 2), SEEN, seen_at=mailbox.modseq))
    folder = home.store.folder(home.id)
    home.close()
    spoil(
        folder,
        "UPDATE private_flags SET marks = substr(marks, 1, length(marks) - 1)",
        "UPDATE mailbox SET private = 0",
    )
    found = "\n".join(check_account(folder).problems)
    assert "cannot be read" in found
    assert "does not know of its private flags" in found
    healed(folder)
    home = Two(tmp_path)
    mailbox = home.run(home.bob().open("Other Users/ann/INBOX"))
    assert [bool(mask & 8) for _, mask in mailbox.rows(mailbox.uids)] == [True, False]
    home.close()
    assert check(tmp_path).whole
    assert private.contradictions.__doc__


def test_an_index_that_lies_is_made_anew(folder):
    path = str(folder / "index.db")
    database = apsw.Connection(path)
    name = "message_blob"
    sql = "SELECT type, name, tbl_name, rootpage, sql FROM sqlite_master WHERE name = ?"
    (row,) = database.execute(sql, (name,))
    database.execute("PRAGMA writable_schema = ON")
    database.execute("DELETE FROM sqlite_master WHERE name = ?", (name,))
    database.close()
    database = apsw.Connection(path)
    database.execute("UPDATE message SET blob = 'elsewhere' WHERE id = 1")
    database.execute("PRAGMA writable_schema = ON")
    database.execute("INSERT INTO sqlite_master VALUES (?, ?, ?, ?, ?)", row)
    database.close()
    assert not any("database says" in one for one in check_account(folder).problems)
    thorough = check_account(folder, thorough=True).problems
    assert any("message_blob" in one for one in thorough)
    assert "indexes were made anew" in healed_indexes(folder)


def healed_indexes(folder):
    database = Database.open(folder / "index.db")
    with database.transaction():
        told = mending.indexes(database, 0)
    assert mending.indexes(database, 0) == []
    database.close()
    return "\n".join(told)


def test_only_people_have_an_inbox(tmp_path):
    home = Two(tmp_path)
    account = home.run(home.store.public())
    home.run(account.create("Team"))
    assert belongings.inbox(account.readers.event)
    assert list(belongings.texts(account.readers.event, personal=False)) == []
    home.close()
    assert public_account(tmp_path) == account.id
    assert check(tmp_path).whole
