"""Numbers that a plane marks are rendered as one by one, whatever they are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imapd.wire.numbers import MOST, marked


def one_by_one(first: int, plane: bytes) -> bytes:
    return b"".join([b" %d" % (first + at) for at, one in enumerate(plane) if one])


firsts = st.sampled_from([1, 2, 9, 10, 99, 995, 9_990, 9_999, 10_000, 10_001]) | (
    st.integers(1, 2**32 - 1)
)
bits = st.sampled_from([b"\0", b"\1", b"\1\0", b"\0" * 40, b"\1" * 40, b"\0\0\1"])
some_planes = st.lists(bits, max_size=40).map(b"".join)


@given(firsts, some_planes)
def test_it_renders_what_is_marked(first, plane):
    assert b"".join(marked(first, plane)) == one_by_one(first, plane)


@pytest.mark.parametrize("first", [1, 7, 9_123, 123_456, 4_294_900_000])
@pytest.mark.parametrize(
    "unit", [b"\1", b"\0", b"\1\1\1\0", b"\0\0\0\1", b"\1" + 40 * b"\0"]
)
def test_long_ones_come_in_pieces(first, unit):
    plane = (unit * 30_000)[:27_123]
    pieces = list(marked(first, plane))
    assert b"".join(pieces) == one_by_one(first, plane)
    assert all(piece.count(b" ") <= MOST for piece in pieces)
    assert all(pieces)
