"""Messages whose bytes are damaged: out of the way of mail programs, never dropped.

A repair takes them out of their mailboxes, where each FETCH of them would fail, and
notes where they were. When their bytes are whole again, from a backup, it puts them
back. Their tombstones tell other sessions; undelete passes over them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mailstore.errors import NotFound
from mailstore.index import annotate, emailids, flagblocks
from mailstore.index.arrival import add_entries
from mailstore.index.copying import translate
from mailstore.index.database import Database
from mailstore.index.records import Delta, EntryRow, to_columns, to_mask
from mailstore.index.removal import Cause, expunge
from mailstore.index.selection import Selection
from mailstore.model import How, MailboxId


@dataclass(frozen=True, slots=True)
class Damaged:
    """A message that was moved out of the way; no mailbox: it was in none."""

    message: int
    mailbox: str | None
    uid: int
    why: str
    at: int


def known(database: Database) -> frozenset[int]:
    """Give the messages that are known to be damaged."""
    if not database.has_table("damaged"):
        return frozenset()  # an index of an older program
    return frozenset(row[0] for row in database.all("SELECT message FROM damaged"))


def listed(database: Database) -> list[Damaged]:
    """Give all that is known to be damaged, with where it was."""
    if not database.has_table("damaged"):
        return []
    rows = database.all(
        "SELECT d.message, coalesce(m.name, m.was), d.uid, d.why, d.at FROM damaged d"
        " LEFT JOIN mailbox m ON m.id = d.mailbox ORDER BY d.message, d.mailbox, d.uid"
    )
    return [Damaged(*row) for row in rows]


def set_aside(database: Database, message: int, why: str, now: int) -> list[Delta]:
    """Take a message out of all mailboxes, and note where it was."""
    places = database.all(
        "SELECT mailbox, uid, internaldate, zone, saved FROM entry WHERE message = ?",
        (message,),
    )
    for mailbox, uid, *rest in places:
        mask = flagblocks.masks(database, mailbox, Selection(((uid, uid),))).get(uid, 0)
        database.execute(
            "INSERT OR REPLACE INTO damaged (message, mailbox, uid, flags, more,"
            " internaldate, zone, saved, at, why)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (message, mailbox, uid, *to_columns(mask), *rest, now, why),
        )
    if not places:
        database.execute(
            "INSERT OR REPLACE INTO damaged (message, mailbox, uid, flags,"
            " internaldate, zone, at, why) VALUES (?, 0, 0, 0, 0, 0, ?, ?)",
            (message, now, why),
        )
    deltas = [
        expunge(
            database,
            MailboxId(mailbox),
            Selection(((uid, uid),)),
            now,
            deleted_only=False,
            cause=Cause(How.DAMAGED),
        )
        for mailbox, uid, *_ in places
    ]
    return [delta for delta in deltas if delta is not None]


def put_back(
    database: Database, message: int, otherwise: MailboxId | None, now: int
) -> list[Delta]:
    """Give a message that is whole again back to its mailboxes, under new UIDs.

    To ``otherwise`` if one is gone; None: none is.
    """
    rows = database.all(
        "SELECT d.mailbox, m.id, d.uid, d.flags, d.more, d.internaldate, d.zone,"
        " d.saved, s.size FROM damaged d JOIN message s ON s.id = d.message"
        " LEFT JOIN mailbox m ON m.id = d.mailbox AND m.name IS NOT NULL"
        " WHERE d.message = ? AND d.mailbox > 0",
        (message,),
    )
    deltas = []
    for old, there, uid, flags, more, epoch, zone, saved, size in rows:
        target = otherwise if there is None else MailboxId(there)
        if target is None:
            raise NotFound
        row = EntryRow(uid, to_mask(flags, more), 0, size, epoch, zone, message)
        entries, names = translate(database, [row], MailboxId(old), target)
        delta = add_entries(database, target, entries, names, now, [saved]).delta
        pairs = [(uid, delta.new[0].uid)]
        annotate.copy(database, MailboxId(old), target, pairs, delta.modseq, None)
        emailids.carry(database, MailboxId(old), target, pairs)
        deltas.append(delta)
    database.execute("DELETE FROM damaged WHERE message = ?", (message,))
    emailids.forget_gone(database)
    return deltas


def mailboxes_gone(database: Database, messages: Sequence[int]) -> bool:
    """Tell whether some of damaged messages were in a mailbox that is gone."""
    wanted = set(messages)
    rows = database.all(
        "SELECT d.message FROM damaged d LEFT JOIN mailbox m ON m.id = d.mailbox"
        " AND m.name IS NOT NULL WHERE d.mailbox > 0 AND m.id IS NULL"
    )
    return any(row[0] in wanted for row in rows)
