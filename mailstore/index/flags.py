"""STORE: flags of many messages in one statement (RFC 3501 §6.4.6, RFC 7162 §3.1.3).

A row whose flags already are as wanted is not written and keeps its mod-sequence.
Of few messages the rows are read and written one by one; of many it is one statement
that gives no rows back, and memory repeats the change by itself (`Sweep`).
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field

from mailstore.errors import NotFound
from mailstore.index.database import Database, Value
from mailstore.index.entries import keywords
from mailstore.index.keywords import mask_of
from mailstore.index.records import (
    LOW_BITS,
    LOW_KEYWORDS,
    NO_FLAGS,
    ChangedFlags,
    Delta,
    Sweep,
    to_columns,
    to_mask,
)
from mailstore.index.selection import NOBODY, Selection
from mailstore.model import (
    DELETED,
    FIRST_KEYWORD_BIT,
    MAX_KEYWORDS,
    SEEN,
    FlagChange,
    FlagOperation,
    MailboxId,
)
from mailstore.ranges import without

_SYSTEM = (1 << FIRST_KEYWORD_BIT) - 1
_LOW = (1 << LOW_BITS) - 1
_ALL = (1 << FIRST_KEYWORD_BIT + MAX_KEYWORDS) - 1
_PIECES = 256  # ranges of UIDs that memory sweeps by itself
_FEW = 64  # UIDs whose rows are read and written one by one
_Row = tuple[int, int, bytes | None, int]  # uid, flags, more, modseq


@dataclass(frozen=True, slots=True)
class FlagsStored:
    """What STORE did. ``external`` and ``failed`` are UIDs, ascending.

    ``alone``: between what the caller knew and this change there was no other.
    """

    delta: Delta
    external: Sequence[int]
    failed: Sequence[int]
    alone: bool = False


@dataclass(frozen=True, slots=True)
class _Bits:
    """What a change does to a mask: clear bits, then set bits."""

    clears: int
    sets: int

    @classmethod
    def of(cls, operation: FlagOperation, mask: int, settable: int) -> _Bits:
        if operation is FlagOperation.REPLACE:
            return cls(settable & _ALL, mask)
        return cls(mask, 0) if operation is FlagOperation.REMOVE else cls(0, mask)

    def after(self, mask: int) -> int:
        return mask & ~self.clears | self.sets

    def touch(self, bits: int) -> bool:
        return bool((self.clears | self.sets) & bits)

    def counted(self, bit: int, before: int, among: int) -> int:
        """Give by how much the messages with a bit become more."""
        if self.sets & bit:
            return among - before
        return -before if self.clears & bit else 0


@dataclass(frozen=True, slots=True)
class _Written:
    """What was changed of how many rows, and by how much counters grow."""

    count: int = 0
    unseen: int = 0
    deleted: int = 0
    changed: ChangedFlags = NO_FLAGS
    sweep: Sweep | None = None


@dataclass(slots=True)
class _Storing:
    """One STORE: its mailbox, whose mod-sequence is ``base``, and its bits."""

    database: Database
    mailbox: MailboxId
    base: int
    bits: _Bits
    external: Sequence[int] = ()
    failed: Sequence[int] = ()
    written: _Written = field(default_factory=_Written)

    def rows(self, rows: Sequence[_Row], seen_at: int, since: _Since) -> None:
        """Change messages one by one; what was refused and is others' is noted."""
        failed = [uid for uid, flags, _, modseq in rows if since.refuses(flags, modseq)]
        refused = frozenset(failed)
        changed: list[tuple[int, int]] = []
        unseen = deleted = 0
        for uid, flags, more, _ in rows:
            before = to_mask(flags, more)
            after = self.bits.after(before)
            if after != before and uid not in refused:
                changed.append((uid, after))
                unseen += (not after & SEEN) - (not before & SEEN)
                deleted += bool(after & DELETED) - bool(before & DELETED)
        self.database.many(
            "UPDATE entry SET flags = ?, more = ?, modseq = ?"
            " WHERE mailbox = ? AND uid = ?",
            (
                (*to_columns(after), self.base + 1, self.mailbox, uid)
                for uid, after in changed
            ),
        )
        self.failed = failed
        self.external = [
            uid for uid, _, _, modseq in rows if modseq > seen_at and uid not in refused
        ]
        columns = ChangedFlags.of(changed)
        self.written = _Written(len(changed), unseen, deleted, columns)

    def swept(self, among: Selection, seen_at: int, since: _Since) -> None:
        """Change messages by one statement: only bits of the integer column."""
        where, values = among.where(self.mailbox)
        if since.may_refuse(self.base):
            too_new, limits = since.condition
            self.failed = self._uids(f"{where} AND {too_new}", [*values, *limits])
            if self.failed:
                among = Selection(tuple(without(among.ranges, self.failed)))
                where, values = among.where(self.mailbox)
        if self.base > seen_at:
            self.external = self._uids(f"{where} AND modseq > ?", [*values, seen_at])
        clears, sets = self.bits.clears & _LOW, self.bits.sets
        keeps, low = to_columns(_LOW & ~clears)[0], to_columns(sets)[0]
        where, values = f"{where} AND flags & ? | ? <> flags", [*values, keeps, low]
        seen = deleted = 0
        if self.bits.touch(SEEN | DELETED):
            counts = self.database.one(
                f"SELECT coalesce(sum(flags & {SEEN} <> 0), 0),"
                f" coalesce(sum(flags & {DELETED} <> 0), 0) FROM entry WHERE {where}",
                values,
            )
            seen, deleted = counts or (0, 0)
        scattered = len(among.ranges) > _PIECES
        changed = self._to_change(where, values) if scattered else NO_FLAGS
        count = self.database.change(
            f"UPDATE entry SET flags = flags & ? | ?, modseq = ? WHERE {where}",
            [keeps, low, self.base + 1, *values],
        )
        self.written = _Written(
            count,
            -self.bits.counted(SEEN, seen, count),
            self.bits.counted(DELETED, deleted, count),
            changed,
            None if scattered else Sweep(among.ranges, clears, sets),
        )

    def _to_change(self, where: str, values: list[Value]) -> ChangedFlags:
        """Give what rows are going to be: less work than many pieces of memory."""
        sql = f"SELECT uid, flags, more FROM entry WHERE {where} ORDER BY uid"
        rows = self.database.all(sql, values)
        after = self.bits.after
        return ChangedFlags.of(
            [(uid, after(to_mask(flags, more))) for uid, flags, more in rows]
        )

    def _uids(self, where: str, values: list[Value]) -> array[int]:
        sql = f"SELECT uid FROM entry WHERE {where} ORDER BY uid"
        return array("I", [row[0] for row in self.database.all(sql, values)])

    def done(self, seen_at: int, names: tuple[str, ...] | None) -> FlagsStored:
        """Note the change in the mailbox's row.

        New ``names`` are a change even if no message got them: others learn by the
        mod-sequence alone that those they know are no longer all.
        """
        written, modseq = self.written, self.base
        if written.count or names is not None:
            modseq += 1
            self.database.execute(
                "UPDATE mailbox SET highestmodseq = ?, unseen = unseen + ?,"
                " deleted = deleted + ? WHERE id = ?",
                (modseq, written.unseen, written.deleted, self.mailbox),
            )
        delta = Delta(
            self.mailbox,
            self.base,
            modseq,
            changed=written.changed,
            sweep=written.sweep if written.count else None,
            keywords=names,
        )
        alone = self.base == seen_at
        return FlagsStored(delta, self.external, self.failed, alone)


@dataclass(frozen=True, slots=True)
class _Since:
    """UNCHANGEDSINCE: what it leaves alone (RFC 7162 §3.1.3)."""

    modseq: int | None
    asked: int | None = None  # keywords, as the integer column has them

    @classmethod
    def of(cls, modseq: int | None, operation: FlagOperation, mask: int) -> _Since:
        """Since 0 asks whether keywords exist, and one that isn't set doesn't.

        Example 8 of the RFC; system flags always do.
        """
        alone = not mask & _SYSTEM and not mask >> LOW_BITS
        asks = modseq == 0 and alone and operation is not FlagOperation.REPLACE
        return cls(modseq, to_columns(mask)[0] if asks else None)

    @property
    def condition(self) -> tuple[str, list[Value]]:
        """Give the condition under which a row is refused."""
        if self.asked is not None:
            return "flags & ? <> 0", [self.asked]
        return "modseq > ?", [self.modseq]

    def may_refuse(self, highest: int) -> bool:
        """Tell whether a mailbox with this mod-sequence can have such rows."""
        return self.modseq is not None and highest > self.modseq

    def refuses(self, flags: int, modseq: int) -> bool:
        """Tell whether it refuses a row."""
        if self.asked is not None:
            return bool(flags & self.asked)
        return self.modseq is not None and modseq > self.modseq


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
    few = among.at_most(_FEW)
    base, rows = _read(database, mailbox, among if few else NOBODY)
    operation = change.operation
    mask, names = mask_of(
        database, mailbox, change.flags, allocate=operation is not FlagOperation.REMOVE
    )
    bits = _Bits.of(operation, mask, settable)
    since = _Since.of(unchanged_since, operation, mask)
    storing = _Storing(database, mailbox, base, bits)
    if few:
        storing.rows(rows, seen_at, since)
    elif _is_wide(database, mailbox, bits):
        storing.rows(_read(database, mailbox, among)[1], seen_at, since)
    else:
        storing.swept(among, seen_at, since)
    return storing.done(seen_at, names)


def _read(
    database: Database, mailbox: MailboxId, among: Selection
) -> tuple[int, list[_Row]]:
    """Give a mailbox's mod-sequence, and rows of its messages; by one statement.

    Raises `NotFound`.
    """
    where, values = among.where(mailbox)
    rows = database.all(
        "SELECT highestmodseq, uid, flags, more, modseq FROM mailbox"
        f" LEFT JOIN entry ON {where}"
        " WHERE mailbox.id = ? AND mailbox.name IS NOT NULL ORDER BY uid",
        [*values, mailbox],
    )
    if not rows:
        raise NotFound
    return rows[0][0], [row[1:] for row in rows if row[1] is not None]


def _is_wide(database: Database, mailbox: MailboxId, bits: _Bits) -> bool:
    """Tell whether keywords of the bitmap change: SQLite has no operators for it."""
    if not (bits.clears | bits.sets) >> LOW_BITS:
        return False
    return len(keywords(database, mailbox)) > LOW_KEYWORDS
