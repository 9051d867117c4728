"""STORE by somebody who has flags for himself: his own, and the shared ones.

What is private changes for him alone, and what is shared for all, in one transaction;
UNCHANGEDSINCE is judged by what he sees of a message (RFC 7162 §3.1.3).
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import NamedTuple

from mailstore.errors import NotFound
from mailstore.index import flagblocks, private
from mailstore.index.database import Database
from mailstore.index.flags import FlagsStored, store_flags
from mailstore.index.private import Private
from mailstore.index.records import Delta
from mailstore.index.selection import Selection
from mailstore.model import FlagChange, FlagOperation, MailboxId


class Wanted(NamedTuple):
    """A change of flags of some messages, as `store_flags` takes it."""

    among: Selection
    change: FlagChange
    unchanged_since: int | None
    seen_at: int
    settable: int = -1  # flags that may be changed; the others stay


def store_private(
    database: Database, mailbox: MailboxId, whose: Private, wanted: Wanted
) -> tuple[FlagsStored, tuple[Delta, ...]]:
    """Change flags for a person; gives what happened, and each step of it.

    The delta of the first goes over all steps. Raises `NotFound` when the mailbox is
    gone, `TooMany` keywords.
    """
    if _asks_for_keywords(whose, wanted):
        done = _store_all(database, mailbox, whose, wanted)
        return done, (done.delta,)
    row = database.one(
        "SELECT highestmodseq FROM mailbox WHERE id = ? AND name IS NOT NULL",
        (mailbox,),
    )
    if row is None:
        raise NotFound
    base = int(row[0])
    modseqs = _modseqs(database, mailbox, whose, wanted.among)
    failed: Sequence[int] = ()
    if wanted.unchanged_since is not None:
        limit = wanted.unchanged_since
        failed = [uid for uid, modseq in modseqs.items() if modseq > limit]
    refused = set(failed)
    chosen = [uid for uid in modseqs if uid not in refused]
    external = [uid for uid in chosen if modseqs[uid] > wanted.seen_at]
    deltas: list[Delta] = []
    shared = _store_shared(database, mailbox, whose, wanted, chosen, modseqs, base)
    if shared is not None:
        deltas.append(shared)
    now = base if shared is None else shared.modseq
    flags = _own_flags(database, mailbox, whose, wanted, chosen)
    changed = private.change(database, mailbox, whose, flags, now + 1)
    if changed:
        deltas.append(private.changed_delta(database, mailbox, now, whose, changed))
    last = deltas[-1].modseq if deltas else base
    return FlagsStored(Delta(mailbox, base, last), external, failed), tuple(deltas)


def _asks_for_keywords(whose: Private, wanted: Wanted) -> bool:
    """Tell whether UNCHANGEDSINCE 0 asks if keywords are set (RFC 7162 §3.1.3)."""
    change = wanted.change
    return (
        wanted.unchanged_since == 0
        and change.operation is not FlagOperation.REPLACE
        and not whose.own(change.flags)
    )


def _store_all(
    database: Database, mailbox: MailboxId, whose: Private, wanted: Wanted
) -> FlagsStored:
    return store_flags(
        database,
        mailbox,
        wanted.among,
        wanted.change,
        unchanged_since=wanted.unchanged_since,
        seen_at=wanted.seen_at,
        settable=wanted.settable & ~whose.mask,
    )


def _modseqs(
    database: Database, mailbox: MailboxId, whose: Private, among: Selection
) -> dict[int, int]:
    """Give the mod-sequences of messages as this person sees them, by UID."""
    rows = flagblocks.flags(database, mailbox, among)
    marks = private.of(database, mailbox, whose, [uid for uid, _, _ in rows])
    return {
        uid: max(modseq, marks[uid].modseq) if uid in marks else modseq
        for uid, _, modseq in rows
    }


def _store_shared(
    database: Database,
    mailbox: MailboxId,
    whose: Private,
    wanted: Wanted,
    chosen: Sequence[int],
    modseqs: dict[int, int],
    base: int,
) -> Delta | None:
    """Change what is everybody's; None when the command is about none of it."""
    change = wanted.change
    flags = whose.shared(change.flags)
    settable = wanted.settable & ~whose.mask
    replaces = change.operation is FlagOperation.REPLACE
    if not chosen or not (flags or (replaces and settable)):
        return None
    ranges = Selection.of(array("I", chosen), array("I", modseqs))
    done = store_flags(
        database,
        mailbox,
        ranges,
        FlagChange(change.operation, flags),
        unchanged_since=None,
        seen_at=base,
        settable=settable,
    )
    return done.delta


def _own_flags(
    database: Database,
    mailbox: MailboxId,
    whose: Private,
    wanted: Wanted,
    chosen: Sequence[int],
) -> dict[int, int]:
    """Give the private flags that messages are to have."""
    own = whose.own(wanted.change.flags) & wanted.settable
    settable = whose.mask & wanted.settable
    replaces = wanted.change.operation is FlagOperation.REPLACE
    if not own and not (replaces and settable):
        return {}
    sets = 0 if wanted.change.operation is FlagOperation.REMOVE else own
    keeps = ~(settable if replaces else own)
    marks = private.of(database, mailbox, whose, chosen)
    return {
        uid: (marks[uid].flags if uid in marks else 0) & keeps | sets for uid in chosen
    }
