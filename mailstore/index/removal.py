"""EXPUNGE and the end of a mailbox: rows become tombstones (RFC 3501 §6.4.3).

A tombstone lets other sessions serve the message until they are told, and tells
CONDSTORE and QRESYNC clients what vanished (RFC 7162 §3.2).
"""

from __future__ import annotations

from array import array

from mailstore.errors import NotFound
from mailstore.index.database import Database
from mailstore.index.records import Delta
from mailstore.index.selection import EVERYTHING, Selection
from mailstore.model import DELETED, SEEN, MailboxId


def expunge(
    database: Database,
    mailbox: MailboxId,
    among: Selection,
    now: int,
    *,
    deleted_only: bool = True,
) -> Delta | None:
    """Remove messages, by default those with \\Deleted; None if there are none.

    Raises `NotFound` when the mailbox is gone.
    """
    row = database.one(
        "SELECT highestmodseq, messages, deleted FROM mailbox"
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
    database.execute(
        "INSERT INTO expunged (mailbox, modseq, uid, message, flags, more, size,"
        " internaldate, zone, saved, at)"
        " SELECT mailbox, ?, uid, message, flags, more, size, internaldate, zone,"
        " saved, ?"
        f" FROM entry WHERE {where}",
        (base + 1, now, *values),
    )
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
    vanished = array("I", sorted(row[0] for row in gone))
    return Delta(mailbox, base, base + 1, vanished=vanished)


def bury(database: Database, mailbox: MailboxId, now: int) -> Delta:
    """Remove all messages of a mailbox that is about to go."""
    delta = expunge(database, mailbox, EVERYTHING, now, deleted_only=False)
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
