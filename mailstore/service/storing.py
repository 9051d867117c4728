"""Changes of flags: how they are written, and what became of the messages."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mailstore.index.database import Database
from mailstore.index.flags import FlagsStored, store_flags
from mailstore.index.private import Private
from mailstore.index.private_store import Wanted, store_private
from mailstore.lanes import Runtime, give_way
from mailstore.model import MailboxId, Stored
from mailstore.runs import runs
from mailstore.state import MailboxState
from mailstore.writer import Outcome

_SLICE = 2_048  # messages of a turn of the event loop


def modseqs_of(state: MailboxState, uids: Sequence[int]) -> list[int]:
    """Give mod-sequences, as `Mailbox.modseqs` does."""
    found = [state.modseq] * len(uids)
    for start, stop, at in runs(uids, state.uids):
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


async def stored(
    runtime: Runtime, state: MailboxState, uids: Sequence[int], done: FlagsStored
) -> Stored:
    """Say what became of messages, with what others have done meanwhile.

    Of many a slice at a time: others have the event thread in between. What is said of
    a slice is of one moment.
    """
    refused, external = frozenset(done.failed), frozenset(done.external)
    updated: list[tuple[int, int]] = []
    failed: list[tuple[int, int]] = []
    others: list[tuple[int, int]] = []
    missing: list[int] = []
    for at in range(0, len(uids), _SLICE):
        some = uids[at : at + _SLICE]
        rows = state.rows(some)
        if len(rows) < len(some):
            there = {uid for uid, _ in rows}
            missing += [uid for uid in some if uid not in there]
        own = [row for row in rows if row[0] not in refused] if refused else rows
        if refused:
            failed += [row for row in rows if row[0] in refused]
        updated += own
        others += _others(state, own, done, external)
        if at + _SLICE < len(uids):
            await give_way(runtime)
    return Stored(
        modseq=done.delta.modseq,
        updated=updated,
        external=others,
        failed=failed,
        missing=tuple(missing),
        wrote=done.delta.modseq != done.delta.base,
    )


def _others(
    state: MailboxState,
    rows: Sequence[tuple[int, int]],
    done: FlagsStored,
    external: frozenset[int],
) -> Sequence[tuple[int, int]]:
    """Give the rows that others have changed, before this change or since."""
    if state.modseq > done.delta.modseq:
        # Others have written since then: the rows are theirs as well.
        modseqs = modseqs_of(state, [uid for uid, _ in rows])
        return [
            row
            for row, modseq in zip(rows, modseqs, strict=True)
            if row[0] in external or modseq > done.delta.modseq
        ]
    return [row for row in rows if row[0] in external] if external else ()
