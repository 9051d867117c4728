"""What happened to a mailbox since its state was loaded, for sessions that catch up.

A session asks for everything behind a mod-sequence. The history may answer with
more than that (long ones are folded together), never with less; a view passes over
what it knows. It must not know flags: those are read from the state when told.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

_MOST_STEPS = 512


@dataclass(frozen=True, slots=True)
class Step:
    """What one commit, or several folded ones, did; UIDs ascend."""

    modseq: int
    new: Sequence[int] = ()
    changed: Sequence[int] = ()
    vanished: Sequence[int] = ()


class History:
    """The steps since the state was loaded, ascending by mod-sequence."""

    __slots__ = ("_modseqs", "_steps")

    def __init__(self) -> None:
        self._modseqs: list[int] = []
        self._steps: list[Step] = []

    def add(self, step: Step) -> None:
        """Note a commit."""
        self._steps.append(step)
        self._modseqs.append(step.modseq)
        if len(self._steps) > _MOST_STEPS:
            self._fold(_MOST_STEPS // 2)

    def since(self, modseq: int) -> Step:
        """Give all that happened behind a mod-sequence, folded."""
        return _folded(self._steps[bisect_right(self._modseqs, modseq) :], modseq)

    def forget(self, modseq: int) -> None:
        """Drop what every session knows: steps up to a mod-sequence."""
        count = bisect_right(self._modseqs, modseq)
        del self._steps[:count], self._modseqs[:count]

    def __len__(self) -> int:
        return len(self._steps)

    def _fold(self, count: int) -> None:
        folded = _folded(self._steps[:count], 0)
        self._steps[:count] = [folded]
        self._modseqs[:count] = [folded.modseq]


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
    filled = sorted([part for part in parts if part], key=len, reverse=True)
    if len(filled) < 2:
        return filled[0] if filled else ()
    largest = array("I", filled[0])
    # What is changed again and again, as all messages are, is there as one piece.
    others = [part for part in filled[1:] if not _is_piece(part, largest)]
    if not others:
        return largest
    return array("I", sorted(set(largest).union(*others)))


def _is_piece(part: Sequence[int], table: array[int]) -> bool:
    start = bisect_left(table, part[0])
    return table[start : start + len(part)] == array("I", part)
