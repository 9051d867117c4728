"""STORE: flags of messages, by the blocks that they stand in (RFC 3501 §6.4.6).

A message whose flags already are as wanted is not written and keeps its mod-sequence
(RFC 7162 §3.1.3). Few messages are changed one by one; of many, columns are, and memory
repeats the change by itself (`Sweep`).
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import compress
from typing import Any, NamedTuple

from mailstore.errors import NotFound
from mailstore.index import flagblocks
from mailstore.index.blocks import Block, block_of, change_one
from mailstore.index.database import Database
from mailstore.index.entries import keywords
from mailstore.index.keywords import mask_of
from mailstore.index.records import (
    LOW_BITS,
    LOW_KEYWORDS,
    NO_FLAGS,
    ChangedFlags,
    Delta,
    Sweep,
)
from mailstore.index.selection import Selection
from mailstore.model import (
    DELETED,
    FIRST_KEYWORD_BIT,
    MAX_KEYWORDS,
    SEEN,
    FlagChange,
    FlagOperation,
    MailboxId,
)
from mailstore.ranges import Range, without

_SYSTEM = (1 << FIRST_KEYWORD_BIT) - 1
_LOW = (1 << LOW_BITS) - 1
_ALL = (1 << FIRST_KEYWORD_BIT + MAX_KEYWORDS) - 1
_PIECES = 256  # ranges of UIDs that memory sweeps by itself
_FEW = 64  # UIDs that are changed one by one
_ONE_BLOCK = (
    f"SELECT highestmodseq, {flagblocks.COLUMNS} FROM mailbox"
    " LEFT JOIN flag_block ON flag_block.mailbox = mailbox.id AND block = ?"
    " WHERE mailbox.id = ? AND mailbox.name IS NOT NULL"
)
_COUNT = (
    "UPDATE mailbox SET highestmodseq = ?, unseen = unseen + ?, deleted = deleted + ?"
    " WHERE id = ?"
)
_HAVING = {
    flag: bytes([bool(octet & flag) for octet in range(256)])
    for flag in (SEEN, DELETED)
}


class FlagsStored(NamedTuple):
    """What STORE did. ``external`` and ``failed`` are UIDs, ascending.

    ``alone``: between what the caller knew and this change there was no other.
    """

    delta: Delta
    external: Sequence[int]
    failed: Sequence[int]
    alone: bool = False


class _Bits(NamedTuple):
    """What a change does to a mask: clear bits, then set bits."""

    clears: int
    sets: int

    @classmethod
    def of(cls, operation: FlagOperation, mask: int, settable: int) -> _Bits:
        if operation is FlagOperation.REPLACE:
            return cls(settable & _ALL, mask)
        return cls(mask, 0) if operation is FlagOperation.REMOVE else cls(0, mask)

    def touch(self, bits: int) -> bool:
        return bool((self.clears | self.sets) & bits)


class _Written(NamedTuple):
    """What was changed of how many messages, and by how much counters grow."""

    messages: int = 0
    unseen: int = 0
    deleted: int = 0
    changed: ChangedFlags = NO_FLAGS
    sweep: Sweep | None = None


_NOTHING = _Written()


@dataclass(slots=True)
class _Storing:
    """One STORE: its mailbox, whose mod-sequence is ``base``, and its bits."""

    database: Database
    mailbox: MailboxId
    base: int
    blocks: Sequence[Block]
    bits: _Bits
    external: Sequence[int] = ()
    failed: Sequence[int] = ()
    written: _Written = _NOTHING

    def one_by_one(self, ranges: Sequence[Range], seen_at: int, since: _Since) -> None:
        """Change messages; what was refused and is others' is noted."""
        failed: list[int] = []
        external: list[int] = []
        changed: list[tuple[int, int]] = []
        unseen = deleted = 0
        written: list[Block] = []
        asks = since.modseq is not None
        keeps, sets, modseq_now = ~self.bits.clears, self.bits.sets, self.base + 1
        for block in self.blocks:
            for at in block.places(ranges):
                uid, before = block.uids[at], block.mask(at)
                if block.highest > seen_at or asks:
                    modseq = block.modseqs[at]
                    if since.refuses(before, modseq):
                        failed.append(uid)
                        continue
                    if modseq > seen_at:
                        external.append(uid)
                after = before & keeps | sets
                if after != before:
                    block.put(at, after, modseq_now)
                    changed.append((uid, after))
                    unseen += (not after & SEEN) - (not before & SEEN)
                    deleted += bool(after & DELETED) - bool(before & DELETED)
            if block.highest > self.base:
                written.append(block)
        flagblocks.write(self.database, self.mailbox, written)
        self.failed, self.external = failed, external
        columns = ChangedFlags.of(changed)
        self.written = _Written(len(changed), unseen, deleted, columns)

    def swept(self, ranges: Sequence[Range], seen_at: int, since: _Since) -> None:
        """Change columns: only bits of the first 64."""
        if since.may_refuse(self.base):
            self.failed = self._uids(ranges, since.refused_of)
            if self.failed:
                ranges = without(ranges, self.failed)
        if self.base > seen_at:
            self.external = self._uids(ranges, _newer_than(seen_at))
        clears, sets = self.bits.clears & _LOW, self.bits.sets
        scattered = len(ranges) > _PIECES
        counted = self.bits.touch(SEEN | DELETED)
        count = unseen = deleted = 0
        changed: list[tuple[int, int]] = []
        written: list[Block] = []
        for block in self.blocks:
            before_this = count
            before = block.system[:] if counted else block.system
            pieces = block.pieces(ranges)
            if len(pieces) == 1:
                ((start, stop),) = pieces
                marks = block.sweep(start, stop, clears, sets, self.base + 1)
            else:
                start, stop = 0, len(block.uids)
                marks = block.sweep_pieces(pieces, clears, sets, self.base + 1)
            count += marks.count(1)
            if scattered:
                places = compress(range(start, stop), marks)
                changed += [(block.uids[at], block.mask(at)) for at in places]
            if count == before_this:
                continue
            written.append(block)
            if counted:
                unseen -= _count(block.system, SEEN) - _count(before, SEEN)
                deleted += _count(block.system, DELETED) - _count(before, DELETED)
        flagblocks.write(self.database, self.mailbox, written)
        self.written = _Written(
            count,
            unseen,
            deleted,
            ChangedFlags.of(changed) if scattered else NO_FLAGS,
            None if scattered else Sweep(tuple(ranges), clears, sets),
        )

    def _uids(
        self, ranges: Sequence[Range], chosen: Callable[[Block], bytes]
    ) -> array[int]:
        """Give the messages that marks of their blocks choose, ascending."""
        found = array("I")
        for block in self.blocks:
            marks = chosen(block)
            if 1 in marks:
                for start, stop in block.pieces(ranges):
                    found.extend(compress(block.uids[start:stop], marks[start:stop]))
        return found

    def done(self, seen_at: int, names: tuple[str, ...] | None) -> FlagsStored:
        """Note the change in the mailbox's row.

        New ``names`` are a change even if no message got them: others learn by the
        mod-sequence alone that those they know are no longer all.
        """
        written, modseq = self.written, self.base
        if written.messages or names is not None:
            modseq += 1
            values = modseq, written.unseen, written.deleted, self.mailbox
            self.database.execute(_COUNT, values)
        delta = Delta(
            self.mailbox,
            self.base,
            modseq,
            changed=written.changed,
            sweep=written.sweep if written.messages else None,
            keywords=names,
        )
        alone = self.base == seen_at
        return FlagsStored(delta, self.external, self.failed, alone)


class _Since(NamedTuple):
    """UNCHANGEDSINCE: what it leaves alone (RFC 7162 §3.1.3)."""

    modseq: int | None
    asked: int | None = None  # keywords

    @classmethod
    def of(cls, modseq: int | None, operation: FlagOperation, mask: int) -> _Since:
        """Since 0 asks whether keywords exist, and one that isn't set doesn't.

        Example 8 of the RFC; system flags always do.
        """
        alone = not mask & _SYSTEM and not mask >> LOW_BITS
        asks = modseq == 0 and alone and operation is not FlagOperation.REPLACE
        return cls(modseq, mask if asks else None)

    def may_refuse(self, highest: int) -> bool:
        """Tell whether a mailbox with this mod-sequence can have such rows."""
        return self.modseq is not None and highest > self.modseq

    def refuses(self, flags: int, modseq: int) -> bool:
        """Tell whether it refuses a message."""
        if self.asked is not None:
            return bool(flags & self.asked)
        return self.modseq is not None and modseq > self.modseq

    def refused_of(self, block: Block) -> bytes:
        """Mark what it refuses of a block."""
        if self.asked is not None:
            return bytes([bool(mask & self.asked) for mask in block.masks()])
        return _newer_than(self.modseq or 0)(block)


def _newer_than(modseq: int) -> Callable[[Block], bytes]:
    def marks(block: Block) -> bytes:
        if block.highest <= modseq:
            return b""
        return bytes(map(modseq.__lt__, block.modseqs.values()))

    return marks


def _count(system: bytes | bytearray, flag: int) -> int:
    return system.translate(_HAVING[flag]).count(1)


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
    one = among.single
    rows = (
        _read(database, mailbox, among)
        if one is None
        else _read_one(database, mailbox, one)
    )
    operation = change.operation
    mask, names = mask_of(
        database, mailbox, change.flags, allocate=operation is not FlagOperation.REMOVE
    )
    bits = _Bits.of(operation, mask, settable)
    if one is not None and unchanged_since is None and names is None:
        done = _change_one(database, mailbox, rows[0], one, bits, seen_at)
        if done is not None:
            return done
    base = rows[0][0]
    blocks = [flagblocks.block(row[1:]) for row in rows if row[1] is not None]
    since = _Since.of(unchanged_since, operation, mask)
    storing = _Storing(database, mailbox, base, blocks, bits)
    if among.at_most(_FEW) or _is_wide(database, mailbox, bits):
        storing.one_by_one(among.ranges, seen_at, since)
    else:
        storing.swept(among.ranges, seen_at, since)
    return storing.done(seen_at, names)


_Row = tuple[Any, ...]  # a mailbox's mod-sequence, and the columns of a block or None


def _read(database: Database, mailbox: MailboxId, among: Selection) -> list[_Row]:
    """Give a mailbox's mod-sequence with each of its blocks; by one statement.

    Raises `NotFound`.
    """
    where, values = flagblocks.where(among, mailbox)
    rows = database.all(
        f"SELECT highestmodseq, {flagblocks.COLUMNS} FROM mailbox"
        f" LEFT JOIN flag_block ON {where}"
        " WHERE mailbox.id = ? AND mailbox.name IS NOT NULL ORDER BY block",
        [*values, mailbox],
    )
    if not rows:
        raise NotFound
    return rows


def _read_one(database: Database, mailbox: MailboxId, uid: int) -> list[_Row]:
    """Give as `_read` the one block that a message may be in. Raises `NotFound`."""
    rows = database.all(_ONE_BLOCK, (block_of(uid), mailbox))
    if not rows:
        raise NotFound
    return rows


def _change_one(
    database: Database,
    mailbox: MailboxId,
    row: _Row,
    uid: int,
    bits: _Bits,
    seen_at: int,
) -> FlagsStored | None:
    """Change one message where it stands; None: it takes more than that."""
    base, rowid, _, highest, octets = row
    modseq = base + 1
    found = change_one(octets, uid, bits.clears, bits.sets, modseq)
    if found is None:
        return None
    before, after = found.before, found.after
    external, alone = (uid,) if found.modseq > seen_at else (), base == seen_at
    if before == after:
        return FlagsStored(Delta(mailbox, base, base), external, (), alone)
    values = max(highest, modseq), found.octets, rowid
    database.execute(flagblocks.UPDATE, values)
    unseen = (not after & SEEN) - (not before & SEEN)
    deleted = bool(after & DELETED) - bool(before & DELETED)
    database.execute(_COUNT, (modseq, unseen, deleted, mailbox))
    changed = ChangedFlags.of(((uid, after),))
    delta = Delta(mailbox, base, modseq, changed=changed)
    return FlagsStored(delta, external, (), alone)


def _is_wide(database: Database, mailbox: MailboxId, bits: _Bits) -> bool:
    """Tell whether keywords behind the first 57 change: they have no column."""
    if not (bits.clears | bits.sets) >> LOW_BITS:
        return False
    return len(keywords(database, mailbox)) > LOW_KEYWORDS
