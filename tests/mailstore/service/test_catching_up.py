"""What changed or vanished while a client was away (RFC 7162 §3.1.4.1, §3.2.6)."""

from __future__ import annotations

import tempfile
from array import array
from pathlib import Path

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailstore.index import vanished
from mailstore.index.database import Database, migrations
from mailstore.lanes import Pool
from mailstore.maintenance.check import check
from mailstore.model import FlagChange, FlagOperation, MailboxId
from mailstore.ranges import join
from mailstore.service import catching_up
from mailstore.service.catching_up import changed_among
from tests.mailstore.stores import Home, Statements, hops
from tests.perf.bench import instructions

EVERYTHING = ((1, 2**32 - 1),)
DELETE = FlagChange(FlagOperation.ADD, ("\\Deleted",))
MONTH = 31 * 86_400


@pytest.fixture
def home(tmp_path):
    made = Home(tmp_path / "store")
    yield made
    made.close()


@pytest.fixture(autouse=True)
def long_ago(monkeypatch):
    """What the index remembers is asked for, not what memory does."""
    monkeypatch.setattr(catching_up, "_REMEMBERED", -1)


def fill(home, count):
    home.append("INBOX", *[b"Subject: %d\r\n\r\n" % n for n in range(count)])


def remove(home, mailbox, uids):
    home.run(mailbox.store_flags(uids, DELETE, seen_at=mailbox.modseq))
    home.run(mailbox.expunge(uids))


def purge(home):
    home.runtime.time += MONTH
    home.run(home.account.purge())


def gone(home, mailbox, since, among=EVERYTHING, known=()):
    return list(home.run(mailbox.vanished(among, since, known=known)))


def test_what_vanished_is_told_by_when(home):
    fill(home, 9)
    mailbox = home.open()
    first = mailbox.modseq
    remove(home, mailbox, [2, 3, 7])
    second = mailbox.modseq
    remove(home, mailbox, [4])
    assert gone(home, mailbox, first) == [(2, 4), (7, 7)]
    assert gone(home, mailbox, second) == [(4, 4)]
    assert gone(home, mailbox, mailbox.modseq) == []
    assert gone(home, mailbox, first, among=((3, 5), (7, 99))) == [(3, 4), (7, 7)]
    assert gone(home, mailbox, first, known=(1, 2, 7)) == [(3, 4)]


def test_a_purge_leaves_the_knowledge(home):
    fill(home, 9)
    mailbox = home.open()
    first = mailbox.modseq
    remove(home, mailbox, [2, 3, 7])
    second = mailbox.modseq
    purge(home)
    remove(home, mailbox, [4])
    assert gone(home, mailbox, first) == [(2, 4), (7, 7)]
    assert gone(home, mailbox, second) == [(4, 4)]
    purge(home)
    purge(home)
    assert gone(home, mailbox, first) == [(2, 4), (7, 7)]
    assert gone(home, mailbox, second) == [(4, 4)]
    home.close()
    assert check(home.store.path).whole


def test_below_what_is_remembered_all_that_is_missing_is_told(home, monkeypatch):
    """Never silence: the client would show messages that are gone."""
    monkeypatch.setattr(vanished, "MOST_RANGES", 2)
    fill(home, 12)
    mailbox = home.open()
    since = []
    for uid in (2, 4, 6, 8, 10):
        since.append(mailbox.modseq)
        remove(home, mailbox, [uid])
    purge(home)
    every = [(uid, uid) for uid in (2, 4, 6, 8, 10)]
    assert gone(home, mailbox, since[0]) == every
    assert gone(home, mailbox, since[2]) == every
    assert gone(home, mailbox, since[3]) == every[3:]
    assert gone(home, mailbox, since[4]) == every[4:]
    assert gone(home, mailbox, since[0], among=((3, 5),)) == [(4, 4)]
    assert gone(home, mailbox, 0, known=(4,)) == [every[0], *every[2:]]


def test_ranges_of_one_removal_are_dropped_together(home, monkeypatch):
    monkeypatch.setattr(vanished, "MOST_RANGES", 2)
    fill(home, 9)
    mailbox = home.open()
    first = mailbox.modseq
    remove(home, mailbox, [1, 3, 5, 7])
    second = mailbox.modseq
    purge(home)
    assert gone(home, mailbox, first) == [(n, n) for n in (1, 3, 5, 7)]
    assert gone(home, mailbox, second) == []


def test_nothing_beyond_the_last_uid_vanishes(home, monkeypatch):
    monkeypatch.setattr(vanished, "MOST_RANGES", 0)
    fill(home, 3)
    mailbox = home.open()
    remove(home, mailbox, [3])
    purge(home)
    assert gone(home, mailbox, 0) == [(3, 3)]
    empty = home.open("Sent")
    assert gone(home, empty, 0) == []


def test_a_deleted_mailbox_is_forgotten_whole(home):
    home.run(home.account.create("Once"))
    home.append("Once", b"Subject: a\r\n\r\n", b"Subject: b\r\n\r\n")
    mailbox = home.open("Once")
    remove(home, mailbox, [1])
    purge(home)
    assert home.account.readers.event.all("SELECT low, high FROM vanished") == [(1, 1)]
    home.run(home.account.delete("Once"))
    purge(home)
    assert home.account.readers.event.all("SELECT low, high FROM vanished") == []


def test_an_older_store_forgets_what_it_purged(tmp_path):
    """Its removals are nowhere any more: all that is missing has to be told."""
    path = tmp_path / "index.db"
    connection = apsw.Connection(str(path))
    connection.execute(migrations("mail")[0][1])
    connection.execute("UPDATE account SET purged_at = 7")
    connection.execute(
        "INSERT INTO mailbox (id, name, selectable, uidvalidity, highestmodseq)"
        " VALUES (1, 'INBOX', 1, 5, 40)"
    )
    connection.close()
    database = Database.open(path)
    assert vanished.vanished_ranges(database, MailboxId(1), 39) is None
    assert vanished.vanished_ranges(database, MailboxId(1), 40) == []
    database.close()


def test_what_changed_is_told(home):
    fill(home, 5)
    mailbox = home.open()
    since = mailbox.modseq
    change = FlagChange(FlagOperation.ADD, ("\\Seen",))
    home.run(mailbox.store_flags([2, 4], change, seen_at=since))
    fill(home, 1)
    uids = list(mailbox.uids)
    assert list(home.run(mailbox.changed(uids, since))) == [2, 4, 6]
    assert list(home.run(mailbox.changed([1, 2, 3, 5, 77], since))) == [2]
    assert list(home.run(mailbox.changed([], since))) == []
    assert list(home.run(mailbox.changed(uids, mailbox.modseq))) == []
    assert list(home.run(mailbox.changed(uids, 0))) == uids
    modseqs = mailbox.modseqs([1, 2, 4, 77])
    assert modseqs == [since, since + 1, since + 1, mailbox.modseq]
    assert [uid for uid, _ in mailbox.rows([2, 3, 77])] == [2, 3]
    state = home.account.opened.get(mailbox.id).state
    assert state.rows([3]) == [(3, 0)]
    found = home.run(changed_among(home.runtime, state, uids, since))
    assert list(found) == [2, 4, 6]


@pytest.mark.parametrize(("count", "pools"), [(10, []), (400, [Pool.READ])])
def test_the_cost_does_not_grow_with_the_messages(home, monkeypatch, count, pools):
    """What vanished is read at once if it is little; what changed is in memory."""
    monkeypatch.setattr("mailstore.service.catching_up._ROWS_AT_ONCE", 100)
    fill(home, count)
    mailbox = home.open()
    since = mailbox.modseq
    remove(home, mailbox, list(range(2, count, 2)))
    uids = list(mailbox.uids)
    with Statements(home.account.readers.event) as statements:
        assert hops(home, mailbox.changed(uids, since)) == []
        assert hops(home, mailbox.vanished(EVERYTHING, mailbox.modseq, known=())) == []
    assert statements == []
    with Statements(home.account.readers.event) as statements:
        assert hops(home, mailbox.vanished(EVERYTHING, since, known=())) == pools
    assert len([sql for sql in statements if sql.startswith("SELECT")]) == (
        1 if pools else 4
    )
    with home.account.readers.take() as reader, Statements(reader) as statements:
        vanished.vanished_ranges(reader, mailbox.id, since)
    assert len(statements) == 3


def test_what_was_forgotten_is_looked_for_on_another_thread(home):
    """Then every UID that is missing is told: that is one look at each that is not."""
    fill(home, 5)
    mailbox = home.open()
    remove(home, mailbox, [2, 3])
    forget = "UPDATE mailbox SET forgotten = highestmodseq"
    home.account.lane._database.execute(forget)
    work = mailbox.vanished(EVERYTHING, 1, known=())
    assert hops(home, work) == [Pool.READ]


def test_a_huge_mailbox_is_looked_through_on_another_thread(home, monkeypatch):
    monkeypatch.setattr("mailstore.service.catching_up._AT_ONCE", 3)
    fill(home, 5)
    mailbox = home.open()
    assert hops(home, mailbox.changed(list(mailbox.uids), 0)) == [Pool.READ]


def test_scattered_messages_are_looked_through_on_another_thread_sooner(
    home, monkeypatch
):
    monkeypatch.setattr("mailstore.service.catching_up._SCATTERED_AT_ONCE", 3)
    fill(home, 5)
    mailbox = home.open()
    assert hops(home, mailbox.changed([1, 2, 3, 4, 5], 0)) == []
    assert hops(home, mailbox.changed([1, 3], 0)) == []
    assert hops(home, mailbox.changed([1, 3, 5], 0)) == [Pool.READ]


@pytest.mark.parametrize("remembered", [-1, 1_000])
def test_scattered_messages_are_no_pieces_each(home, monkeypatch, remembered):
    """Of every second one a client may ask, as of all that were saved by a search."""
    monkeypatch.setattr(catching_up, "_REMEMBERED", remembered)
    fill(home, 600)
    mailbox = home.open()
    first = mailbox.modseq
    change = FlagChange(FlagOperation.ADD, ("\\Seen",))
    home.run(mailbox.store_flags(list(range(1, 601, 2)), change, seen_at=first))
    asked = array("I", range(1, 601, 3))
    told = []
    spent = instructions(
        lambda: told.append(list(home.run(mailbox.changed(asked, first))))
    )
    assert told[-1] == list(range(1, 601, 6))
    assert spent < 60 * len(asked)


steps = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.integers(1, 3)),
        st.tuples(st.just("remove"), st.sets(st.integers(1, 20), max_size=6)),
        st.tuples(st.just("purge"), st.none()),
        st.tuples(st.just("flag"), st.integers(1, 20)),
    ),
    max_size=14,
)


@pytest.mark.parametrize("most", [0, 5, 100])
def test_what_happened_lately_is_told_from_memory(home, monkeypatch, most):
    """As much as that is, and nothing that has not happened; else it is looked for."""
    monkeypatch.setattr(catching_up, "_REMEMBERED", most)
    fill(home, 9)
    mailbox = home.open()
    moments = [0, mailbox.modseq]
    for uids in ([2, 3], [7], [9]):
        remove(home, mailbox, uids)
        moments.append(mailbox.modseq)
    fill(home, 2)
    change = FlagChange(FlagOperation.ADD, ("\\Seen",))
    home.run(mailbox.store_flags([1, 11], change, seen_at=mailbox.modseq))
    with Statements(home.account.readers.event) as statements:
        changed = [list(home.run(mailbox.changed([1, 5, 10], at))) for at in moments]
        vanished_ = [gone(home, mailbox, at) for at in moments]
    assert changed == [[1, 5, 10], [1, 10], [1, 10], [1, 10], [1, 10]]
    assert vanished_[1:] == [[(2, 3), (7, 7), (9, 9)], [(7, 7), (9, 9)], [(9, 9)], []]
    if most == 100:
        assert len([sql for sql in statements if sql.startswith("SELECT")]) == 4


@given(steps, st.integers(0, 3))
def test_nobody_keeps_what_is_gone_and_nobody_loses_what_is_there(script, most):
    """Whatever a client knew at whatever moment, it ends up with what is there."""
    before, vanished.MOST_RANGES = vanished.MOST_RANGES, most
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder))
        try:
            fill(home, 3)
            mailbox = home.open()
            moments = [(mailbox.modseq, set(mailbox.uids))]
            for what, value in script:
                _step(home, mailbox, what, value)
                moments.append((mailbox.modseq, set(mailbox.uids)))
            there = set(mailbox.uids)
            for modseq, knew in moments:
                changed = home.run(mailbox.changed(mailbox.uids, modseq))
                known = mailbox._state.changed_since(modseq, 10_000)
                assert known is not None
                assert list(known) == list(changed)
                removed = set(mailbox._state.vanished_since(modseq, 10_000))
                assert knew - there <= removed
                assert not removed & there
                told = gone(home, mailbox, modseq)
                uids = {uid for low, high in told for uid in range(low, high + 1)}
                assert knew - there <= uids
                assert not uids & there
                assert told == join(sorted(uids))
        finally:
            vanished.MOST_RANGES = before
            home.close()


def _step(home, mailbox, what, value):
    if what == "append":
        fill(home, value)
    elif what == "purge":
        purge(home)
    elif what == "flag":
        change = FlagChange(FlagOperation.ADD, ("\\Seen",))
        home.run(mailbox.store_flags([value], change, seen_at=mailbox.modseq))
    else:
        chosen = sorted(value & set(mailbox.uids))
        if chosen:
            remove(home, mailbox, chosen)
