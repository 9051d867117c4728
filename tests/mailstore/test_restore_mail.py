"""Restoring what an account that is there has lost, and no more."""

from __future__ import annotations

from contextlib import closing

import apsw
import pytest

from mailstore.blobs.pool import Pool
from mailstore.errors import DiskFull, NotFound
from mailstore.index.comparing import WantedMessages
from mailstore.index.database import Database
from mailstore.maintenance.backup_verify import opened_index
from mailstore.maintenance.check import check
from mailstore.maintenance.presence import account_folders
from mailstore.maintenance.restore_mail import MailRestore
from mailstore.maintenance.restore_replace import Replacement
from mailstore.model import (
    FlagChange,
    FlagOperation,
)
from mailstore.rights import Right, of_user
from mailstore.service.rights_lists import Change, RightsLists
from tests.mailstore.sites import (
    DATE,
    START,
    message,
    notes,
    seen,
    without_uids,
)

SEEN = FlagChange(FlagOperation.ADD, ("\\Seen",))


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


def test_mail_comes_back_without_flags_that_the_backup_has_damaged(site):
    before = seen(site.home, "INBOX")
    (folder,) = account_folders(site.store)
    with closing(apsw.Connection(str(folder / "index.db"))) as index:
        index.execute("UPDATE flag_block SET octets = x'00'")
    site.take()
    (done,) = site.restore(mailbox="INBOX", into="Beside")
    assert (done.restored, done.lost) == (3, [])
    assert done.bare == [1, 2, 3]
    rows = seen(site.home, "Beside")
    assert [(row[1], row[2]) for row in rows] == [(0, set())] * 3
    assert [row[3:] for row in rows] == [row[3:] for row in before]


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


def test_the_mailboxes_of_another_are_shared_with_nobody(site):
    home, run = site.home, site.home.run
    bob, carol = (home.store.directory.create(name, b"x") for name in ("bob", "carol"))
    theirs = run(home.store.account(bob))
    run(theirs.create("Projects"))
    own = {"/private/comment": b"own", "/shared/comment": b"all"}
    run(theirs.metadata.set("Projects", own))
    lists = RightsLists(home.store, theirs)
    run(lists.change("Projects", "carol", Change.REPLACE, Right.READ | Right.LOOKUP))
    guest = run(home.store.access(carol))
    noted = {"/private/comment": b"the guest's"}
    run(guest.metadata.set("Other Users/bob/Projects", noted))
    run(guest.close())
    run(theirs.close())
    site.take()
    site.restore(whose="bob", mailbox="Projects")
    with home.account.readers.take() as database:
        assert database.all("SELECT identifier FROM acl") == []
        rows = database.all("SELECT owner, value FROM metadata ORDER BY value")
    assert rows == [("", b"all"), (site.me, b"own")]
    assert home.store.directory.sharing.of(site.me) == set()
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


def test_a_replacement_passes_over_what_has_changed_since_it_was_looked_at(site):
    run, account = site.home.run, site.home.account
    run(account.create("Other"))
    site.home.append("Other", *[message(f"o{n}") for n in range(6)])
    site.take()
    site.home.append("Work/2026", message("since"))
    mailbox = site.home.open("Work/2026")
    run(mailbox.store_flags([1], SEEN, seen_at=0))
    run(mailbox.close())
    for name in ("Quiet", "Busy", "Gone"):
        run(account.create(name))
    copy = site.folder.last_before(None).account("ann")
    source = site.folder.account_folder(copy.id)
    with opened_index(site.folder, source, copy.index, current=True) as index:
        pool = Pool(source)
        replacement = Replacement(
            MailRestore(site.home.store, account, index, pool, copy.id)
        )
        pool.close()
        surplus = replacement.surplus()
        run(account.rename("Work/2026", "Old"))
        run(account.rename("Other", "Work/2026"))
        run(account.delete("Gone"))
        run(account.create("Gone"))
        site.home.append("Busy", message("later"))
        run(replacement.apply(surplus))
    assert [row[:2] for row in seen(site.home, "Work/2026")] == [
        (uid, 0) for uid in range(1, 7)
    ]
    old = [row[1] for row in seen(site.home, "Old")]
    assert (len(old), old[0] > 0) == (4, True)
    assert sorted(surplus.passed) == ["Busy", "Gone", "Work/2026"]
    assert (surplus.messages, surplus.changed) == (0, 0)
    assert surplus.mailboxes == ["Quiet"]
    assert {"Busy", "Gone"} < set(site.home.names())
    assert "Quiet" not in site.home.names()


def test_a_backup_of_an_older_program_can_be_restored(site):
    site.take()
    index = site.folder.last_before(None).account("ann").index
    source = site.folder.account_folder(site.me)
    with opened_index(site.folder, source, index, current=True) as database:
        assert isinstance(database, Database)
        assert database.one("PRAGMA query_only") == (0,)


def test_a_full_disk_ends_a_restore(site, monkeypatch):
    site.take()
    site.expunge("INBOX", 1, 2, 3)

    def full(*_, **__):
        raise DiskFull

    monkeypatch.setattr(type(site.home.account), "append", full)
    with pytest.raises(DiskFull):
        site.restore()


def test_what_guests_had_read_is_read_again(site):
    home, run = site.home, site.home.run
    bob = home.store.directory.create("bob", b"x")
    lists = RightsLists(home.store, home.account)
    letters = Right.READ | Right.LOOKUP | Right.SEEN
    for name in ("INBOX", "Work/2026"):
        run(lists.change(name, "bob", Change.REPLACE, letters))
    read = FlagChange(FlagOperation.ADD, ("\\Seen",))

    def unread() -> list[int]:
        guest = run(home.store.access(bob))
        counts = [
            run(guest.status(f"Other Users/ann/{name}")).unseen
            for name in ("INBOX", "Work/2026")
        ]
        run(guest.close())
        return counts

    guest = run(home.store.access(bob))
    for name in ("INBOX", "Work/2026"):
        mailbox = run(guest.open(f"Other Users/ann/{name}"))
        run(mailbox.store_flags([1, 2], read, seen_at=mailbox.modseq))
        run(mailbox.close())
    run(guest.close())
    assert unread() == [1, 1]
    site.take()
    site.expunge("INBOX", 1, 3)
    run(home.account.delete("Work/2026"))
    site.restore()
    assert unread() == [1, 1]
    # Nobody else has them: neither in another mailbox, nor in another account.
    site.restore(mailbox="INBOX", into="Beside")
    with home.account.readers.take() as database:
        rows = database.all(
            "SELECT DISTINCT m.name, p.person FROM private_flags p JOIN mailbox m"
            " ON m.id = p.mailbox WHERE m.name IS NOT NULL ORDER BY m.name"
        )
    assert rows == [("INBOX", bob), ("Work/2026", bob)]
    assert check(site.store).whole


@pytest.mark.parametrize("how", ["deleted", "renamed"])
def test_rights_that_were_taken_since_the_backup_do_not_come_back(site, how):
    home = site.home
    home.store.directory.create("bob", b"secret")
    carol = home.store.directory.create("carol", b"secret")
    lists = RightsLists(home.store, home.account)
    home.run(lists.change("Work/2026", "bob", Change.REPLACE, Right.READ))
    site.take()
    home.run(lists.drop("Work/2026", "bob"))
    home.run(lists.change("Work/2026", "carol", Change.REPLACE, Right.READ))
    if how == "deleted":
        home.run(home.account.delete("Work/2026"))
    else:
        home.run(home.account.rename("Work/2026", "Old"))
    site.restore(duplicates=True)
    assert [one.identifier for one in lists.others("Work/2026")] == ["carol"]
    assert of_user(carol) in home.store.directory.sharing.of(site.me)
    assert check(site.store).whole
