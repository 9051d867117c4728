"""Ascending UIDs as pieces of a longer ascending table.

Most commands name messages that stand side by side; what is done per piece instead
of per message is a slice, or one range of one statement.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from itertools import compress, repeat
from operator import eq, ne, sub

_SHORT = 512
_APART = 4
_MANY = 64
_SAMPLE = 16  # UIDs, at four places
_DENSE = 8  # a look is so many times as quick as a search
_STRIDE = 64  # from which on it doubles


def runs(uids: Sequence[int], table: array[int]) -> Iterator[tuple[int, int, int]]:
    """Find ascending UIDs in an ascending table, piece by piece.

    Yields (start, stop, at): ``uids[at : at + stop - start]`` equals
    ``table[start:stop]``. UIDs that the table lacks are passed over. Example:
    ``list(runs([2, 3, 7], array("I", [1, 2, 3, 7])))`` is ``[(1, 4, 0)]``.
    """
    wanted = uids if isinstance(uids, array) else array("I", uids)
    count, end, at, low = len(wanted), len(table), 0, 0
    if count == 1:  # as clients change flags
        low = bisect_left(table, wanted[0])
        if low < end and table[low] == wanted[0]:
            yield low, low + 1, 0
        return
    while at < count:
        low = bisect_left(table, wanted[at], low)
        if low == end:
            return
        if table[low] != wanted[at]:
            at += 1
            continue
        following, behind = at + 1, low + 1
        if following == count or behind == end or wanted[following] != table[behind]:
            length = 1  # scattered messages are many pieces
        else:
            length = _agreement(wanted, at, table, low)
        yield low, low + length, at
        at, low = at + length, low + length


def _agreement(wanted: array[int], at: int, table: array[int], start: int) -> int:
    """Count how many elements agree from here; at least one does.

    Doubles its stride, so that long pieces cost comparisons of slices, and halves
    it at their end: linear in the length of the piece.
    """
    longest = min(len(wanted) - at, len(table) - start)
    if (
        longest <= _SHORT
        and wanted[at : at + longest] == table[start : start + longest]
    ):
        return longest  # as most batches are
    length, stride = 1, _STRIDE
    while length < longest:
        stride = min(stride, longest - length)
        here, there = at + length, start + length
        if wanted[here : here + stride] == table[there : there + stride]:
            length += stride
            stride *= 2
        elif stride == 1:
            break
        else:
            stride //= 2
            longest = min(longest, length + stride * 2)
    return length


def far_apart(uids: Sequence[int], table: array[int]) -> bool:
    """Tell whether few of ascending UIDs stand side by side in an ascending table."""
    if len(uids) < _APART:
        return False
    start = bisect_left(table, uids[0])
    return bisect_left(table, uids[-1], start) - start >= _APART * len(uids)


def scattered(uids: Sequence[int]) -> bool:
    """Tell whether many ascending UIDs are short pieces, by a look at some of them."""
    count = len(uids)
    if count < _MANY:
        return False
    gaps = 0
    for at in range(0, count - _SAMPLE, (count - _SAMPLE - 1) // 3):
        piece = uids[at : at + _SAMPLE]
        gaps += sum(map(ne, map(sub, piece[1:], piece), repeat(1)))
    return gaps > _SAMPLE // 4


def places(uids: Sequence[int], table: array[int], end: int | None = None) -> list[int]:
    """Give where those of ascending UIDs are that an ascending table has.

    With ``end``, that its first numbers have. For such as are scattered: one look at
    each that is between them, or one search for each, with nothing of Python around it.
    """
    end = len(table) if end is None else end
    if not uids or not end:
        return []
    low = bisect_left(table, uids[0], 0, end)
    high = bisect_right(table, uids[-1], low, end)
    if high - low <= _DENSE * len(uids):
        there = map(set(uids).__contains__, table[low:high])
        return list(compress(range(low, high), there))
    first, last = table[low], table[high - 1]
    if first != uids[0] or last != uids[-1]:  # else each search ends within the table
        uids = uids[bisect_left(uids, first) : bisect_right(uids, last)]
    # Where no UID is missing, each stands as far behind the first as it is above that;
    # else before there, by no more than are missing.
    missing = last - first - (high - 1 - low)
    base = first - low
    if not missing:
        return list(map(sub, uids, repeat(base)))
    from_ = map(max, map(sub, uids, repeat(base + missing)), repeat(low))
    to = map(sub, uids, repeat(base - 1))
    found = list(
        map(bisect_left, repeat(table), uids, from_, map(min, to, repeat(high)))
    )
    return list(compress(found, map(eq, map(table.__getitem__, found), uids)))


def between(uids: array[int], low: int, high: int) -> array[int]:
    """Give those of ascending UIDs that are in a closed range."""
    return uids[bisect_left(uids, low) : bisect_right(uids, high)]


def ranges_of(uids: array[int]) -> tuple[tuple[int, int], ...]:
    """Join ascending UIDs, each there once, to closed ranges."""
    found: list[tuple[int, int]] = []
    for uid in uids:
        if found and found[-1][1] == uid - 1:
            found[-1] = (found[-1][0], uid)
        else:
            found.append((uid, uid))
    return tuple(found)
