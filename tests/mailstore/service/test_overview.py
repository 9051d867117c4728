"""What a follower hears of all mailboxes, from whom, and what it costs."""

from __future__ import annotations

from contextvars import copy_context
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailstore.changes import actor
from mailstore.model import (
    AccountChanges,
    FlagChange,
    FlagOperation,
    MailboxChange,
    MailboxEntry,
    MailboxId,
    NameChange,
)
from mailstore.service import overview
from mailstore.service.name_changes import name_changes
from mailstore.service.overview import Follower, Own
from tests.mailstore.stores import Home, Statements

SEEN = FlagChange(FlagOperation.ADD, ("\\Seen",))
FLAGGED = FlagChange(FlagOperation.ADD, ("\\Flagged",))


class Following:
    """One follower, and how often it was woken."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.woken = 0
        self.follower: Follower = home.account.follow(self._wake)
        home.run(self.follower.begin())

    def _wake(self) -> None:
        self.woken += 1

    def changes(self) -> Any:
        return self.home.run(self.follower.changes())

    def names(self) -> list[tuple[str | None, str | None]]:
        return [
            (change.before and change.before.name, change.after and change.after.name)
            for change in self.changes().names
        ]

    def act(self, call):
        """Run a coroutine as this follower's session."""

        def work():
            self.follower.act()
            return self.home.run(call())

        return copy_context().run(work)


@pytest.fixture
def home(tmp_path):
    made = Home(tmp_path)
    yield made
    made.close()


def id_of(home, name):
    return next(e.id for e in home.run(home.account.mailboxes()) if e.name == name)


def test_nothing_happened(home):
    one = Following(home)
    assert one.changes() == AccountChanges()
    assert one.woken == 0


def test_what_happens_to_messages(home):
    home.append("Sent", b"before")
    one = Following(home)
    sent = id_of(home, "Sent")
    home.append("Sent", b"a", flags=("\\Seen",))
    assert one.woken == 1
    assert one.changes().mailboxes == (MailboxChange(sent, messages=True, modseq=True),)
    counts = one.follower.counts(sent)
    assert counts is not None
    assert (counts.messages, counts.uidnext, counts.unseen) == (2, 3, 1)
    mailbox = home.open("Sent")
    home.run(mailbox.store_flags([1], SEEN, seen_at=mailbox.modseq))
    assert one.changes().mailboxes == (MailboxChange(sent, unseen=True, modseq=True),)
    home.run(mailbox.store_flags([1], FLAGGED, seen_at=mailbox.modseq))
    assert one.changes().mailboxes == (MailboxChange(sent, modseq=True),)
    assert one.changes() == AccountChanges()


def test_several_changes_of_one_mailbox_are_one(home):
    one = Following(home)
    mailbox = home.open()
    home.append("INBOX", b"a")
    home.run(mailbox.store_flags([1], FLAGGED, seen_at=mailbox.modseq))
    assert one.woken == 1
    (change,) = one.changes().mailboxes
    assert change == MailboxChange(mailbox.id, messages=True, unseen=True, modseq=True)


def test_names(home):
    one = Following(home)
    home.run(home.account.create("a/b"))
    assert one.names() == [(None, "a"), (None, "a/b")]
    home.run(home.account.rename("a", "z"))
    changes = one.changes().names
    assert [(c.before.name, c.after.name, c.along) for c in changes] == [
        ("a", "z", False),
        ("a/b", "z/b", True),
    ]
    home.run(home.account.unsubscribe("z"))
    (change,) = one.changes().names
    assert (change.before.subscribed, change.after.subscribed) == (True, False)
    home.run(home.account.delete("z/b"))  # its subscription stays
    deleted = {c.before.name: c for c in one.changes().names}
    assert deleted.keys() == {"z", "z/b"}
    assert deleted["z/b"].after == MailboxEntry("z/b", False, False, False, True)
    home.run(home.account.unsubscribe("z/b"))
    assert one.names() == [("z/b", None)]
    home.run(home.account.subscribe("z"))
    home.run(home.account.subscribe("z"))
    assert one.names() == [("z", "z")]
    assert one.names() == []


def test_its_own_changes_are_not_told(home):
    one, two = Following(home), Following(home)
    one.act(lambda: home.account.create("mine"))
    home.run(home.account.create("theirs"))
    assert one.names() == [(None, "mine"), (None, "theirs")]  # read as one change
    one.act(lambda: home.account.create("mine/too"))
    assert one.names() == []
    assert len(two.names()) == 4
    mailbox = home.open()
    home.append("INBOX", b"a", b"b")
    one.changes()
    one.act(lambda: mailbox.store_flags([1], SEEN, seen_at=mailbox.modseq))
    one.act(lambda: mailbox.store_flags([2], SEEN, seen_at=mailbox.modseq))
    assert one.changes() == AccountChanges()
    assert len(two.changes().mailboxes) == 1


def test_others_changes_between_its_own_are_told(home):
    one = Following(home)
    mailbox = home.open()
    home.append("INBOX", b"a", b"b")
    one.changes()
    one.act(lambda: mailbox.store_flags([1], SEEN, seen_at=mailbox.modseq))
    home.run(mailbox.store_flags([2], SEEN, seen_at=mailbox.modseq))
    one.act(lambda: mailbox.store_flags([2], FLAGGED, seen_at=mailbox.modseq))
    assert one.changes().mailboxes == (
        MailboxChange(mailbox.id, unseen=True, modseq=True),
    )


def test_a_commit_of_another_worker_behind_its_own_is_told(pair):
    here, there = pair
    one = Following(here)
    mine = here.open()
    one.act(lambda: here.account.append("INBOX", []))
    here.append("INBOX", b"a")
    one.changes()
    one.act(lambda: mine.store_flags([1], FLAGGED, seen_at=mine.modseq))
    there.append("INBOX", b"b")  # committed before anybody has read anything
    assert one.changes().mailboxes == (
        MailboxChange(mine.id, messages=True, unseen=True, modseq=True),
    )
    here.account.noticed(mine.id)
    assert one.changes() == AccountChanges()


def test_what_it_did_itself_can_be_asked(home):
    one = Following(home)
    mailbox = home.open()
    other = Following(home)
    one.act(lambda: home.account.append("INBOX", []))
    home.append("INBOX", b"a", b"b", b"c")
    one.act(lambda: mailbox.copy([1, 2], "INBOX"))
    one.act(lambda: mailbox.move([3], "Sent"))
    assert one.follower.take_own(mailbox.id) == Own([(4, 5)], vanished=True)
    assert one.follower.take_own(mailbox.id) is None
    assert other.follower.take_own(mailbox.id) is None
    assert actor.get() is None


def test_one_who_follows_nothing_knows_its_own(home):
    follower = home.account.follow(lambda: None)
    one = Following(home)
    one.follower.end()
    one.follower = follower
    mailbox = home.open()
    home.append("INBOX", b"a")
    one.act(lambda: mailbox.move([1], "Sent"))
    assert home.run(follower.changes()) == AccountChanges()
    assert follower.take_own(mailbox.id) == Own(vanished=True)
    follower.end()


def test_workers_hint_at_each_other(pair):
    here, there = pair
    one = Following(here)
    there.append("Sent", b"a")
    assert one.changes() == AccountChanges()  # nobody has said anything
    sent = id_of(here, "Sent")
    here.account.noticed(sent)
    assert [change.mailbox for change in one.changes().mailboxes] == [sent]
    there.run(there.account.rename("Sent", "Gone"))
    here.account.noticed(MailboxId(0))
    assert one.names() == [("Sent", "Gone")]
    found = one.follower.entry(sent)
    assert found is not None
    assert found.name == "Gone"


def test_counters_of_a_mailbox_whose_name_is_not_known_yet(pair):
    """The notice of a message may come before that of its mailbox's name."""
    here, there = pair
    one = Following(here)
    there.run(there.account.create("new"))
    there.append("new", b"a")
    new = id_of(there, "new")
    here.account.noticed(new)
    changes = one.changes()
    assert [change.mailbox for change in changes.mailboxes] == [new]
    assert [change.after.name for change in changes.names] == ["new"]
    here.account.noticed(MailboxId(0))
    assert one.changes() == AccountChanges()


def test_counters_of_a_bare_name_that_nobody_said_is_a_mailbox_again(pair):
    """Or its STATUS would come before the LIST that makes a mailbox of the name."""
    here, there = pair
    there.run(there.account.create("above/below"))
    there.run(there.account.delete("above"))
    one = Following(here)
    there.run(there.account.create("above"))
    there.append("above", b"a")
    above = id_of(there, "above")
    here.account.noticed(above)
    changes = one.changes()
    assert [change.mailbox for change in changes.mailboxes] == [above]
    ((before, after),) = [(one.before, one.after) for one in changes.names]
    assert (before.selectable, after.selectable) == (False, True)


def test_a_look_finds_what_nobody_told(pair):
    here, there = pair
    one = Following(here)
    mailbox = here.open()
    woken = []
    mailbox.watch(lambda: woken.append(mailbox.modseq))
    there.append("INBOX", b"a")
    there.append("Sent", b"b")
    there.run(there.account.create("new"))
    here.run(here.account.look())
    assert one.woken == 1
    assert woken == [mailbox.modseq]
    changes = one.changes()
    assert len(changes.mailboxes) == 2
    assert [c.after.name for c in changes.names] == ["new"]
    with Statements(here.account.readers.event) as statements:
        here.run(here.account.look())
    assert len(statements) == 1  # the database's version, and nothing else
    assert one.changes() == AccountChanges()


def test_a_change_is_read_once_for_all_who_follow(home):
    many = [Following(home) for _ in range(20)]
    home.append("Sent", b"a")
    with Statements(home.account.readers.event) as statements:
        found = [one.changes().mailboxes for one in many]
    assert all(len(changes) == 1 for changes in found)
    assert len(statements) == 1


def test_who_follows_nothing_costs_nothing(home):
    sent = id_of(home, "Sent")
    with Statements(home.account.readers.event) as statements:
        home.append("Sent", b"a")
        home.account.noticed(sent)
        home.account.noticed(MailboxId(0))
    assert statements == []


def test_the_log_is_folded(home, monkeypatch):
    monkeypatch.setattr(overview, "_MOST_CHANGES", 8)
    late, one = Following(home), Following(home)
    mailbox = home.open()
    for _ in range(30):
        home.append("INBOX", b"a")
        home.append("Sent", b"a")
        one.changes()
    assert len(home.account._overview._changes) <= 8
    assert {c.mailbox for c in late.changes().mailboxes} == {
        mailbox.id,
        id_of(home, "Sent"),
    }


def test_a_fold_keeps_what_others_did(home, monkeypatch):
    monkeypatch.setattr(overview, "_MOST_CHANGES", 4)
    late, one = Following(home), Following(home)
    mailbox = home.open()
    home.append("INBOX", b"a")
    one.changes()
    for _ in range(20):
        late.act(lambda: mailbox.copy([1], "INBOX"))
        one.changes()
    assert [c.mailbox for c in late.changes().mailboxes] == [mailbox.id]


def test_too_many_renamings_overflow(home, monkeypatch):
    monkeypatch.setattr(overview, "_MOST_RENAMINGS", 4)
    late, one = Following(home), Following(home)
    for number in range(6):
        home.run(home.account.create(f"m{number}"))
        assert one.names() == [(None, f"m{number}")]
    assert late.changes() == AccountChanges(overflow=True)
    home.run(home.account.create("last"))
    assert late.names() == [(None, "last")]


def test_with_the_last_follower_all_is_forgotten(home):
    one = Following(home)
    home.append("INBOX", b"a")
    one.changes()
    one.follower.end()
    home.append("INBOX", b"b")
    home.run(home.account.create("x"))
    two = Following(home)
    assert two.changes() == AccountChanges()
    counts = two.follower.counts(id_of(home, "INBOX"))
    assert counts is not None
    assert counts.messages == 2
    assert "x" in [entry.name for entry in two.follower.entries()]


def test_counts_of_a_mailbox_that_is_new(home):
    one = Following(home)
    home.run(home.account.create("new"))
    counts = one.follower.counts(id_of(home, "new"))
    assert counts is not None
    assert (counts.messages, counts.uidnext) == (0, 1)
    home.append("new", b"a")
    assert [c.messages for c in one.changes().mailboxes] == [True]


def test_large_accounts_are_read_in_a_pool(home, monkeypatch):
    monkeypatch.setattr(overview, "_AT_ONCE", 2)
    one = Following(home)
    home.append("INBOX", b"a")
    home.run(home.account._overview.suspect())
    assert len(one.changes().mailboxes) == 1


def test_many_hints_at_once(home, monkeypatch):
    monkeypatch.setattr(overview, "_ONE_BY_ONE", 2)
    one = Following(home)
    for name in ("INBOX", "Sent", "Trash"):
        home.append(name, b"a")
    with Statements(home.account.readers.event) as statements:
        assert len(one.changes().mailboxes) == 3
    assert len(statements) == 1


# -- comparing lists of names


def entry(name, id_, *, subscribed=False):
    return MailboxEntry(
        name, True, True, False, subscribed, None, None if id_ is None else id_
    )


def changed(before, after):
    steps = name_changes(before, after)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def pairs(changes):
    return [
        (c.before and c.before.name, c.after and c.after.name, c.along) for c in changes
    ]


def test_a_chain_of_renamings_can_be_followed():
    before = [entry("a", 1), entry("b", 2)]
    after = [entry("b", 1), entry("c", 2)]
    assert pairs(changed(before, after)) == [("b", "c", False), ("a", "b", False)]


def test_a_circle_of_renamings_is_told_as_other_mailboxes():
    before = [entry("a", 1), entry("b", 2)]
    after = [entry("a", 2), entry("b", 1)]
    assert pairs(changed(before, after)) == [("a", "a", False), ("b", "b", False)]


def test_a_name_that_another_one_took():
    before = [entry("a", 1), entry("b", 2)]
    assert pairs(changed(before, [entry("b", 1)])) == [
        ("b", None, False),
        ("a", "b", False),
    ]


def test_a_name_that_was_left_and_made_anew():
    before = [entry("a", 1)]
    after = [entry("a", 2), entry("b", 1)]
    assert pairs(changed(before, after)) == [
        ("a", "b", False),
        (None, "a", False),
    ]


def test_a_child_that_also_changed_is_no_mere_follower():
    before = [entry("a", 1), entry("a/x", 2)]
    after = [entry("b", 1), entry("b/x", 2, subscribed=True)]
    changes = changed(before, after)
    assert pairs(changes) == [("a", "b", False), ("a/x", "b/x", False)]


def test_what_moves_below_a_name_that_moves_too_is_told_as_other_mailboxes():
    """Who follows takes it along: it would end up one level too deep."""
    before = [entry("d", 7), entry("d/e", 8)]
    after = [entry("d", 9), entry("d/e", 7), entry("d/e/e", 8)]
    assert pairs(changed(before, after)) == [
        ("d", "d", False),
        ("d/e", "d/e", False),
        (None, "d/e/e", False),
    ]


lists = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "c", "a/x", "a/y", "b/x", "c/x/y"]),
        st.one_of(st.none(), st.integers(1, 4)),
        st.booleans(),
    ),
    unique_by=(lambda row: row[0], lambda row: row[1] or row[0]),
).map(lambda rows: [entry(name, id_, subscribed=s) for name, id_, s in rows])


@given(lists, lists)
def test_following_the_changes_gives_the_new_list(before, after):
    known = {one.name: one for one in before}
    for change in changed(before, after):
        assert change != NameChange(None, None)
        if change.before is not None:
            assert known.pop(change.before.name) == change.before
        if change.after is not None:
            assert change.after.name not in known
            known[change.after.name] = change.after
    assert known == {one.name: one for one in after}


@given(lists, lists)
def test_who_takes_along_what_is_below_a_name_gets_there_too(before, after):
    """As clients do, of whom RFC 5465 §5.4 says that they are told of nothing else."""
    known = {one.name: one.id for one in before}
    told: set[str] = set()
    for change in changed(before, after):
        old, new = change.before, change.after
        if old is None or new is None or old.name == new.name:
            for one in filter(None, (new or old,)):
                known[one.name] = None if new is None else new.id
            continue
        if change.along and any(old.name.startswith(f"{name}/") for name in told):
            told.add(old.name)
            continue
        told.add(old.name)
        below = [n for n in known if n == old.name or n.startswith(f"{old.name}/")]
        moved = {new.name + n[len(old.name) :]: known.pop(n) for n in below}
        known |= moved
        known[new.name] = new.id
    wanted = {one.name: one.id for one in after if one.id is not None}
    assert {name: id_ for name, id_ in known.items() if id_ is not None} == wanted
