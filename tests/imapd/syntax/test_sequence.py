"""Sequence sets: as written, refused, resolved (RFC 3501 §9: sequence-set)."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from imapd.syntax.sequence import (
    MAX_RANGES,
    SAVED,
    NumberSet,
    SequenceSet,
    UidSet,
)
from imapd.wire.cursor import Cursor, Malformed
from tests.support import strategies

KNOWN = [
    (b"1", ((1, 1),)),
    (b"*", ((0, 0),)),
    (b"2,4:7,9,12:*", ((2, 2), (4, 7), (9, 9), (12, 0))),  # §9's own example
    (b"*:4", ((0, 4),)),
    (b"*:*", ((0, 0),)),
    (b"7:2", ((7, 2),)),
    (b"5,3,5", ((5, 5), (3, 3), (5, 5))),
    (b"4294967295", ((4294967295, 4294967295),)),
    (b"1:4294967295", ((1, 4294967295),)),
]


@pytest.mark.parametrize("kind", [SequenceSet, UidSet])
@pytest.mark.parametrize(("wire", "ranges"), KNOWN)
def test_a_set_is_kept_as_written(
    kind: type[NumberSet], wire: bytes, ranges: tuple[tuple[int, int], ...]
):
    cursor = Cursor(wire + b" rest")
    found = kind.parse(cursor)
    assert found == kind(ranges)
    assert cursor.text[cursor.at :] == b" rest"
    assert kind.parse(Cursor(found.unparse())) == found


@pytest.mark.parametrize(
    "wire",
    [
        b"", b"a", b",", b":", b"0", b"0:*", b"*:0", b"1:0", b"1,0", b"1,", b",1",
        b"1,,2", b"1:", b":1", b"1:2:3", b"**", b"*1", b"1*", b"1:**", b"01", b"1,01",
        b"1:01", b"4294967296", b"1,4294967296", b"1:4294967296", b"*,4294967296",
        b"-1", b"+1", b"$", b"9" * 5_000, b"*:" + b"9" * 5_000, b"1," * 1_000,
    ],
)  # fmt: skip
def test_what_is_no_set_is_refused(wire: bytes):
    cursor = Cursor(b"FETCH " + wire)
    cursor.at = 6
    with pytest.raises(Malformed) as refusal:
        UidSet.parse(cursor)
    assert (refusal.value.wanted, refusal.value.at) == ("a UID set", 6)


def test_the_two_kinds_are_never_equal():
    by_number: NumberSet = SequenceSet(((1, 1),))
    by_uid: NumberSet = UidSet(((1, 1),))
    assert by_number != by_uid
    assert SequenceSet.what != UidSet.what


@pytest.mark.parametrize("piece", [b"1", b"1:2", b"*"])
def test_a_set_has_a_limited_number_of_ranges(piece: bytes):
    most = b",".join([piece] * MAX_RANGES)
    assert len(SequenceSet.parse(Cursor(most)).ranges) == MAX_RANGES
    with pytest.raises(Malformed) as refusal:
        SequenceSet.parse(Cursor(most + b"," + piece))
    assert (refusal.value.code, refusal.value.at) == ("LIMIT", 0)


@pytest.mark.parametrize(
    "ranges", [(), ((-1, 2),), ((1, 2**32),), ((1, 1),) * (MAX_RANGES + 1)]
)
def test_an_invalid_set_cannot_be_built(ranges: tuple[tuple[int, int], ...]):
    with pytest.raises(ValueError, match=r"ranges|numbers"):
        UidSet(ranges)


@given(strategies.number_set)
def test_a_set_comes_back(numbers: NumberSet):
    cursor = Cursor(numbers.unparse())
    assert type(numbers).parse(cursor) == numbers
    cursor.end()


@given(st.sets(st.integers(1, 100), min_size=1))
def test_a_set_is_made_of_numbers(numbers: set[int]):
    made = UidSet.of(sorted(numbers))
    named = {n for low, high in made.ranges for n in range(low, high + 1)}
    assert named == numbers


class TestResolving:
    @pytest.mark.parametrize(
        ("wire", "largest", "ranges"),
        [
            (b"*", 5, ((5, 5),)),
            (b"1:*", 5, ((1, 5),)),
            (b"*:1", 5, ((1, 5),)),
            # RFC 3501 §6.4.8: always the last message, even beyond it.
            (b"559:*", 5, ((5, 559),)),
            (b"*:559", 5, ((5, 559),)),
            (b"7:2", 9, ((2, 7),)),
            (b"1:3,2:5,6,8", 9, ((1, 6), (8, 8))),
            (b"9,1,5", 9, ((1, 1), (5, 5), (9, 9))),
            (b"*", 0, ()),
            (b"1:*", 0, ()),
            (b"1:*,3", 0, ((3, 3),)),
            (b"4294967295,1:4294967294", 9, ((1, 4294967295),)),
        ],
    )
    def test_ranges_become_ascending(
        self, wire: bytes, largest: int, ranges: tuple[tuple[int, int], ...]
    ):
        assert SequenceSet.parse(Cursor(wire)).resolve(largest) == ranges

    @given(
        st.lists(
            st.tuples(st.integers(0, 30), st.integers(0, 30)), min_size=1, max_size=8
        ),
        st.integers(1, 30),
    )
    @example([(0, 3), (9, 1)], 1)
    def test_the_same_numbers_are_named(
        self, ranges: list[tuple[int, int]], largest: int
    ):
        wanted = set()
        for ends in ranges:
            low, high = sorted(end or largest for end in ends)
            wanted |= set(range(low, high + 1))
        resolved = UidSet(tuple(ranges)).resolve(largest)
        named = [n for low, high in resolved for n in range(low, high + 1)]
        assert named == sorted(wanted)
        gaps = itertools.pairwise(resolved)
        assert all(before[1] + 1 < after[0] for before, after in gaps)

    def test_nothing_is_expanded(self):
        everything = UidSet(((1, 4294967295),) * MAX_RANGES)
        assert everything.resolve(7) == ((1, 4294967295),)


class TestSaved:
    """RFC 5182 §3: seq-last-command."""

    @pytest.mark.parametrize("kind", [SequenceSet, UidSet])
    def test_it_is_a_dollar_where_an_extension_says_so(self, kind):
        cursor = Cursor(b"$ x")
        cursor.terminals = (SAVED,)
        found = kind.parse(cursor)
        assert found == kind((), saved=True)
        assert cursor.at == 1
        assert found.unparse() == b"$"
        with pytest.raises(Malformed):
            kind.parse(Cursor(b"$ x"))

    def test_it_has_no_ranges(self):
        assert SequenceSet((), saved=True).resolve(9) == ()
        with pytest.raises(ValueError, match="no ranges"):
            UidSet(((1, 1),), saved=True)
