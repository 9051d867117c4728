"""What was found is a sequence of UIDs, and a plane over a column."""

from __future__ import annotations

from array import array

from hypothesis import given
from hypothesis import strategies as st

from mailstore.found import NOTHING, Found

columns = st.lists(st.integers(1, 60), unique=True, max_size=20).map(sorted)


@given(columns, st.data())
def test_it_is_the_marked_uids(column, data):
    plane = bytes(data.draw(st.sampled_from([0, 1])) for _ in column)
    uids = [uid for uid, one in zip(column, plane, strict=True) if one]
    # What stands behind the plane's end is not spoken of.
    whole = array("I", [*column, *range(61, 61 + data.draw(st.integers(0, 3)))])
    found = Found(whole, plane)
    assert len(found) == len(uids)
    assert list(found) == uids
    assert list(found[1:3]) == uids[1:3]
    assert list(reversed(found)) == uids[::-1]
    largest = data.draw(st.integers(0, 61))
    cut = Found(whole, plane).until(largest)
    assert list(cut) == [uid for uid in uids if uid <= largest]


def test_nothing():
    assert list(NOTHING.until(7)) == []
    assert not NOTHING
