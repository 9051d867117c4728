"""Many numbers in a row as text, without an object for each.

Which numbers are meant is said by a plane: one byte for each, 1 for those that are.
They are taken out of a text of all numbers by operations on long integers and bytes.
Example::

    b"".join(marked(9, bytes([1, 0, 1])))     # b" 9 11"
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

MOST = 5_000  # numbers of a piece

_KEPT = 64  # pieces that stay, of 40 KB: clients ask for what is unseen again and again

_LOW = 10_000  # numbers from here on are written as two: 12 and 0345
_ALL = bytes([0]) + b"\xff" * 255
_SPARSE = 10  # of so many numbers one: then a number object for each is faster


def marked(first: int, plane: bytes) -> Iterator[bytes]:
    """Render the marked ones of the numbers from ``first``, a space before each.

    In pieces of at most `MOST` numbers.
    """
    at, end = 0, len(plane)
    while at < end:
        low = first + at
        size = min(MOST, _same_width(low) - low, end - at)
        piece = _piece(low, bytes(plane[at : at + size]))
        if piece:
            yield piece
        at += size


def _same_width(number: int) -> int:
    """Give the number where those end that have the same text but for some digits."""
    if number >= _LOW:
        return number - number % _LOW + _LOW
    return int("1" + "0" * len(str(number)))


@lru_cache(maxsize=_KEPT)
def _piece(low: int, plane: bytes) -> bytes:
    count = plane.count(1)
    if count * _SPARSE < len(plane):
        found = []
        at = plane.find(1)
        while at >= 0:
            found.append(low + at)
            at = plane.find(1, at + 1)
        return (" %d" * len(found) % tuple(found)).encode("ascii")
    if low < _LOW:
        width = len(str(low)) + 1
        begin = (low - int("1" + "0" * (width - 2))) * width
        return _taken(_short(width), begin, width, plane)
    begin = low % _LOW * 5
    return _taken(_short(0), begin, 5, plane).replace(b" ", b" %d" % (low // _LOW))


@lru_cache(maxsize=5)
def _short(width: int) -> bytes:
    """Give all numbers of a width, or, for 0, those of four digits with noughts."""
    if width == 0:
        return b"".join([b" %04d" % number for number in range(_LOW)])
    least = int("1" + "0" * (width - 2))
    return b"".join([b" %d" % number for number in range(least, least * 10)])


def _taken(text: bytes, begin: int, width: int, plane: bytes) -> bytes:
    """Give the marked ones of entries of a width, the first of which begins there."""
    text = text[begin : begin + width * len(plane)]
    octets = plane.translate(_ALL)
    if 0 not in octets:
        return text
    mask = bytearray(len(text))
    for place in range(width):
        mask[place::width] = octets
    both = int.from_bytes(mask, "little") & int.from_bytes(text, "little")
    return both.to_bytes(len(text), "little").translate(None, b"\0")
