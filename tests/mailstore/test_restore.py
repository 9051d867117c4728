"""Restoring: whole stores, accounts that are gone, and what running accounts lack."""

from __future__ import annotations

import shutil

import pytest

from mailstore.blobs import FileSystem
from mailstore.blobs.pool import Pool
from mailstore.errors import AlreadyExists, DiskFull, NotFound
from mailstore.index import upkeep
from mailstore.index.comparing import WantedMessages
from mailstore.index.database import Database
from mailstore.maintenance import backup
from mailstore.maintenance.backup import back_up
from mailstore.maintenance.backup_points import BackupFolder
from mailstore.maintenance.backup_verify import opened_index
from mailstore.maintenance.check import check
from mailstore.maintenance.restore import How, Restoration, is_empty
from mailstore.maintenance.restore_mail import MailRestore, WantedMail
from mailstore.maintenance.restore_replace import Replacement
from mailstore.model import (
    AnnotationChange,
    AnnotationName,
    Arrival,
    Column,
    FlagChange,
    FlagOperation,
    InternalDate,
)
from mailstore.rights import Right, of_user
from mailstore.service.rights_lists import Change, RightsLists
from tests.mailstore.stores import Home

DELETE = FlagChange(FlagOperation.ADD, ("\\Deleted",))
START = 1_800_000_000.0
DATE = InternalDate(1_000_000_000, 60)
BIG = b"Subject: big\r\n\r\n" + b"x" * 1_200_000
NOTE = AnnotationChange(AnnotationName("/comment", private=False), b"noted")
OWN = AnnotationChange(AnnotationName("/comment", private=True), b"mine")


def message(name: str) -> bytes:
    text = f"Message-ID: <{name}@example.org>\r\nSubject: {name}\r\n\r\n{name}\r\n"
    return text.encode()


class Site:
    """A store with some mail, its backup, and a store that is made of that."""

    def __init__(self, path) -> None:
        self.time = START
        self.store = path / "store"
        self.path = path / "backup"
        self.other = path / "other"
        self.home = Home(self.store, time=START)
        self.folder = BackupFolder(self.path)
        self.me = self.home.id

    def fill(self) -> None:
        arrivals = [
            Arrival(message("a"), ("\\Seen", "$Work"), DATE, annotations=(NOTE, OWN)),
            Arrival(message("b"), ("\\Flagged", "\\Deleted"), DATE),
            Arrival(BIG, ("other",), DATE),
        ]
        self.home.run(self.home.account.append("INBOX", arrivals))
        self.home.run(self.home.account.create("Work/2026"))
        self.home.append("Work/2026", message("c"), message("d"), message("c"))

    def take(self):
        self.time += 3_600
        self.home.runtime.time = self.time
        return back_up(self.store, self.path, lambda: self.time).point

    def restoration(self, point=None, *, same: bool = False, files=None) -> Restoration:
        point = point or self.folder.last_before(None)
        how = How(same_numbers=same, now=int(self.time))
        return Restoration(
            self.folder, point, self.other, how, files=files or FileSystem()
        )

    def restore(self, **wanted):
        """Bring back into the running account what it lacks; gives what came of it."""
        copy = self.folder.last_before(None).account("ann")
        source = self.folder.account_folder(copy.id)
        pool = Pool(source)
        with opened_index(self.folder, source, copy.index, current=True) as index:
            work = MailRestore(self.home.store, self.home.account, index, pool, copy.id)
            replacing = wanted.pop("replacing", False)
            plans = self.home.run(work.plans(WantedMail(**wanted, strict=replacing)))
            surplus = Replacement(work).surplus() if replacing else None
            done = [self.home.run(work.restore(plan)) for plan in plans]
            if surplus is not None:
                self.home.run(Replacement(work).apply(surplus))
        return done

    def expunge(self, name: str, *uids: int) -> None:
        mailbox = self.home.open(name)
        self.home.run(mailbox.store_flags(list(uids), DELETE, seen_at=0))
        self.home.run(mailbox.expunge())
        self.home.run(mailbox.close())


def seen(home: Home, name: str):
    """Give what a mailbox shows: (uid, flags, keywords by name, date, octets)."""
    mailbox = home.open(name)
    columns = (Column.FLAGS, Column.INTERNALDATE, Column.BLOB)
    found = []
    for batch in home.fetch(mailbox, mailbox.uids, *columns):
        values = zip(batch.uids, *(batch.columns[c] for c in columns), strict=True)
        for uid, mask, date, ref in values:
            with mailbox.blob(ref) as blob:
                content = blob.pread(0, blob.size)
            names = {
                keyword
                for bit, keyword in enumerate(mailbox.keywords)
                if mask >> 7 + bit & 1
            }
            found.append((uid, mask & 31, names, tuple(date), content))
    home.run(mailbox.close())
    return found


def without_uids(rows):
    return [row[1:] for row in rows]


def validity(home: Home, name: str) -> int:
    return home.run(home.account.status(name)).uidvalidity


@pytest.fixture
def site(tmp_path):
    made = Site(tmp_path)
    made.fill()
    yield made
    made.home.close()


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
    assert check(site.other).whole


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
            assert not (site.other / "directory.db").exists()
            shutil.rmtree(site.other / "accounts", ignore_errors=True)
            at += 1
        else:
            break
    assert at > 5
    assert check(site.other).whole


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


def notes(home: Home) -> set[bytes]:
    with home.account.readers.take() as database:
        rows = database.all(
            "SELECT value FROM annotation WHERE owner IN ('', ?)", (home.account.id,)
        )
    return {row[0] for row in rows}


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


# -- mail of an account that is there


def test_what_was_lost_comes_back_and_nothing_twice(site):
    mailbox = site.home.open("INBOX")
    kept = FlagChange(FlagOperation.REMOVE, ("\\Deleted",))
    site.home.run(mailbox.store_flags([2], kept, seen_at=0))
    before = without_uids(seen(site.home, "INBOX"))
    site.take()
    site.expunge("INBOX", 1, 3)
    site.expunge("Work/2026", 1)
    site.home.append("INBOX", message("since"))
    done = site.restore()
    assert {one.plan.name: (one.restored, one.plan.there) for one in done} == {
        "INBOX": (2, 1),
        "Work/2026": (1, 2),
    }
    rows = seen(site.home, "INBOX")
    assert [row[0] for row in rows] == [2, 4, 5, 6]
    assert without_uids(rows)[2:] == [before[0], before[2]]
    assert notes(site.home) == {b"noted", b"mine"}
    assert [one.restored for one in site.restore()] == [0, 0]
    assert check(site.store, thorough=True).whole


def test_what_was_moved_stays_where_it_is(site):
    site.take()
    mailbox = site.home.open("INBOX")
    site.home.run(mailbox.move([1], "Work/2026"))
    site.home.run(mailbox.close())
    (inbox,) = [one for one in site.restore() if one.plan.name == "INBOX"]
    assert (inbox.restored, inbox.plan.elsewhere) == (0, 1)
    # A copy elsewhere, which was there at that time too, is no move.
    site.take()
    site.expunge("Work/2026", 4)
    (work,) = site.restore(mailbox="Work/2026")
    assert work.restored == 1


def test_a_deleted_mailbox_is_made_again(site):
    run, account = site.home.run, site.home.account
    run(account.metadata.set("Work/2026", {"/shared/comment": b"old"}))
    site.take()
    run(account.delete("Work/2026"))
    (work,) = [one for one in site.restore() if one.plan.make]
    assert work.restored == 3
    assert "Work/2026" in site.home.names()
    found = run(account.metadata.get("Work/2026", ["/shared/comment"]))
    assert found == [("/shared/comment", b"old")]


def test_rights_come_back_with_a_mailbox(site):
    home = site.home
    bob = home.store.directory.create("bob", b"secret")
    lists = RightsLists(home.store, home.account)
    home.run(lists.change("Work/2026", "bob", Change.REPLACE, Right.READ))
    site.take()
    home.run(home.account.delete("Work/2026"))
    site.restore()
    with home.account.readers.take() as database:
        rows = database.all(
            "SELECT a.identifier FROM acl a JOIN mailbox m ON m.id = a.mailbox"
            " WHERE m.name = 'Work/2026'"
        )
    assert rows == [(of_user(bob),)]
    assert home.store.directory.sharing.of(site.me) == {of_user(bob)}
    assert check(site.store).whole


def test_messages_are_chosen(site):
    site.take()
    site.expunge("INBOX", 1, 2, 3)
    site.expunge("Work/2026", 1, 2, 3)
    wanted = WantedMessages(message_id=b"<d@example.org>")
    assert [(o.plan.name, o.restored) for o in site.restore(messages=wanted)] == [
        ("Work/2026", 1)
    ]
    (one,) = site.restore(mailbox="INBOX", messages=WantedMessages(uids=((2, 2),)))
    assert one.restored == 1
    ((_, mask, *_),) = seen(site.home, "INBOX")
    assert mask == 2  # \Deleted is taken off: the next EXPUNGE would remove it again
    late = WantedMessages(since=int(START) - 100)
    assert [(o.plan.name, o.restored) for o in site.restore(messages=late)] == [
        ("Work/2026", 2)
    ]
    early = WantedMessages(until=DATE.epoch)
    assert site.restore(messages=early) == []
    with pytest.raises(NotFound):
        site.restore(mailbox="Nowhere")


def test_a_mailbox_can_come_beside_what_is_there(site):
    site.take()
    (done,) = site.restore(mailbox="INBOX", into="INBOX (restored)")
    assert (done.restored, done.plan.make) == (3, True)
    assert len(seen(site.home, "INBOX (restored)")) == 3
    (done,) = site.restore(mailbox="INBOX", duplicates=True)
    assert done.restored == 3
    assert len(seen(site.home, "INBOX")) == 6
    assert check(site.store).whole


def test_damaged_messages_are_told_and_the_others_come(site):
    site.take()
    site.expunge("INBOX", 1, 2, 3)
    path = site.folder.account_folder(site.me) / "00000001.pack"
    data = bytearray(path.read_bytes())
    data[data.index(b"Subject: b\r\n")] ^= 1
    path.write_bytes(data)
    (done,) = [one for one in site.restore() if one.plan.name == "INBOX"]
    assert done.restored == 2
    assert [uid for uid, _ in done.lost] == [2]


def test_an_account_is_replaced_and_what_goes_can_be_undeleted(site):
    run, account = site.home.run, site.home.account
    site.take()
    before = without_uids(seen(site.home, "INBOX"))
    work = without_uids(seen(site.home, "Work/2026"))
    site.expunge("INBOX", 3)
    site.home.append("INBOX", message("since"))
    mailbox = site.home.open("INBOX")
    change = FlagChange(FlagOperation.REPLACE, ("\\Answered",))
    run(mailbox.store_flags([1], change, seen_at=0))
    run(mailbox.move([2], "Work/2026"))
    run(mailbox.close())
    run(account.create("New/below"))
    site.home.append("New/below", message("new"))
    run(account.subscribe("New/below"))
    site.restore(replacing=True)
    after = without_uids(seen(site.home, "INBOX"))
    # \Deleted is taken off of what came back.
    flags = {2: before[1][0]}
    assert sorted(
        ((flags.get(row[0], row[0]), *row[1:]) for row in after), key=str
    ) == sorted(before, key=str)
    assert seen(site.home, "INBOX")[0][0] == 1  # what stayed has its UID
    assert without_uids(seen(site.home, "Work/2026")) == work
    assert not [name for name in site.home.names() if name.startswith("New")]
    with account.readers.take() as database:
        lost = database.all("SELECT was FROM mailbox WHERE name IS NULL AND was > ''")
    assert ("New/below",) in lost
    assert check(site.store, thorough=True).whole


def test_a_backup_of_an_older_program_can_be_restored(site):
    site.take()
    index = site.folder.last_before(None).account("ann").index
    source = site.folder.account_folder(site.me)
    with opened_index(site.folder, source, index, current=True) as database:
        assert isinstance(database, Database)
        assert database.one("PRAGMA query_only") == (0,)


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


def test_a_full_disk_ends_a_restore(site, monkeypatch):
    site.take()
    site.expunge("INBOX", 1, 2, 3)

    def full(*_, **__):
        raise DiskFull

    monkeypatch.setattr(type(site.home.account), "append", full)
    with pytest.raises(DiskFull):
        site.restore()
