"""Columns of numbers changed all at once: bits, not messages, are what is counted.

A column is taken for one long integer, so that a hundred thousand of its numbers are
changed by three operations. Example: with 64 bits in each number of ``column``,
``masked(column, clears=1, sets=2)`` clears the lowest bit of all and sets the next.
"""

from __future__ import annotations

import sys
from array import array
from functools import lru_cache

_WIDTH = 8  # octets of a number
_ALL = (1 << 8 * _WIDTH) - 1
_TRUE = bytes([0]) + bytes([1]) * 255


def masked(column: array[int], clears: int, sets: int) -> array[int]:
    """Give a column with bits of all its numbers cleared, and others set."""
    count = len(column)
    return _array(
        _long(column) & _repeated(_ALL & ~clears, count) | _repeated(sets, count), count
    )


def unlike(one: array[int], other: array[int]) -> bytes:
    """Give one octet for each number: 1 where two columns of a length differ."""
    count = len(one)
    octets = (_long(one) ^ _long(other)).to_bytes(count * _WIDTH, sys.byteorder)
    found = 0
    for at in range(_WIDTH):
        found |= int.from_bytes(octets[at::_WIDTH], sys.byteorder)
    return found.to_bytes(count, sys.byteorder).translate(_TRUE)


def either(one: bytes, other: bytes) -> bytes:
    """Give 1 where one of two markings has it."""
    both = int.from_bytes(one, sys.byteorder) | int.from_bytes(other, sys.byteorder)
    return both.to_bytes(len(one), sys.byteorder)


def put(column: array[int], marks: bytes, number: int) -> array[int]:
    """Give a column with ``number`` where ``marks`` has 1."""
    count = len(column)
    lanes = bytearray(count * _WIDTH)
    lanes[0 if sys.byteorder == "little" else _WIDTH - 1 :: _WIDTH] = marks
    where = int.from_bytes(lanes, sys.byteorder) * _ALL
    kept = _long(column) & ~where
    return _array(kept | _repeated(number, count) & where, count)


@lru_cache(maxsize=64)
def masking(clears: int, sets: int) -> tuple[bytes, bytes]:
    """Give tables for `bytes.translate`: an octet after a change, 1 if it differs."""
    after = bytes([octet & ~clears & 0xFF | sets for octet in range(256)])
    return after, bytes([after[octet] != octet for octet in range(256)])


def _long(column: array[int]) -> int:
    return int.from_bytes(column.tobytes(), sys.byteorder)


def _repeated(number: int, count: int) -> int:
    return int.from_bytes(number.to_bytes(_WIDTH, sys.byteorder) * count, sys.byteorder)


def _array(value: int, count: int) -> array[int]:
    found = array("Q")
    found.frombytes(value.to_bytes(count * _WIDTH, sys.byteorder))
    return found
