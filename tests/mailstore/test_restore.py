"""Restoring whole stores, and accounts that are gone."""

from __future__ import annotations

from contextlib import closing

import apsw
import pytest

from mailstore.blobs import FileSystem
from mailstore.errors import AlreadyExists, DiskFull, NotFound
from mailstore.index import upkeep
from mailstore.maintenance import backup
from mailstore.maintenance.backup import back_up
from mailstore.maintenance.backup_points import BackupFolder
from mailstore.maintenance.backup_verify import verify
from mailstore.maintenance.check import check
from mailstore.maintenance.presence import account_folders
from mailstore.maintenance.restore import How, Restoration, is_empty
from mailstore.rights import Right, of_user
from mailstore.service.rights_lists import Change, RightsLists
from tests.mailstore.sites import (
    START,
    message,
    notes,
    seen,
    validity,
)
from tests.mailstore.stores import Home
from tests.mailstore.test_upgrade import STORES, unpacked

# -- a whole store


def test_a_whole_store_is_as_it_was(site):
    site.expunge("Work/2026", 2)
    site.take()
    work = site.restoration()
    work.whole_store()
    assert work.done.whole
    assert work.done.accounts == ["ann"]
    assert work.done.messages == 6  # with the removed one
    assert check(site.other, thorough=True).whole
    there = Home(site.other, time=site.time)
    assert there.id == site.me
    for name in ("INBOX", "Work/2026"):
        assert seen(there, name) == seen(site.home, name)
    assert there.names() == site.home.names()
    there.close()
    names = {path.name for path in site.other.iterdir()}
    assert names == {"accounts", "directory.db"}


def test_an_older_state_has_other_numbers(site):
    """What was given since the backup would be given again (RFC 3501 §2.3.1.1)."""
    site.take()
    site.home.append("INBOX", message("since"))
    token = upkeep.token(site.home.account.readers.event)
    before = {name: validity(site.home, name) for name in site.home.names()[:4]}
    site.restoration().whole_store()
    there = Home(site.other, time=site.time)
    for name, value in before.items():
        assert validity(there, name) > value
    assert len({validity(there, name) for name in before}) == len(before)
    assert upkeep.token(there.account.readers.event) != token
    there.close()


def test_an_unchanged_state_may_keep_its_numbers(site):
    site.take()
    site.restoration(same=True).whole_store()
    there = Home(site.other, time=site.time)
    for name in ("INBOX", "Work/2026"):
        assert validity(there, name) == validity(site.home, name)
    for home in (site.home, there):
        assert upkeep.token(home.account.readers.event) == upkeep.token(
            site.home.account.readers.event
        )
    there.close()
    assert check(site.other).whole


def test_a_store_that_is_there_is_left_alone(site):
    site.take()
    site.restoration().whole_store()
    assert not is_empty(site.other)
    with pytest.raises(AlreadyExists):
        site.restoration().whole_store()


def test_an_older_point_can_be_restored(site):
    first = site.take()
    site.expunge("INBOX", 1, 2, 3)
    site.take()
    site.restoration(first).whole_store()
    there = Home(site.other, time=site.time)
    assert len(seen(there, "INBOX")) == 3
    there.close()
    assert site.folder.last_before(first.started) == first
    with pytest.raises(NotFound):
        site.folder.last_before(first.started - 1)


def test_a_damaged_message_alone_is_missing(site):
    site.take()
    path = site.folder.account_folder(site.me) / "00000001.pack"
    data = bytearray(path.read_bytes())
    data[data.index(b"Subject: b\r\n")] ^= 1
    path.write_bytes(data)
    work = site.restoration()
    work.whole_store()
    ((lost,),) = (work.done.lost,)
    assert (lost.account, lost.message) == ("ann", 2)
    report = check(site.other, thorough=True)
    assert report.whole
    ((damaged,),) = (report.accounts[0].damaged,)
    assert (damaged.mailbox, damaged.uid) == ("INBOX", 2)
    there = Home(site.other, time=site.time)
    assert [row[0] for row in seen(there, "INBOX")] == [1, 3]
    there.close()


def test_damaged_flags_keep_no_account_out_of_a_restore(site):
    (folder,) = account_folders(site.store)
    with closing(apsw.Connection(str(folder / "index.db"))) as index:
        index.execute("UPDATE flag_block SET octets = x'00' WHERE mailbox = 1")
    (large,) = (folder / "blobs" / "large").glob("*/*")
    large.unlink()
    site.take()
    work = site.restoration()
    work.whole_store()
    assert work.done.accounts == ["ann"]
    ((lost,),) = (work.done.lost,)
    assert lost.why.startswith("the backup: ")
    assert work.done.unset == ["ann: mailbox 1: flags of block 0 cannot be read"]
    there = Home(site.other, time=site.time)
    assert [row[-1] for row in seen(there, "INBOX")] == [message("a"), message("b")]
    there.close()


def test_damaged_flags_alone_are_told(site):
    (folder,) = account_folders(site.store)
    with closing(apsw.Connection(str(folder / "index.db"))) as index:
        index.execute("UPDATE flag_block SET octets = x'00' WHERE mailbox = 1")
    site.take()
    work = site.restoration()
    work.whole_store()
    assert work.done.lost == []
    assert work.done.unset == ["ann: mailbox 1: flags of block 0 cannot be read"]
    assert not work.done.whole
    assert check(site.other, thorough=True).whole


def test_a_lost_tombstone_harms_nothing(site):
    site.expunge("INBOX", 2)
    site.take()
    path = site.folder.account_folder(site.me) / "00000001.pack"
    data = bytearray(path.read_bytes())
    data[data.index(b"Subject: b\r\n")] ^= 1
    path.write_bytes(data)
    work = site.restoration()
    work.whole_store()
    assert [one.message for one in work.done.lost] == [2]
    assert check(site.other, thorough=True).whole


def test_an_account_without_a_readable_index_alone_is_missing(site):
    bob = site.home.store.directory.create("bob", b"secret")
    site.home.run(site.home.run(site.home.store.account(bob)).close())
    site.take()
    (path,) = site.folder.account_folder(bob).glob("*.zst")
    path.write_bytes(b"nothing")
    work = site.restoration()
    work.whole_store()
    assert work.done.accounts == ["ann"]
    assert not work.done.whole
    assert work.done.failures[0].startswith("bob: ")
    # Nobody takes it for the account of somebody who has never had mail.
    report = check(site.other)
    assert not any(one.problems for one in report.accounts)
    (problem,) = report.problems
    assert problem.startswith("the folder of the account bob is missing")


class Full(FileSystem):
    """A disk that is full at its nth write."""

    def __init__(self, left: int) -> None:
        self.left = left

    def write(self, fd: int, data: bytes, at: int) -> None:
        self.left -= 1
        if self.left < 0:
            raise DiskFull
        super().write(fd, data, at)

    def rename(self, source, target) -> None:
        self.left -= 1
        if self.left < 0:
            raise DiskFull
        super().rename(source, target)


def test_a_restore_that_ends_early_leaves_no_store(site):
    site.take()
    at = 0
    while True:
        try:
            site.restoration(files=Full(at)).whole_store()
        except DiskFull:
            assert is_empty(site.other)
            at += 1
        else:
            break
    assert at > 5
    assert check(site.other).whole
    # What the runs had left that ended between the last two renames.
    left = list(site.other.glob("set-aside-*"))
    assert len(left) == 2
    assert all((one / "accounts").exists() for one in left)


def test_what_is_there_without_a_directory_is_set_aside(site):
    site.take()
    site.restoration().whole_store()
    (site.other / "directory.db").rename(site.other / "directory.db-wal")
    mail = sorted(path.name for path in (site.other / "accounts").rglob("*"))
    work = site.restoration()
    work.whole_store()
    assert check(site.other, thorough=True).whole
    aside = work.done.aside
    assert {path.name for path in aside.iterdir()} == {"accounts", "directory.db-wal"}
    assert sorted(path.name for path in (aside / "accounts").rglob("*")) == mail


def test_a_store_that_came_meanwhile_is_left_alone(site, monkeypatch):
    site.take()
    work = site.restoration()
    theirs = site.other / "directory.db"

    def meanwhile(*_) -> None:
        theirs.write_bytes(b"theirs")

    monkeypatch.setattr("mailstore.maintenance.restore._note_shares", meanwhile)
    with pytest.raises(AlreadyExists):
        work.whole_store()
    assert theirs.read_bytes() == b"theirs"
    assert [path.name for path in site.other.iterdir()] == ["directory.db"]


# -- an account that is gone


def test_a_removed_account_comes_back_with_all_that_was_its(site):
    home = site.home
    home.store.directory.app_passwords.add(site.me, "phone", now=0)
    site.take()
    home.run(home.store.remove_account(site.me))
    home.store.directory.remove("ann")
    site.other = site.store
    work = site.restoration()
    copy = site.folder.last_before(None).account("ann")
    made = work.account(copy, shared=True)
    home.store.directory.adopt(made.id, made.person, "ann")
    assert made.id != site.me
    home.account = home.run(home.store.account(made.id))
    assert len(seen(home, "INBOX")) == 3
    assert home.run(home.store.directory.verify("ann", b"secret"))
    assert [one.name for one in home.store.directory.app_passwords.of(made.id)] == [
        "phone"
    ]
    assert notes(home) == {b"noted", b"mine"}
    assert check(site.store).whole


def test_an_account_is_made_again_under_another_name(site):
    home = site.home
    home.store.directory.create("bob", b"secret")
    lists = RightsLists(home.store, home.account)
    home.run(lists.change("Work/2026", "bob", Change.REPLACE, Right.READ))
    site.take()
    site.other = site.store
    copy = site.folder.last_before(None).account("ann")
    made = site.restoration().account(copy, shared=False)
    assert made.identifiers == frozenset()
    home.store.directory.adopt(made.id, None, "ann2")
    both = [home.run(home.store.account(id_)) for id_ in (site.me, made.id)]
    tokens = {upkeep.token(one.readers.event) for one in both}
    assert len(tokens) == 2
    assert home.run(home.store.directory.verify("ann2", b"secret")) is None
    assert check(site.store).whole


def test_rights_that_were_given_in_the_middle_of_a_backup_are_known(site, monkeypatch):
    """The directory was copied before, the index behind it."""
    home = site.home
    bob = home.store.directory.create("bob", b"secret")
    lists = RightsLists(home.store, home.account)
    found = backup._people

    def people(copy):
        home.run(lists.change("Work/2026", "bob", Change.REPLACE, Right.READ))
        return found(copy)

    monkeypatch.setattr(backup, "_people", people)
    site.take()
    site.restoration().whole_store()
    there = Home(site.other, time=site.time)
    assert there.store.directory.sharing.of(site.me) == {of_user(bob)}
    there.close()
    assert check(site.other).whole


@pytest.mark.parametrize("archive", STORES[::5], ids=lambda path: path.stem)
def test_a_store_of_an_older_program_is_backed_up_and_comes_back(archive, tmp_path):
    folder = unpacked(archive, tmp_path / "store")
    store = next(path for path in folder.parents if (path / "directory.db").exists())
    point = back_up(store, tmp_path / "backup", lambda: START).point
    assert point.whole
    assert back_up(store, tmp_path / "backup", lambda: START).messages == 0
    assert verify(tmp_path / "backup").whole
    work = Restoration(
        BackupFolder(tmp_path / "backup"), point, tmp_path / "new", How(now=int(START))
    )
    work.whole_store()
    assert work.done.whole
    assert len(work.done.accounts) == len(point.accounts) == 1
    report = check(tmp_path / "new", thorough=True)
    assert report.whole
    assert report.messages == point.messages > 0
