"""Changes of flags, and removals: how they are written, what became of the messages."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence

from mailstore.index.database import Database
from mailstore.index.flags import FlagsStored, store_flags
from mailstore.index.private import Private
from mailstore.index.private_store import Wanted, store_private
from mailstore.index.records import Delta
from mailstore.index.removal import Cause, expunge
from mailstore.index.selection import Selection
from mailstore.lanes import Runtime, give_way
from mailstore.model import MailboxId, Stored
from mailstore.runs import between, runs
from mailstore.state import MailboxState
from mailstore.writer import Outcome

_SLICE = 2_048  # messages of a turn of the event loop


def modseqs_of(state: MailboxState, uids: Sequence[int]) -> list[int]:
    """Give mod-sequences, as `Mailbox.modseqs` does."""
    found = [state.modseq] * len(uids)
    for start, stop, at in runs(uids, state.uids):
        if stop - start == 1:  # as scattered messages are
            found[at] = state.modseqs[start]
        else:
            found[at : at + stop - start] = state.modseqs[start:stop].tolist()
    return found


def storing(
    mailbox: MailboxId, whose: Private | None, wanted: Wanted
) -> Callable[[Database], Outcome[FlagsStored]]:
    """Give the work of the lane that changes flags, for a person or for all."""

    def work(database: Database) -> Outcome[FlagsStored]:
        if whose is not None:
            return Outcome(*store_private(database, mailbox, whose, wanted))
        done = store_flags(
            database,
            mailbox,
            wanted.among,
            wanted.change,
            unchanged_since=wanted.unchanged_since,
            seen_at=wanted.seen_at,
            settable=wanted.settable,
        )
        return Outcome(done, (done.delta,))

    return work


def expunging(
    mailbox: MailboxId,
    among: Selection,
    now: int,
    cause: Cause,
    *,
    deleted_only: bool,
) -> Callable[[Database], Outcome[Delta | None]]:
    """Give the work of the lane that removes messages."""

    def work(database: Database) -> Outcome[Delta | None]:
        delta = expunge(
            database, mailbox, among, now, deleted_only=deleted_only, cause=cause
        )
        return Outcome(delta, (delta,) if delta is not None else ())

    return work


async def stored(
    runtime: Runtime, state: MailboxState, uids: Sequence[int], done: FlagsStored
) -> Stored:
    """Say what became of messages, with what others have done meanwhile.

    Of many a slice at a time: others have the event thread in between.
    """
    modseq = done.delta.modseq
    there = _there(state, uids)
    failed: Sequence[int] = ()
    external: Sequence[int] = ()
    if done.failed or done.external or state.modseq > modseq:
        failed, external = await _changed(runtime, state, there, done)
    return Stored(
        modseq=modseq,
        uids=there,
        external=external,
        failed=failed,
        missing=_but(uids, there),
        wrote=modseq != done.delta.base,
        alone=done.alone and state.modseq == modseq,
    )


def _there(state: MailboxState, uids: Sequence[int]) -> Sequence[int]:
    """Give those of ascending UIDs that a mailbox has."""
    if len(uids) == 1:
        return uids if state.position(uids[0]) is not None else ()
    found = array("I")
    for start, stop, _ in runs(uids, state.uids):
        if stop - start == len(uids):
            return uids
        found += state.uids[start:stop]
    return found


def _but(uids: Sequence[int], others: Sequence[int]) -> Sequence[int]:
    """Give those of ascending UIDs that are not among others of them."""
    if len(uids) == len(others):
        return ()
    table, found, end = array("I", uids), array("I"), 0
    for start, stop, _ in runs(others, table):
        found += table[end:start]
        end = stop
    return tuple(found + table[end:])


async def _changed(
    runtime: Runtime, state: MailboxState, uids: Sequence[int], done: FlagsStored
) -> tuple[array[int], array[int]]:
    """Give what was refused, and what others have changed, before or since."""
    refused, external = array("I", done.failed), array("I", done.external)
    failed, others = array("I"), array("I")
    for at in range(0, len(uids), _SLICE):
        if at:
            await give_way(runtime)
        some = uids[at : at + _SLICE]
        left = frozenset(between(refused, some[0], some[-1]))
        theirs = frozenset(between(external, some[0], some[-1]))
        if left:
            failed.extend([uid for uid in some if uid in left])
        if state.modseq > done.delta.modseq:
            # Others have written since then: the rows are theirs as well.
            since = done.delta.modseq
            pairs = zip(some, modseqs_of(state, some), strict=True)
            theirs |= {uid for uid, modseq in pairs if modseq > since}
        theirs -= left
        if theirs:
            others.extend([uid for uid in some if uid in theirs])
    return failed, others
