"""New messages in a mailbox: APPEND, delivery, import, and the target of COPY.

UIDs and the mod-sequence come from the mailbox's row, in the transaction that
inserts: the order of commits is the order of UIDs (RFC 3501 §2.3.1.1).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import repeat
from typing import NamedTuple

from mailstore.errors import Corrupt, NotFound, TooMany
from mailstore.index import flagblocks, seals, sortkeys, surrogates
from mailstore.index.blocks import LAST, SHIFT, Block, block_of, bounds
from mailstore.index.database import Database
from mailstore.index.keywords import mask_of
from mailstore.index.records import (
    Delta,
    EntryRow,
    MessageRecord,
    NewColumns,
)
from mailstore.index.threads import Linked, assign
from mailstore.model import DELETED, SEEN, InternalDate, MailboxId

_LAST_UID = 2**32 - 1
_OF_FIRST = (
    f"FROM flag_block b WHERE b.mailbox = id AND b.block = uidnext - ? >> {SHIFT}"
)
_HIGHEST = (
    f"(SELECT max(uid) FROM entry e WHERE e.mailbox = id AND uid <= {_LAST_UID}),"
    f" (SELECT max(block) FROM flag_block b WHERE b.mailbox = id AND block <= {LAST})"
)
_LAST_BLOCK = f" (SELECT b.rowid {_OF_FIRST}), (SELECT octets {_OF_FIRST}), {_HIGHEST}"


_STORED = MessageRecord._fields[:11]  # those that are columns of its row
_INSERT_MESSAGE = (
    f"INSERT INTO message (id, {', '.join(_STORED)}, thread)"
    f" VALUES (?, {'?, ' * len(_STORED)}?)"
)


class NewMessage(NamedTuple):
    """A message whose bytes are durable already."""

    record: MessageRecord
    flags: tuple[str, ...]
    date: InternalDate


class Arrived(NamedTuple):
    """Where new messages are."""

    uidvalidity: int
    delta: Delta


def append(
    database: Database, name: str, messages: Sequence[NewMessage], now: int
) -> Arrived:
    """Add messages to a mailbox, in order.

    Raises `NotFound`, also for a name without a mailbox, and `TooMany`.
    """
    mailbox, first = _reserve(database, name, len(messages))
    _insert_messages(database, first, [message.record for message in messages])
    return _enter(database, mailbox, first, messages, now)


def append_to_several(
    database: Database, wanted: Mapping[str, Sequence[NewMessage]], now: int
) -> dict[str, Arrived]:
    """Add messages to mailboxes, by name: with fewer statements than one by one.

    Raises as `append` does.
    """
    if len(wanted) == 1:
        return {name: append(database, name, new, now) for name, new in wanted.items()}
    targets = {name: open_target(database, name) for name in wanted}
    records = [message.record for new in wanted.values() for message in new]
    first = _take_ids(database, len(records))
    _insert_messages(database, first, records)
    arrived: dict[str, Arrived] = {}
    for name, new in wanted.items():
        arrived[name] = _enter(database, targets[name], first, new, now)
        first += len(new)
    return arrived


def _enter(
    database: Database,
    mailbox: MailboxId,
    first: int,
    messages: Sequence[NewMessage],
    now: int,
) -> Arrived:
    """Put messages into a mailbox that have ids, from the first on."""
    masks: dict[tuple[str, ...], int] = {}
    known: tuple[str, ...] | None = None
    for message in messages:
        if message.flags not in masks:
            mask, made = mask_of(database, mailbox, message.flags)
            masks[message.flags], known = mask, made or known
    rows = [
        EntryRow(
            0,
            masks[message.flags],
            0,
            message.record.size,
            message.date.epoch,
            message.date.zone,
            first + at,
        )
        for at, message in enumerate(messages)
    ]
    return add_entries(database, mailbox, rows, known, now)


def open_target(database: Database, name: str) -> MailboxId:
    """Find the mailbox that messages go to. Raises `NotFound`."""
    row = database.one("SELECT id, selectable FROM mailbox WHERE name = ?", (name,))
    return _target(row or (None, None))


def _target(found: tuple[int | None, int | None]) -> MailboxId:
    id_, selectable = found
    if id_ is None:
        raise NotFound
    if not selectable:
        raise NotFound("that name has no mailbox, only inferior names")
    return MailboxId(id_)


def _reserve(database: Database, name: str, count: int) -> tuple[MailboxId, int]:
    """Find the mailbox that messages go to, and take ids for them; gives the first.

    One statement instead of two: every APPEND pays for it. Raises `NotFound`.
    """
    row = database.one(
        "UPDATE account SET last_message = last_message + ? RETURNING last_message,"
        " (SELECT id FROM mailbox WHERE name = ?),"
        " (SELECT selectable FROM mailbox WHERE name = ?)",
        (count, name, name),
    )
    last, *found = row or (0, None, None)
    return _target((found[0], found[1])), int(last) - count + 1


def _take_ids(database: Database, count: int) -> int:
    """Take ids for messages; gives the first."""
    row = database.one(
        "UPDATE account SET last_message = last_message + ? RETURNING last_message",
        (count,),
    )
    return (int(row[0]) if row else 0) - count + 1


def add_entries(
    database: Database,
    mailbox: MailboxId,
    rows: Sequence[EntryRow],
    keywords: tuple[str, ...] | None,
    now: int,
    saved: Sequence[int | None] = (),
) -> Arrived:
    """Number rows and insert them; their ``uid`` and ``modseq`` are set here.

    ``saved`` tells when each was saved, where that is not now.
    """
    found = database.one(
        "UPDATE mailbox SET uidnext = uidnext + ?, highestmodseq = highestmodseq + 1,"
        " messages = messages + ?, unseen = unseen + ?, deleted = deleted + ?,"
        " bytes = bytes + ? WHERE id = ? RETURNING uidvalidity, uidnext, highestmodseq,"
        + _LAST_BLOCK,
        (
            len(rows),
            len(rows),
            sum([not row.mask & SEEN for row in rows]),
            sum([row.mask & DELETED for row in rows]) // DELETED,
            sum([row.size for row in rows]),
            mailbox,
            len(rows),
            len(rows),
        ),
    )
    if found is None:
        raise NotFound
    uidvalidity, uidnext, modseq, *known = found
    first = uidnext - len(rows)
    place = _block_for(first, *known)
    if place is None or _in_the_way(database, mailbox, first, len(rows), known[-1]):
        first = _skip(database, mailbox, first, len(rows))
        uidnext, place = first + len(rows), Block.new(block_of(first))
    if uidnext > _LAST_UID:
        raise TooMany("the mailbox has used all its UIDs")
    new = [
        EntryRow(uid, mask, modseq, size, epoch, zone, message)
        for uid, (_, mask, _, size, epoch, zone, message) in enumerate(rows, first)
    ]
    times = [now if when is None else when for when in saved] or repeat(now, len(new))
    added = NewColumns.of(new)
    _insert_entries(database, mailbox, zip(new, times, strict=True))
    flagblocks.add(database, mailbox, new, place)
    seals.seal(database, mailbox, added, uidnext)
    delta = Delta(mailbox, modseq - 1, modseq, uidnext, new, added, keywords=keywords)
    return Arrived(uidvalidity, delta)


def _block_for(
    first: int,
    row: int | None,
    octets: bytes | None,
    last_uid: int | None,
    _: int | None,
) -> Block | None:
    """Give the block that a UID comes to; None where something is in its way: damage.

    Of damage only what would have the new message fail, or be another one.
    """
    number = block_of(first)
    if (last_uid or 0) >= first:
        return None
    if row is None:
        return Block.new(number)
    try:
        block = flagblocks.block((row, number, 0, octets))
    except Corrupt:
        return None
    return block if block.uids[-1] < first else None


def _in_the_way(
    database: Database, mailbox: MailboxId, first: int, count: int, last: int | None
) -> bool:
    """Tell whether blocks are there already that messages are to fill; by the last."""
    number = block_of(first)
    if (last or 0) <= number:
        return False
    found = database.one(
        "SELECT 1 FROM flag_block WHERE mailbox = ? AND block BETWEEN ? AND ?",
        (mailbox, number + 1, block_of(first + count - 1)),
    )
    return found is not None


def _skip(database: Database, mailbox: MailboxId, first: int, count: int) -> int:
    """Let UIDNEXT be behind all that is there, where blocks are free; gives it.

    It only grows (RFC 3501 §2.3.1.1). What is in the way stays for `imapd check`.
    """
    found = database.one(
        "SELECT max(uid) FROM (SELECT uid FROM entry WHERE mailbox = ?"
        " UNION ALL SELECT uid FROM expunged WHERE mailbox = ?"
        " UNION ALL SELECT high FROM vanished WHERE mailbox = ?) WHERE uid <= ?",
        (mailbox, mailbox, mailbox, _LAST_UID),
    )
    number = block_of(max(first - 1, found[0] or 0 if found else 0)) + 1
    taken = database.all(
        "SELECT block FROM flag_block WHERE mailbox = ? AND block BETWEEN ? AND ?"
        " ORDER BY block",
        (mailbox, number, LAST),
    )
    for (there,) in taken:
        if there > block_of(bounds(number)[0] + count - 1):
            break
        number = there + 1
    uid = bounds(number)[0]
    database.execute(
        "UPDATE mailbox SET uidnext = ? WHERE id = ?", (uid + count, mailbox)
    )
    return uid


def _insert_entries(
    database: Database, mailbox: MailboxId, rows: Iterable[tuple[EntryRow, int]]
) -> None:
    database.many(
        "INSERT INTO entry (mailbox, uid, message, size, internaldate, zone, saved)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            (mailbox, uid, message, size, epoch, zone, saved)
            for (uid, _, _, size, epoch, zone, message), saved in rows
        ),
    )


def _insert_messages(
    database: Database, first: int, records: Sequence[MessageRecord]
) -> None:
    numbered = list(enumerate(records, first))
    linked = [
        Linked.of(id_, record.sort.message_id, record.sort.references)
        for id_, record in numbered
    ]
    threads = assign(database, linked)
    database.many(
        _INSERT_MESSAGE,
        [
            (id_, *record[:11], thread)  # `_STORED`
            for (id_, record), thread in zip(numbered, threads, strict=True)
        ],
    )
    sortkeys.insert(database, [(id_, record.sort) for id_, record in numbered])
    others = [
        (id_, record.surrogate)
        for id_, record in numbered
        if record.surrogate is not None
    ]
    if others:
        surrogates.insert(database, others)
