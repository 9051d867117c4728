"""What is remembered of removed messages, for clients that come back (RFC 7162 §5.3).

Three memories, from the newest to the oldest: tombstones, until they are purged; then
ranges of UIDs with the mod-sequence of their removal, bounded in number; and one
mod-sequence for each mailbox, ``forgotten``: of what was removed up to it nothing is
known but that the UIDs are missing.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from operator import itemgetter

from mailstore.index.database import Database
from mailstore.model import MailboxId
from mailstore.ranges import Range, join, union

MOST_RANGES = 10_000  # for each mailbox, about a quarter of a MiB


def vanished_ranges(
    database: Database, mailbox: MailboxId, modseq: int
) -> list[Range] | None:
    """Give the UIDs that were removed after a mod-sequence.

    Among them may be some that went earlier, but none that is there. None: it isn't
    known any more.
    """
    row = database.one("SELECT forgotten FROM mailbox WHERE id = ?", (mailbox,))
    if row is None or modseq < row[0]:
        return None
    ranges = database.all(
        "SELECT low, high FROM vanished WHERE mailbox = ? AND modseq > ?",
        (mailbox, modseq),
    )
    dead = database.all(
        "SELECT uid FROM expunged WHERE mailbox = ? AND modseq > ?", (mailbox, modseq)
    )
    return union([*ranges, *join(sorted([uid for (uid,) in dead]))])


def is_short(database: Database, mailbox: MailboxId, modseq: int, most: int) -> bool:
    """Tell whether `vanished_ranges` has to read no more than some rows."""
    row = database.one(
        "SELECT forgotten <= ?2 AND"
        " (SELECT count(*) FROM (SELECT 1 FROM expunged WHERE mailbox = ?1"
        " AND modseq > ?2 LIMIT ?3)) + (SELECT count(*) FROM (SELECT 1 FROM vanished"
        " WHERE mailbox = ?1 AND modseq > ?2 LIMIT ?3)) < ?3"
        " FROM mailbox WHERE id = ?1",
        (mailbox, modseq, most + 1),
    )
    return row is not None and bool(row[0])


def remember(database: Database, purged: Iterable[tuple[int, int, int]]) -> None:
    """Keep (mailbox, modseq, uid) of purged tombstones as ranges, and bound them.

    The mailboxes exist.
    """
    by_mailbox = groupby(sorted(purged), itemgetter(0))
    for mailbox, rows in by_mailbox:
        for modseq, some in groupby(rows, itemgetter(1)):
            database.many(
                "INSERT INTO vanished (mailbox, modseq, low, high) VALUES (?, ?, ?, ?)",
                [(mailbox, modseq, *pair) for pair in join(row[2] for row in some)],
            )
        _forget_oldest(database, MailboxId(mailbox))


def _forget_oldest(database: Database, mailbox: MailboxId) -> None:
    """Drop the oldest ranges above the bound, whole mod-sequences at a time."""
    row = database.one(
        "SELECT modseq FROM vanished WHERE mailbox = ?"
        " ORDER BY modseq DESC LIMIT 1 OFFSET ?",
        (mailbox, MOST_RANGES),
    )
    if row is None:
        return
    database.execute(
        "DELETE FROM vanished WHERE mailbox = ? AND modseq <= ?", (mailbox, row[0])
    )
    database.execute(
        "UPDATE mailbox SET forgotten = max(forgotten, ?) WHERE id = ?",
        (row[0], mailbox),
    )
