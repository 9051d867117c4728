"""What is done to whole columns equals what would be done to each number."""

from __future__ import annotations

from array import array
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailstore import columns
from mailstore.columns import (
    at_least,
    change_bits,
    either,
    joined,
    lift,
    marked,
    tables,
)

words = st.integers(0, 2**64 - 1) | st.integers(0, 300)
numbers = st.lists(words, max_size=20)


@given(numbers, words, words, st.sampled_from(["little", "big"]))
def test_bits_are_cleared_and_then_set(column, clears, sets, order):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(columns, "byteorder", order)
        before = array("Q", column)
        if order != real_order():
            before.byteswap()
        after, marks = change_bits(before, clears, sets)
    if order != real_order():
        after.byteswap()
    assert list(after) == [number & ~clears | sets for number in column]
    assert list(marks) == [a != b for a, b in zip(after, column, strict=True)]


def real_order() -> str:
    return "little" if array("Q", [1]).tobytes()[0] else "big"


@given(st.lists(st.tuples(st.booleans(), st.booleans()), max_size=20))
def test_marks_are_joined(pairs):
    one, other = (bytes(pair[at] for pair in pairs) for at in (0, 1))
    assert list(either(one, other)) == [a or b for a, b in pairs]


@given(st.lists(st.tuples(words, st.booleans()), max_size=20), words)
def test_numbers_are_lifted_where_that_is_wanted(column, number):
    number = max([number, *[was for was, _ in column]])
    marks = bytes(mark for _, mark in column)
    changed = lift(array("Q", [was for was, _ in column]), marks, number)
    assert list(changed) == [number if mark else was for was, mark in column]


signed = st.integers(-(2**63), 2**63 - 1) | st.integers(-300, 300)
limits = st.integers(-(2**65), 2**65) | st.integers(-300, 300)


@given(
    st.lists(signed, max_size=20).map(partial(array, "q"))
    | numbers.map(partial(array, "Q")),
    st.lists(limits, min_size=1, max_size=3),
    st.sampled_from(["little", "big"]),
)
def test_numbers_are_compared_with_limits(column, limits, order):
    limits += column[:2]  # what is reached just so
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(columns, "byteorder", order)
        stored = column[:]
        if order != real_order():
            stored.byteswap()
        marks = at_least(stored, *limits)
        if column.typecode == "Q":
            bounded = at_least(stored, *limits, most=max(column, default=0))
            assert bounded == marks
    expected = [[number >= limit for number in column] for limit in limits]
    assert [list(one) for one in marks] == expected


@given(st.integers(0, 127), st.integers(0, 127))
def test_octets_are_changed_by_tables(clears, sets):
    after, differs = tables(clears, sets)
    assert list(after[:128]) == [octet & ~clears | sets for octet in range(128)]
    assert list(differs) == [octet != new for octet, new in enumerate(after)]


@given(st.lists(st.tuples(words, st.booleans()), max_size=20), st.integers(0, 100))
def test_the_marked_ones_are_found_be_they_few_or_many(pairs, others):
    values = array("Q", [value for value, _ in pairs] + [7] * others)
    marks = bytes([mark for _, mark in pairs] + [0] * others)
    assert list(marked(values, marks)) == [value for value, mark in pairs if mark]


@given(st.lists(st.tuples(st.integers(0, 127), st.integers(0, 2**57 - 1)), max_size=20))
def test_low_bits_are_joined_with_the_others(pairs):
    low, high = bytes(low for low, _ in pairs), array("Q", [high for _, high in pairs])
    assert list(joined(low, high)) == [high << 7 | low for low, high in pairs]
