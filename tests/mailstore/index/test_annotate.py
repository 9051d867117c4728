"""Annotations as rows: what a change writes, and what it leaves alone (RFC 5257)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailstore.errors import NotFound, TooManyAnnotations
from mailstore.index import annotate, audit
from mailstore.index.annotate import SHARED, Bounds
from mailstore.index.copying import copy
from mailstore.index.database import Database
from mailstore.index.flags import FlagsStored
from mailstore.index.selection import Selection
from mailstore.model import AnnotationChange, AnnotationName, MailboxId
from tests.mailstore.index.records import NOW, add, mailbox_id, new_index

BOUNDS = Bounds(10, 100)
INBOX = MailboxId(1)
ENTRIES = ("/comment", "/altsubject")


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = new_index(tmp_path, "INBOX", "Other")
    add(made, "INBOX", (), (), ())
    yield made
    made.close()


def change(entry: str, value: bytes | None, *, private: bool = False):
    return AnnotationChange(AnnotationName(entry, private), value)


def set_(
    database: Database, ranges, *changes, me="ann", bounds=BOUNDS, **how
) -> FlagsStored:
    how = {"unchanged_since": None, "seen_at": 1_000, **how}
    with database.transaction():
        return annotate.annotate(
            database, INBOX, Selection(ranges), me, changes, bounds, **how
        )


def rows(database: Database, mailbox: MailboxId = INBOX) -> list[tuple[object, ...]]:
    return database.all(
        "SELECT uid, owner, entry, value FROM annotation WHERE mailbox = ?"
        " AND value IS NOT NULL ORDER BY uid, owner, entry",
        (mailbox,),
    )


def test_one_change_has_one_mod_sequence(database):
    before = set_(database, ((1, 1),), change("/comment", None)).delta
    assert before.base == before.modseq
    done = set_(
        database, ((1, 2),), change("/comment", b"x"), change("/altsubject", b"")
    )
    assert list(done.delta.changed.uids) == [1, 2]
    assert done.delta.modseq == done.delta.base + 1
    again = set_(database, ((1, 3),), change("/comment", b"x"))
    assert list(again.delta.changed.uids) == [3]
    assert set_(database, ((1, 3),), change("/comment", b"x")).delta.modseq == (
        again.delta.modseq
    )


def test_a_condition_leaves_what_is_newer(database):
    modseq = set_(database, ((2, 2),), change("/comment", b"x")).delta.modseq
    done = set_(
        database,
        ((1, 3),),
        change("/comment", b"y"),
        unchanged_since=modseq - 1,
        seen_at=modseq - 1,
    )
    assert (done.failed, done.external) == ([2], [2])
    assert [(uid, value) for uid, *_, value in rows(database)] == [
        (1, b"y"), (2, b"x"), (3, b"y"),
    ]  # fmt: skip


def test_a_mailbox_that_is_gone_takes_none(database):
    database.execute("UPDATE mailbox SET name = NULL WHERE id = 1")
    with pytest.raises(NotFound):
        set_(database, ((1, 1),), change("/comment", b"x"))


def test_a_refused_change_leaves_all_as_it_was(database):
    some = [change(f"/vendor/x/{at}", b"1") for at in range(11)]
    with pytest.raises(TooManyAnnotations):
        set_(database, ((1, 1),), *some)
    assert rows(database) == []
    set_(database, ((1, 1),), *some[:10])
    set_(database, ((1, 1),), change("/comment", b"x", private=True))
    with pytest.raises(TooManyAnnotations):
        set_(database, ((2, 3),), *some[:2], bounds=Bounds(10, 13))


def test_copies_get_what_their_maker_may_see(database):
    set_(database, ((1, 2),), change("/comment", b"ours"))
    for me in ("ann", "bob"):
        set_(database, ((2, 2),), change("/comment", b"mine", private=True), me=me)
    set_(database, ((2, 2),), change("/altsubject", b"x"))
    set_(database, ((2, 2),), change("/altsubject", None))
    other = mailbox_id(database, "Other")
    for owner in ("ann", "", None):
        with database.transaction():
            copy(database, INBOX, Selection(((1, 3),)), "Other", NOW, me=owner)
    found = [row[:2] for row in rows(database, other)]
    assert found == [
        (1, SHARED), (2, SHARED), (2, "ann"),
        (4, SHARED), (5, SHARED),
        (7, SHARED), (8, SHARED), (8, "ann"), (8, "bob"),
    ]  # fmt: skip
    assert audit.references(database) == []


def test_an_annotation_of_no_message_is_found(database):
    set_(database, ((1, 1),), change("/comment", b"x"))
    database.execute("UPDATE annotation SET uid = 77")
    assert audit.references(database) == ["mailbox 1: annotations of no UID 77"]


uids = st.integers(1, 3)
steps = st.lists(
    st.tuples(
        st.tuples(uids, uids).map(sorted),
        st.sampled_from(ENTRIES),
        st.sampled_from([None, b"", b"a", b"b"]),
        st.booleans(),
        st.sampled_from(["ann", "bob"]),
    ),
    max_size=12,
)


@settings(max_examples=20)
@given(steps)
def test_rows_are_what_was_set_last(tmp_path_factory, todo):
    database = new_index(tmp_path_factory.mktemp("index"))
    add(database, "INBOX", (), (), ())
    wanted: dict[tuple[int, str, str], bytes] = {}
    for (low, high), entry, value, private, me in todo:
        owner = me if private else SHARED
        changed = set()
        for uid in range(low, high + 1):
            if wanted.get((uid, owner, entry)) != value:
                changed.add(uid)
            wanted.pop((uid, owner, entry), None)
            if value is not None:
                wanted[uid, owner, entry] = value
        done = set_(
            database, ((low, high),), change(entry, value, private=private), me=me
        )
        assert set(done.delta.changed.uids) == changed
        (highest,) = database.one("SELECT highestmodseq FROM mailbox") or (0,)
        assert done.delta.modseq == highest
    found = {(uid, owner, entry): value for uid, owner, entry, value in rows(database)}
    assert found == wanted
    for me in ("ann", "bob"):
        listed = annotate.listed(database, INBOX, me, [1, 2, 3])
        assert {(one.uid, one.owner, one.entry, one.octets) for one in listed} == {
            (*key, len(value)) for key, value in wanted.items() if key[1] in ("", me)
        }
    database.close()
