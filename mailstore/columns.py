"""Columns of numbers changed all at once, by operations on octets, not on messages.

The numbers of a column are 64 bits wide. All their lowest octets together are one
*plane*, a byte string with one octet for each message, and so on; a flag is a bit of
one plane. What is done to a plane is one operation in C: a hundred thousand messages
take a tenth of a millisecond. *Marks* are a plane with 1 for some messages, else 0.
"""

from __future__ import annotations

from array import array
from functools import lru_cache
from itertools import compress
from sys import byteorder

from mailstore.model import FIRST_KEYWORD_BIT

_WIDTH = 8  # octets of a number, planes of a column
_OCTET = 0xFF
_WHOLE = (1 << 64) - 1
_FEW = 16


def change_bits(column: array[int], clears: int, sets: int) -> tuple[array[int], bytes]:
    """Clear bits of all numbers, then set bits; gives what came of it.

    With marks where a number differs now.
    """
    octets = bytearray(column)
    marks = bytes(len(column))
    for at, plane in _planes(clears | sets):
        before = octets[plane::_WIDTH]
        after, differs = tables(clears >> at & _OCTET, sets >> at & _OCTET)
        octets[plane::_WIDTH] = before.translate(after)
        marks = either(marks, before.translate(differs))
    return _column(octets), marks


def joined(lowest: bytes | bytearray, column: array[int]) -> array[int]:
    """Give a column of numbers behind their lowest seven bits, which are given apart.

    What is in the column has at most 57 bits, so that nothing goes over the edge.
    """
    low = bytearray(len(column) * _WIDTH)
    low[0 if byteorder == "little" else _WIDTH - 1 :: _WIDTH] = lowest
    high = int.from_bytes(bytes(column), byteorder) << FIRST_KEYWORD_BIT
    both = high | int.from_bytes(low, byteorder)
    return _column(bytearray(both.to_bytes(len(low), byteorder)))


def either(one: bytes | bytearray, other: bytes | bytearray) -> bytes:
    """Give the marks of both."""
    if 1 not in one:
        return bytes(other)
    both = int.from_bytes(one, "little") | int.from_bytes(other, "little")
    return both.to_bytes(len(one), "little")


def lift(column: array[int], marks: bytes, number: int) -> array[int]:
    """Give a column with ``number``, the highest of all, where there are marks."""
    octets, count = bytearray(column), len(column)
    where = int.from_bytes(marks, "little") * _OCTET
    for at, plane in _planes((1 << number.bit_length()) - 1):
        new = int.from_bytes(bytes([number >> at & _OCTET]) * count, "little") & where
        old = int.from_bytes(octets[plane::_WIDTH], "little")
        octets[plane::_WIDTH] = (old & ~where | new).to_bytes(count, "little")
    return _column(octets)


def at_least(column: array[int], *limits: int, most: int = _WHOLE) -> list[bytes]:
    """Mark, for each limit, the numbers that reach it; none is higher than ``most``.

    One plane after the other, the lowest octets first: what a higher octet decides
    goes before that. Most planes are the same octet throughout, and decide for all.
    """
    count, octets = len(column), bytes(column)
    everywhere = b"\x01" * count
    bias = 1 << 63 if column.typecode == "q" else 0
    biased = [min(max(limit + bias, 0), 1 << 64) for limit in limits]
    # None of 64 bits reaches more than that.
    reached = [
        0 if limit >> 64 else int.from_bytes(everywhere, "little") for limit in biased
    ]
    # Nothing is above the planes that ``most`` is in: what is wanted there nobody has.
    used = (1 << max(most, *biased, 1).bit_length()) - 1
    for at, place in _planes(used & _WHOLE) if count else ():
        plane = octets[place::_WIDTH]
        flip = bias >> at & _OCTET
        alike = plane.count(plane[0]) == count
        for one, limit in enumerate(biased):
            if limit >> 64:
                continue
            above, equal = _comparing(limit >> at & _OCTET, flip)
            if not alike:
                same = int.from_bytes(plane.translate(equal), "little") & reached[one]
                reached[one] = int.from_bytes(plane.translate(above), "little") | same
            elif above[plane[0]]:
                reached[one] = int.from_bytes(everywhere, "little")
            elif not equal[plane[0]]:
                reached[one] = 0
    return [marks.to_bytes(count, "little") for marks in reached]


def marked(values: array[int], marks: bytes) -> array[int]:
    """Give the marked ones; few of many are found by C."""
    if marks.count(1) * _FEW > len(marks):
        return array(values.typecode, compress(values, marks))
    found, at = array(values.typecode), marks.find(1)
    while at >= 0:
        found.append(values[at])
        at = marks.find(1, at + 1)
    return found


@lru_cache(maxsize=512)
def _comparing(limit: int, flip: int) -> tuple[bytes, bytes]:
    """Give tables for `bytes.translate`: 1 if an octet is above a limit, or is it."""
    seen = [octet ^ flip for octet in range(256)]
    return bytes([octet > limit for octet in seen]), bytes(
        [octet == limit for octet in seen]
    )


@lru_cache(maxsize=256)
def tables(clears: int, sets: int) -> tuple[bytes, bytes]:
    """Give tables for `bytes.translate`: an octet after a change, 1 if it differs."""
    after = bytes([octet & ~clears & _OCTET | sets for octet in range(256)])
    return after, bytes([after[octet] != octet for octet in range(256)])


def _planes(bits: int) -> list[tuple[int, int]]:
    """Give (lowest bit, place in memory) of the planes that bits are in."""
    found = [(8 * at, at) for at in range(_WIDTH) if bits >> 8 * at & _OCTET]
    if byteorder == "little":
        return found
    return [(at, _WIDTH - 1 - plane) for at, plane in found]


def _column(octets: bytearray) -> array[int]:
    found = array("Q")
    found.frombytes(octets)
    return found
