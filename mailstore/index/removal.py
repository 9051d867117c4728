"""EXPUNGE and the end of a mailbox: rows become tombstones (RFC 3501 §6.4.3).

A tombstone lets other sessions serve the message until they are told, and tells
CONDSTORE and QRESYNC clients what vanished (RFC 7162 §3.2).
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from mailstore.errors import NotFound
from mailstore.index import annotate, flagblocks, private, seals
from mailstore.index.database import Database
from mailstore.index.records import Delta, to_columns
from mailstore.index.selection import EVERYTHING, Selection
from mailstore.model import DELETED, SEEN, Acting, How, MailboxId


@dataclass(frozen=True, slots=True)
class Cause:
    """What a tombstone tells of a removal, beside its time.

    ``moved_to`` is the mailbox that has the messages now, and the UID of the first:
    the others follow it in order.
    """

    how: How = How.EXPUNGED
    by: Acting | None = None
    moved_to: tuple[MailboxId, int] = (MailboxId(0), 0)


_EXPUNGED = Cause()
_Flags = Sequence[tuple[int, int]]  # uid, mask


def expunge(
    database: Database,
    mailbox: MailboxId,
    among: Selection,
    now: int,
    *,
    deleted_only: bool = True,
    cause: Cause = _EXPUNGED,
) -> Delta | None:
    """Remove messages, by default those with \\Deleted; None if there are none.

    Raises `NotFound` when the mailbox is gone.
    """
    row = database.one(
        "SELECT highestmodseq, messages, deleted, private, annotations FROM mailbox"
        " WHERE id = ? AND name IS NOT NULL",
        (mailbox,),
    )
    if row is None:
        raise NotFound
    if row[2 if deleted_only else 1] == 0:
        return None
    if deleted_only:
        among = flagblocks.having(database, mailbox, DELETED, among)
    base = int(row[0])
    dropped, left = flagblocks.drop(database, mailbox, among)
    seals.thin(database, mailbox, left)
    known = [(uid, mask) for uid, mask, _ in dropped]
    flags = _bury(database, mailbox, among, known, base + 1, now, cause)
    if not flags:
        return None
    where, values = among.where(mailbox)
    octets = database.one(f"SELECT sum(size) FROM entry WHERE {where}", values)
    database.execute(f"DELETE FROM entry WHERE {where}", values)
    masks = Counter([mask for _, mask in flags])
    database.execute(
        "UPDATE mailbox SET highestmodseq = ?, messages = messages - ?,"
        " unseen = unseen - ?, deleted = deleted - ?, bytes = bytes - ? WHERE id = ?",
        (
            base + 1,
            len(flags),
            sum([count for mask, count in masks.items() if not mask & SEEN]),
            sum([count for mask, count in masks.items() if mask & DELETED]),
            octets[0] if octets else 0,
            mailbox,
        ),
    )
    vanished = array("I", [uid for uid, _ in flags])
    if row[4]:
        annotate.uncount(database, mailbox, vanished)
    if row[3]:
        private.forget(database, mailbox, vanished)
    return Delta(mailbox, base, base + 1, vanished=vanished)


def _bury(
    database: Database,
    mailbox: MailboxId,
    among: Selection,
    flags: _Flags,
    modseq: int,
    now: int,
    cause: Cause,
) -> _Flags:
    """Make tombstones of messages; gives (uid, mask) of all of them, ascending.

    One statement writes them with the flags that most of them have, then those get
    theirs that have others.
    """
    most = Counter([mask for _, mask in flags]).most_common(1)
    usual = most[0][0] if most else 0
    count = _add_tombstones(database, mailbox, among, usual, modseq, now, cause)
    if count != len(flags):  # flags are lost, or messages: none is buried without one
        known = dict(flags)
        rows = database.all(
            "SELECT uid FROM expunged WHERE mailbox = ? AND modseq = ? ORDER BY uid",
            (mailbox, modseq),
        )
        flags = [(uid, known.get(uid, 0)) for (uid,) in rows]
    others = [(uid, mask) for uid, mask in flags if mask != usual]
    if others:
        columns = {mask: to_columns(mask) for mask in {mask for _, mask in others}}
        database.many(
            "UPDATE expunged SET flags = ?, more = ?"
            " WHERE mailbox = ? AND modseq = ? AND uid = ?",
            [(*columns[mask], mailbox, modseq, uid) for uid, mask in others],
        )
    return flags


def _add_tombstones(
    database: Database,
    mailbox: MailboxId,
    among: Selection,
    mask: int,
    modseq: int,
    now: int,
    cause: Cause,
) -> int:
    to_mailbox, to_uid = "NULL", "NULL"
    if cause.how is How.MOVED:
        to_mailbox = str(int(cause.moved_to[0]))
        to_uid = f"{int(cause.moved_to[1]) - 1} + row_number() OVER (ORDER BY uid)"
    by = note_remover(database, cause.by, now)
    where, values = among.where(mailbox)
    return database.change(
        "INSERT INTO expunged (mailbox, modseq, uid, message, flags, more, size,"
        " internaldate, zone, saved, at, how, remover, to_mailbox, to_uid)"
        " SELECT mailbox, ?, uid, message, ?, ?, size, internaldate, zone,"
        f" saved, ?, ?, ?, {to_mailbox}, {to_uid} FROM entry WHERE {where}",
        (modseq, *to_columns(mask), now, int(cause.how), by, *values),
    )


def note_remover(database: Database, by: Acting | None, now: int) -> int | None:
    """Remember a session that removes something; gives its number, None for nobody."""
    if by is None:
        return None
    known = database.one(
        "UPDATE remover SET last = ?, client = ? WHERE session = ? AND since = ?"
        " AND person = ? RETURNING id",
        (now, by.client, by.session, by.since, by.user),
    )
    if known is None:
        known = database.one(
            "INSERT INTO remover (session, since, person, address, client, last)"
            " VALUES (?, ?, ?, ?, ?, ?) RETURNING id",
            (by.session, by.since, by.user, by.address, by.client, now),
        )
    return int(known[0]) if known else None


def bury(
    database: Database, mailbox: MailboxId, now: int, by: Acting | None = None
) -> Delta:
    """Remove all messages of a mailbox that is about to go."""
    cause = Cause(How.WITH_MAILBOX, by)
    delta = expunge(database, mailbox, EVERYTHING, now, deleted_only=False, cause=cause)
    row = database.one(
        "UPDATE mailbox SET highestmodseq = highestmodseq + 1 WHERE id = ?"
        " RETURNING highestmodseq",
        (mailbox,),
    )
    modseq = int(row[0]) if row else 0
    base, vanished = (
        (delta.base, delta.vanished) if delta is not None else (modseq - 1, array("I"))
    )
    return Delta(mailbox, base, modseq, vanished=vanished, gone=True)
