"""Rows that go into a backup, and come out of it: who they belong to, what is new."""

from __future__ import annotations

import pytest

from mailstore.directory import Directory
from mailstore.errors import AlreadyExists
from mailstore.index import adoption, backed_up, damage, presence, restored
from mailstore.index.database import Database
from mailstore.index.restored import Held
from mailstore.lanes import InlineRuntime
from mailstore.model import AccountId
from mailstore.service.arrivals import digest_of
from tests.mailstore.stores import Home
from tests.support.furnished import CHEAP

START = 1_800_000_000


@pytest.fixture
def home(tmp_path):
    made = Home(tmp_path / "store", time=START)
    made.append("INBOX", b"a", b"b")
    made.append("Sent", b"a")
    yield made
    made.close()


@pytest.fixture
def index(home):
    database = Database.open(home.store.folder(home.id) / "index.db")
    yield database
    database.close()


def test_what_is_needed_is_told_with_where_it_is(index):
    found = list(backed_up.needed(index))
    assert [one.message for one in found] == [1, 2, 3]
    assert [one.digest for one in found] == [digest_of(c) for c in (b"a", b"b", b"a")]
    assert {one.date.epoch for one in found} == {START}
    placed = backed_up.placed(index, [digest_of(b"a")])
    assert [(one.mailbox, one.uid) for one in placed] == [("INBOX", 1), ("Sent", 1)]
    assert backed_up.counts(index) == (3, 3)


def test_what_came_and_went_is_found_by_its_digest(home, index):
    both = {digest_of(b"a"), digest_of(b"c")}
    assert backed_up.arrived_since(index, START, both) == {digest_of(b"a")}
    assert backed_up.arrived_since(index, START + 1, both) == set()
    assert backed_up.removed_since(index, START) == set()
    mailbox = home.open()
    home.run(mailbox.move([2], "Sent"))
    assert backed_up.removed_since(index, START) == {digest_of(b"b")}
    assert backed_up.removed_since(index, START + 1) == set()


def test_every_mailbox_and_identifier_gets_a_new_number(index):
    before = dict(index.all("SELECT id, uidvalidity FROM mailbox"))
    token = index.one("SELECT token FROM account")
    with index.transaction():
        restored.give_new_numbers(index, START)
    after = dict(index.all("SELECT id, uidvalidity FROM mailbox"))
    assert after.keys() == before.keys()
    assert min(after.values()) > max(before.values())
    assert len(set(after.values())) == len(after)
    assert index.one("SELECT token FROM account") != token


def test_nothing_names_bytes_that_are_not_there(index):
    assert restored.held(index)[1] == Held(2, digest_of(b"b"))
    with index.transaction():
        restored.point_to(index, {1: "pack:7:8:9"})
        restored.set_aside(index, {2: "gone"}, {3}, START)
    blobs = [row[0] for row in index.all("SELECT blob FROM message ORDER BY id")]
    assert blobs == ["pack:7:8:9", f"large:{'0' * 32}:1", f"large:{'0' * 32}:1"]
    assert damage.known(index) == {2}


@pytest.mark.parametrize("shared", [True, False])
def test_an_index_becomes_another_accounts(index, shared):
    old, new = AccountId("1" * 32), AccountId("2" * 32)
    index.execute("INSERT INTO acl VALUES (1, 'user:' || ?, 'lr')", (old,))
    index.execute("INSERT INTO acl VALUES (1, '-user:' || ?, 'x')", (old,))
    index.execute("INSERT INTO acl VALUES (1, 'anyone', 'l')")
    index.execute("INSERT INTO arrived VALUES ('token', 0)")
    index.execute("INSERT INTO leaving VALUES ('token', 'x', 1, '[]', 0)")
    index.execute(
        "INSERT INTO annotation VALUES (1, 1, ?, '/comment', x'61', 1)", (old,)
    )
    with index.transaction():
        restored.become(index, old, new, shared=shared)
    rows = {row[0] for row in index.all("SELECT identifier FROM acl")}
    assert rows == ({f"user:{new}", f"-user:{new}", "anyone"} if shared else set())
    assert index.all("SELECT owner FROM annotation") == [(new,)]
    assert index.all("SELECT 1 FROM arrived UNION ALL SELECT 1 FROM leaving") == []


def test_a_person_is_adopted_with_what_is_free(tmp_path):
    runtime = InlineRuntime()
    before = Directory(tmp_path / "before.db", runtime, CHEAP)
    after = Directory(tmp_path / "after.db", runtime, CHEAP)
    old, new = before.create("Ann", b"secret"), AccountId("2" * 32)
    phone = before.app_passwords.add(old, "phone", now=0)
    for name in ("taken@example.org", "free@example.org"):
        before.addresses.add_alias(name, old)
    before.groups.add("sales")
    before.groups.add("gone")
    for group in ("sales", "gone"):
        before.groups.join(group, old)
    before.set_disabled("ann", disabled=True)
    after.create("taken@example.org", b"secret")
    after.app_passwords.add(after.create("bob", b"secret"), "laptop", now=0)
    after.groups.add("sales")
    database = Database.open(tmp_path / "before.db", writer=False, schema="directory")
    person = adoption.of_person(database, old)
    assert adoption.of_person(database, new) is None
    assert presence.known(database) == [presence.Known(old, "Ann", entered=False)]
    assert backed_up.identity(database)
    database.close()
    assert person is not None
    after.adopt(new, person, "Ann")
    row = after.find("ann")
    assert row is not None
    assert (row.id, row.disabled) == (new, True)
    after.set_disabled("ann", disabled=False)
    assert runtime.run(after.verify("ann", b"secret")) is not None
    assert runtime.run(after.verify("ann", phone.encode())) is not None
    offer = after.scram("ann", "SHA-256", "imap")
    assert len(offer.keys) == 2
    assert after.resolve("free@example.org") == after.by_id(new)
    assert after.resolve("taken@example.org") != after.by_id(new)
    assert after.groups.members("sales") == [new]
    with pytest.raises(AlreadyExists):
        after.adopt(AccountId("3" * 32), person, "Ann")
    for directory in (before, after):
        directory.close()
