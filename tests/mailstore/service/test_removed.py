"""What was removed, as mailboxes that their owner reads and copies from."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mailstore.errors import NotFound
from mailstore.index import removed, restored
from mailstore.index.database import Database
from mailstore.index.undelete import Place as Lost
from mailstore.maintenance.check import check
from mailstore.model import (
    DELETED,
    FLAGGED,
    Arrival,
    Column,
    FlagChange,
    FlagOperation,
    InternalDate,
    MailboxId,
)
from mailstore.query import (
    ArrivedOn,
    BodyContains,
    Compare,
    HasAttachment,
    SavedOn,
)
from mailstore.rights import parse_rights
from mailstore.service.access_removed import names_of
from mailstore.service.options import DAY
from mailstore.service.removed import RemovedMailbox
from mailstore.service.rights_lists import Change, RightsLists
from mailstore.service.undelete import Undelete, WantedRemovals
from tests.mailstore.stores import Home
from tests.support.furnished import OPTIONS

SHOWN = replace(OPTIONS, namespaces=replace(OPTIONS.namespaces, deleted="Deleted"))
WHEN = InternalDate(1_600_000_000, 60)


class Bin(Home):
    """Ann, who sees what she has removed, and Bob, who must not."""

    def __init__(self, path, options=SHOWN) -> None:
        super().__init__(path, options)
        directory = self.store.directory
        self.bob_id = directory.create("bob", b"secret")
        self.ann = self.run(self.store.access(self.id))

    def bob(self):
        return self.run(self.store.access(self.bob_id))

    def give(self, name, who, letters):
        rights = parse_rights(letters)
        lists = RightsLists(self.store, self.account)
        self.run(lists.change(name, who, Change.REPLACE, rights))

    def put(self, name, *subjects, **more):
        arrivals = [
            Arrival(f"Subject: {one}\r\n\r\n{one}\r\n".encode(), **more)
            for one in subjects
        ]
        return list(self.run(self.account.append(name, arrivals)).uids)

    def expunge(self, name, *uids):
        mailbox = self.open(name)
        change = FlagChange(FlagOperation.ADD, ("\\Deleted",))
        self.run(mailbox.store_flags(uids, change, seen_at=mailbox.modseq))
        self.run(mailbox.expunge(uids))
        self.run(mailbox.close())

    def look(self, name="Deleted/INBOX"):
        return self.run(self.ann.open(name))

    def again(self, mailbox):
        if mailbox.stale():
            self.run(mailbox.refresh())
        return list(mailbox.uids)

    def told(self):
        entries = self.run(self.ann.mailboxes(removed=True))
        return [one.name for one in entries if one.name.startswith("Deleted")]

    def restore(self, **wanted):
        return self.run(Undelete(self.account).restore(WantedRemovals(**wanted)))


@pytest.fixture
def home(tmp_path):
    made = Bin(tmp_path)
    yield made
    made.close()
    assert check(tmp_path).whole


def subjects(home, mailbox, uids=None):
    wanted = mailbox.uids if uids is None else uids
    found = []
    for batch in home.fetch(mailbox, wanted, Column.BLOB):
        for ref in batch.columns[Column.BLOB]:
            with mailbox.blob(ref) as blob:
                found.append(blob.pread(9, 1).decode())
    return found


# -- what is there


def test_what_was_removed_is_shown_without_its_mark(home):
    home.put("INBOX", "a", "b", flags=("\\Flagged", "work"), internaldate=WHEN)
    home.expunge("INBOX", 2)
    mailbox = home.look()
    assert isinstance(mailbox, RemovedMailbox)
    assert subjects(home, mailbox) == ["b"]
    assert mailbox.readonly
    assert mailbox.settable == 0
    assert mailbox.keywords == ("work",)
    (batch,) = home.fetch(
        mailbox, mailbox.uids, Column.FLAGS, Column.INTERNALDATE, Column.SAVED
    )
    (mask,) = batch.columns[Column.FLAGS]
    assert mask & FLAGGED
    assert not mask & DELETED
    assert batch.columns[Column.INTERNALDATE] == [(WHEN.epoch, WHEN.zone)]
    assert batch.columns[Column.SAVED] == [home.runtime.time]


def test_numbers_ascend_in_the_order_of_removal(home):
    home.put("INBOX", "a", "b", "c")
    home.expunge("INBOX", 3)
    mailbox = home.look()
    first = list(mailbox.uids)
    home.expunge("INBOX", 1)
    assert home.again(mailbox)[:1] == first
    assert subjects(home, mailbox) == ["c", "a"]
    changes = mailbox.changes(0)
    assert changes.modseq == mailbox.modseq


def test_numbers_stay_and_none_is_given_twice(home):
    home.put("INBOX", *"abcd")
    home.expunge("INBOX", 2, 3)
    mailbox = home.look()
    modseq, uidvalidity = mailbox.modseq, mailbox.uidvalidity
    assert list(mailbox.uids) == [1, 2]
    home.restore(mailbox="INBOX", uids=((2, 2),))
    assert home.again(mailbox) == [2]
    assert list(mailbox.changes(modseq).vanished) == [1]
    home.expunge("INBOX", 4)
    assert home.again(mailbox) == [2, 3]
    assert subjects(home, mailbox) == ["c", "d"]
    home.run(mailbox.close())
    home.close()
    other = Home(home.store.path, SHOWN)
    access = other.run(other.store.access(other.id))
    again = other.run(access.open("Deleted/INBOX"))
    assert (again.uidvalidity, again.uidnext, list(again.uids)) == (
        uidvalidity,
        4,
        [2, 3],
    )
    assert again.modseq > modseq
    other.close()


def test_an_older_state_out_of_a_backup_has_other_numbers(home):
    """What was shown since the backup would be shown again with other content."""
    home.put("INBOX", "a", "b")
    home.expunge("INBOX", 1)
    before = home.look().uidvalidity
    database = Database.open(home.store.folder(home.id) / "index.db")
    with database.transaction():
        restored.give_new_numbers(database, int(home.runtime.time))
    database.close()
    home.expunge("INBOX", 2)
    again = Home(home.store.path, SHOWN)
    ann = again.run(again.store.access(again.id))
    mailbox = again.run(ann.open("Deleted/INBOX"))
    assert mailbox.uidvalidity > before
    assert list(mailbox.uids) == [1, 2]
    again.close()


def test_what_is_too_old_leaves(home):
    home.put("INBOX", "a", "b")
    home.expunge("INBOX", 1)
    home.runtime.time += DAY
    home.expunge("INBOX", 2)
    mailbox = home.look()
    home.runtime.time += OPTIONS.retention - DAY + 1
    assert home.again(mailbox) == [2]
    assert home.run(home.account.purge()) == 1
    assert home.again(mailbox) == [2]
    home.runtime.time += DAY
    assert home.again(mailbox) == []
    with pytest.raises(NotFound):
        home.look()
    home.run(home.account.purge())
    assert home.again(mailbox) == []


def test_nothing_is_shown_that_is_not_kept(tmp_path):
    home = Bin(tmp_path, replace(SHOWN, retention=0))
    home.put("INBOX", "a")
    home.expunge("INBOX", 1)
    assert home.told() == []
    home.close()


def test_what_moved_and_what_was_replaced_is_no_loss(home):
    home.put("INBOX", "a", "b", "c")
    mailbox = home.open()
    home.run(mailbox.move((1,), "Archive"))
    home.run(mailbox.replace(2, "INBOX", Arrival(b"Subject: x\r\n\r\n")))
    assert home.told() == []
    home.run(mailbox.close())
    home.expunge("Archive", 1)
    assert home.told() == ["Deleted", "Deleted/Archive"]


def test_a_mailbox_that_was_deleted_is_shown_under_its_name(home):
    for text in "abc":
        home.run(home.account.create("Work/Old"))
        home.put("Work/Old", text)
        if text != "c":
            home.run(home.account.delete("Work/Old"))
    assert home.told() == [
        "Deleted",
        "Deleted/Work",
        "Deleted/Work/Old",
        "Deleted/Work/Old (deleted 2023-11-14)",
    ]
    newest = home.look("Deleted/Work/Old")
    assert subjects(home, newest) == ["b"]
    before = newest.uidvalidity
    home.expunge("Work/Old", 1)
    mailbox = home.look("Deleted/Work/Old")
    assert subjects(home, mailbox) == ["c"]
    assert mailbox.uidvalidity > before
    older = home.look("Deleted/Work/Old (deleted 2023-11-14)")
    assert subjects(home, older) == ["b"]
    assert older.uidvalidity > before


def test_a_name_that_comes_back_to_a_mailbox_has_a_greater_uidvalidity(home):
    home.run(home.account.create("Work"))
    home.put("Work", "a")
    home.run(home.account.delete("Work"))
    first = home.look("Deleted/Work").uidvalidity
    home.run(home.account.create("Work"))
    home.put("Work", "b")
    home.expunge("Work", 1)
    second = home.look("Deleted/Work").uidvalidity
    home.restore(mailbox="Work", uids=((1, 1),), since=None)
    home.restore(mailbox="Work")
    home.put("Work", "c")
    assert first < second
    home.run(home.account.rename("Work", "Other"))
    home.expunge("Other", *home.open("Other").uids)
    assert home.look("Deleted/Other").uidvalidity > second


def test_names_that_are_taken_tell_when_they_were_deleted():
    places = [
        Lost(MailboxId(n), "x", gone=n != 2, at=86_400 * (n // 2)) for n in range(1, 6)
    ]
    assert {name: one.id for name, one in names_of(places).items()} == {
        "x": 2,
        "x (deleted 1970-01-03)": 5,
        "x (deleted 1970-01-03, 2)": 4,
        "x (deleted 1970-01-02)": 3,
        "x (deleted 1970-01-01)": 1,
    }


def test_a_mailbox_of_that_name_goes_before_it(home):
    home.put("INBOX", "a")
    home.expunge("INBOX", 1)
    # An administrator chose the namespace when it was there.
    home.run(home.account.create("Deleted/INBOX"))
    assert list(home.look().uids) == []
    assert not isinstance(home.look(), RemovedMailbox)
    assert home.told() == ["Deleted", "Deleted/INBOX"]


def test_it_is_not_among_all_names(home):
    home.put("INBOX", "a")
    home.expunge("INBOX", 1)
    plain = home.run(home.ann.mailboxes())
    assert not any(one.name.startswith("Deleted") for one in plain)
    everything = home.run(home.ann.mailboxes(removed=True))
    shown = {one.name: one for one in everything if one.name.startswith("Deleted")}
    assert not any(one.personal or one.subscribed for one in shown.values())
    assert [one.selectable for one in shown.values()] == [False, True]


def test_counters(home):
    home.put("INBOX", "a", "b", flags=("\\Seen",))
    home.put("INBOX", "c")
    home.expunge("INBOX", 1, 3)
    status = home.run(home.ann.status("Deleted/INBOX"))
    assert (status.messages, status.unseen, status.deleted, status.recent) == (
        2,
        1,
        0,
        0,
    )
    assert status.uidnext == 3
    mailbox = home.look("Deleted/inbox")
    assert status.object_id == mailbox.object_id
    assert home.ann.object_ids.mailbox(mailbox.id) == mailbox.object_id
    assert status.highestmodseq == mailbox.modseq
    assert status.uidvalidity == mailbox.uidvalidity
    names = ["Deleted/INBOX", "Deleted/Sent", "INBOX"]
    found = home.run(home.ann.statuses(names))
    assert found["Deleted/INBOX"] == status
    assert set(found) == {"Deleted/INBOX", "INBOX"}


def test_it_is_searched_like_any_other(home):
    home.put("INBOX", "a", "b", internaldate=WHEN)
    home.expunge("INBOX", 2)
    home.expunge("INBOX", 1)
    mailbox = home.look()

    def find(predicate):
        return list(home.run(mailbox.search(predicate)))

    day = int(home.runtime.time) // DAY
    assert find(BodyContains("b")) == [1]
    assert find(SavedOn(Compare.EQUAL, day)) == [1, 2]
    assert find(SavedOn(Compare.LESS, day)) == []
    assert find(ArrivedOn(Compare.EQUAL, WHEN.epoch // DAY)) == [1, 2]
    assert find(HasAttachment()) == []


def test_more_keywords_than_a_row_holds(home):
    words = [f"k{n:03}" for n in range(70)]
    home.put("INBOX", "a", flags=tuple(words))
    home.put("INBOX", "b", flags=("k069",))
    home.expunge("INBOX", 1)
    mailbox = home.look()
    home.expunge("INBOX", 2)
    home.again(mailbox)
    masks = [mask for _, mask in mailbox.rows(mailbox.uids)]
    loaded = home.run(home.ann.open("Deleted/INBOX"))
    assert masks == [mask for _, mask in loaded.rows(loaded.uids)]
    assert [mask.bit_count() for mask in masks] == [70, 1]


def test_what_is_committed_elsewhere_costs_no_look_at_each_tombstone(home, monkeypatch):
    home.put("INBOX", "a", "b")
    home.expunge("INBOX", 1)
    mailbox = home.look()
    looks = []
    behind = removed.is_behind

    def counted(*arguments):
        looks.append(arguments)
        return behind(*arguments)

    home.expunge("INBOX", 2)
    assert home.again(mailbox) == [1, 2]
    assert home.again(mailbox) == [1, 2]
    monkeypatch.setattr(removed, "is_behind", counted)
    home.put("Sent", "c")
    assert mailbox.stale()
    assert home.again(mailbox) == [1, 2]
    assert not mailbox.stale()
    assert looks == []
    home.restore(mailbox="INBOX", uids=((2, 2),))
    assert home.again(mailbox) == [1]
    assert len(looks) == 1


def test_who_waits_is_woken(home):
    home.put("INBOX", "a", "b")
    home.expunge("INBOX", 1)
    mailbox = home.look()
    woken = []
    end = mailbox.watch(lambda: woken.append(1))
    home.expunge("INBOX", 2)
    home.run(home.account.look())
    assert woken
    assert list(mailbox.uids) == [1, 2]
    home.restore(mailbox="INBOX")
    woken.clear()
    home.run(home.account.look())
    assert woken
    assert list(mailbox.uids) == []
    end()
