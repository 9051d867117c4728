"""Many numbers in a row as text, without an object for each.

Which numbers are meant is said by a plane: one byte for each, 1 for those that are.
They are cut out of a text of fixed width that has all of them. Example::

    b"".join(marked(9, bytes([1, 0, 1])))     # b" 9 11"
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache, lru_cache
from itertools import accumulate

MOST = 2_500  # numbers of a piece, which begins at a multiple of it

_KEPT = 128  # pieces that stay, of 25 KB: what is unseen is asked for often

_LOW = 10_000  # numbers from here on are written as two: 12 and 0345
_WIDTH = 5  # octets of a cell: a space and four digits
_CELL = (1 << 8 * _WIDTH) - 1
_SPARSE = 8  # of so many numbers one: then each is written by itself
_NUMBERS = " %d" * (MOST // _SPARSE)


def marked(first: int, plane: bytes) -> Iterator[bytes]:
    """Render the marked ones of the numbers from ``first``, a space before each.

    In pieces of at most `MOST` numbers.
    """
    at, end = 0, len(plane)
    while at < end:
        low = first + at
        size = min(MOST - low % MOST, end - at)
        piece = _piece(low, bytes(plane[at : at + size]))
        if piece:
            yield piece
        at += size


@lru_cache(maxsize=_KEPT)
def _piece(low: int, plane: bytes) -> bytes:
    count = plane.count(1)
    if count * _SPARSE <= len(plane):
        return _one_by_one(low, plane, count)
    head, start = divmod(low, _LOW)
    block, start = divmod(start, MOST)
    size = _WIDTH * len(plane)
    marks = bytearray(size)
    marks[::_WIDTH] = plane
    cells = _cells(block, padded=head > 0) >> 8 * _WIDTH * start
    meant = int.from_bytes(marks, "little") * _CELL & cells
    text = meant.to_bytes(size, "little").translate(None, b"\0")
    return text.replace(b" ", b" %d" % head) if head else text


def _one_by_one(low: int, plane: bytes, count: int) -> bytes:
    # One octet more behind each mark: so far is it to the next.
    steps = plane.replace(b"\1", b"\1\0").split(b"\1")
    del steps[-1]  # behind the last
    found = tuple(accumulate(map(len, steps), initial=low))
    return (_NUMBERS[: 3 * count] % found[1:]).encode("ascii")


@cache
def _cells(block: int, *, padded: bool) -> int:
    """Give the texts of `MOST` numbers below 10,000 as octets of one long integer.

    Padded by noughts, as the ends of greater numbers, or else by NULs in front. All
    of them together are 130 KB.
    """
    if padded:
        cells = " %04d" * MOST
    elif block:
        cells = " %d" * MOST
    else:
        cells = "\0\0\0 %d" * 10 + "\0\0 %d" * 90 + "\0 %d" * 900
        cells += " %d" * (MOST - 1_000)
    numbers = tuple(range(block * MOST, (block + 1) * MOST))
    return int.from_bytes((cells % numbers).encode("ascii"), "little")
