"""What happened to a mailbox since its state was loaded, for sessions that catch up.

A session asks for everything behind a mod-sequence. The history may answer with
more than that (long ones are folded together), never with less; a view passes over
what it knows. It must not know flags: those are read from the state when told.

Short ones are kept when every session knows them: a client that comes back after a
while (RFC 7162) is told by them what it has missed.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from functools import reduce
from operator import itemgetter
from typing import NamedTuple

_MOST_STEPS = 512
_FEW = 32  # UIDs that a commit is about on average, when all are sorted
_SORTED = 4_096  # and how many of them at most
_KEPT = 4_096  # UIDs that stay when every session knows them


class Step(NamedTuple):
    """What one commit, or several folded ones, did; UIDs ascend."""

    modseq: int
    new: Sequence[int] = ()
    changed: Sequence[int] = ()
    vanished: Sequence[int] = ()


class History:
    """The steps since the state was loaded, ascending by mod-sequence.

    It ``begins`` behind the mod-sequence at which that was.
    """

    __slots__ = ("_begins", "_modseqs", "_size", "_steps")

    def __init__(self, begins: int = 0) -> None:
        self._begins = begins
        self._modseqs: list[int] = []
        self._steps: list[Step] = []
        self._size = 0  # UIDs in all steps

    def add(self, step: Step) -> None:
        """Note a commit."""
        self._steps.append(step)
        self._modseqs.append(step.modseq)
        self._size += _size(step)
        if len(self._steps) > _MOST_STEPS:
            self._fold(_MOST_STEPS // 2)

    def since(self, modseq: int) -> Step:
        """Give all that happened behind a mod-sequence, folded."""
        return _folded(self._steps[bisect_right(self._modseqs, modseq) :], modseq)

    def recent(self, modseq: int, most: int) -> Step | None:
        """Give `since`, if it is short and goes back so far.

        None for more than ``most`` UIDs, each counted as often as something happened.
        """
        if modseq < self._begins:
            return None
        steps = self._steps[bisect_right(self._modseqs, modseq) :]
        if sum(map(_size, steps)) > most:
            return None
        return _folded(steps, modseq)

    def forget(self, modseq: int) -> None:
        """Drop what every session knows: steps up to a mod-sequence.

        As much as is too much to keep for who comes back.
        """
        count = 0
        while self._size > _KEPT and self._modseqs[count] <= modseq:
            self._size -= _size(self._steps[count])
            count += 1
            if count == len(self._steps):
                break
        if count:
            self._begins = self._modseqs[count - 1]
            del self._steps[:count], self._modseqs[:count]

    def __len__(self) -> int:
        return len(self._steps)

    def _fold(self, count: int) -> None:
        folded = _folded(self._steps[:count], 0)
        self._size += _size(folded) - sum(map(_size, self._steps[:count]))
        self._steps[:count] = [folded]
        self._modseqs[:count] = [folded.modseq]


def _size(step: Step) -> int:
    return len(step.new) + len(step.changed) + len(step.vanished)


def _folded(steps: Sequence[Step], modseq: int) -> Step:
    if len(steps) == 1:
        return steps[0]
    if not steps:
        return Step(modseq)
    return Step(
        steps[-1].modseq,
        _union([step.new for step in steps]),
        _union([step.changed for step in steps]),
        _union([step.vanished for step in steps]),
    )


def _union(parts: Sequence[Sequence[int]]) -> Sequence[int]:
    filled = [part for part in parts if part]
    if len(filled) < 2:
        return filled[0] if filled else ()
    if sum(map(len, filled)) <= min(_FEW * len(filled), _SORTED):
        # A message or two each, as clients change them: none is worth a look by itself.
        return array("I", sorted(set().union(*filled)))
    first, *rest = sorted([array("I", part) for part in filled], key=itemgetter(0))
    return reduce(_joined, rest, first)


def _joined(one: array[int], other: array[int]) -> array[int]:
    """Join ascending UIDs; ``other`` begins with or behind the first of ``one``.

    Messages that stand side by side and changed again and again, as all do, are one
    comparison.
    """
    start = bisect_left(one, other[0])
    rest = one[start:]
    common = min(len(rest), len(other))
    if rest[:common] == other[:common]:
        return one if common == len(other) else one[:start] + other
    return one[:start] + array("I", sorted({*rest, *other}))
