"""Counting the messages of mailboxes anew, where a counter is not what it should be."""

from __future__ import annotations

from mailstore.index import audit, flagproof
from mailstore.index.database import Database


def recount(database: Database) -> list[str]:
    """Set the counters of all mailboxes right; gives a sentence for each wrong one."""
    wrong = audit.counters(database)
    if wrong:
        database.execute(
            "UPDATE mailbox SET unseen = 0, deleted = 0, (messages, bytes) ="
            " (SELECT count(*), coalesce(sum(size), 0)"
            " FROM entry WHERE entry.mailbox = mailbox.id)"
        )
        database.many(
            "UPDATE mailbox SET unseen = ?, deleted = ? WHERE id = ?",
            [(*both, id_) for id_, both in flagproof.counted(database).items()],
        )
        database.execute(
            "UPDATE mailbox SET annotations = (SELECT coalesce(sum(length(value)), 0)"
            " FROM annotation a JOIN entry e ON e.mailbox = a.mailbox AND e.uid = a.uid"
            " WHERE a.mailbox = mailbox.id)"
        )
    return wrong
