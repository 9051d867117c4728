"""Columns of messages as octets."""

from __future__ import annotations

from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailstore.index.records import NewColumns
from mailstore.index.sealing import Seal, columns_of

ROWS = st.lists(
    st.tuples(
        st.integers(1, 2**32 - 1),
        st.integers(0, 2**63 - 1),
        st.integers(-(2**63), 2**63 - 1),
        st.integers(-1_440, 1_440),
        st.integers(1, 2**63 - 1),
    ),
    min_size=1,
    max_size=30,
    unique_by=lambda row: row[0],
).map(sorted)


@given(ROWS, st.data())
def test_what_is_read_is_what_was_written(rows, data):
    seal = Seal.of(rows)
    assert Seal.read(seal.octets()) == seal
    assert seal.only(seal.uids) is seal
    messages = [row[4] for row in rows]
    assert seal.ordered == (sorted(set(messages)) == messages)
    kept = sorted(data.draw(st.sets(st.sampled_from(rows), min_size=1)))
    some = seal.only(array("I", [row[0] for row in kept]))
    assert some is not None
    assert some.columns == Seal.of(kept).columns
    columns = NewColumns.blank(len(rows) + 2)
    seal.put(columns, 1)
    put = columns_of(columns)
    assert tuple(column[1:-1] for column in put) == seal.columns
    assert all(column[0] == column[-1] == 0 for column in put)
    assert {len(column) for column in (*put, *columns[1:4])} == {len(rows) + 2}


def test_messages_that_it_lacks():
    seal = Seal.of([(uid, 1, 2, 3, uid) for uid in (5, 6, 8)])
    assert seal.only(range(5, 7)) is not None
    assert seal.only(range(5, 8)) is None
    assert seal.only(range(6, 9)) is None
    assert seal.only(array("I", [5, 7, 8])) is None
    assert seal.only(array("I", [9])) is None


def test_what_comes_behind_other_messages():
    seal = Seal.of([(1, 0, 0, 0, 5), (2, 0, 0, 0, 7)])
    assert seal.last == 7
    assert seal.follows(0)
    assert seal.follows(4)
    assert not seal.follows(5)
    assert not seal._replace(ordered=False).follows(0)


def test_octets_of_another_length_are_refused():
    octets = Seal.of([(1, 2, 3, 4, 5), (2, 2, 3, 4, 6)]).octets()
    for length in range(len(octets)):
        with pytest.raises(ValueError, match=r"too short|another length"):
            Seal.read(octets[:length])
    with pytest.raises(ValueError, match="another length"):
        Seal.read(octets + b"\x00")
    with pytest.raises(ValueError, match="another length"):
        Seal.read(bytes(8))


def test_octets_that_have_changed_are_refused():
    octets = Seal.of([(1, 2, 3, 4, 5), (2, 2, 3, 4, 6)]).octets()
    for at in (0, 1, 2, *range(4, len(octets))):  # 3 is nothing
        changed = bytearray(octets)
        changed[at] ^= 1
        with pytest.raises(ValueError, match=r"length|changed"):
            Seal.read(bytes(changed))


@pytest.mark.parametrize(
    "row", [(1, -1, 3, 4, 5), (1, 2, 3, 2**15, 5), (1, 2, "3", 4, 5)]
)
def test_rows_that_cannot_be_are_refused(row):
    with pytest.raises(ValueError, match="can't be"):
        Seal.of([row])
