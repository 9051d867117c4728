"""Sets of UIDs as ranges, compared with Python's sets."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from mailstore.ranges import intersection, join, union, without

uids = st.sets(st.integers(1, 40))
some_ranges = st.lists(
    st.tuples(st.integers(1, 40), st.integers(0, 5)).map(lambda p: (p[0], p[0] + p[1]))
)


def members(ranges):
    return {uid for low, high in ranges for uid in range(low, high + 1)}


def canonical(ranges):
    """Ascending, disjoint, not even touching."""
    return all(low <= high for low, high in ranges) and all(
        one[1] + 1 < other[0] for one, other in pairwise(ranges)
    )


@given(uids)
def test_join_gives_the_same_uids(some):
    assert members(join(sorted(some))) == some
    assert canonical(join(sorted(some)))


@given(some_ranges)
def test_union_puts_overlapping_ranges_together(ranges):
    assert members(union(ranges)) == members(ranges)
    assert canonical(union(ranges))


@given(uids, uids)
def test_intersection(one, other):
    assert intersection(join(sorted(one)), join(sorted(other))) == join(
        sorted(one & other)
    )


@given(uids, uids)
def test_without(one, other):
    assert without(join(sorted(one)), sorted(other)) == join(sorted(one - other))


def test_nothing_is_expanded():
    everything = [(1, 2**32 - 1)]
    assert without(everything, [7]) == [(1, 6), (8, 2**32 - 1)]
    assert intersection(everything, everything) == everything
    assert union([*everything, (5, 9)]) == everything
