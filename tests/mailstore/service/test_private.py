"""Flags that a person has for himself in somebody else's mailbox (RFC 4314 §4)."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailstore.index import private
from mailstore.index.private import Private
from mailstore.index.private_store import Wanted, store_private
from mailstore.index.selection import EVERYTHING
from mailstore.maintenance.check import check
from mailstore.model import (
    DELETED,
    FLAGGED,
    SEEN,
    Arrival,
    Column,
    FlagChange,
    FlagOperation,
    MailboxId,
)
from mailstore.personal_state import PersonalState
from mailstore.query import HasSystemFlag, ModseqAtLeast, Not
from mailstore.service import Mailbox
from mailstore.service.arrivals import Terms
from tests.mailstore.index.older import make_older
from tests.mailstore.stores import Home, Statements

BOX = MailboxId(9)
BOB, EVE = Private("bob", SEEN), Private("eve", SEEN)
ADD, REMOVE, REPLACE = FlagOperation.ADD, FlagOperation.REMOVE, FlagOperation.REPLACE
FAR = 2**60


@pytest.fixture
def home(tmp_path):
    made = Home(tmp_path)
    made.append("INBOX", *[b"%d" % n for n in range(1, 6)])
    yield made
    path = made.store.path
    made.close()
    assert check(path).whole


def guest(home, whose=BOB, name="INBOX"):
    opened = home.run(home.account.opened.open(name, whose))
    return Mailbox(home.account, name, opened, readonly=False)


def store(home, mailbox, uids, operation, *flags, since=None, seen_at=FAR):
    change = FlagChange(operation, flags)
    return home.run(
        mailbox.store_flags(uids, change, unchanged_since=since, seen_at=seen_at)
    )


def masks(mailbox):
    return [mask for _, mask in mailbox.rows(mailbox.uids)]


def told(mailbox, since):
    changes = mailbox.changes(since)
    return list(changes.changed)


def test_each_has_his_own_seen_and_all_the_rest_together(home):
    ann, bob, eve = home.open(), guest(home), guest(home, EVE)
    store(home, bob, [1, 2], ADD, "\\Seen", "\\Flagged")
    store(home, ann, [2, 3], ADD, "\\Seen")
    assert masks(ann) == [FLAGGED, FLAGGED | SEEN, SEEN, 0, 0]
    assert masks(bob) == [FLAGGED | SEEN, FLAGGED | SEEN, 0, 0, 0]
    assert masks(eve) == [FLAGGED, FLAGGED, 0, 0, 0]
    store(home, bob, [1, 2], REMOVE, "\\Seen")
    store(home, bob, [2, 3], REPLACE, "\\Seen", "k")
    assert masks(bob) == [FLAGGED, SEEN | 128, SEEN | 128, 0, 0]
    assert masks(ann) == [FLAGGED, SEEN | 128, SEEN | 128, 0, 0]
    store(home, bob, [2, 3], REPLACE)
    assert masks(bob) == [FLAGGED, 0, 0, 0, 0]
    assert masks(ann) == [FLAGGED, SEEN, SEEN, 0, 0]
    for mailbox in (ann, bob, eve):
        home.run(mailbox.close())


def test_a_private_change_is_told_to_nobody_else_and_raises_the_modseq(home):
    ann, bob, again, eve = home.open(), guest(home), guest(home), guest(home, EVE)
    start = ann.modseq
    done = store(home, bob, [2], ADD, "\\Seen")
    assert done.modseq == start + 1
    assert {one.modseq for one in (ann, bob, again, eve)} == {start + 1}
    assert told(again, start) == [(2, SEEN)]
    assert told(ann, start) == told(eve, start) == []
    assert bob.modseqs([1, 2]) == [start, start + 1]
    assert ann.modseqs([1, 2]) == [start, start]
    assert bob.modseqs([2]) == again.modseqs([2])
    # What the owner reads is no news for the others, though it has a mod-sequence.
    store(home, ann, [3], ADD, "\\Seen")
    assert told(bob, start + 1) == []
    assert told(ann, start + 1) == [(3, SEEN)]
    store(home, ann, [3], ADD, "k")
    assert told(bob, start + 2) == [(3, 128)]
    assert bob.modseqs([3]) == [start + 3]
    done = store(home, bob, [2], ADD, "\\Seen")
    assert done.modseq == start + 3  # nothing to change


def test_unchangedsince_goes_by_what_the_person_sees(home):
    ann, bob = home.open(), guest(home)
    start = bob.modseq
    store(home, bob, [1], ADD, "\\Seen")
    done = store(home, bob, [1, 2], REMOVE, "\\Seen", since=start)
    assert list(done.failed) == [1]
    assert masks(bob)[:2] == [SEEN, 0]
    assert not store(home, ann, [1], ADD, "\\Seen", since=start).failed
    done = store(home, bob, [1], REMOVE, "\\Seen", since=bob.modseqs([1])[0])
    assert not done.failed
    assert masks(bob)[0] == 0
    # RFC 7162 §3.1.3, example 8: whether a keyword exists.
    assert not store(home, bob, [4], ADD, "k", since=0).failed
    assert list(store(home, bob, [4], ADD, "k", since=0).failed) == [4]
    assert len(store(home, bob, [4], ADD, "\\Seen", since=0).failed) == 1


def test_what_another_session_of_his_has_changed_is_external(home):
    bob, again = guest(home), guest(home)
    start = bob.modseq
    store(home, again, [1], ADD, "\\Seen")
    done = store(home, bob, [1, 2], ADD, "\\Flagged", seen_at=start)
    assert list(done.external) == [1]


def test_searches_and_what_is_unseen_are_his(home):
    bob = guest(home)
    store(home, bob, [1, 3], ADD, "\\Seen")
    assert list(home.run(bob.search(HasSystemFlag(SEEN)))) == [1, 3]
    assert list(home.run(bob.search(Not(HasSystemFlag(SEEN))))) == [2, 4, 5]
    assert list(home.run(bob.search(ModseqAtLeast(bob.modseq)))) == [1, 3]
    assert bob.unseen_first() == 1
    assert list(home.run(bob.changed([1, 2, 3], bob.modseq - 1))) == [1, 3]
    counts = private.seen(home.account.readers.event, [bob.id], "bob")
    assert counts == {bob.id: 2}
    assert home.run(home.account.status("INBOX")).unseen == 5


def test_flags_go_with_their_message_and_its_tombstone_tells_nothing(home):
    ann, bob = home.open(), guest(home)
    store(home, ann, [1], ADD, "\\Seen")
    store(home, bob, [2, 3], ADD, "\\Seen")
    store(home, bob, [1, 2], ADD, "\\Deleted")
    home.run(bob.expunge())
    assert list(bob.uids) == [3, 4, 5]
    (batch,) = home.fetch(bob, [1, 2, 3], Column.FLAGS)
    assert batch.columns[Column.FLAGS] == [DELETED, DELETED, SEEN]
    reader = home.account.readers.event
    assert list(private.load(reader, bob.id, BOB)) == [3]
    home.run(home.account.create("Other"))
    other = guest(home, EVE, "Other")
    home.append("Other", b"x")
    store(home, other, [1], ADD, "\\Seen")
    home.run(home.account.delete("Other"))
    assert reader.all("SELECT mailbox FROM private_flags") == [(bob.id,)]


def test_copies_carry_the_flags_of_who_copies(home):
    ann, bob = home.open(), guest(home)
    store(home, ann, [1, 2], ADD, "\\Seen")
    store(home, bob, [2, 3], ADD, "\\Seen")
    home.run(bob.copy([1, 2, 3], "Archive"))
    assert masks(home.open("Archive")) == [0, 0, 0]
    assert masks(guest(home, BOB, "Archive")) == [0, SEEN, SEEN]
    assert masks(guest(home, EVE, "Archive")) == [0, 0, 0]
    home.run(ann.copy([1], "Sent"))
    assert masks(home.open("Sent")) == [SEEN]
    assert masks(guest(home, BOB, "Sent")) == [0]
    # Into the same mailbox too: the numbers of the new messages are others.
    home.run(bob.copy([3], "INBOX"))
    assert masks(bob)[-1] == SEEN
    assert masks(ann)[-1] == 0


@pytest.mark.parametrize("mover", ["ann", BOB], ids=["owner", "guest"])
def test_a_move_takes_the_flags_of_everybody_along(home, mover):
    ann, bob, eve = home.open(), guest(home), guest(home, EVE)
    store(home, ann, [1, 2], ADD, "\\Seen")
    store(home, bob, [2, 3], ADD, "\\Seen")
    store(home, eve, [1], ADD, "\\Seen")
    watching = guest(home, EVE, "Archive")
    home.run((ann if mover == "ann" else bob).move([1, 2, 3], "Archive"))
    assert masks(home.open("Archive")) == [SEEN, SEEN, 0]
    assert masks(guest(home, BOB, "Archive")) == [0, SEEN, SEEN]
    home.run(watching.refresh())
    assert masks(watching) == masks(guest(home, EVE, "Archive")) == [SEEN, 0, 0]


def test_a_message_that_he_brings_is_seen_by_him_alone(home):
    bob, ann = guest(home), home.open()
    arrivals = [Arrival(b"a", ("\\Seen", "\\Flagged")), Arrival(b"b", ("k",))]
    home.run(home.account.append("INBOX", arrivals, terms=Terms(whose=BOB)))
    assert masks(bob)[-2:] == [SEEN | FLAGGED, 128]
    assert masks(ann)[-2:] == [FLAGGED, 128]
    replaced = Arrival(b"c", ("\\Seen",))
    home.run(
        home.account.append(
            "INBOX", [replaced], instead_of=(ann.id, 6), terms=Terms(whose=BOB)
        )
    )
    assert masks(guest(home))[-1] == SEEN
    assert list(private.load(home.account.readers.event, ann.id, BOB)) == [8]


def test_a_hundred_thousand_read_messages_are_few_rows(home):
    reader = home.account.readers.event
    with home.account.lane._database.transaction():
        database = home.account.lane._database
        flags = dict.fromkeys(range(1, 10_001), SEEN)
        changed = private.change(database, BOX, BOB, flags, 7)
        assert len(changed) == 10_000
        assert private.change(database, BOX, BOB, flags, 8) == {}
        private.change(database, BOX, BOB, {5_000: 0}, 9)
    rows = reader.all("SELECT count(*), sum(seen) FROM private_flags")
    assert rows == [(20, 9_999)]
    assert private.since(reader, BOX, BOB, 8) == {5_000: private.Mark(0, 9)}
    with home.account.lane._database.transaction():
        with Statements(database) as statements:
            private.forget(database, BOX, range(1, 10_001))
        assert len(statements) < 70
    assert reader.all("SELECT 1 FROM private_flags") == []


def test_check_finds_flags_without_a_message(home):
    bob = guest(home)
    store(home, bob, [1, 2], ADD, "\\Seen")
    database = home.account.lane._database
    with database.transaction():
        database.execute("UPDATE private_flags SET seen = 7")
        database.execute("INSERT INTO private_flags VALUES (99, 'x', 0, 0, 0, X'')")
        private.change(database, bob.id, EVE, {77: SEEN}, 1)
    (report,) = check(home.store.path).accounts
    assert len(report.problems) == 2
    with database.transaction():
        assert len(private.mend(database)) == 2
        assert private.mend(database) == []
    counts = private.seen(home.account.readers.event, [bob._state.id], "bob")
    assert counts == {bob._state.id: 2}


def test_other_programs_and_workers_see_the_same(home):
    bob = guest(home)
    other = Home(home.store.path)
    far, far_ann = guest(other), other.open()
    store(home, bob, [1, 2], ADD, "\\Seen", "\\Flagged")
    home.append("INBOX", b"new")
    home.run(
        home.account.append(
            "INBOX", [Arrival(b"x", ("\\Seen",))], terms=Terms(whose=BOB)
        )
    )
    store(home, home.open(), [3], ADD, "\\Seen")
    since = far.modseq
    for mailbox in (far, far_ann):
        assert mailbox.stale()
        other.run(mailbox.refresh())
    assert masks(far) == masks(bob) == [9 + 1, 10, 0, 0, 0, 0, SEEN]
    assert masks(far_ann) == [FLAGGED, FLAGGED, SEEN, 0, 0, 0, 0]
    assert far.modseqs(far.uids) == bob.modseqs(bob.uids)
    assert told(far, since) == [(1, 10), (2, 10)]
    assert isinstance(far._state, PersonalState)
    other.close()


def test_an_account_of_an_older_program_takes_private_flags(tmp_path):
    home = Home(tmp_path)
    home.append("INBOX", b"1")
    home.close()
    for path in tmp_path.rglob("index.db"):
        make_older(path, 14)
    home = Home(tmp_path)
    bob = guest(home)
    store(home, bob, [1], ADD, "\\Seen")
    assert masks(bob) == [SEEN]
    home.run(home.account.purge())
    home.close()


def test_settable_flags_alone_are_changed(home):
    bob = guest(home)
    store(home, bob, [1], ADD, "\\Seen", "\\Flagged")
    database = home.account.lane._database
    with database.transaction():
        change = FlagChange(REPLACE, ())
        wanted = Wanted(EVERYTHING, change, None, FAR, settable=FLAGGED)
        done, deltas = store_private(database, bob.id, BOB, wanted)
    assert len(deltas) == 1
    home.run(bob.refresh())
    assert masks(bob)[0] == SEEN
    assert done.failed == ()


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["store", "store", "store", "append", "expunge", "copy"]),
        st.sampled_from([None, "bob", "eve"]),
        st.sampled_from([ADD, REMOVE, REPLACE]),
        st.lists(st.sampled_from(["\\Seen", "\\Flagged", "k"]), max_size=2),
        st.integers(1, 7),
    ),
    max_size=10,
)


@given(STEPS)
@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_state_is_what_the_database_says(tmp_path_factory, steps):
    """Three persons, two programs: who follows by deltas and who reads see the same."""
    path = Path(tmp_path_factory.mktemp("private"))
    home = Home(path)
    home.append("INBOX", b"1", b"2", b"3")
    other = Home(path)
    people = {None: None, "bob": BOB, "eve": EVE}
    here = {who: guest(home, whose) for who, whose in people.items()}
    there = {who: guest(other, whose) for who, whose in people.items()}
    mirrors = {who: (m.modseq, dict(m.rows(m.uids))) for who, m in here.items()}
    for what, who, operation, flags, number in steps:
        mailbox = here[who]
        uids = [uid for uid in mailbox.uids if uid <= number]
        if what == "store":
            store(home, mailbox, uids, operation, *flags)
        elif what == "append":
            arrival = Arrival(b"x", tuple(dict.fromkeys(flags)))
            home.run(
                home.account.append("INBOX", [arrival], terms=Terms(whose=people[who]))
            )
        elif what == "copy":
            home.run(mailbox.copy(uids[:1], "INBOX"))
        else:
            store(home, mailbox, uids[:1], ADD, "\\Deleted")
            home.run(mailbox.expunge())
        for name, one in here.items():
            mirrors[name] = _mirrored(one, *mirrors[name])
            assert mirrors[name][1] == dict(one.rows(one.uids))
    for who, whose in people.items():
        far, near = there[who], here[who]
        other.run(far.refresh())
        state = near._state
        again = _fresh(home, state.id, whose)
        for one in (far._state, again):
            assert one.uids == state.uids
            assert one.system == state.system
            assert one.keywords == state.keywords
            assert one.modseqs == state.modseqs
    other.close()
    home.close()
    assert check(path).whole


def _fresh(home, mailbox, whose):
    from mailstore.service.opened import _load

    return _load(home.account.readers.event, mailbox, whose)


def _mirrored(mailbox, since, flags):
    """Follow a mailbox by nothing but what is told of it."""
    changes = mailbox.changes(since)
    known = {uid: mask for uid, mask in flags.items() if uid not in changes.vanished}
    known.update(mailbox.rows(changes.new))
    known.update(changes.changed)
    return changes.modseq, known
