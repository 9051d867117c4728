"""Annotations in the store: whose they are, how long they stay, what a check says."""

from __future__ import annotations

from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailstore.directory.metadata import CONTACT, ServerMetadata
from mailstore.errors import NotFound, NotPermitted, TooBig
from mailstore.index import audit, metadata
from mailstore.index.database import Database
from mailstore.maintenance.check import check
from mailstore.model import Depth, MailboxId
from mailstore.service.metadata import MailboxMetadata
from tests.mailstore.index.older import make_older
from tests.mailstore.index.records import new_index
from tests.mailstore.stores import Home

DAY = 86_400
INBOX = MailboxId(1)


@pytest.fixture
def home(tmp_path):
    made = Home(tmp_path / "store")
    yield made
    made.close()


def put(home, name="INBOX", **values):
    return home.run(home.account.metadata.set(name, values))


def get(home, *entries, name="INBOX", depth=Depth.NONE):
    return dict(home.run(home.account.metadata.get(name, entries, depth)))


def test_private_ones_are_of_who_asks(home):
    """A guest of a mailbox has private annotations there, and sees the shared ones."""
    home.run(
        home.account.metadata.set("INBOX", {"/private/a": b"mine", "/shared/a": b"x"})
    )
    guest: MailboxMetadata = home.account.metadata
    guest._me = "guest"
    entries = ("/private/a", "/shared/a")
    assert dict(home.run(guest.get("INBOX", entries))) == {
        "/private/a": None,
        "/shared/a": b"x",
    }
    home.run(guest.set("INBOX", {"/private/a": b"theirs"}))
    assert get(home, "/private/a") == {"/private/a": b"mine"}
    assert dict(home.run(guest.get("INBOX", ("/private",), Depth.ONE))) == {
        "/private/a": b"theirs"
    }


def test_changes_are_noted_in_order(home):
    before = home.account.metadata.version()
    first = put(home, **{"/private/a": b"1"})
    second = put(home, "Sent", **{"/private/b": b"2", "/private/a": b"3"})
    assert (first, second) == (before + 1, before + 2)
    told = home.account.metadata.changes(before, ())
    assert told == [("INBOX", ["/private/a"]), ("Sent", ["/private/a", "/private/b"])]
    assert home.account.metadata.changes(before, {second}) == told[:1]
    assert home.account.metadata.changes(second, ()) == ()
    put(home, **{"/private/a": None})
    assert home.account.metadata.changes(second, ()) == [("INBOX", ["/private/a"])]


def test_what_was_removed_is_forgotten_in_time_and_no_version_comes_back(home):
    put(home, **{"/private/a": b"1", "/private/b": b"2"})
    put(home, **{"/private/a": None})
    last = put(home, **{"/private/b": None})
    home.runtime.time += 30 * DAY
    home.run(home.account.purge())
    rows = home.account.readers.event.all("SELECT entry FROM metadata")
    assert rows == [("/private/b",)]
    assert put(home, **{"/private/c": b"3"}) == last + 1


def test_all_or_nothing(home):
    put(home, **{"/private/a": b"1"})
    with pytest.raises(TooBig):
        put(home, **{"/private/a": b"2", "/private/b": b"x" * 100_000})
    with pytest.raises(NotFound):
        put(home, "nowhere", **{"/private/a": b"2"})
    assert get(home, "/private", depth=Depth.ALL) == {"/private/a": b"1"}


def test_a_deleted_mailbox_leaves_none(home):
    home.run(home.account.create("a"))
    put(home, "a", **{"/private/a": b"1", "/shared/b": b"2"})
    home.run(home.account.delete("a"))
    assert not home.account.metadata.changes(0, ())
    home.run(home.account.create("a"))
    assert get(home, "/private", "/shared", name="a", depth=Depth.ALL) == {}
    home.runtime.time += home.account.options.retention + 1
    home.run(home.account.purge())  # until then for undelete
    assert home.account.readers.event.all("SELECT 1 FROM metadata") == []


def test_a_check_finds_those_of_no_mailbox(tmp_path):
    database = new_index(tmp_path)
    with database.transaction():
        metadata.store(database, MailboxId(99), "me", {"/private/a": b"x"}, 0, 10)
    assert audit.references(database) == ["annotations of mailbox 99, which is no more"]
    database.close()


def test_they_survive_and_are_checked(tmp_path):
    home = Home(tmp_path)
    put(home, **{"/private/a": b"1"})
    home.close()
    report = check(tmp_path)
    assert all(one.problems == () for one in report.accounts)
    home = Home(tmp_path)
    assert get(home, "/private/a") == {"/private/a": b"1"}
    home.close()


def test_an_older_store_has_none_and_takes_some(tmp_path):
    home = Home(tmp_path)
    home.close()
    for path in tmp_path.rglob("index.db"):
        make_older(path, 1)
    home = Home(tmp_path)
    assert get(home, "/private/a") == {"/private/a": None}
    put(home, **{"/private/a": b"1"})
    assert get(home, "/private/a") == {"/private/a": b"1"}
    home.close()


def test_an_account_that_goes_takes_its_own_along(home):
    directory = home.store.directory
    bob = directory.create("bob", b"secret")
    put = partial(directory.metadata.set, bob, admin=True, now=0, octets=100, most=10)
    home.run(put({"/private/a": b"1", "/shared/a": b"2"}))
    directory.remove("bob")
    entries = ("/private/a", "/shared/a")
    assert dict(directory.metadata.get(bob, entries)) == {
        "/private/a": None,
        "/shared/a": b"2",
    }


def test_the_server_tells_whoever_waits(home):
    server: ServerMetadata = home.store.directory.metadata
    woken: list[int] = []
    end = server.watch(lambda: woken.append(1))
    put = partial(server.set, home.id, admin=True, now=0, octets=100, most=10)
    home.run(put({"/shared/a": b"1"}))
    assert woken == [1]
    for refused in ({CONTACT: b"x"}, {"/Shared/Admin": None}):
        with pytest.raises(NotPermitted):
            home.run(put(refused))
    end()
    home.run(put({"/shared/a": None}))
    assert woken == [1]


_NAMES = st.lists(st.sampled_from("abAB-0./"[:6]), min_size=1, max_size=3).map(
    lambda words: "/private/" + "/".join(words)
)


@given(
    st.dictionaries(_NAMES, st.binary(max_size=3), min_size=1, max_size=8),
    _NAMES,
    st.sampled_from(Depth),
)
def test_depth_against_an_obvious_reading(tmp_path_factory, values, entry, depth):
    database = new_index(tmp_path_factory.mktemp("index"))
    once = {name.lower(): (name, value) for name, value in values.items()}
    kept = dict(once.values())
    with database.transaction():
        metadata.store(database, INBOX, "me", kept, 0, 100)
    below = metadata.below(database, INBOX, "me", (entry,), depth)
    found = {one.entry: one.value for one in below}
    database.close()

    def wanted(name: str) -> bool:
        key, at = name.lower(), entry.lower()
        if key == at:
            return True
        if not key.startswith(at + "/"):
            return False
        steps = key[len(at) :].count("/")
        return depth is Depth.ALL or (depth is Depth.ONE and steps == 1)

    assert found == {name: value for name, value in kept.items() if wanted(name)}


def rows_of(database):
    return database.one("SELECT count(*) FROM metadata")[0]


def test_what_was_not_there_leaves_nothing_when_it_is_removed(tmp_path):
    database = new_index(tmp_path)
    with database.transaction():
        removed = {f"/private/{at}": None for at in range(1_000)}
        assert metadata.store(database, INBOX, "1", removed, 0, 10) == 0
        assert rows_of(database) == 0
        one = {"/private/a": b"x"}
        assert metadata.store(database, INBOX, "1", one, 0, 10) == 1
        assert metadata.store(database, INBOX, "1", removed, 0, 10) == 0
        assert metadata.store(database, INBOX, "2", {"/private/a": None}, 0, 10) == 0
        assert metadata.store(database, INBOX, "1", {"/Private/A": None}, 0, 10) == 2
        assert metadata.changes(database, "1", 1, ()) == [(INBOX, "/private/a")]
    database.close()


def test_what_was_removed_is_remembered_within_bounds(tmp_path):
    database = new_index(tmp_path)
    with database.transaction():
        metadata.store(database, INBOX, "2", {"/private/a": b"x"}, 0, 10)
        for start in range(0, 5_000, 500):
            entries = [f"/private/{at}" for at in range(start, start + 500)]
            made = dict.fromkeys(entries, b"x")
            before = metadata.store(database, INBOX, "1", made, 0, 500)
            gone = dict.fromkeys(entries)
            assert metadata.store(database, INBOX, "1", gone, 0, 500) == before + 1
            assert len(metadata.changes(database, "1", before, ())) == 500
            assert rows_of(database) <= metadata.MOST_REMOVED + 500 + 1
        assert metadata.last_version(database) == 21
        assert metadata.named(database, [INBOX], "2", ["/private/a"])
    database.close()


@pytest.mark.parametrize("depth", [Depth.ONE, Depth.ALL])
def test_entries_that_lie_in_each_other_are_read_once(tmp_path, monkeypatch, depth):
    database = new_index(tmp_path)
    chain = ["/private" + "/a" * at for at in range(1, 401)]
    leaves = {f"{chain[-1]}/{at}": b"x" for at in range(100)}
    with database.transaction():
        metadata.store(database, INBOX, "me", leaves, 0, 1_000)
    asked = []
    original = Database.all

    def all_of(self, sql, values=()):
        asked.append(original(self, sql, values))
        return asked[-1]

    monkeypatch.setattr(Database, "all", all_of)
    found = metadata.below(database, INBOX, "me", chain, depth)
    assert [one.entry for one in found] == sorted(leaves)
    assert list(map(len, asked)) == [100, 100]
    database.close()
