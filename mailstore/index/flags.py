"""STORE: flags of many messages in one statement (RFC 3501 §6.4.6, RFC 7162 §3.1.3).

A row whose flags already are as wanted is not written and keeps its mod-sequence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_never

from mailstore.errors import NotFound
from mailstore.index.database import Database, Value
from mailstore.index.keywords import mask_of
from mailstore.index.records import LOW_BITS, ChangedFlags, Delta, to_columns, to_mask
from mailstore.index.selection import Selection
from mailstore.model import (
    DELETED,
    FIRST_KEYWORD_BIT,
    SEEN,
    FlagChange,
    FlagOperation,
    MailboxId,
)

_SYSTEM = (1 << FIRST_KEYWORD_BIT) - 1


@dataclass(frozen=True, slots=True)
class FlagsStored:
    """What STORE did. ``external`` and ``failed`` are UIDs, ascending."""

    delta: Delta
    external: Sequence[int]
    failed: Sequence[int]


def store_flags(
    database: Database,
    mailbox: MailboxId,
    among: Selection,
    change: FlagChange,
    *,
    unchanged_since: int | None,
    seen_at: int,
    settable: int = -1,
) -> FlagsStored:
    """Change flags; ``seen_at`` is the mod-sequence that the caller knew.

    Flags that are not in ``settable`` stay as they are; ``change`` has none of them.

    Raises `NotFound` when the mailbox is gone, `TooMany` keywords.
    """
    row = database.one(
        "SELECT highestmodseq FROM mailbox WHERE id = ? AND name IS NOT NULL",
        (mailbox,),
    )
    if row is None:
        raise NotFound
    base = int(row[0])
    operation = change.operation
    mask, keywords = mask_of(
        database, mailbox, change.flags, allocate=operation is not FlagOperation.REMOVE
    )
    where, values = among.where(mailbox)
    external = _changed_after(database, where, values, base, seen_at)
    failed: Sequence[int] = ()
    if unchanged_since is not None:
        too_new, limits = _too_new(change, mask, unchanged_since)
        if base > unchanged_since:
            failed = _uids(database, f"{where} AND {too_new}", [*values, *limits])
        where, values = f"{where} AND NOT ({too_new})", [*values, *limits]
    replaces = operation is FlagOperation.REPLACE
    if (mask >> LOW_BITS and not replaces) or (settable != -1 and replaces):
        clears = settable if replaces else mask
        sets = 0 if operation is FlagOperation.REMOVE else mask
        if operation is FlagOperation.ADD:
            clears = 0
        changed = _store_wide(
            database, mailbox, where, values, (clears, sets), base + 1
        )
    else:
        changed = _store(database, mailbox, where, values, mask, operation, base + 1)
    delta = Delta(
        mailbox,
        base,
        base + 1 if changed else base,
        changed=ChangedFlags.of(changed),
        keywords=keywords,
    )
    return FlagsStored(delta, external, failed)


def _too_new(
    change: FlagChange, mask: int, unchanged_since: int
) -> tuple[str, list[Value]]:
    """Give the condition under which UNCHANGEDSINCE leaves a message alone.

    RFC 7162 §3.1.3, example 8: since 0 asks whether the flags exist, and a keyword
    that isn't set doesn't; system flags always do.
    """
    keywords_alone = not mask & _SYSTEM and not mask >> LOW_BITS
    if (
        unchanged_since == 0
        and keywords_alone
        and change.operation is not FlagOperation.REPLACE
    ):
        return "flags & ? <> 0", [to_columns(mask)[0]]
    return "modseq > ?", [unchanged_since]


def _changed_after(
    database: Database, where: str, values: list[Value], highest: int, modseq: int
) -> list[int]:
    if highest <= modseq:
        return []  # the usual case: nobody else has written
    return _uids(database, f"{where} AND modseq > ?", [*values, modseq])


def _uids(database: Database, where: str, values: list[Value]) -> list[int]:
    rows = database.all(f"SELECT uid FROM entry WHERE {where} ORDER BY uid", values)
    return [row[0] for row in rows]


def _store(
    database: Database,
    mailbox: MailboxId,
    where: str,
    values: list[Value],
    mask: int,
    operation: FlagOperation,
    modseq: int,
) -> list[tuple[int, int]]:
    """Write in one UPDATE: the bits are all in the integer column, or all replaced."""
    low, more = to_columns(mask)
    bits: list[Value] = [low]
    changed: list[Value] = [low]
    match operation:
        case FlagOperation.ADD:
            to, differs, changed = "flags = flags | ?", "flags & ? <> ?", [low, low]
        case FlagOperation.REMOVE:
            to, differs = "flags = flags & ~ ?", "flags & ? <> 0"
        case FlagOperation.REPLACE:
            to, differs = "flags = ?, more = ?", "(flags <> ? OR more IS NOT ?)"
            bits = changed = [low, more]
        case _:
            assert_never(operation)
    where, values = f"{where} AND {differs}", [*values, *changed]
    counts = None
    if operation is FlagOperation.REPLACE or low & (SEEN | DELETED):
        counts = database.one(
            f"SELECT count(*), coalesce(sum(flags & {SEEN} = 0), 0),"
            f" coalesce(sum(flags & {DELETED} <> 0), 0) FROM entry WHERE {where}",
            values,
        )
        if counts == (0, 0, 0):
            return []
    rows = database.all(
        f"UPDATE entry SET {to}, modseq = ? WHERE {where} RETURNING uid, flags, more",
        [*bits, modseq, *values],
    )
    if rows:
        _count(database, mailbox, modseq, counts, rows)
    return sorted((uid, to_mask(flags, more)) for uid, flags, more in rows)


def _store_wide(
    database: Database,
    mailbox: MailboxId,
    where: str,
    values: list[Value],
    bits: tuple[int, int],
    modseq: int,
) -> list[tuple[int, int]]:
    """Write row by row: SQLite has no operators for the bitmap of the rest.

    ``bits`` are those that are cleared, and then those that are set.
    """
    clears, sets = bits
    rows = database.all(
        f"SELECT uid, flags, more FROM entry WHERE {where} ORDER BY uid",
        values,
    )
    changed: list[tuple[int, int]] = []
    unseen = deleted = 0
    for uid, flags, more in rows:
        before = to_mask(flags, more)
        after = before & ~clears | sets
        if after != before:
            changed.append((uid, after))
            unseen += not before & SEEN
            deleted += bool(before & DELETED)
    database.many(
        "UPDATE entry SET flags = ?, more = ?, modseq = ?"
        " WHERE mailbox = ? AND uid = ?",
        ((*to_columns(after), modseq, mailbox, uid) for uid, after in changed),
    )
    if changed:
        counts = (len(changed), unseen, deleted)
        _count(database, mailbox, modseq, counts, [(u, m, None) for u, m in changed])
    return changed


def _count(
    database: Database,
    mailbox: MailboxId,
    modseq: int,
    before: tuple[int, ...] | None,
    rows: Sequence[tuple[int, int, bytes | None]],
) -> None:
    """Set the mailbox's mod-sequence, and its counters where they could change."""
    unseen = deleted = 0
    if before is not None:
        unseen = sum(1 for _, flags, _ in rows if not flags & SEEN) - before[1]
        deleted = sum(1 for _, flags, _ in rows if flags & DELETED) - before[2]
    database.execute(
        "UPDATE mailbox SET highestmodseq = ?, unseen = unseen + ?,"
        " deleted = deleted + ? WHERE id = ?",
        (modseq, unseen, deleted, mailbox),
    )
