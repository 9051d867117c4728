"""What became of messages whose flags were to change, for who asked for it."""

from __future__ import annotations

from collections.abc import Sequence

from mailstore.index.flags import FlagsStored
from mailstore.model import Stored
from mailstore.runs import runs
from mailstore.state import MailboxState


def modseqs_of(state: MailboxState, uids: Sequence[int]) -> list[int]:
    """Give mod-sequences, as `Mailbox.modseqs` does."""
    found = [state.modseq] * len(uids)
    for start, stop, at in runs(uids, state.uids):
        found[at : at + stop - start] = state.modseqs[start:stop].tolist()
    return found


def stored(state: MailboxState, uids: Sequence[int], done: FlagsStored) -> Stored:
    """Say what became of messages, with what others have done meanwhile."""
    rows = state.rows(uids)
    missing: Sequence[int] = ()
    if len(rows) < len(uids):
        there = {uid for uid, _ in rows}
        missing = tuple([uid for uid in uids if uid not in there])
    refused, external = set(done.failed), set(done.external)
    if state.modseq > done.delta.modseq:
        # Others have written since then: the rows are theirs as well.
        there_now = [uid for uid, _ in rows]
        modseqs = zip(there_now, modseqs_of(state, there_now), strict=True)
        external |= {uid for uid, modseq in modseqs if modseq > done.delta.modseq}
    updated = [row for row in rows if row[0] not in refused] if refused else rows
    return Stored(
        modseq=done.delta.modseq,
        updated=updated,
        external=[row for row in updated if row[0] in external] if external else [],
        failed=[row for row in rows if row[0] in refused] if refused else [],
        missing=missing,
        wrote=done.delta.modseq != done.delta.base,
    )
