from __future__ import annotations

import itertools
from array import array

from hypothesis import given
from hypothesis import strategies as st

from mailstore.index.selection import Selection
from mailstore.runs import far_apart, places, runs, scattered

_uids = st.sets(st.integers(1, 60)).map(sorted)


@given(_uids, _uids)
def test_pieces_are_what_both_have(uids, among):
    table = array("I", among)
    found: list[int] = []
    for start, stop, at in runs(uids, table):
        assert start < stop
        assert list(table[start:stop]) == uids[at : at + stop - start]
        found += table[start:stop]
    assert found == sorted(set(uids) & set(among))


@given(_uids, _uids)
def test_places_are_of_what_both_have(uids, among):
    table = array("I", among)
    found = [table[at] for at in places(uids, table)]
    assert found == sorted(set(uids) & set(among))


def test_places_of_few_among_many_are_searched():
    table = array("I", range(10, 50_000, 3))
    for uids in (
        [9, 10, 11, 20_000, 49_999],
        [1, 49_999, 50_000, 50_001, 60_000],
        [50_000, 60_000],
        [1],
        [10],
    ):
        found = [table[at] for at in places(uids, table)]
        assert found == [uid for uid in uids if uid in table]


def test_short_pieces_are_scattered():
    assert not scattered(range(1, 9_000))
    assert not scattered(array("I", [*range(1, 4_000), *range(6_000, 9_000)]))
    assert not scattered(range(1, 100, 2))  # few of them
    assert scattered(range(1, 9_000, 2))
    assert scattered([uid for uid in range(1, 9_000) if uid % 3])
    assert scattered([uid for uid in range(1, 9_000) if uid % 8])
    assert not scattered([uid for uid in range(1, 9_000) if uid % 100])


def test_only_what_is_scattered_is_far_apart():
    table = array("I", range(0, 100_000, 50))  # of most messages only UIDs are left
    assert not far_apart(table, table)
    assert not far_apart(table[7:9], table)
    assert not far_apart(array("I"), table)
    assert far_apart(table[::9], table)


@given(_uids, _uids)
def test_ranges_hold_exactly_what_both_have(uids, among):
    ranges = Selection.of(uids, array("I", among)).ranges
    held = [uid for uid in among if any(low <= uid <= high for low, high in ranges)]
    assert held == sorted(set(uids) & set(among))
    assert all(a[1] < b[0] for a, b in itertools.pairwise(ranges))


def test_neighbours_are_one_piece():
    table = array("I", range(1, 100_001))
    assert list(runs(array("I", range(2, 100_000)), table)) == [(1, 99_999, 0)]
    assert Selection.of(range(1, 100_001), table).ranges == ((1, 100_000),)


def test_same_ends_and_length_are_not_enough():
    assert list(runs([1, 3, 5], array("I", [1, 2, 5]))) == [(0, 1, 0), (2, 3, 2)]


def test_alternating_uids_stay_linear():
    table = array("I", range(1, 20_001))
    assert len(list(runs(range(1, 20_001, 2), table))) == 10_000
