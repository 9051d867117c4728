"""SORT and THREAD of a real store against the reference."""

from __future__ import annotations

import itertools
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailstore.errors import Unavailable
from mailstore.index import sortkeys
from mailstore.index.database import Database
from mailstore.maintenance.check import check
from mailstore.maintenance.sort_values import prove_sort_values
from mailstore.mime.sorting import SortFields
from mailstore.model import Arrival, FlagChange, FlagOperation, InternalDate
from mailstore.query import (
    DEFAULT_COMPARATOR,
    All,
    Collation,
    Comparator,
    Criterion,
    Following,
    HasSystemFlag,
    HeaderContains,
    Not,
    SortKey,
    Threading,
    Uids,
    fuzzy,
)
from mailstore.service import sorting
from tests.mailstore.mime.corpus import OWN, real
from tests.mailstore.search import sort_reference
from tests.mailstore.search.sort_reference import Message, message_of
from tests.mailstore.stores import Home, Statements

FLAGGED = 2
BY_SUBJECT = (Criterion(SortKey.SUBJECT), Criterion(SortKey.DATE, reverse=True))
GIVEN = (SortKey.ANNOTATION, SortKey.RELEVANCY)
STORED = [key for key in SortKey if key not in GIVEN]
BY_DATE = (Criterion(SortKey.DATE),)


@pytest.fixture
def home(tmp_path):
    made = Home(tmp_path)
    yield made
    made.close()


def mail(**fields: str) -> bytes:
    names = {"from_": "From", "id": "Message-ID", "refs": "References"}
    lines = [f"{names.get(k, k.capitalize())}: {v}\r\n" for k, v in fields.items()]
    return "".join(lines).encode() + b"\r\nbody\r\n"


class Box:
    """A mailbox and what the reference knows of it."""

    def __init__(self, home: Home, name: str = "INBOX") -> None:
        self.home, self.name = home, name
        self.mailbox: Any = home.open(name)
        self.raw: dict[int, tuple[bytes, int]] = {}

    def add(self, *rows: tuple[bytes, int]) -> None:
        arrivals = [Arrival(data, (), InternalDate(when), True) for data, when in rows]
        done = self.home.run(self.home.account.append(self.name, arrivals))
        self.raw.update(zip(done.uids, rows, strict=True))

    def messages(self) -> list[Message]:
        state = self.mailbox._state
        return [
            message_of(uid, *self.raw[uid], modseq=modseq)
            for uid, modseq in zip(state.uids, state.modseqs, strict=True)
        ]

    def sort(self, criteria: Any, predicate: Any = None, how: Any = None) -> list[int]:
        work = self.mailbox.sort(
            predicate or All(), criteria, how or DEFAULT_COMPARATOR
        )
        return list(self.home.run(work))

    def thread(self, algorithm: Any, predicate: Any = None) -> list[tuple[int, int]]:
        work = self.mailbox.thread(predicate or All(), algorithm)
        forest = self.home.run(work)
        return list(zip(forest.uids, forest.degrees, strict=True))

    def remove(self, *uids: int) -> None:
        change = FlagChange(FlagOperation.ADD, ("\\Deleted",))
        seen_at = self.mailbox.modseq
        self.home.run(self.mailbox.store_flags(sorted(uids), change, seen_at=seen_at))
        self.home.run(self.mailbox.expunge(sorted(uids)))

    def agrees(self) -> None:
        """Every key and every algorithm, over all messages and over some."""
        every = self.messages()
        low = Uids(((1, max([one.uid for one in every], default=1) // 2),))
        for some, predicate in (
            (every, All()),
            ([m for m in every if m.uid > low.ranges[0][1]], Not(low)),
        ):
            for key in STORED:
                by = (Criterion(key), Criterion(SortKey.SUBJECT, reverse=True))
                wanted = sort_reference.sort(some, by)
                assert self.sort(by, predicate) == wanted, key
            for algorithm in Threading:
                flat: list[tuple[int, int]] = []
                todo = sort_reference.thread(some, algorithm)[::-1]
                while todo:
                    uid, below = todo.pop()
                    flat.append((uid, len(below)))
                    todo += below[::-1]
                assert self.thread(algorithm, predicate) == flat, algorithm


subjects = st.builds(
    "".join,
    st.lists(
        st.sampled_from(["Re: ", "Fwd: ", "[x] ", "a", "B", "ä", " (fwd)", "[fwd: "]),
        max_size=4,
    ),
)
ids = st.integers(1, 6).map(lambda n: f"<{n}@x>")
generated = st.builds(
    lambda fields, when: (mail(**fields), when),
    st.fixed_dictionaries(
        {},
        optional={
            "subject": subjects,
            "from_": st.sampled_from(["ann@x", "Bob <bob@x>", "ANN@y", "g: a@b;", "<"]),
            "to": st.sampled_from(["carl@x, ann@y", "Dora <d@x>", ""]),
            "cc": st.sampled_from(["e@x", "E@y"]),
            "date": st.integers(10, 15).map(
                lambda d: f"{d} Jan 2020 00:00:00 +0{d % 3}00"
            ),
            "id": ids,
            "refs": st.lists(ids, max_size=3).map(" ".join),
        },
    ),
    st.integers(1_578_600_000, 1_579_000_000),
)


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    made = Home(tmp_path_factory.mktemp("sort"))
    yield made
    made.close()


numbers = itertools.count()


@settings(deadline=None, max_examples=30)
@given(
    first=st.lists(generated, max_size=7),
    later=st.lists(generated, max_size=3),
    data=st.data(),
)
def test_every_answer_is_that_of_the_reference(shared, first, later, data):
    name = f"box{next(numbers)}"
    shared.run(shared.account.create(name))
    box = Box(shared, name)
    if first:
        box.add(*first)
    box.agrees()
    gone = [uid for uid in box.mailbox.uids if data.draw(st.booleans())]
    if gone:
        box.remove(*gone)
    if later:
        box.add(*later)
    box.agrees()


def test_our_own_mail(home):
    box = Box(home)
    box.add(*[(path.read_bytes(), 10**9 + at) for at, path in enumerate(OWN)])
    box.agrees()


def test_real_mail(home):
    box = Box(home)
    box.add(*[(path.read_bytes(), 10**9 - at) for at, path in enumerate(real())])
    box.agrees()


def test_a_copy_shares_its_values_and_has_its_own_date(home):
    box = Box(home)
    box.add((mail(subject="b"), 5), (mail(subject="a"), 9))
    home.run(home.account.create("Other"))
    home.run(box.mailbox.copy([1, 2], "Other"))
    other = Box(home, "Other")
    other.raw = dict(box.raw)
    other.agrees()
    (stored,) = home.account.readers.event.all("SELECT count(*) FROM sortkey")
    assert stored == (2,)


def test_flags_change_no_order(home):
    box = Box(home)
    box.add(*[(mail(subject=str(at % 3)), at) for at in range(9)])
    change = FlagChange(FlagOperation.ADD, ("\\Flagged",))
    seen_at = box.mailbox.modseq
    home.run(box.mailbox.store_flags([2, 5, 7], change, seen_at=seen_at))
    some = [one for one in box.messages() if one.uid in (2, 5, 7)]
    wanted = sort_reference.sort(some, BY_SUBJECT)
    assert box.sort(BY_SUBJECT, HasSystemFlag(FLAGGED)) == wanted
    box.agrees()


def pooled(home: Home) -> Database:
    """Give the connection that a pool will use next."""
    with home.account.readers.take() as database:
        return database


def test_no_statement_for_each_message(home):
    """All values of 300 messages are one statement for each column."""
    box = Box(home)
    box.add(*[(mail(subject=str(at)), at) for at in range(300)])
    with Statements(pooled(home)) as statements:
        box.sort(BY_SUBJECT)
        assert len(statements) == 2, statements
        box.sort(BY_SUBJECT)
        box.sort(BY_DATE)
        assert len(statements) == 2, statements
        box.thread(Threading.REFERENCES)
        assert len(statements) == 3, statements
        box.thread(Threading.REFERENCES)
        box.thread(Threading.ORDEREDSUBJECT)
        box.remove(5)
        box.thread(Threading.REFS)
        assert len(statements) == 3, statements
        box.add((mail(subject="new"), 1))
        box.sort(BY_SUBJECT)
        assert len(statements) == 6, statements  # sent, links, subject: one message
    box.agrees()


def test_what_memory_has_is_answered_at_once(home, monkeypatch):
    box = Box(home)
    box.add(*[(mail(subject=str(at)), at) for at in range(9)])
    box.sort(BY_SUBJECT)
    box.thread(Threading.REFS)
    started: list[object] = []
    monkeypatch.setattr(home.runtime, "start", lambda pool, _: started.append(pool))
    box.sort(BY_SUBJECT)
    box.sort(BY_SUBJECT, Uids(((1, 2),)))
    box.thread(Threading.REFS)
    assert started == []
    monkeypatch.undo()
    pools: list[object] = []
    start = home.runtime.start

    def count(pool: Any, work: Any) -> None:
        pools.append(pool)
        start(pool, work)

    monkeypatch.setattr(sorting, "_AT_ONCE", 8)
    monkeypatch.setattr(home.runtime, "start", count)
    box.sort(BY_SUBJECT)
    assert len(pools) == 1


# -- stores of an older program


def forget(home: Home, where: str = "1") -> None:
    database = home.account.lane._database
    with database.transaction():
        database.execute(f"DELETE FROM sortkey WHERE {where}")


def stored(home: Home) -> int:
    row = home.account.readers.event.one("SELECT count(*) FROM sortkey")
    assert row is not None
    return int(row[0])


def test_values_of_old_messages_are_made_when_they_are_needed(home):
    box = Box(home)
    rows = [(path.read_bytes(), 10**9 + at) for at, path in enumerate(OWN)]
    box.add(*rows)
    forget(home, "message % 2")
    box.agrees()
    # The next program finds them stored, and finds the same.
    assert stored(home) == len(rows)
    home.account.opened._states.clear()
    again = Box(home)
    again.raw = box.raw
    with Statements(pooled(home)) as statements:
        again.agrees()
    assert not [sql for sql in statements if "header" in sql]


def test_a_long_header_is_read_from_the_message(home):
    box = Box(home)
    long = "References: " + " ".join(f"<{at}@{'x' * 60}>" for at in range(300))
    box.add((f"Subject: b\r\n{long}\r\n\r\n".encode(), 1), (mail(subject="a"), 2))
    forget(home)
    box.agrees()
    assert stored(home) == 2


def test_a_damaged_message_is_sorted_all_the_same(tmp_path):
    home = Home(tmp_path)
    box = Box(home)
    long = "References: " + " ".join(f"<{at}@{'x' * 60}>" for at in range(300))
    box.add((f"Subject: b\r\n{long}\r\n\r\n".encode(), 1), (mail(subject="a"), 2))
    forget(home)
    for pack in tmp_path.rglob("*.pack"):
        pack.write_bytes(b"")
    assert box.sort(BY_SUBJECT) == [1, 2]  # as if it had no subject
    home.close()


def test_values_are_not_written_for_what_was_purged(home):
    database = home.account.lane._database
    with database.transaction():
        sortkeys.insert_late(database, [(77, SortFields())])
    assert stored(home) == 0


def test_a_purge_takes_the_values_along(home):
    box = Box(home)
    box.add((mail(subject="a"), 1), (mail(subject="b"), 2))
    box.remove(1)
    assert stored(home) == 2
    home.runtime.time += 10**8
    home.run(home.account.purge())
    assert stored(home) == 1
    assert proved(home) == []


def proved(home: Home) -> list[str]:
    return list(prove_sort_values(home.account.readers.event, 1_000))


def test_wrong_values_are_found_by_the_check(home):
    box = Box(home)
    box.add(*[(path.read_bytes(), 10**9 + at) for at, path in enumerate(OWN)])
    assert proved(home) == []
    database = home.account.lane._database
    with database.transaction():
        sortkeys.insert(database, [(7_777, SortFields())])
        database.execute("UPDATE sortkey SET reply = 1 - reply WHERE message = 1")
    assert proved(home) == [
        "sort values of message 7777, which does not exist",
        "message 1: its sort values are not those of its header",
    ]


def test_an_index_of_an_older_program_is_sound(tmp_path):
    home = Home(tmp_path)
    home.append("INBOX", mail(subject="x"))
    database = home.account.lane._database
    with database.transaction():
        database.execute("DROP TABLE sortkey")
        database.execute("DROP TABLE metadata")
    home.close()
    assert check(tmp_path).whole


# -- ends


def test_a_cancelled_command_gives_nothing_and_harms_nothing(home):
    box = Box(home)
    box.add((mail(subject="b"), 1), (mail(subject="a"), 2))
    yes = Following(cancelled=lambda: True)
    work = box.mailbox.sort(All(), BY_SUBJECT, DEFAULT_COMPARATOR, yes)
    assert list(home.run(work)) == []
    work = box.mailbox.thread(All(), Threading.REFS, DEFAULT_COMPARATOR, yes)
    assert list(home.run(work).uids) == []
    box.agrees()


def test_a_failure_leaves_no_half_loaded_table(home, monkeypatch):
    box = Box(home)
    box.add((mail(subject="b"), 1))
    box.agrees()
    box.add((mail(subject="a"), 2))

    def fail(*_: object) -> None:
        raise Unavailable

    with monkeypatch.context() as patch:
        patch.setattr(sortkeys, "load", fail)
        with suppress(Unavailable):
            box.sort(BY_SUBJECT)
            raise AssertionError("it could not be sorted")
    box.agrees()


def test_comparators(home):
    box = Box(home)
    box.add(*[(mail(subject=text), 1) for text in ("b", "A", "ä", "a", "Ä", "B")])
    by = (Criterion(SortKey.SUBJECT),)
    for collation in Collation:
        how = Comparator(collation)
        wanted = sort_reference.sort(box.messages(), by, how)
        assert box.sort(by, how=how) == wanted
    assert box.sort(by, how=Comparator(Collation.OCTET)) == [2, 6, 4, 1, 5, 3]
    assert box.sort(by) == [2, 4, 3, 5, 1, 6]
    assert box.sort(by, how=Comparator(descending=True)) == [1, 6, 3, 5, 2, 4]


def test_the_best_of_a_fuzzy_search_comes_first(home):
    """RFC 6203 §6."""
    box = Box(home)
    words = ("nothing", "hello world", "helo", "hello", "help us all, hello there")
    box.add(*[(mail(subject=text), at) for at, text in enumerate(words)])
    predicate = fuzzy(HeaderContains("Subject", "hello"))
    found = home.run(box.mailbox.search(predicate))
    scores = dict(
        zip(found, home.run(box.mailbox.relevancy(predicate, found)), strict=True)
    )
    assert len(set(scores.values())) > 1
    for reverse in (False, True):
        order = box.sort((Criterion(SortKey.RELEVANCY, reverse),), predicate)
        ranks = [scores[uid] for uid in order]
        assert ranks == sorted(ranks, reverse=not reverse)
        assert sorted(order) == list(found)
    by = (Criterion(SortKey.RELEVANCY), Criterion(SortKey.ARRIVAL, reverse=True))
    assert box.sort(by, predicate) == sorted(
        found, key=lambda uid: (-scores[uid], -uid)
    )
    work = box.mailbox.sort(
        predicate, by, DEFAULT_COMPARATOR, Following(cancelled=lambda: True)
    )
    assert list(home.run(work)) == []


def test_one_at_a_time_of_an_account_holds_a_thread(home, monkeypatch):
    """Two sessions sort: the second waits for its turn, not on a thread."""
    box, other = Box(home), Box(home)
    box.add((mail(subject="b"), 1), (mail(subject="a"), 2))
    waiting: list[Any] = []
    start = home.runtime.start
    monkeypatch.setattr(home.runtime, "start", lambda *what: waiting.append(what))
    commands = [one.mailbox.sort(All(), BY_SUBJECT) for one in (box, other)]
    for command in commands:
        command.send(None)
    assert len(waiting) == 1
    start(*waiting.pop())
    with pytest.raises(StopIteration) as first:
        commands[0].send(None)
    assert list(first.value.value) == [2, 1]
    monkeypatch.undo()
    with pytest.raises(StopIteration) as second:
        commands[1].send(None)
    assert list(second.value.value) == [2, 1]
