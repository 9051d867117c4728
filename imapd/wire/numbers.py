"""Many numbers in a row as text, without an object for each.

Which numbers are meant is said by a plane: one byte for each, 1 for those that are.
They are picked out of the texts of ten thousand numbers, which stay in memory.
Example::

    b"".join(marked(9, bytes([1, 0, 1])))     # b" 9 11"
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache, lru_cache
from itertools import compress

MOST = 2_500  # numbers of a piece

_KEPT = 128  # pieces that stay, of 25 KB: what is unseen is asked for often

_LOW = 10_000  # numbers from here on are written as two: 12 and 0345
_SPARSE = 32  # of so many numbers one: then each is looked up by itself


def marked(first: int, plane: bytes) -> Iterator[bytes]:
    """Render the marked ones of the numbers from ``first``, a space before each.

    In pieces of at most `MOST` numbers.
    """
    at, end = 0, len(plane)
    while at < end:
        low = first + at
        size = min(MOST, _LOW - low % _LOW, end - at)
        piece = _piece(low, bytes(plane[at : at + size]))
        if piece:
            yield piece
        at += size


@lru_cache(maxsize=_KEPT)
def _piece(low: int, plane: bytes) -> bytes:
    head, start = divmod(low, _LOW)
    texts = _padded() if head else _plain()
    if plane.count(1) * _SPARSE < len(plane):
        found = []
        at = plane.find(1)
        while at >= 0:
            found.append(texts[start + at])
            at = plane.find(1, at + 1)
        text = b"".join(found)
    else:
        text = b"".join(compress(texts[start : start + len(plane)], plane))
    return text.replace(b" ", b" %d" % head) if head else text


@cache
def _plain() -> Sequence[bytes]:
    """Give the texts of the lowest numbers: half a mebibyte."""
    return [b" %d" % number for number in range(_LOW)]


@cache
def _padded() -> Sequence[bytes]:
    """Give them as the ends of greater ones, with noughts."""
    return [b" %04d" % number for number in range(_LOW)]
