"""A mailbox's sort values in memory, while messages come and go."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from mailstore.mime.sorting import SortFields
from mailstore.model import AnnotationName
from mailstore.query import Collation, Comparator, Criterion, SortKey, Threading
from mailstore.search import columns
from mailstore.search.collation import order_key
from mailstore.search.columns import EMPTY, Links, TextColumn, in_order, numbers
from mailstore.search.planes import CopiedColumns
from mailstore.search.table import SortTable
from tests.mailstore.search import sort_reference
from tests.mailstore.search.sort_reference import Message

UNICODE = Comparator()
TURNED = Comparator(Collation.OCTET, descending=True)
texts = st.one_of(
    st.text(max_size=4).map(str.encode),
    st.sampled_from([b"", b"a", b"A", b"ab", b"\xff\xe4", b"\xffa", "ä".encode()]),
)


def columns_of(messages: Sequence[Message]) -> CopiedColumns:
    return CopiedColumns(
        array("I", [one.uid for one in messages]),
        bytearray(len(messages)),
        array("Q"),
        {},
        array("Q", [one.modseq for one in messages]),
        array("Q", [one.size for one in messages]),
        array("q", [one.arrived for one in messages]),
        array("h"),
        array("Q", [one.uid + 1_000 for one in messages]),
        (),
    )


class Memory:
    """A source that counts what is read."""

    def __init__(self) -> None:
        self.messages: dict[int, Message] = {}
        self.read: list[tuple[tuple[str, ...], int]] = []

    def values(
        self, messages: Sequence[int], names: Sequence[str]
    ) -> Iterator[tuple[Any, ...]]:
        self.read.append((tuple(names), len(messages)))
        for id_ in messages:
            one = self.messages[id_ - 1_000]
            fields = SortFields(
                one.sent, one.subject, one.reply, one.from_, one.to_, one.cc,
                one.display_from, one.display_to,
                one.id if isinstance(one.id, int) else None,
                array("q", [n for n in one.references if isinstance(n, int)]).tobytes(),
            )  # fmt: skip
            yield tuple([getattr(fields, name) for name in names])


message_values = st.fixed_dictionaries(
    {
        "arrived": st.integers(0, 5),
        "sent": st.one_of(st.none(), st.integers(0, 5)),
        "size": st.integers(0, 3),
        "modseq": st.integers(1, 9),
        "irrelevancy": st.sampled_from([-99.0, -50.0, -1.0]),
        "note": st.sampled_from([b"", b"a", b"B", b"\xff\x80"]),
        "subject": texts,
        "reply": st.booleans(),
        "from_": texts,
        "to_": texts,
        "cc": texts,
        "display_from": texts,
        "display_to": texts,
        "id": st.one_of(st.none(), st.integers(1, 6)),
        "references": st.lists(st.integers(1, 6), max_size=3).map(tuple),
    }
)


def by_key(key: SortKey, reverse: bool) -> Criterion:
    """Give the criterion of a key; there is one annotation."""
    name = AnnotationName("/comment", private=True)
    return Criterion(key, reverse, name if key is SortKey.ANNOTATION else None)


def given_for(
    by: Sequence[Criterion], here: Sequence[Message], how: Comparator
) -> dict[Criterion, Sequence[float]]:
    """Give the values of what the table doesn't keep."""
    values: dict[SortKey, Sequence[float]] = {
        SortKey.RELEVANCY: [one.irrelevancy for one in here],
        SortKey.ANNOTATION: TextColumn([one.note for one in here], how).places,
    }
    return {one: values[one.key] for one in by if one.key in values}


criteria = st.lists(
    st.builds(by_key, st.sampled_from(SortKey), st.booleans()),
    min_size=1,
    max_size=3,
).map(tuple)


class Comings(RuleBasedStateMachine):
    """Messages arrive and vanish; every order is that of the reference."""

    def __init__(self) -> None:
        super().__init__()
        self.table, self.source = SortTable(), Memory()
        self.here: list[Message] = []
        self.uid = 0

    @rule(values=st.lists(message_values, min_size=1, max_size=3))
    def arrive(self, values: list[dict[str, Any]]) -> None:
        for some in values:
            self.uid += 1
            self.here.append(Message(uid=self.uid, **some))
            self.source.messages[self.uid] = self.here[-1]

    @rule(data=st.data())
    def vanish(self, data: st.DataObject) -> None:
        self.here = [one for one in self.here if data.draw(st.booleans())]

    def some(self, data: st.DataObject) -> tuple[list[Message], bytes | None]:
        if data.draw(st.booleans()):
            return self.here, None
        plane = bytes([data.draw(st.booleans()) for _ in self.here])
        return [one for one, on in zip(self.here, plane, strict=True) if on], plane

    @rule(data=st.data(), by=criteria)
    def sort(self, data: st.DataObject, by: tuple[Criterion, ...]) -> None:
        some, plane = self.some(data)
        how = Comparator(data.draw(st.sampled_from(Collation)))
        now = columns_of(self.here)
        given = given_for(by, self.here, how)
        found = self.table.sort(now, plane, by, how, self.source, given)
        assert list(found) == sort_reference.sort(some, by, how)

    @rule(data=st.data(), algorithm=st.sampled_from(Threading))
    def thread(self, data: st.DataObject, algorithm: Threading) -> None:
        some, plane = self.some(data)
        now = columns_of(self.here)
        found = self.table.thread(now, plane, algorithm, UNICODE, self.source)
        flat: list[tuple[int, int]] = []
        todo = sort_reference.thread(some, algorithm)[::-1]
        while todo:
            uid, below = todo.pop()
            flat.append((uid, len(below)))
            todo += below[::-1]
        assert list(zip(found.uids, found.degrees, strict=True)) == flat


TestComings = Comings.TestCase
TestComings.settings = settings(deadline=None, stateful_step_count=20)


def test_a_new_message_is_all_that_is_read():
    table, source = SortTable(), Memory()
    here = [Message(uid=at, sent=-at, subject=b"%d" % at) for at in range(1, 50)]
    source.messages = {one.uid: one for one in here}
    by = (Criterion(SortKey.SUBJECT), Criterion(SortKey.DATE))
    table.sort(columns_of(here), None, by, UNICODE, source)
    assert sorted(source.read) == [(("sent",), 49), (("subject",), 49)]
    source.read.clear()
    table.sort(columns_of(here), None, by, UNICODE, source)
    assert source.read == []
    here.append(Message(uid=50, subject=b"25"))
    source.messages[50] = here[-1]
    del here[10]
    found = table.sort(columns_of(here), None, by, UNICODE, source)
    assert sorted(source.read) == [(("sent",), 1), (("subject",), 1)]
    assert list(found) == sort_reference.sort(here, by)


def test_the_same_threads_are_made_once():
    table, source = SortTable(), Memory()
    here = [Message(uid=at) for at in range(1, 9)]
    source.messages = {one.uid: one for one in here}
    now = columns_of(here)
    first = table.thread(now, None, Threading.REFS, UNICODE, source)
    assert table.ready_forest(now, Threading.REFS, UNICODE, None) is first
    assert table.thread(now, None, Threading.REFS, UNICODE, source) is first
    assert table.ready_forest(now, Threading.REFERENCES, UNICODE, None) is None
    fewer = columns_of(here[1:])
    assert table.ready_forest(fewer, Threading.REFS, UNICODE, None) is None


def test_another_mailbox_is_loaded_anew():
    table, source = SortTable(), Memory()
    by = (Criterion(SortKey.SUBJECT),)
    for uids in ([5, 9], [1, 5, 7]):
        here = [Message(uid=uid, subject=b"%d" % -uid) for uid in uids]
        source.messages = {one.uid: one for one in here}
        found = table.sort(columns_of(here), None, by, UNICODE, source)
        assert list(found) == sort_reference.sort(here, by)
        table.forget()


@given(st.lists(texts), st.lists(texts), st.sampled_from(Collation))
def test_places_are_in_the_order_of_the_collation(first, more, collation):
    column = TextColumn(first, Comparator(collation))
    every = [*first, *more]
    if not column.extend(more):
        column = TextColumn(every, Comparator(collation))
    keys = [order_key(text, collation) for text in every]
    for a, place in zip(keys, column.places, strict=True):
        for b, other in zip(keys, column.places, strict=True):
            assert (a < b, a == b) == (place < other, place == other)
    assert all(
        (place == EMPTY) == (not key)
        for key, place in zip(keys, column.places, strict=True)
    )


def test_an_order_turned_round_leaves_both_ends():
    """Empty texts first (RFC 5256 §3), what can't be decoded last (RFC 5255 §4.6)."""
    some = [b"a", b"", b"\xffx", b"b", b"\xffa"]
    places = TextColumn(some, TURNED).places
    order = sorted(range(5), key=places.__getitem__)
    assert [some[at] for at in order] == [b"", b"b", b"a", b"\xffa", b"\xffx"]
    assert not TextColumn(some, TURNED).extend([b"c"])
    assert list(TextColumn([b"", b"\xff"], TURNED).places) == [EMPTY, 1.0]


def test_room_between_two_places_ends():
    """Then the column is made anew."""
    column = TextColumn([b"a", b"c"], UNICODE)
    text = b"b"
    while column.extend([text]):
        text = b"a" + text
    assert len(text) > 40
    low, high, *between = column.places
    assert between == sorted(set(between), reverse=True)
    assert low < between[-1]
    assert between[0] < high


def test_many_octets_are_not_kept(monkeypatch):
    monkeypatch.setattr(columns, "_MOST_OCTETS", 10)
    column = TextColumn([b"12345", b"123456"], UNICODE)
    assert not column.extend([b"x"])
    assert list(column.places) == [1.0, 2.0]


def test_columns_of_the_dead_are_made_anew():
    column = TextColumn([b"%d" % at for at in range(1_000)], UNICODE)
    assert column.keep(b"\x01" * 600 + bytes(400))
    assert not column.keep(b"\x01" * 10 + bytes(590))
    links = Links()
    links.extend([(1, 0, bytes(8 * 1_000)), (2, 1, bytes(8 * 1_000))])
    assert links.keep(b"\x01\x00")
    assert not links.keep(b"\x00")


def test_millions_of_references_are_not_all_kept(monkeypatch):
    monkeypatch.setattr(columns, "_MOST_REFERENCES", 30)
    monkeypatch.setattr(columns, "_RUN", 2)
    links = Links()
    named = array("q", range(20))
    links.extend([(at, 0, named.tobytes()) for at in range(1, 5)])
    assert [len(links.references(at)) for at in range(4)] == [20, 20, 10, 10]
    assert list(links.references(3)) == list(range(10, 20))


@given(st.lists(st.integers(0, 20), max_size=60), st.booleans())
def test_sorting_in_pieces_is_sorting(values, reverse):
    columns_run, columns._RUN = columns._RUN, 4
    try:
        found = in_order(range(len(values)), values.__getitem__, reverse=reverse)
    finally:
        columns._RUN = columns_run
    assert found == sorted(range(len(values)), key=values.__getitem__, reverse=reverse)


def test_numbers_are_exact():
    assert list(numbers([1, 2])) == [1.0, 2.0]
    big = [1 << 60, (1 << 60) + 1]
    assert numbers(big) is big
    assert numbers([]) == []


@pytest.mark.parametrize("key", SortKey)
def test_every_key_sorts(key):
    table, source = SortTable(), Memory()
    here = [
        Message(
            uid=at,
            size=at % 3,
            cc=b"%d" % (at % 2),
            to_=b"x",
            modseq=9 - at,
            note=b"%d" % (at % 4),
        )
        for at in range(1, 9)
    ]
    source.messages = {one.uid: one for one in here}
    for reverse in (False, True):
        by = (by_key(key, reverse),)
        given = given_for(by, here, UNICODE)
        found = table.sort(columns_of(here), None, by, UNICODE, source, given)
        assert list(found) == sort_reference.sort(here, by)
