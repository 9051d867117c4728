"""What is done to whole columns equals what would be done to each number."""

from __future__ import annotations

from array import array

from hypothesis import given
from hypothesis import strategies as st

from mailstore.columns import either, masked, masking, put, unlike

words = st.integers(0, 2**64 - 1)
numbers = st.lists(words, max_size=20)


@given(numbers, words, words)
def test_bits_are_cleared_and_then_set(column, clears, sets):
    changed = masked(array("Q", column), clears, sets)
    assert list(changed) == [number & ~clears | sets for number in column]


@given(st.lists(st.tuples(words, st.none() | words), max_size=20))
def test_differences_are_found(pairs):
    one = array("Q", [number for number, _ in pairs])
    other = array("Q", [was if new is None else new for was, new in pairs])
    marks = unlike(one, other)
    assert list(marks) == [a != b for a, b in zip(one, other, strict=True)]
    assert list(either(marks, bytes(len(marks)))) == list(marks)


@given(st.lists(st.tuples(words, st.booleans()), max_size=20), words)
def test_numbers_are_put_where_they_are_wanted(column, number):
    marks = bytes(mark for _, mark in column)
    changed = put(array("Q", [was for was, _ in column]), marks, number)
    assert list(changed) == [number if mark else was for was, mark in column]


@given(st.integers(0, 127), st.integers(0, 127))
def test_octets_are_changed_by_tables(clears, sets):
    after, differs = masking(clears, sets)
    assert list(after[:128]) == [octet & ~clears | sets for octet in range(128)]
    assert list(differs) == [octet != new for octet, new in enumerate(after)]
