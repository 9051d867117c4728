"""What was removed comes back as it was, once, and to where it was."""

from __future__ import annotations

import dataclasses

import pytest

from mailstore.changes import acting
from mailstore.errors import NotFound, NotPermitted
from mailstore.index import undelete
from mailstore.index.undelete import UNNAMED
from mailstore.maintenance.check import check
from mailstore.model import (
    Acting,
    Annotation,
    AnnotationChange,
    AnnotationName,
    Arrival,
    Column,
    FlagChange,
    FlagOperation,
    How,
    InternalDate,
    MailboxId,
    SpecialUse,
)
from mailstore.rights import parse_rights
from mailstore.service.options import DAY
from mailstore.service.readonly import ReadOnlyAccount
from mailstore.service.rights_lists import Change, RightsLists
from mailstore.service.undelete import Undelete, WantedRemovals
from mailstore.writer import Outcome
from tests.mailstore.stores import Home
from tests.support.furnished import OPTIONS

ADD = FlagOperation.ADD
EVERYTHING = WantedRemovals()


class Lost(Home):
    """A store of one account, and what is short for these tests."""

    @property
    def undelete(self) -> Undelete:
        return Undelete(self.account)

    def flag(self, mailbox, uids, *flags):
        change = FlagChange(ADD, flags)
        self.run(mailbox.store_flags(uids, change, seen_at=mailbox.modseq))

    def expunge(self, name, *uids):
        mailbox = self.open(name)
        self.flag(mailbox, uids, "\\Deleted")
        self.run(mailbox.expunge(uids))
        self.run(mailbox.close())

    def move(self, name, uids, to):
        mailbox = self.open(name)
        self.run(mailbox.move(uids, to))
        self.run(mailbox.close())

    def restore(self, **wanted):
        done = self.run(self.undelete.restore(WantedRemovals(**wanted)))
        return {one.mailbox: list(one.uids) for one in done}

    def removed(self, **wanted):
        found = self.run(self.undelete.removed(WantedRemovals(**wanted)))
        return [(one.mailbox, one.uid) for one in found]

    def facts(self, name):
        mailbox = self.open(name)
        columns = (Column.FLAGS, Column.INTERNALDATE, Column.SAVED, Column.SHA1)
        found = {}
        for batch in self.fetch(mailbox, mailbox.uids, *columns):
            rows = zip(batch.uids, *(batch.columns[c] for c in columns), strict=True)
            for uid, mask, *rest in rows:
                found[uid] = (frozenset(self.names_of(mailbox, mask)), *rest)
        self.run(mailbox.close())
        return found

    @staticmethod
    def names_of(mailbox, mask):
        system = [bit for bit in (1, 2, 4, 8, 16) if mask & bit]
        return [
            *system,
            *(n for i, n in enumerate(mailbox.keywords) if mask >> 7 + i & 1),
        ]

    def later(self, seconds=60):
        self.runtime.time += seconds

    def sound(self):
        self.close()
        report = check(self.store.path)
        assert report.whole, report


@pytest.fixture
def home(tmp_path):
    made = Lost(tmp_path)
    yield made
    made.sound()


def outcome(value):
    return Outcome(value, tuple(one.delta for one in value if one.delta is not None))


def by(session, user="ann"):
    """Act as a session from here on."""
    who = Acting(session, 5, user, "192.0.2.1", "Mutt 2")
    return acting.set(lambda: who)


def test_a_message_comes_back_as_it_was_under_a_new_uid(home):
    date = InternalDate(1_000_000_000, 120)
    flags = ("\\Seen", "\\Answered", "Work", "$Label1")
    home.run(home.account.append("INBOX", [Arrival(b"a", flags, date), Arrival(b"b")]))
    before = home.facts("INBOX")
    home.later()
    home.expunge("INBOX", 1)
    home.later()
    watching = home.open()
    assert home.restore(mailbox="INBOX") == {"INBOX": [(1, 3)]}
    assert list(watching.uids) == [2, 3]  # a session that was there is told
    assert home.facts("INBOX") == {2: before[2], 3: before[1]}


def test_what_was_restored_is_not_restored_again(home):
    home.append("INBOX", b"a", b"b")
    home.expunge("INBOX", 1, 2)
    assert home.restore(mailbox="INBOX", uids=((2, 2),)) == {"INBOX": [(2, 3)]}
    assert home.removed() == [("INBOX", 1)]
    assert home.restore() == {"INBOX": [(1, 4)]}
    assert home.restore() == {}
    home.expunge("INBOX", 3)  # the restored one can be lost and found as any other
    assert home.restore() == {"INBOX": [(3, 5)]}


def test_two_who_restore_at_once_do_not_double(home):
    home.append("INBOX", b"a")
    home.expunge("INBOX", 1)
    (lost,) = undelete.tombstones(home.account.readers.event, 0)
    inbox = MailboxId(lost.key.mailbox)

    async def again():
        def work(database):
            with database.savepoint():
                first = undelete.bring_back(database, inbox, [lost], 5, 99)
                second = undelete.bring_back(database, inbox, [lost], 5, 99)
            return outcome((first, second))

        return await home.account.lane.write(work)

    first, second = home.run(again())
    assert (len(first.uids), len(second.uids)) == (1, 0)


def test_a_deleted_mailbox_is_made_again_with_its_messages(home):
    home.run(home.account.create("Work/Old", SpecialUse.ARCHIVE))
    home.run(home.account.metadata.set("Work/Old", {"/private/comment": b"mine"}))
    home.append("Work/Old", b"a", b"b", flags=("\\Deleted", "key"))
    home.expunge("Work/Old", 2)
    before = home.run(home.account.status("Work/Old"))
    facts = home.facts("Work/Old")
    home.later()
    home.run(home.account.delete("Work/Old"))
    found = home.run(home.undelete.deleted_mailboxes(EVERYTHING))
    assert [(place.name, place.at) for place in found] == [
        ("Work/Old", home.runtime.now())
    ]
    assert home.removed() == [("Work/Old", 2), ("Work/Old", 1)]
    assert home.restore(mailbox="Work/Old", uids=((1, 1),)) == {"Work/Old": [(1, 1)]}
    assert home.facts("Work/Old") == facts
    assert home.restore(mailbox="Work/Old") == {"Work/Old": [(2, 2)]}
    after = home.run(home.account.status("Work/Old"))
    assert after.uidvalidity > before.uidvalidity
    found = home.run(home.account.metadata.get("Work/Old", ["/private/comment"]))
    assert list(found) == [("/private/comment", b"mine")]
    (entry,) = [
        one for one in home.run(home.account.mailboxes()) if one.name == "Work/Old"
    ]
    assert entry.special_use is None  # another one has it
    assert entry.subscribed
    assert not home.run(home.undelete.deleted_mailboxes(EVERYTHING))
    assert home.restore() == {}


def test_an_empty_mailbox_is_made_again_once(home):
    home.run(home.account.create("Empty"))
    home.run(home.account.create("Empty/Child"))
    home.run(home.account.delete("Empty/Child"))
    home.run(home.account.delete("Empty"))
    assert home.restore() == {"Empty": [], "Empty/Child": []}
    assert {"Empty", "Empty/Child"} <= set(home.names())
    assert home.restore() == {}


def test_a_name_that_is_taken_stays_what_it_is(home):
    for content in (b"first", b"second", b"third"):
        home.run(home.account.create("Work"))
        home.append("Work", content)
        home.later()
        home.run(home.account.delete("Work"))
    home.run(home.account.create("Work"))
    home.append("Work", b"now")
    assert home.restore(mailbox="Work") == {
        "Work (restored)": [(1, 1)],
        "Work (restored 2)": [(1, 1)],
        "Work (restored 3)": [(1, 1)],
    }
    assert list(home.open("Work").uids) == [1]


def test_a_bare_name_becomes_a_mailbox_again(home):
    home.run(home.account.create("Work"))
    home.run(home.account.create("Work/Child"))
    home.append("Work", b"a")
    home.run(home.account.delete("Work"))
    assert home.restore(mailbox="Work") == {"Work": [(1, 1)]}
    assert list(home.open("Work").uids) == [1]


def test_what_was_made_of_a_mailbox_gets_the_rest_of_it(home):
    home.run(home.account.create("Work"))
    home.append("Work", b"a", b"b", b"c")
    home.run(home.account.delete("Work"))
    home.restore(mailbox="Work", uids=((1, 1),))
    home.run(home.account.rename("Work", "Job"))
    assert home.restore(mailbox="Work", uids=((2, 2),)) == {"Job": [(2, 2)]}
    home.run(home.account.delete("Job"))
    # Job is gone too: it is made again, and gets what it had and what is left.
    done = home.run(home.undelete.restore(EVERYTHING))
    assert [(one.was, one.mailbox, len(one.uids)) for one in done] == [
        ("Job", "Job", 2),
        ("Work", "Job", 1),
    ]
    contents = sorted(facts[-1] for facts in home.facts("Job").values())
    assert len(contents) == len(set(contents)) == 3


def test_messages_of_a_renamed_mailbox_come_back_to_its_new_name(home):
    home.run(home.account.create("Work"))
    home.append("Work", b"a")
    home.expunge("Work", 1)
    home.run(home.account.rename("Work", "Job"))
    with pytest.raises(NotFound):
        home.restore(mailbox="Work")
    assert home.restore(mailbox="Job") == {"Job": [(1, 2)]}


def test_a_moved_message_is_not_lost(home):
    home.append("INBOX", b"a", b"b")
    home.move("INBOX", [1, 2], "Trash")
    assert home.removed() == []
    assert home.restore() == {}
    home.expunge("Trash", 2)
    assert home.removed() == [("Trash", 2)]
    assert home.removed(mailbox="INBOX") == [("INBOX", 2)]
    assert home.restore() == {"Trash": [(2, 3)]}
    assert home.restore(mailbox="INBOX") == {}


def test_a_message_that_was_moved_and_removed_comes_back_to_where_it_was_first(home):
    home.append("INBOX", b"a", b"b", b"c", flags=("key",))
    home.move("INBOX", [1, 3], "Sent")
    home.move("Sent", [1, 2], "Trash")
    home.expunge("Trash", 1, 2)
    assert home.restore(mailbox="INBOX") == {"INBOX": [(1, 4), (3, 5)]}
    assert [flags for flags, *_ in home.facts("INBOX").values()] == [{"key"}] * 3
    assert home.restore() == {}  # no second time to the Trash


def test_emptied_inbox_of_a_rename_is_in_its_new_place(home):
    home.append("INBOX", b"a")
    home.run(home.account.rename("INBOX", "Old"))
    assert home.removed() == []


def test_copies_are_told_and_can_be_left_out(home):
    home.append("INBOX", b"a", b"b")
    mailbox = home.open()
    home.run(mailbox.copy([1], "Archive"))
    home.expunge("INBOX", 1, 2)
    found = home.run(home.undelete.removed(EVERYTHING))
    assert [(one.uid, list(one.elsewhere)) for one in found] == [
        (1, ["Archive"]),
        (2, []),
    ]
    assert home.restore(lost=True) == {"INBOX": [(2, 3)]}
    assert home.restore() == {"INBOX": [(1, 4)]}


def test_versions_that_were_replaced_come_back_only_when_asked_for(home):
    home.append("Drafts", b"one")
    mailbox = home.open("Drafts")
    home.run(mailbox.replace(1, "Drafts", Arrival(b"two")))
    assert home.removed() == []
    assert home.removed(replaced=True) == [("Drafts", 1)]
    assert home.restore(mailbox="Drafts", uids=((1, 1),)) == {"Drafts": [(1, 3)]}


def test_time_of_removal(home):
    home.append("INBOX", b"a", b"b")
    start = int(home.runtime.now())
    home.expunge("INBOX", 1)
    home.later(100)
    home.expunge("INBOX", 2)
    assert home.removed(since=start, until=start + 100) == [("INBOX", 1)]
    assert home.removed(since=start + 1) == [("INBOX", 2)]
    assert home.removed(since=start + 101) == []


def test_what_a_session_removed_is_undone_as_a_whole(home):
    home.run(home.account.create("Work"))
    home.append("INBOX", b"a", b"b", b"c", b"d")
    home.append("Work", b"e")
    home.move("INBOX", [4], "Trash")
    token = by("0-1")
    home.move("INBOX", [1], "Trash")
    home.expunge("INBOX", 2)
    home.expunge("Trash", 1, 2)
    home.run(home.account.delete("Work"))
    acting.reset(token)
    token = by("0-2", "bob")
    home.expunge("INBOX", 3)
    acting.reset(token)
    one, two = home.run(home.undelete.sessions())
    assert (one.acting.session, one.messages, one.mailboxes) == ("0-1", 4, 1)
    assert (two.acting.user, two.messages, two.mailboxes) == ("bob", 1, 0)
    assert (one.acting.address, one.acting.client) == ("192.0.2.1", "Mutt 2")
    done = home.restore(session="0-1")
    assert done["INBOX"] == [(1, 5), (2, 6)]  # the one that went by the Trash too
    assert done["Trash"] == [(1, 3)]  # that came there by somebody else
    assert done["Work"] == [(1, 1)]
    assert home.restore(session="0-1") == {}
    assert home.restore(session=str(two.number)) == {"INBOX": [(3, 7)]}
    with pytest.raises(NotFound):
        home.restore(session="0-3")
    assert home.run(home.undelete.sessions()) == []


def test_much_comes_back_in_several_transactions(home, monkeypatch):
    monkeypatch.setattr("mailstore.service.undelete._AT_ONCE", 2)
    home.append("INBOX", *(b"%d" % n for n in range(5)))
    home.run(home.account.delete("Archive"))
    home.expunge("INBOX", 1, 2, 3, 4, 5)
    done = home.restore()
    assert done == {"Archive": [], "INBOX": [(n, n + 5) for n in range(1, 6)]}


def test_what_is_listed(home):
    message = (
        b"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nFrom: Bob <b@example.org>\r\n"
        b"Date: Fri, 21 Nov 1997 09:55:06 -0600\r\n\r\nhi\r\n"
    )
    home.append("INBOX", message, b"bare")
    home.expunge("INBOX", 1, 2)
    one, two = home.run(home.undelete.removed(EVERYTHING))
    assert (one.subject, one.sender, one.sent) == (
        "Grüße",
        "Bob <b@example.org>",
        880127706,
    )
    assert (one.size, one.how, one.by) == (len(message), How.EXPUNGED, None)
    assert (two.subject, two.sender, two.sent) == ("", "", None)


def test_nothing_comes_back_after_the_retention(home):
    home.run(home.account.create("Work"))
    home.append("INBOX", b"a")
    home.append("Work", b"b", flags=("key",))
    token = by("0-1")
    home.expunge("INBOX", 1)
    home.run(home.account.delete("Work"))
    acting.reset(token)
    home.later(OPTIONS.retention - 5)
    assert home.run(home.account.purge()) == 0
    assert len(home.removed()) == 2
    home.later(10)
    assert home.removed() == []
    assert not home.run(home.undelete.deleted_mailboxes(EVERYTHING))
    assert home.restore() == {}
    assert home.run(home.account.purge()) == 2
    event = home.account.readers.event
    for table in ("remover", "expunged", "message"):
        assert event.one(f"SELECT count(*) FROM {table}") == (0,)
    assert event.one("SELECT count(*) FROM mailbox WHERE name IS NULL") == (0,)
    assert event.one("SELECT count(*) FROM keyword") == (0,)


def test_without_retention_there_is_no_undelete(tmp_path):
    home = Lost(tmp_path, dataclasses.replace(OPTIONS, retention=0))
    home.append("INBOX", b"a")
    home.expunge("INBOX", 1)
    assert home.removed() == []
    assert home.restore() == {}
    assert home.run(home.undelete.sessions()) == []
    home.sound()


def test_keywords_of_a_deleted_mailbox_outlive_a_purge(home):
    home.run(home.account.create("Work"))
    home.append("Work", b"a", flags=("key",))
    home.later(DAY)
    home.run(home.account.delete("Work"))
    home.run(home.account.purge())
    home.restore()
    assert [flags for flags, *_ in home.facts("Work").values()] == [{"key"}]


def test_who_may_only_read_restores_nothing(home):
    home.append("INBOX", b"a")
    home.expunge("INBOX", 1)
    with pytest.raises(NotPermitted):
        home.run(Undelete(ReadOnlyAccount(home.account)).restore(EVERYTHING))


def test_removals_of_an_older_program(home):
    """It kept no name of a mailbox, and did not tell a move from an EXPUNGE."""
    home.run(home.account.create("Work"))
    home.append("INBOX", b"a", b"b")
    home.append("Work", b"c")
    home.move("INBOX", [1], "Sent")
    home.expunge("INBOX", 2)
    home.run(home.account.delete("Work"))

    def forget(database):
        database.execute("UPDATE expunged SET how = NULL, to_mailbox = NULL")
        database.execute("UPDATE mailbox SET was = NULL, gone_at = NULL")
        return outcome(())

    async def work():
        await home.account.lane.write(forget)

    home.run(work())
    assert home.removed() == [("INBOX", 2), (UNNAMED, 1)]
    assert home.restore() == {"INBOX": [(2, 3)], UNNAMED: [(1, 1)]}


def test_annotations_come_back_with_their_message(home):
    name = AnnotationName("/comment", private=True)
    home.append("INBOX", b"a", b"b")
    mailbox = home.open()
    change = AnnotationChange(name, b"a note")
    home.run(mailbox.annotations.set([1], [change], seen_at=mailbox.modseq))
    home.expunge("INBOX", 1, 2)
    assert home.restore(mailbox="INBOX") == {"INBOX": [(1, 3), (2, 4)]}
    found = list(home.open().annotations.get([3, 4], ["*"], values=True))
    assert found == [[Annotation(name, 6, b"a note")], []]


def test_who_shared_a_deleted_mailbox_shares_it_again(home):
    """Nobody sees it in between, nor by another mailbox of that name."""
    bob = home.store.directory.create("bob", b"secret")
    home.run(home.account.create("Work"))
    lists = RightsLists(home.store, home.account)
    rights = parse_rights("lr")
    home.run(lists.change("Work", "bob", Change.REPLACE, rights))
    given = list(lists.entries("Work"))
    home.append("Work", b"a")
    home.run(home.account.delete("Work"))
    access = home.run(home.store.access(bob))

    def seen():
        names = [entry.name for entry in home.run(access.mailboxes())]
        return [name for name in names if name.endswith("Work")]

    home.run(home.account.create("Work"))
    assert seen() == []
    home.run(home.account.delete("Work"))
    home.restore(mailbox="Work")
    assert {"Work", "Work (restored)"} <= set(home.names())
    assert list(lists.entries("Work")) == given
    assert len(seen()) == 1
    home.run(access.close())
    home.later(OPTIONS.retention + 1)
    home.run(home.account.purge())
    assert home.account.readers.event.one("SELECT count(*) FROM acl") == (1,)


def test_rights_that_were_taken_from_who_came_after_do_not_come_back(tmp_path):
    """A message of a deleted mailbox leads to its successor, which is deleted too."""
    home = Lost(tmp_path)
    home.store.directory.create("bob", b"secret")
    lists = RightsLists(home.store, home.account)
    home.run(home.account.create("Work"))
    home.append("Work", b"one", b"two")
    home.run(lists.change("Work", "bob", Change.REPLACE, parse_rights("lr")))
    home.expunge("Work", 1)
    home.run(home.account.delete("Work"))
    home.run(home.undelete.restore(WantedRemovals(mailbox="Work", uids=[(2, 2)])))
    assert [one.identifier for one in lists.others("Work")] == ["bob"]
    home.run(lists.drop("Work", "bob"))
    home.run(home.account.delete("Work"))
    home.run(home.undelete.restore(WantedRemovals(mailbox="Work", uids=[(1, 1)])))
    assert lists.others("Work") == []
    home.close()
