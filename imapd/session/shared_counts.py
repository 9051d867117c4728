"""Counts that several workers keep together, each its own part.

A worker tells the others every change of a count of its own, and all of them once a
minute. What it told holds for a while: the counts of a worker that died fade away. A
change that can wait is told with others a moment later, or not at all if it was undone:
telling costs a connection as much as greeting it.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass

from mailstore.lanes import Runtime

_AGAIN_SECONDS = 60.0
_HOLD_SECONDS = 150.0  # two notes may be lost
_PER_NOTE = 20
_SOON_SECONDS = 0.02

Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class _Told:
    count: int
    at: float


class SharedCounts:
    """The counts of this worker and what the others told. Event thread only."""

    def __init__(self, runtime: Runtime, tell: Callable[[bytes], None]) -> None:
        self._runtime = runtime
        self._tell = tell
        self._me = secrets.token_hex(4)
        self._own: dict[Key, int] = {}
        self._waiting: dict[Key, int] = {}  # what was told of them last
        self._others: dict[Key, dict[str, _Told]] = {}
        runtime.later(_AGAIN_SECONDS, self._again)

    def set(self, kind: str, key: str, count: int, *, soon: bool = False) -> None:
        """Set our part of a count; the others hear of it now, or ``soon``."""
        before = self._own.get((kind, key), 0)
        if count:
            self._own[kind, key] = count
        else:
            self._own.pop((kind, key), None)
        if not soon:
            self._waiting.pop((kind, key), None)
            self._note([[kind, key, count]])
            return
        if not self._waiting:
            self._runtime.later(_SOON_SECONDS, self._tell_waiting)
        self._waiting.setdefault((kind, key), before)

    def _tell_waiting(self) -> None:
        waiting, self._waiting = self._waiting, {}
        now = {key: self._own.get(key, 0) for key in waiting}
        self._note_all([[*key, n] for key, n in now.items() if n != waiting[key]])

    def count(self, kind: str, key: str) -> int:
        """Give what the other workers have of a count."""
        told = self._others.get((kind, key))
        if not told:
            return 0
        since = self._runtime.monotonic() - _HOLD_SECONDS
        return sum(one.count for one in told.values() if one.at >= since)

    def hear(self, data: bytes) -> None:
        """Take a note of another worker."""
        try:
            who, counts = json.loads(data)
            for kind, key, count in counts:
                self._take(str(who), (str(kind), str(key)), int(count))
        except (ValueError, TypeError):
            return

    def _take(self, who: str, key: Key, count: int) -> None:
        told = self._others.setdefault(key, {})
        if count:
            told[who] = _Told(count, self._runtime.monotonic())
        else:
            told.pop(who, None)
        if not told:
            del self._others[key]

    def _note_all(self, counts: list[list[object]]) -> None:
        for at in range(0, len(counts), _PER_NOTE):
            self._note(counts[at : at + _PER_NOTE])

    def _note(self, counts: list[list[object]]) -> None:
        self._tell(json.dumps([self._me, counts]).encode("ascii"))

    def _again(self) -> None:
        self._note_all([[*key, n] for key, n in self._own.items()])
        # The others know these by now: what undoes them must be told.
        again = self._own.keys() & self._waiting.keys()
        self._waiting.update({key: self._own[key] for key in again})
        since = self._runtime.monotonic() - _HOLD_SECONDS
        for key, told in list(self._others.items()):
            for who in [who for who, one in told.items() if one.at < since]:
                del told[who]
            if not told:
                del self._others[key]
        self._runtime.later(_AGAIN_SECONDS, self._again)
