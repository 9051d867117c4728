"""A part of a list of messages, as text and taken (RFC 9394 §4)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imapd.syntax.partial_range import PartialRange
from imapd.wire.cursor import Cursor, Malformed

LARGEST = 0xFFFF_FFFF
places = st.integers(1, 60) | st.integers(1, LARGEST)
partial_ranges = st.builds(
    lambda first, last, sign: PartialRange(sign * first, sign * last),
    places,
    places,
    st.sampled_from([1, -1]),
)


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        (b"1:500", 1, 500),
        (b"500:400", 500, 400),
        (b"-1:-100", -1, -100),
        (b"-500:-400", -500, -400),
        (b"4294967295:1", LARGEST, 1),
    ],
)
def test_each_form_is_known(text, first, last):
    cursor = Cursor(text)
    assert PartialRange.parse(cursor) == PartialRange(first, last)
    cursor.end()
    assert PartialRange(first, last).unparse() == text


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"1",
        b"1:",
        b"0:5",
        b"1:*",
        b"1:-5",
        b"-1:5",
        b"-0:-1",
        b"01:2",
        b"1:4294967296",
        b"1:42949672950",
    ],
)
def test_what_is_no_range_is_refused(text):
    cursor = Cursor(text)
    with pytest.raises(Malformed):
        PartialRange.parse(cursor)
        cursor.end()


@pytest.mark.parametrize(("first", "last"), [(0, 1), (1, 0), (-1, 1), (1, LARGEST + 1)])
def test_places_are_counted_from_one_end(first, last):
    with pytest.raises(ValueError, match="place"):
        PartialRange(first, last)


def test_a_part_is_taken_in_the_order_of_the_list():
    letters = [10, 20, 30, 40, 50]
    assert PartialRange(1, 2).of(letters) == [10, 20]
    assert PartialRange(4, 2).of(letters) == [20, 30, 40]
    assert PartialRange(-1, -2).of(letters) == [40, 50]
    assert PartialRange(-9, -4).of(letters) == [10, 20]
    assert PartialRange(5, 9).of(letters) == [50]
    assert PartialRange(6, 9).of(letters) == []
    assert PartialRange(-6, -9).of(letters) == []


@given(st.lists(st.integers(1, 99)), partial_ranges)
def test_places_from_the_end_are_those_of_the_list_turned_round(items, part):
    mirror = PartialRange(-part.first, -part.last)
    assert list(mirror.of(items[::-1])) == list(part.of(items))[::-1]


@given(partial_ranges)
def test_parse_is_the_inverse_of_unparse(part):
    assert PartialRange.parse(Cursor(part.unparse())) == part


@given(st.lists(st.integers(1, 99)), st.integers(1, 9), st.sampled_from([1, -1]))
def test_pages_put_together_are_the_list(items, size, sign):
    pages = [
        list(PartialRange(sign * at, sign * (at + size - 1)).of(items))
        for at in range(1, len(items) + 1, size)
    ]
    joined = [one for page in pages[::sign] for one in page]
    assert joined == items
