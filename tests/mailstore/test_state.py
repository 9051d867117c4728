"""A state that follows deltas equals a loaded one; histories lose nothing."""

from __future__ import annotations

import random
from array import array

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailstore.history import History, Step
from mailstore.index import flags, mailboxes
from mailstore.index.copying import copy
from mailstore.index.flags import store_flags
from mailstore.index.records import MailboxRow, NewColumns
from mailstore.index.removal import expunge
from mailstore.index.selection import EVERYTHING, Selection
from mailstore.model import FlagChange, FlagOperation, MailboxId
from mailstore.state import MailboxState
from tests.mailstore.index.records import (
    NOW,
    add,
    contents,
    mailbox_id,
    new_index,
    state_of,
)
from tests.perf.bench import instructions

FLAGS = ("\\Seen", "\\Deleted", *[f"k{n}" for n in range(0, 90, 10)])
uid_lists = st.sets(st.integers(1, 30), min_size=1, max_size=8).map(sorted)
flag_tuples = st.lists(st.sampled_from(FLAGS), max_size=3, unique=True).map(tuple)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.lists(flag_tuples, min_size=1, max_size=4)),
        st.tuples(
            st.just("store"), uid_lists, st.sampled_from(FlagOperation), flag_tuples
        ),
        st.tuples(st.just("expunge"), uid_lists),
        st.tuples(st.just("copy"), uid_lists, st.booleans()),
    ),
    max_size=14,
)


def commit(database, state, step):
    """Do a step; gives its deltas for the mailbox."""
    box = mailbox_id(database)
    kind, *arguments = step
    with database.transaction():
        if kind == "add":
            pass
        elif kind == "store":
            uids, operation, flags = arguments
            return [
                store_flags(
                    database,
                    box,
                    Selection.of(uids, state.uids),
                    FlagChange(operation, flags),
                    unchanged_since=None,
                    seen_at=0,
                ).delta
            ]
        elif kind == "expunge":
            among = Selection.of(arguments[0], state.uids)
            delta = expunge(database, box, among, NOW)
            return [] if delta is None else [delta]
        else:
            uids, move = arguments
            among = Selection.of(uids, state.uids)
            return list(copy(database, box, among, "INBOX", NOW, move=move).deltas)
    return [add(database, "INBOX", *arguments[0]).delta]


@settings(max_examples=60, deadline=None)
@given(steps, st.sampled_from((0, 64)), st.sampled_from((0, 1, 256)))
def test_following_equals_loading(tmp_path_factory, chosen, few, pieces):
    with pytest.MonkeyPatch.context() as patch:
        # All ways of writing: row by row, and by one statement with rows or without.
        patch.setattr(flags, "_FEW", few)
        patch.setattr(flags, "_PIECES", pieces)
        follow(tmp_path_factory, chosen)


def follow(tmp_path_factory, chosen):
    database = new_index(tmp_path_factory.mktemp("index"))
    if len(chosen) % 2:
        # The 57th keyword and those behind it are kept apart.
        add(database, "INBOX", tuple(f"k{n}" for n in range(90)), ("\\Seen",))
    state = state_of(database)
    start = state.modseq
    before = dict(zip(state.uids, state.masks(0, len(state.uids)), strict=True))
    woken = []
    state.watch(lambda: woken.append(state.modseq))
    for step in chosen:
        if step[0] != "add" and not Selection.of(step[1], state.uids):
            continue
        held, length = state.uids, len(state.uids)
        kept = list(held)
        for delta in commit(database, state, step):
            assert state.apply(delta)
            assert state.apply(delta)  # again: known already
        assert list(held[:length]) == kept
        assert contents(state) == contents(state_of(database))
        # What is looked for by mod-sequences is not looked for above that.
        assert max(state.modseqs, default=0) <= state.modseq
    changes = state.changes(start)
    after = dict(before)
    for uid in changes.vanished:
        after.pop(uid, None)
    after.update(changes.changed)
    after.update({uid: state.mask(list(state.uids).index(uid)) for uid in changes.new})
    assert after == dict(zip(state.uids, state.masks(0, len(state.uids)), strict=True))
    database.close()


def test_a_delta_that_does_not_fit_is_refused(tmp_path):
    database = new_index(tmp_path)
    state = state_of(database)
    add(database)
    second = add(database).delta
    before = contents(state)
    assert not state.apply(second)
    assert contents(state) == before
    database.close()


def test_new_rows_are_laid_out_by_who_writes_them(tmp_path):
    """The event thread copies columns, however many rows a copy brings."""
    database = new_index(tmp_path)
    state = state_of(database)
    delta = add(database).delta
    assert delta.added == NewColumns.of(delta.new)
    assert state.apply(delta._replace(new=()))
    assert contents(state) == contents(state_of(database))
    database.close()


@pytest.mark.parametrize("count", [3, 2_000])
def test_removing_few_and_many_pieces(tmp_path, count):
    database = new_index(tmp_path)
    add(database, "INBOX", *([()] * count), ("\\Deleted",))
    state = state_of(database)
    change = FlagChange(FlagOperation.ADD, ("\\Deleted", "k"))
    odd = Selection.of(list(range(1, count, 2)), state.uids)
    with database.transaction():
        done = store_flags(
            database, state.id, odd, change, unchanged_since=None, seen_at=0
        )
        removed = expunge(database, state.id, EVERYTHING, NOW)
    assert state.apply(done.delta)
    assert removed is not None
    assert state.apply(removed)
    assert contents(state) == contents(state_of(database))
    database.close()


def test_a_deleted_mailbox_has_nothing(tmp_path):
    database = new_index(tmp_path, "INBOX", "x")
    add(database, "x", (), ())
    state = state_of(database, "x")
    delta = mailboxes.delete(database, "x", NOW)
    assert state.apply(delta)
    assert state.gone
    assert list(state.changes(0).vanished) == [1, 2]
    database.close()


def test_who_is_far_behind_is_told_what_happened_to_a_message_he_knew(tmp_path):
    """A session that missed some hundred commits lost a flag of a young message.

    The oldest steps are folded, and tell again of messages that it knows as new.
    """
    database = new_index(tmp_path)
    state = state_of(database)
    for _ in range(2):
        assert state.apply(add(database).delta)
    known = state.modseq
    for at in range(600):
        operation = FlagOperation.REMOVE if at % 2 else FlagOperation.ADD
        uid = 1 if at else 2
        with database.transaction():
            done = store_flags(
                database,
                state.id,
                Selection(((uid, uid),)),
                FlagChange(operation, ("\\Flagged",)),
                unchanged_since=None,
                seen_at=known,
            )
        assert state.apply(done.delta)
    assert {uid for uid, _ in state.changes(known).changed} == {1, 2}
    database.close()


# -- history


@given(st.lists(st.sets(st.integers(1, 40), max_size=30), max_size=6))
def test_steps_are_folded_to_all_that_happened(sets):
    history = History()
    for modseq, uids in enumerate(sets, 2):
        history.add(Step(modseq, changed=array("I", sorted(uids))))
    assert list(history.since(1).changed) == sorted(set().union(*sets))


def test_a_history_answers_with_at_least_what_happened():
    history, rng = History(), random.Random(1)
    happened = []
    for modseq in range(1, 2_000):
        uids = sorted(rng.sample(range(1, 50), 2))
        kind = rng.choice(["new", "changed", "vanished"])
        happened.append((modseq, kind, uids))
        history.add(Step(modseq, **{kind: uids}))
    assert len(history) <= 512
    for since in (0, 5, 1_000, 1_500, 1_990, 1_999, 5_000):
        told = history.since(since)
        for modseq, kind, uids in happened:
            if modseq > since:
                assert set(uids) <= set(getattr(told, kind))
        for kind in ("new", "changed", "vanished"):
            assert list(getattr(told, kind)) == sorted(set(getattr(told, kind)))
    recent = history.since(1_997)
    assert {*recent.new, *recent.changed, *recent.vanished} == {
        uid for modseq, _, uids in happened if modseq > 1_997 for uid in uids
    }


def test_what_everybody_knows_is_forgotten(monkeypatch):
    history = History()
    for modseq in range(1, 11):
        history.add(Step(modseq, new=[modseq]))
    history.forget(7)
    assert len(history) == 10  # who comes back may ask for it
    monkeypatch.setattr("mailstore.history._KEPT", 5)
    history.forget(4)
    assert len(history) == 6
    assert history.recent(3, 100) is None
    assert history.recent(4, 5) is None
    told = history.recent(4, 6)
    assert told is not None
    assert list(told.new) == [5, 6, 7, 8, 9, 10]
    history.forget(10)
    assert len(history) == 5
    monkeypatch.setattr("mailstore.history._KEPT", 0)
    history.forget(7)
    assert list(history.since(7).new) == [8, 9, 10]
    history.forget(12)
    assert len(history) == 0
    assert history.recent(9, 100) is None
    assert history.recent(10, 0) == Step(10)
    history.forget(12)


@pytest.mark.parametrize("keywords", [(), ("one", "two")])
@pytest.mark.parametrize("more", [{}, {5: 1, 7: 3}])
def test_scattered_messages_take_no_step_each(keywords, more):
    dice = random.Random(7)
    row = MailboxRow(MailboxId(1), "x", True, None, 1, 9_000, 9, 3_000, 0, 0, 0, 1)
    loaded = NewColumns.blank(3_000)._replace(
        uids=array("I", sorted(dice.sample(range(1, 9_000), 3_000))), more=more
    )
    state = MailboxState(row, loaded, keywords)
    for at in range(3_000):
        state.system[at] = dice.randrange(32)
        state.keywords[at] = dice.randrange(4) if keywords else 0
        state.modseqs[at] = dice.randrange(1, 10)
    for uids in (
        sorted(dice.sample(range(1, 9_000), 1_500)),
        list(state.uids[::2]),
        list(state.uids[100:2_000:70]),
        list(range(1, 9_500)),
        [*range(1, 4_000), *range(6_000, 8_000)],
    ):
        found = map(state.position, uids)
        each = [place for place in found if place is not None]
        there = [state.uids[at] for at in each]
        masks = [state.mask(at) for at in each]
        assert state.rows(uids) == list(zip(there, masks, strict=True))
        assert [list(one) for one in state.masks_of(uids)] == [there, masks]
        newer = [
            (uid, mask)
            for uid, mask, at in zip(there, masks, each, strict=True)
            if state.modseqs[at] > 5
        ]
        assert state.rows_since(uids, 5) == newer
    if not (keywords or more):
        some = state.uids[::2]
        assert instructions(lambda: state.rows_since(some, 5)) < 500
        assert instructions(lambda: state.masks_of(some)) < 500
