"""Columns of few octets, compared with plain lists."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailstore.packed import WIDTHS, Packed

NUMBERS = st.one_of(
    st.integers(0, 3),
    st.integers(5_000, 5_300),
    st.integers(0, 2**17),
    st.integers(0, 2**64 - 1),
)


@pytest.mark.parametrize(
    ("values", "width"),
    [
        ([], 0),
        ([7] * 5, 0),
        ([2**64 - 1], 0),
        ([1_000, 1_255], 1),
        ([1_000, 1_256], 2),
        ([0, 2**16], 4),
        ([0, 2**32], 8),
        ([2**64 - 1, 0], 8),
        ([2**56 - 1, 2**56 + 2**32 - 2], 4),
        ([2**56, 2**56 + 200, 2**56 + 2**32 - 1], 4),
        ([2**64 - 3, 2**64 - 1] * 300, 1),
    ],
)
def test_numbers_take_as_few_octets_as_they_need(values, width):
    packed = Packed.of(values)
    assert packed.width == width
    assert width in WIDTHS
    assert len(packed.octets) == width * len(values)
    assert list(packed.values()) == values
    assert packed.highest == max(values, default=0)


@given(st.data(), st.lists(NUMBERS, max_size=40))
def test_it_is_a_list(data, values):
    packed = Packed.of(values)
    for _ in range(data.draw(st.integers(0, 6))):
        number = data.draw(NUMBERS)
        if not values or data.draw(st.booleans()):
            more = data.draw(st.lists(NUMBERS, min_size=1, max_size=5))
            packed.extend(more)
            values = values + more
        elif data.draw(st.booleans()):
            at = data.draw(st.integers(0, len(values) - 1))
            packed.put(at, number)
            values[at] = number
        elif data.draw(st.booleans()):
            start = data.draw(st.integers(0, len(values) - 1))
            stop = data.draw(st.integers(start + 1, len(values)))
            packed.fill(start, stop, number)
            values[start:stop] = [number] * (stop - start)
        else:
            marks = bytes(data.draw(st.booleans()) for _ in values)
            packed.keep(marks)
            values = [v for v, kept in zip(values, marks, strict=True) if kept]
        assert len(packed) == len(values)
        assert list(packed.values()) == values
        assert [packed[at] for at in range(len(values))] == values
        least = data.draw(NUMBERS) if not values else data.draw(st.sampled_from(values))
        above = [at for at, value in enumerate(values) if value > least]
        assert list(packed.above(least)) == above
        again = Packed(packed.count, packed.base, packed.width, bytes(packed.octets))
        assert list(again.values()) == values
