"""Sets of UIDs as closed ranges: ascending, disjoint, never expanded.

A range may stand for four thousand million UIDs; what is done here takes the time
that the number of ranges takes. Example: ``(1, 3), (7, 7)`` is 1, 2, 3 and 7.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence

Range = tuple[int, int]


def join(uids: Iterable[int]) -> list[Range]:
    """Give ascending UIDs as ranges."""
    found: list[Range] = []
    low = high = -1
    for uid in uids:
        if uid == high + 1 and low >= 0:
            high = uid
            continue
        if low >= 0:
            found.append((low, high))
        low = high = uid
    if low >= 0:
        found.append((low, high))
    return found


def union(ranges: Iterable[Range]) -> list[Range]:
    """Put ranges in any order, that may overlap, into one set."""
    found: list[Range] = []
    for low, high in sorted(ranges):
        if found and low <= found[-1][1] + 1:
            if high > found[-1][1]:
                found[-1] = (found[-1][0], high)
        else:
            found.append((low, high))
    return found


def intersection(one: Sequence[Range], other: Sequence[Range]) -> list[Range]:
    """Give what two sets have in common."""
    found: list[Range] = []
    at = there = 0
    while at < len(one) and there < len(other):
        low = max(one[at][0], other[there][0])
        high = min(one[at][1], other[there][1])
        if low <= high:
            found.append((low, high))
        if one[at][1] < other[there][1]:
            at += 1
        else:
            there += 1
    return found


def without(ranges: Sequence[Range], uids: Sequence[int]) -> list[Range]:
    """Take ascending UIDs out of a set."""
    found: list[Range] = []
    stop = 0
    for low, high in ranges:
        start = bisect_left(uids, low, stop)
        stop = bisect_right(uids, high, start)
        rest = low
        for uid in uids[start:stop]:
            if rest < uid:
                found.append((rest, uid - 1))
            rest = uid + 1
        if rest <= high:
            found.append((rest, high))
    return found
