"""Append, STORE, EXPUNGE, COPY and MOVE as transactions of the index."""

from __future__ import annotations

from array import array

import pytest

from mailstore.errors import NotFound, TooMany
from mailstore.index import entries, keywords, upkeep
from mailstore.index.copying import copy, move_all
from mailstore.index.flags import store_flags
from mailstore.index.keywords import flag_names
from mailstore.index.mailboxes import delete, mailbox_named
from mailstore.index.records import to_columns, to_mask
from mailstore.index.removal import expunge
from mailstore.index.selection import EVERYTHING, Selection
from mailstore.model import (
    ANSWERED,
    DELETED,
    FLAGGED,
    SEEN,
    FlagChange,
    FlagOperation,
)
from tests.mailstore.index.records import NOW, add, mailbox_id, new_index, state_of
from tests.mailstore.stores import Statements

ADD, REMOVE, REPLACE = FlagOperation.ADD, FlagOperation.REMOVE, FlagOperation.REPLACE


@pytest.fixture
def database(tmp_path):
    made = new_index(tmp_path, "INBOX", "Other")
    yield made
    made.close()


def store(database, operation, *flags, among=EVERYTHING, since=None, seen_at=10**6):
    return store_flags(
        database,
        mailbox_id(database),
        among,
        FlagChange(operation, flags),
        unchanged_since=since,
        seen_at=seen_at,
    )


def masks(database, name="INBOX"):
    state = state_of(database, name)
    return dict(zip(state.uids, state.masks(0, len(state.uids)), strict=True))


@pytest.mark.parametrize(
    "mask", [0, 1, 31, 1 << 7, 1 << 63, (1 << 64) - 1, 1 << 64, (1 << 262) - 1]
)
def test_a_mask_survives_its_columns(mask):
    flags, more = to_columns(mask)
    assert -(2**63) <= flags < 2**63
    assert to_mask(flags, more) == mask


def test_arrivals_are_numbered_and_counted(database):
    first = add(database, "INBOX", (), ("\\Seen",), ("\\Deleted", "Work"))
    assert [row.uid for row in first.delta.new] == [1, 2, 3]
    assert first.delta.keywords == ("Work",)
    row = mailbox_named(database, "INBOX")
    assert (row.messages, row.unseen, row.deleted, row.bytes) == (3, 2, 1, 6)
    assert (row.uidnext, row.highestmodseq) == (4, first.delta.modseq)
    assert add(database).delta.new[0].uid == 4


def test_arrivals_need_a_mailbox(database):
    with pytest.raises(NotFound):
        add(database, "missing")


def test_uids_end(database):
    database.execute("UPDATE mailbox SET uidnext = 4294967294")
    add(database)
    with pytest.raises(TooMany):
        add(database)
    assert list(masks(database)) == [4294967294]


def test_flags_are_added_removed_replaced(database):
    add(database, "INBOX", (), ("\\Seen",))
    done = store(database, ADD, "\\Seen", "$Forwarded")
    assert masks(database) == {1: SEEN | 1 << 7, 2: SEEN | 1 << 7}
    assert done.delta.keywords == ("$Forwarded",)
    store(database, REMOVE, "\\Seen", among=Selection(((2, 2),)))
    assert masks(database) == {1: SEEN | 1 << 7, 2: 1 << 7}
    store(database, REPLACE, "\\Flagged")
    assert masks(database) == {1: FLAGGED, 2: FLAGGED}
    assert mailbox_named(database, "INBOX").unseen == 2


def test_what_is_as_wanted_keeps_its_modseq(database):
    add(database, "INBOX", ("\\Seen",), ())
    before = list(state_of(database).modseqs)
    done = store(database, ADD, "\\Seen", among=Selection(((1, 2),)))
    assert list(done.delta.changed.uids) == [2]
    after = state_of(database)
    assert after.modseqs[0] == before[0]
    assert after.modseqs[1] == done.delta.modseq == after.modseq
    again = store(database, ADD, "\\Seen")
    assert again.delta.modseq == again.delta.base == after.modseq


def test_keywords_are_compared_without_case(database):
    add(database, "INBOX", ("Work",))
    store(database, ADD, "WORK")
    assert entries.keywords(database, mailbox_id(database)) == ("Work",)
    store(database, REMOVE, "work")
    assert masks(database) == {1: 0}


def test_removing_an_unknown_keyword_makes_none(database):
    add(database)
    assert store(database, REMOVE, "Nope").delta.keywords is None


def test_long_lists_of_keywords_are_not_remembered(database):
    """Thousands of them in each command would be hundreds of megabytes."""
    add(database, "INBOX")
    keywords._parted.cache_clear()
    for first in range(3):
        with pytest.raises(TooMany):
            store(database, ADD, *[f"k{n}" for n in range(first, first + 1_000)])
    store(database, ADD, "few")
    assert keywords._parted.cache_info().currsize == 1


def test_255_keywords_fit(database):
    add(database, "INBOX", (), ())
    words = [f"k{at}" for at in range(255)]
    store(database, ADD, *words, among=Selection(((1, 1),)))
    known = entries.keywords(database, mailbox_id(database))
    assert flag_names(masks(database)[1], known) == words
    store(database, REMOVE, "k254", "k57", "k56", "k0")
    kept = [w for w in words if w not in ("k254", "k57", "k56", "k0")]
    assert flag_names(masks(database)[1], known) == kept
    store(database, ADD, "k200", "\\Seen")
    assert flag_names(masks(database)[2], known) == ["k200"]
    store(database, REPLACE, "k100", "k1")
    assert [flag_names(m, known) for m in masks(database).values()] == [
        ["k1", "k100"]
    ] * 2
    with pytest.raises(TooMany), database.transaction():
        store(database, ADD, "one-more")
    assert len(entries.keywords(database, mailbox_id(database))) == 255


def test_counters_follow_wide_masks(database):
    add(database, "INBOX", ("\\Deleted", *[f"k{n}" for n in range(80)]), ())
    store(database, ADD, "k79", "\\Seen", "\\Deleted")
    row = mailbox_named(database, "INBOX")
    assert (row.unseen, row.deleted) == (0, 2)
    store(database, REMOVE, "k79", "\\Seen", "\\Deleted")
    row = mailbox_named(database, "INBOX")
    assert (row.unseen, row.deleted) == (2, 0)


def test_others_changes_are_told(database):
    add(database, "INBOX", (), (), ())
    seen_at = mailbox_named(database, "INBOX").highestmodseq
    store(database, ADD, "\\Answered", among=Selection(((2, 2),)))
    done = store(database, ADD, "\\Seen", seen_at=seen_at)
    assert list(done.external) == [2]


def test_unchanged_since_refuses_what_has_changed(database):
    add(database, "INBOX", (), (), ())
    since = mailbox_named(database, "INBOX").highestmodseq
    store(database, ADD, "\\Answered", among=Selection(((2, 2),)))
    done = store(database, ADD, "\\Seen", since=since)
    assert list(done.failed) == [2]
    assert masks(database) == {1: SEEN, 2: ANSWERED, 3: SEEN}


def test_scattered_messages_are_one_statement(database):
    add(database, "INBOX", *([()] * 200))
    chosen = list(range(1, 200, 2))
    among = Selection.of(chosen, array("I", range(1, 201)))
    with Statements(database) as statements:
        store(database, ADD, "\\Answered", among=among)
    assert len(statements) == 4  # one of them only finds the mailbox for the test
    flagged = [uid for uid, mask in masks(database).items() if mask & ANSWERED]
    assert flagged == chosen


def test_expunge_leaves_tombstones(database):
    add(database, "INBOX", ("\\Deleted",), (), ("\\Deleted", "\\Seen"))
    with database.transaction():
        delta = expunge(database, mailbox_id(database), EVERYTHING, NOW)
    assert delta is not None
    assert list(delta.vanished) == [1, 3]
    row = mailbox_named(database, "INBOX")
    assert (row.messages, row.unseen, row.deleted, row.bytes) == (1, 1, 0, 2)
    left = entries.tombstones(database, row.id, 0, [1, 2, 3])
    assert [(one.uid, one.mask) for one in left] == [(1, DELETED), (3, DELETED | SEEN)]
    assert list(entries.vanished_since(database, row.id, delta.base)) == [1, 3]
    assert list(entries.vanished_since(database, row.id, delta.modseq)) == []


def test_expunge_without_deleted_ones_changes_nothing(database):
    add(database)
    before = mailbox_named(database, "INBOX")
    assert expunge(database, before.id, EVERYTHING, NOW) is None
    assert mailbox_named(database, "INBOX") == before


def test_copies_share_the_message(database):
    add(database, "INBOX", ("\\Seen", "b"), ("a",), ())
    add(database, "Other", ("a", "x"))
    done = copy(database, mailbox_id(database), Selection(((1, 2),)), "Other", NOW)
    assert (list(done.source), list(done.target)) == ([1, 2], [2, 3])
    inbox, other = state_of(database), state_of(database, "Other")
    assert list(other.messages[1:]) == list(inbox.messages[:2])
    assert [flag_names(m, other.keyword_names) for m in other.masks(0, 3)] == [
        ["a", "x"],
        ["b"],
        ["a"],
    ]
    assert other.mask(1) & SEEN
    assert list(other.dates[1:]) == list(inbox.dates[:2])
    assert len(inbox.uids) == 3


def test_copy_into_the_same_mailbox(database):
    add(database, "INBOX", ("a",))
    copy(database, mailbox_id(database), EVERYTHING, "INBOX", NOW)
    assert masks(database) == {1: 1 << 7, 2: 1 << 7}


def test_a_move_is_in_one_place(database):
    add(database, "INBOX", (), ("\\Deleted",), ())
    among = Selection(((1, 2),))
    done = copy(database, mailbox_id(database), among, "Other", NOW, move=True)
    assert list(masks(database)) == [3]
    assert masks(database, "Other") == {1: 0, 2: DELETED}
    assert len(done.deltas) == 2
    assert mailbox_named(database, "Other").deleted == 1


def test_moving_into_the_same_mailbox_gives_new_uids(database):
    add(database, "INBOX", (), ())
    among = Selection(((1, 2),))
    copy(database, mailbox_id(database), among, "INBOX", NOW, move=True)
    assert list(masks(database)) == [3, 4]


def test_a_failed_move_changes_nothing(database):
    add(database, "INBOX", ())
    with pytest.raises(NotFound), database.transaction():
        copy(database, mailbox_id(database), EVERYTHING, "missing", NOW, move=True)
    assert list(masks(database)) == [1]


def test_moving_all_of_nothing(database):
    assert not move_all(database, mailbox_id(database), "Other", NOW).deltas


def test_nothing_is_written_into_a_mailbox_that_is_gone(database):
    add(database, "Other", ("\\Deleted",))
    id_ = mailbox_id(database, "Other")
    delete(database, "Other", NOW)
    change = FlagChange(ADD, ("\\Seen",))
    with pytest.raises(NotFound):
        store_flags(database, id_, EVERYTHING, change, unchanged_since=None, seen_at=0)
    with pytest.raises(NotFound):
        expunge(database, id_, EVERYTHING, NOW)
    with pytest.raises(NotFound):
        copy(database, id_, EVERYTHING, "INBOX", NOW)


def test_purge_spares_what_somebody_has(database):
    add(database, "INBOX", ("\\Deleted",), ("\\Deleted",))
    inbox = mailbox_id(database)
    copy(database, inbox, Selection(((1, 1),)), "Other", NOW)
    expunge(database, inbox, EVERYTHING, NOW)
    assert upkeep.purge(database, NOW, NOW).tombstones == 0
    purged = upkeep.purge(database, NOW + 1, NOW + 1)
    assert purged.tombstones == 2
    assert purged.messages == 1
    texts = entries.texts(database, [1, 2], ["blob"])
    assert list(texts) == [(1, "test:m0")]
    assert upkeep.purged_at(database) == NOW + 1


def test_purge_forgets_deleted_mailboxes(database):
    add(database, "Other", ("k",))
    delete(database, "Other", NOW)
    upkeep.purge(database, NOW, NOW)
    count = "SELECT count(*) FROM mailbox"
    assert database.one(count) == (2,)
    upkeep.purge(database, NOW + 1, NOW + 1)
    assert database.one(count) == (1,)
    assert database.one("SELECT count(*) FROM keyword") == (0,)


def test_a_leap_makes_every_modseq_new(database):
    add(database, "INBOX", (), ())
    upkeep.mark_loose(database, "me", "boot")
    before = mailbox_named(database, "INBOX").highestmodseq
    upkeep.leap(database)
    row = mailbox_named(database, "INBOX")
    assert row.highestmodseq == before + 2**20
    assert set(state_of(database).modseqs) == {row.highestmodseq}
    assert upkeep.loose_boots(database) == frozenset()
