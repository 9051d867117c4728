"""EXPUNGE and the end of a mailbox: rows become tombstones (RFC 3501 §6.4.3).

A tombstone lets other sessions serve the message until they are told, and tells
CONDSTORE and QRESYNC clients what vanished (RFC 7162 §3.2).
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass

from mailstore.errors import NotFound
from mailstore.index import annotate, private
from mailstore.index.database import Database, Value
from mailstore.index.records import Delta
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
    where, values = among.where(mailbox)
    if deleted_only:
        where += f" AND flags & {DELETED}"
    base = int(row[0])
    _add_tombstones(database, where, values, base + 1, now, cause)
    gone = database.all(
        f"DELETE FROM entry WHERE {where} RETURNING uid, flags, size",
        values,
    )
    if not gone:
        return None
    database.execute(
        "UPDATE mailbox SET highestmodseq = ?, messages = messages - ?,"
        " unseen = unseen - ?, deleted = deleted - ?, bytes = bytes - ? WHERE id = ?",
        (
            base + 1,
            len(gone),
            sum(1 for _, flags, _ in gone if not flags & SEEN),
            sum(1 for _, flags, _ in gone if flags & DELETED),
            sum(size for _, _, size in gone),
            mailbox,
        ),
    )
    vanished = array("I", sorted([uid for uid, _, _ in gone]))
    if row[4]:
        annotate.uncount(database, mailbox, vanished)
    if row[3]:
        private.forget(database, mailbox, vanished)
    return Delta(mailbox, base, base + 1, vanished=vanished)


def _add_tombstones(
    database: Database,
    where: str,
    values: Sequence[Value],
    modseq: int,
    now: int,
    cause: Cause,
) -> None:
    to_mailbox, to_uid = "NULL", "NULL"
    if cause.how is How.MOVED:
        to_mailbox = str(int(cause.moved_to[0]))
        to_uid = f"{int(cause.moved_to[1]) - 1} + row_number() OVER (ORDER BY uid)"
    by = note_remover(database, cause.by, now)
    database.execute(
        "INSERT INTO expunged (mailbox, modseq, uid, message, flags, more, size,"
        " internaldate, zone, saved, at, how, remover, to_mailbox, to_uid)"
        " SELECT mailbox, ?, uid, message, flags, more, size, internaldate, zone,"
        f" saved, ?, ?, ?, {to_mailbox}, {to_uid} FROM entry WHERE {where}",
        (modseq, now, int(cause.how), by, *values),
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
