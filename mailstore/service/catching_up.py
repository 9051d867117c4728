"""What a client missed while it was away: changed and removed messages.

RFC 7162 §3.1.4.1, §3.2.6. Nothing newer than what the client knows costs nothing,
and what happened lately as much as that was. Else it is one look at the mod-sequences
in memory, and for what was removed a read of what is remembered of that: on a thread
if it is much.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import compress

from mailstore.columns import at_least, marked
from mailstore.index.database import Database
from mailstore.index.vanished import is_short, vanished_ranges
from mailstore.lanes import Pool, Runtime, in_pool
from mailstore.ranges import Range, intersection, without
from mailstore.runs import places, ranges_of
from mailstore.service.readers import Readers
from mailstore.state import MailboxState

_AT_ONCE = 40_000  # messages side by side that are looked at on the event thread
_SCATTERED_AT_ONCE = 10_000  # messages among which others are not asked for
_ROWS_AT_ONCE = 1_000  # of what was removed, that are read there
_REMEMBERED = 4_096  # UIDs of what happened that are gone through (about 2 ms)
_SIDE_BY_SIDE = 256  # messages from which on their columns are looked at as planes
_FEW = 16  # of so many UIDs one: then each is looked up by itself


async def changed_among(
    runtime: Runtime, state: MailboxState, uids: Sequence[int], since: int
) -> Sequence[int]:
    """Give those of ascending UIDs that changed after a mod-sequence."""
    if since >= state.modseq or not uids:
        return ()
    known = state.changed_since(since, _REMEMBERED)
    if known is not None:
        return known if uids == state.uids else _both(known, uids)
    most = state.modseq
    start, stop = bisect_left(state.uids, uids[0]), bisect_right(state.uids, uids[-1])
    some, modseqs = state.uids[start:stop], state.modseqs[start:stop]

    def find() -> Sequence[int]:
        if len(some) < _SIDE_BY_SIDE:
            return _both(array("I", compress(some, map(since.__lt__, modseqs))), uids)
        newer = marked(some, *at_least(modseqs, since + 1, most=most))
        return newer if uids == some else _both(newer, uids)

    if len(some) <= (_AT_ONCE if len(some) == len(uids) else _SCATTERED_AT_ONCE):
        return find()
    return await in_pool(runtime, Pool.READ, find)


def _both(some: array[int], others: Sequence[int]) -> array[int]:
    """Give the UIDs that are in both; each ascend."""
    if len(some) * _FEW > len(others):
        return array("I", compress(some, map(set(others).__contains__, some)))
    table = others if isinstance(others, array) else array("I", others)
    return array("I", map(table.__getitem__, places(some, table)))


async def vanished_among(
    runtime: Runtime,
    readers: Readers,
    state: MailboxState,
    asked: Sequence[Range],
    since: int,
) -> Sequence[Range]:
    """Give those UIDs of ranges that are gone, and went after a mod-sequence."""
    if since >= state.modseq or not asked:
        return ()
    gone = state.vanished_since(since, _REMEMBERED)
    if gone is not None:
        return intersection(asked, ranges_of(array("I", gone)))
    there = state.uids[:]

    def look(database: Database) -> Sequence[Range]:
        with database.snapshot():
            known = vanished_ranges(database, state.id, since)
        # What is here can't have vanished, whatever was remembered of it.
        return without(asked if known is None else intersection(asked, known), there)

    if is_short(readers.event, state.id, since, _ROWS_AT_ONCE):
        return look(readers.event)

    def run() -> Sequence[Range]:
        with readers.take() as database:
            return look(database)

    return await in_pool(runtime, Pool.READ, run)
