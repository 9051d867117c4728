"""Ascending numbers as texts, each its own: those of messages, for their responses.

The texts of a thousand numbers are made at once and stay for a while, as lists of a
mailbox count the same ones again and again; a stretch of numbers is a slice of them.
Example::

    decimals([9, 10, 11])     # [b"9", b"10", b"11"]
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from functools import lru_cache

_BLOCK = 1_000
_KEPT = 128  # blocks that stay, of 50 KB
_ENOUGH = 50  # numbers of a block for which it is made
_TAILS = [b"%03d" % number for number in range(_BLOCK)]
_format = b"%d".__mod__


def decimals(numbers: Sequence[int]) -> list[bytes]:
    """Give the texts of numbers, which ascend and are not negative."""
    count = len(numbers)
    if count == 1:
        return [b"%d" % numbers[0]]
    texts: list[bytes] = []
    at = 0
    while at < count:
        block, first = divmod(numbers[at], _BLOCK)
        low = block * _BLOCK
        end = bisect_left(numbers, low + _BLOCK, at)
        if end - at < _ENOUGH:
            texts += map(_format, numbers[at:end])
        elif numbers[end - 1] - numbers[at] == end - at - 1:
            texts += _texts(block)[first : first + end - at]
        else:
            known = _texts(block)
            texts += [known[number - low] for number in numbers[at:end]]
        at = end
    return texts


@lru_cache(maxsize=_KEPT)
def _texts(block: int) -> list[bytes]:
    if block == 0:
        return list(map(_format, range(_BLOCK)))
    head = _format(block)
    return [head + tail for tail in _TAILS]
