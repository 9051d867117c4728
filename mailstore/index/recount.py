"""Counting the messages of mailboxes anew, where a counter is not what it should be."""

from __future__ import annotations

from mailstore.index import audit
from mailstore.index.database import Database
from mailstore.model import DELETED, SEEN


def recount(database: Database) -> list[str]:
    """Set the counters of all mailboxes right; gives a sentence for each wrong one."""
    wrong = audit.counters(database)
    if wrong:
        database.execute(
            "UPDATE mailbox SET (messages, unseen, deleted, bytes) ="
            f" (SELECT count(*), coalesce(sum(flags & {SEEN} = 0), 0),"
            f" coalesce(sum(flags & {DELETED} <> 0), 0), coalesce(sum(size), 0)"
            " FROM entry WHERE entry.mailbox = mailbox.id)"
        )
        database.execute(
            "UPDATE mailbox SET annotations = (SELECT coalesce(sum(length(value)), 0)"
            " FROM annotation a JOIN entry e ON e.mailbox = a.mailbox AND e.uid = a.uid"
            " WHERE a.mailbox = mailbox.id)"
        )
    return wrong
