"""What its owner may do with what was removed, and that nobody else may."""

from __future__ import annotations

import pytest

from mailstore.errors import InvalidName, NotFound, NotPermitted, ReadOnly
from mailstore.index import removed, unloaded
from mailstore.model import (
    DELETED,
    FLAGGED,
    Annotation,
    AnnotationChange,
    AnnotationName,
    Arrival,
    Column,
    FlagChange,
    FlagOperation,
    MailboxId,
)
from mailstore.query import TextContains
from mailstore.rights import Operation, parse_rights
from mailstore.service.access_removed import AccessRemoved
from mailstore.service.namespaces import Elsewhere, Namespaces
from mailstore.service.removed import RemovedPermit
from mailstore.service.rights_lists import Change, RightsLists
from tests.mailstore.service.test_removed import WHEN, Bin, home, subjects
from tests.support.furnished import OPTIONS

__all__ = ["home"]

SEEN_BY_ALL = AnnotationName("/comment", private=False)
OWN = AnnotationName("/comment", private=True)


# -- what can be done


def test_a_copy_brings_back_flags_dates_and_annotations(home):
    home.put("INBOX", "a", flags=("\\Flagged", "work"), internaldate=WHEN)
    mailbox = home.open()
    for name in (SEEN_BY_ALL, OWN):
        change = AnnotationChange(name, b"value")
        home.run(mailbox.annotations.set((1,), (change,), seen_at=mailbox.modseq))
    home.run(mailbox.close())
    home.expunge("INBOX", 1)
    mailbox = home.look()
    copied = home.run(mailbox.copy((1,), "Archive"))
    assert (list(copied.source), list(copied.target)) == ([1], [1])
    there = home.open("Archive")
    assert copied.uidvalidity == there.uidvalidity
    assert subjects(home, there) == ["a"]
    (batch,) = home.fetch(there, (1,), Column.FLAGS, Column.INTERNALDATE)
    assert batch.columns[Column.INTERNALDATE] == [(WHEN.epoch, WHEN.zone)]
    (mask,) = batch.columns[Column.FLAGS]
    assert mask & FLAGGED
    assert not mask & DELETED
    assert there.keywords == ("work",)
    ((one, two),) = there.annotations.get((1,), ("/comment",), values=True)
    assert {one, two} == {Annotation(n, 5, b"value") for n in (SEEN_BY_ALL, OWN)}
    # RFC 3501 §6.4.7: what it was copied from stays.
    assert home.again(mailbox) == [1]
    assert list(home.run(mailbox.copy((1,), "INBOX")).target) == [2]


def test_a_copy_of_what_a_deleted_mailbox_had(home):
    home.run(home.account.create("Work"))
    home.put("Work", "a", "b", flags=("own",))
    home.run(home.account.delete("Work"))
    home.run(home.account.create("Again"))
    copied = home.run(home.look("Deleted/Work").copy((1, 2), "Again"))
    assert len(copied.target) == 2
    assert subjects(home, home.open("Again")) == ["a", "b"]
    assert home.open("Again").keywords == ("own",)


def test_a_copy_to_somebody_elses_mailbox(home):
    bob = home.bob()
    theirs = RightsLists(home.store, bob.own)
    for letters in ("lri", "lriwn"):
        change = Change.REPLACE
        home.run(theirs.change("INBOX", "ann", change, parse_rights(letters)))
        home.put("INBOX", "a", flags=("\\Flagged",), internaldate=WHEN)
        home.expunge("INBOX", *home.open().uids)
    mailbox = home.look()
    copied = home.run(mailbox.copy(mailbox.uids, "Other Users/bob/INBOX"))
    assert len(copied.target) == 2
    there = home.run(bob.open("INBOX"))
    assert subjects(home, there) == ["a", "a"]
    assert all(mask & FLAGGED for _, mask in there.rows(there.uids))
    home.run(bob.close())


def test_what_has_left_is_not_copied(home):
    home.put("INBOX", "a", "b")
    home.expunge("INBOX", 1, 2)
    mailbox = home.look()
    home.runtime.time += OPTIONS.retention + 1
    home.run(home.account.purge())
    copied = home.run(mailbox.copy((1, 2), "INBOX"))
    assert list(copied.source) == []
    assert copied.uidvalidity == home.open().uidvalidity
    with pytest.raises(NotFound):
        home.run(mailbox.copy((1,), "Nowhere"))


def test_nothing_is_changed_there(home):
    home.put("INBOX", "a")
    home.expunge("INBOX", 1)
    mailbox = home.look()
    change = FlagChange(FlagOperation.ADD, ("\\Seen",))
    for attempt in (
        mailbox.store_flags((1,), change, seen_at=mailbox.modseq),
        mailbox.expunge(),
        mailbox.move((1,), "INBOX"),
        mailbox.replace(1, "INBOX", Arrival(b"x")),
        mailbox.annotations.set((1,), (AnnotationChange(OWN, b"x"),), seen_at=1),
    ):
        with pytest.raises((NotPermitted, ReadOnly)):
            home.run(attempt)
    assert not mailbox.may_expunge
    assert home.run(mailbox.limits()) == ()
    assert list(next(mailbox.annotations.get((1,), ("*",), values=True))) == []


@pytest.mark.parametrize("name", ["Deleted", "Deleted/INBOX", "Deleted/x"])
def test_nothing_is_made_there(home, name):
    home.put("INBOX", "a", "b")
    home.expunge("INBOX", 1)
    ann = home.ann
    rights = parse_rights("lr")
    for attempt in (
        ann.create(name),
        ann.delete(name),
        ann.rename(name, "y"),
        ann.subscribe(name),
        ann.append(name, [Arrival(b"x")]),
        ann.admit(name, 1),
        ann.rights.change(name, "bob", Change.REPLACE, rights),
        ann.rights.entries(name),
        ann.metadata.set(name, {"/private/comment": b"x"}),
        ann.metadata.get(name, ["/private/comment"]),
        ann.url_keys.reset(name),
        home.run(ann.open("INBOX")).copy((2,), name),
        home.run(ann.open("INBOX")).move((2,), name),
    ):
        with pytest.raises(NotPermitted):
            home.run(attempt)
    with pytest.raises(InvalidName):
        home.run(ann.rename("Sent", name))
    for attempt in (ann.url_keys.make(name), ann.url_keys.key(name)):
        with pytest.raises(NotFound):
            home.run(attempt)
    assert home.run(ann.accepts(name))  # no reason to make it
    home.run(ann.unsubscribe(name))


def test_what_its_owner_is_told_of_it(home):
    home.put("INBOX", "a")
    home.expunge("INBOX", 1)
    name = "Deleted/INBOX"
    assert home.run(home.ann.rights.mine(name)) == parse_rights("lr")
    assert home.run(home.ann.rights.all_mine([name])) == {name: parse_rights("lr")}
    assert home.run(home.ann.quota.roots(name)) == ()
    assert home.run(home.ann.metadata.get_all([name], ["/private/comment"])) == {}
    for attempt in (
        home.ann.rights.mine("Deleted/x"),
        home.ann.quota.roots("Deleted/x"),
        home.ann.status("Deleted/x"),
        home.ann.open("Deleted"),
    ):
        with pytest.raises(NotFound):
            home.run(attempt)


def test_who_may_only_read_reads(home):
    home.put("INBOX", "a")
    home.expunge("INBOX", 1)
    access = home.run(home.store.access(home.id, readonly=True))
    mailbox = home.run(access.open("Deleted/INBOX"))
    assert subjects(home, mailbox) == ["a"]
    with pytest.raises(NotPermitted):
        home.run(mailbox.copy((1,), "INBOX"))


# -- others


@pytest.mark.parametrize("letters", ["lrswipkxtean", "a", "lr"])
def test_nobody_else_sees_what_was_removed(home, letters):
    home.give("INBOX", "bob", letters)
    home.put("INBOX", "a")
    home.expunge("INBOX", 1)
    bob = home.bob()
    told = home.run(bob.mailboxes(removed=True))
    assert not any("Deleted" in one.name for one in told)
    for name in (
        "Deleted/INBOX",
        "Other Users/ann/Deleted/INBOX",
        "Deleted/Other Users/ann/INBOX",
        "Other Users/ann/Deleted",
    ):
        for attempt in (bob.open(name), bob.status(name), bob.rights.mine(name)):
            with pytest.raises(NotFound):
                home.run(attempt)


def test_an_owner_who_took_his_own_right_does_not_see_it(home):
    home.put("INBOX", "a")
    home.expunge("INBOX", 1)
    mailbox = home.look()
    assert mailbox.readable
    home.give("INBOX", "ann", "la")
    assert home.told() == []
    assert not mailbox.readable
    with pytest.raises(NotFound):
        home.run(mailbox.search(TextContains("a")))
    with pytest.raises(NotFound):
        home.look()


def test_it_is_switched_off_by_default(tmp_path):
    home = Bin(tmp_path, OPTIONS)
    home.put("INBOX", "a")
    home.expunge("INBOX", 1)
    assert home.told() == []
    with pytest.raises(NotFound):
        home.look()
    home.run(home.ann.create("Deleted"))
    home.close()


def test_a_permit_refuses_all_but_reading(home):
    mailbox = home.open().id
    permit = RemovedPermit(home.account, mailbox, home.ann.person)
    for operation in Operation:
        if operation in (Operation.READ, Operation.KNOW_OWN_RIGHTS):
            permit.check(operation)
        else:
            with pytest.raises(NotPermitted):
                permit.check(operation)
    nobody = RemovedPermit(home.account, mailbox, lambda: None)
    with pytest.raises(NotFound):
        nobody.check(Operation.READ)


def test_names_lead_to_what_was_removed_where_that_is_wanted():
    names = Namespaces(deleted="Deleted")
    assert names.split("Deleted/inbox/x") == Elsewhere(None, "INBOX/x", removed=True)
    assert names.split("Deleted") == Elsewhere(None, "", removed=True)
    assert names.split("Deleted Messages") is None
    assert names.of_removed("a/b") == "Deleted/a/b"
    assert Namespaces().split("Deleted/INBOX") is None


def test_modules_are_what_they_say(home):
    assert isinstance(home.ann.removed, AccessRemoved)
    assert removed.source_of(removed.removed_id(MailboxId(7))) == 7
    assert unloaded.saved(home.account.readers.event, MailboxId(1), [1]) == {}
