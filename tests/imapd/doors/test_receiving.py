"""Octets between the wire and the store: counted, and looked at for bare line ends."""

from __future__ import annotations

from typing import Any, cast

import pytest

from imapd.doors.receiving import Receiving


class Nothing:
    """Takes octets and keeps none."""

    def write(self, data: bytes) -> None:
        """Take them."""


def receiving(most: int = 100) -> Receiving:
    return Receiving(cast("Any", Nothing()), most)


@pytest.mark.parametrize(
    ("chunks", "bare"),
    [
        ((b"a\r", b"\nb\r\n"), False),
        ((b"a\r", b"b"), True),
        ((b"a\r",), True),
        ((b"a\r", b""), True),
        ((b"a", b"\n"), True),
        ((b"\r", b"\r", b"\n"), True),
        ((b"", b"\r", b"", b"\n"), False),
    ],
)
def test_bare_ends_over_chunks(chunks: tuple[bytes, ...], *, bare: bool):
    text = receiving()
    assert all(text.write_chunk(chunk) for chunk in chunks)
    text.end_chunks(binary=False)
    assert text.bare == bare
    binary = receiving()
    assert all(binary.write_chunk(chunk) for chunk in chunks)
    binary.end_chunks(binary=True)
    assert not binary.bare


def test_far_too_much_is_told():
    made = receiving(10)
    assert made.write(b"x" * 10)
    assert not made.write(b"x")
    assert made.octets == 11
