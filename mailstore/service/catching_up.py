"""What a client missed while it was away: changed and removed messages.

RFC 7162 §3.1.4.1, §3.2.6. Nothing newer than what the client knows costs nothing,
and what happened lately as much as that was. Else it is one look at the mod-sequences
in memory, and for what was removed a read of what is remembered of that: on a thread
if it is much.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from itertools import compress

from mailstore.columns import at_least, marked
from mailstore.index.database import Database
from mailstore.index.vanished import is_short, vanished_ranges
from mailstore.lanes import Pool, Runtime, in_pool
from mailstore.ranges import Range, intersection, without
from mailstore.runs import ranges_of, runs
from mailstore.service.readers import Readers
from mailstore.state import MailboxState

_AT_ONCE = 100_000  # messages that are looked at on the event thread (under 1 ms)
_ROWS_AT_ONCE = 1_000  # of what was removed, that are read there
_REMEMBERED = 8_192  # UIDs of what happened that are gone through
_SIDE_BY_SIDE = 256  # messages from which on their columns are looked at as planes


async def changed_among(
    runtime: Runtime, state: MailboxState, uids: Sequence[int], since: int
) -> Sequence[int]:
    """Give those of ascending UIDs that changed after a mod-sequence."""
    if since >= state.modseq or not uids:
        return ()
    known = state.changed_since(since, _REMEMBERED)
    if known is not None:
        wanted = uids if isinstance(uids, array) else array("I", uids)
        if wanted == state.uids:
            return known
        found = array("I")
        for start, stop, _ in runs(known, wanted):
            found += wanted[start:stop]
        return found
    most = state.modseq
    pieces = [
        (state.uids[start:stop], state.modseqs[start:stop])
        for start, stop, _ in runs(uids, state.uids)
    ]

    def find() -> Sequence[int]:
        found = array("I")
        for some, modseqs in pieces:
            if len(some) < _SIDE_BY_SIDE:
                found.extend(compress(some, map(since.__lt__, modseqs)))
            else:
                found += marked(some, *at_least(modseqs, since + 1, most=most))
        return found

    if len(uids) <= _AT_ONCE:
        return find()
    return await in_pool(runtime, Pool.READ, find)


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
