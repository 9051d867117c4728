"""Names, arrivals and the life of an account."""

from __future__ import annotations

import dataclasses
import os
from contextlib import suppress
from pathlib import Path

import pytest

from mailstore.errors import (
    AlreadyExists,
    DiskFull,
    InvalidContent,
    NotFound,
    TooBig,
    Unavailable,
)
from mailstore.index import mailboxes
from mailstore.lanes import Pool
from mailstore.model import Arrival, InternalDate, SpecialUse
from tests.mailstore.stores import Home, Statements
from tests.support.furnished import OPTIONS


@pytest.fixture
def home(tmp_path):
    made = Home(tmp_path / "store")
    yield made
    made.close()


def entries(home):
    return {entry.name: entry for entry in home.run(home.account.mailboxes())}


def test_a_new_account_has_its_mailboxes(tmp_path):
    home = Home(tmp_path, fresh=True)
    found = entries(home)
    home.close()
    assert next(iter(found)) == "INBOX"
    assert found["Sent"].special_use is SpecialUse.SENT
    assert all(entry.subscribed and entry.selectable for entry in found.values())


def test_parents_stand_in_front_of_their_children(home):
    for name in ("b/c", "a b", "a/z", "a-b", "INBOX/x"):
        home.run(home.account.create(name))
    names = home.names()
    assert names[:2] == ["INBOX", "INBOX/x"]
    for name in names:
        parent = name.rpartition("/")[0]
        assert not parent or names.index(parent) < names.index(name)
    assert entries(home)["b"].has_children
    assert not entries(home)["a-b"].has_children


def test_the_list_is_read_again_only_when_it_changed(home):
    first = home.run(home.account.mailboxes())
    home.append("INBOX", b"x")
    assert home.run(home.account.mailboxes()) is first
    home.run(home.account.create("new"))
    assert home.run(home.account.mailboxes()) is not first


def test_a_long_list_is_read_beside_the_event_thread(home, monkeypatch):
    monkeypatch.setattr("mailstore.service.names._AT_ONCE", 3)
    before = len(home.names())
    home.run(home.account.create("new"))
    pools: list[Pool] = []

    def start(pool, work):
        pools.append(pool)
        work()

    monkeypatch.setattr(home.runtime, "start", start)
    assert len(home.names()) == before + 1
    assert pools == [Pool.READ]
    assert len(home.names()) == before + 1
    assert pools == [Pool.READ]


def test_a_subscription_outlives_its_mailbox(home):
    home.run(home.account.create("gone"))
    home.run(home.account.delete("gone"))
    entry = entries(home)["gone"]
    assert entry.subscribed
    assert not entry.exists
    home.run(home.account.unsubscribe("gone"))
    assert "gone" not in entries(home)
    with pytest.raises(NotFound):
        home.run(home.account.subscribe("gone"))


def test_inbox_gives_its_messages_away(home):
    home.append("INBOX", b"a", b"b", flags=("k",))
    home.run(home.account.create("INBOX/sub"))
    inbox = home.open()
    home.run(home.account.rename("INBOX", "Old/mail"))
    assert list(inbox.uids) == []
    old = home.open("Old/mail")
    assert len(old.uids) == 2
    assert old.keywords == ("k",)
    assert "INBOX/sub" in home.names()
    assert home.append("INBOX", b"c").uids == (3,)
    with pytest.raises(AlreadyExists):
        home.run(home.account.rename("INBOX", "Sent"))
    with pytest.raises(AlreadyExists):
        home.run(home.account.rename("Sent", "INBOX"))


def test_a_renamed_mailbox_stays_open(home):
    home.run(home.account.create("old"))
    mailbox = home.open("old")
    home.run(home.account.rename("old", "new"))
    home.append("new", b"x")
    assert list(mailbox.uids) == [1]


def test_status_counts(home):
    home.append("INBOX", b"abc", b"defg")
    home.append("INBOX", b"h", flags=("\\Seen", "\\Deleted"))
    status = home.run(home.account.status("INBOX"))
    counts = (status.messages, status.unseen, status.deleted, status.bytes)
    assert counts == (3, 2, 1, 8)
    assert (status.uidnext, status.recent) == (4, 3)
    with pytest.raises(NotFound):
        home.run(home.account.status("nowhere"))


def test_a_name_without_a_mailbox_takes_nothing(home):
    home.run(home.account.create("a/b"))
    home.run(home.account.delete("a"))
    for work in (
        home.account.status("a"),
        home.account.open("a"),
        home.account.admit("a", 1),
        home.account.append("a", [Arrival(b"x")]),
    ):
        with pytest.raises(NotFound):
            home.run(work)


def test_a_message_comes_in_pieces(home):
    sink = home.run(home.account.admit("INBOX", 2_000_000))
    for _ in range(20):
        sink.write(b"y" * 100_000)
    sink.finish()
    date = InternalDate(5, 0)
    appended = home.run(home.account.append("INBOX", [Arrival(sink, (), date)]))
    assert appended.uids == (1,)
    mailbox = home.open()
    assert mailbox.flags(1) == 0


def test_all_or_nothing(home):
    for arrivals, error in (
        ([Arrival(b"good"), Arrival(b"a\x00b")], InvalidContent),
        ([Arrival(b"good"), Arrival(b"x" * (OPTIONS.max_message + 1))], TooBig),
        ([Arrival(b"good", tuple(f"k{n}" for n in range(300)))], Exception),
    ):
        with pytest.raises(error):
            home.run(home.account.append("INBOX", arrivals))
    assert home.run(home.account.status("INBOX")).messages == 0
    home.run(home.account.append("INBOX", [Arrival(b"a\x00b", binary=True)]))


def test_too_big_and_missing_are_told_before_a_byte(home):
    with pytest.raises(TooBig):
        home.run(home.account.admit("INBOX", OPTIONS.max_message + 1))
    with pytest.raises(NotFound):
        home.run(home.account.admit("nowhere", 1))


def test_a_full_disk_takes_nothing_and_gives_back(tmp_path):
    home = Home(tmp_path)
    home.append("INBOX", b"x", flags=("\\Deleted",))
    home.close()
    full = Home(tmp_path, dataclasses.replace(OPTIONS, free_space_floor=2**62))
    mailbox = full.open()
    for work in (
        full.account.admit("INBOX", 1),
        full.account.append("INBOX", [Arrival(b"x")]),
        mailbox.copy([1], "Sent"),
    ):
        with pytest.raises(Unavailable, match="almost full"):
            full.run(work)
    assert list(full.run(mailbox.expunge()).vanished) == [1]
    full.close()


def test_appending_costs_seven_statements(home):
    home.append("INBOX", b"first")
    with Statements(home.account.lane._database) as statements:
        home.append("INBOX", b"x")
    assert len(statements) <= 8, statements


def test_digests_count(home):
    home.append("INBOX", b"a", b"a", b"b")
    found = home.run(home.account.digests("INBOX"))
    assert sorted(found.values()) == [1, 2]


def test_everything_is_there_after_a_restart(tmp_path):
    home = Home(tmp_path)
    home.append("INBOX", b"one", b"two", flags=("\\Seen", "k"))
    home.run(home.account.create("a/b", SpecialUse.ARCHIVE))
    home.close()
    again = Home(tmp_path)
    mailbox = again.open()
    assert list(mailbox.uids) == [1, 2]
    assert mailbox.keywords == ("k",)
    assert entries(again)["a/b"].special_use is SpecialUse.ARCHIVE
    again.close()


def test_folders_are_private_and_named_by_random_ids(home, tmp_path):
    folder = home.store.folder(home.id)
    assert "ann" not in str(folder.relative_to(tmp_path))
    for root, _, files in os.walk(tmp_path / "store"):
        assert os.stat(root).st_mode & 0o077 == 0
        assert not [f for f in files if "ann" in f]


def test_a_removed_account_leaves_no_mail(home):
    home.append("INBOX", b"x")
    folder = home.store.folder(home.id)
    id_ = home.store.directory.remove("ann")
    home.run(home.store.remove_account(id_))
    assert not folder.exists()
    with pytest.raises(NotFound):
        home.run(home.store.account(id_))


def test_ids_that_are_paths_are_refused(home):
    for id_ in ("../../etc", "", "A" * 32, "0" * 31):
        with pytest.raises(NotFound):
            home.store.folder(id_)


def test_unused_accounts_are_closed(tmp_path):
    home = Home(tmp_path, dataclasses.replace(OPTIONS, open_accounts=1))
    ids = [home.store.directory.create(f"user{n}", b"x") for n in range(4)]
    for id_ in ids:
        account = home.run(home.store.account(id_))
        home.run(account.close())
    assert len(home.store._accounts) == 3  # ann's, the last one, one that is idle
    again = home.run(home.store.account(ids[0]))
    assert home.run(again.mailboxes())
    home.close()


def test_after_the_store_is_closed_nothing_is_written(tmp_path):
    home = Home(tmp_path)
    account = home.account
    home.close()
    with pytest.raises(Unavailable):
        home.run(account.append("INBOX", [Arrival(b"x")]))
    with pytest.raises(Unavailable):
        home.run(home.store.account(home.id))


def test_an_account_that_cannot_begin_keeps_no_file_open(home, monkeypatch):
    """As on a full disk: whoever wants to log in asks again and again."""
    id_ = home.store.directory.create("bob", b"x")

    def full(*_: object) -> bool:
        raise DiskFull

    monkeypatch.setattr(mailboxes, "create_defaults", full)
    folder = str(home.store.folder(id_))
    for _ in range(3):
        with pytest.raises(DiskFull):
            home.run(home.store.account(id_))
        assert [path for path in open_files() if path.startswith(folder)] == []
    monkeypatch.undo()
    account = home.run(home.store.account(id_))
    assert home.run(account.mailboxes())


def open_files() -> list[str]:
    found = []
    for one in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            found.append(os.readlink(one))
    return found
