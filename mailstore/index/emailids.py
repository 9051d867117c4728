"""EMAILIDs of copies that don't share their message's (RFC 8474 §5.1).

A message in a mailbox has the number of its message as its EMAILID, except where a row
here gives it another one. Such numbers come from the same sequence, so that no message
ever has one of them. What is moved or brought back takes its number along; the row of
the place where it was stays as long as the tombstone there. They are read by
`mailstore.index.unloaded`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from mailstore.index.database import Database
from mailstore.index.records import EntryRow
from mailstore.model import MailboxId

_HELD = (
    "SELECT mailbox, uid FROM expunged UNION ALL SELECT mailbox, uid FROM damaged"
    " WHERE mailbox > 0"
)


# -- writing


def give(database: Database, mailbox: MailboxId, new: Sequence[EntryRow]) -> None:
    """Give new copies a number each."""
    row = database.one(
        "UPDATE account SET last_message = last_message + ? RETURNING last_message",
        (len(new),),
    )
    first = (int(row[0]) if row else 0) - len(new) + 1
    database.many(
        "INSERT INTO emailid (mailbox, uid, message, number) VALUES (?, ?, ?, ?)",
        [
            (mailbox, row.uid, row.message, number)
            for number, row in enumerate(new, first)
        ],
    )


def carry(
    database: Database,
    source: MailboxId,
    target: MailboxId,
    pairs: Iterable[tuple[int, int]],
) -> None:
    """Have messages keep their numbers in another place; pairs are UIDs there and here.

    They must not be in the old place any more when the transaction ends.
    """
    database.execute(
        "INSERT INTO emailid (mailbox, uid, message, number)"
        " SELECT ?, j.value ->> 1, i.message, i.number FROM json_each(?) j"
        " CROSS JOIN emailid i ON i.mailbox = ? AND i.uid = j.value ->> 0",
        (target, json.dumps(list(pairs)), source),
    )


def forget_gone(database: Database) -> list[tuple[int, int]]:
    """Drop the numbers of what no row holds any more; gives (mailbox, uid)."""
    return database.all(
        "DELETE FROM emailid WHERE NOT EXISTS (SELECT 1 FROM entry e"
        " WHERE e.mailbox = emailid.mailbox AND e.uid = emailid.uid)"
        f" AND (mailbox, uid) NOT IN ({_HELD}) RETURNING mailbox, uid"
    )


# -- checking


def strays(database: Database) -> list[str]:
    """Check that numbers belong to messages, and that no two messages have the same."""
    if not database.has_table("emailid"):
        return []  # an index of an older program
    rows = database.all(
        "SELECT mailbox, uid FROM emailid EXCEPT SELECT mailbox, uid FROM entry"
        f" EXCEPT SELECT mailbox, uid FROM ({_HELD}) LIMIT 20"
    )
    found = [f"mailbox {m}: an EMAILID of no UID {uid}" for m, uid in rows]
    rows = database.all(
        "SELECT i.number FROM emailid i JOIN entry e ON e.mailbox = i.mailbox"
        " AND e.uid = i.uid GROUP BY i.number HAVING count(*) > 1 LIMIT 20"
    )
    found += [f"two messages have the EMAILID {number}" for (number,) in rows]
    rows = database.all(
        "SELECT i.mailbox, i.uid FROM emailid i JOIN entry e ON e.mailbox = i.mailbox"
        " AND e.uid = i.uid WHERE e.message <> i.message LIMIT 20"
    )
    return found + [
        f"mailbox {m}: the EMAILID of UID {uid} is another message's" for m, uid in rows
    ]


def mend(database: Database) -> list[str]:
    """Put right what `strays` tells of, by other numbers where one was given twice."""
    told = strays(database)
    if told:
        forget_gone(database)
        rows = database.all(
            "DELETE FROM emailid WHERE EXISTS (SELECT 1 FROM entry e"
            " WHERE e.mailbox = emailid.mailbox AND e.uid = emailid.uid"
            " AND (e.message <> emailid.message OR EXISTS (SELECT 1 FROM emailid o"
            " JOIN entry x ON x.mailbox = o.mailbox AND x.uid = o.uid"
            " WHERE o.number = emailid.number"
            " AND (o.mailbox, o.uid) < (emailid.mailbox, emailid.uid))))"
            " RETURNING mailbox, uid"
        )
        for mailbox, uid in sorted(rows):
            row = database.one(
                "SELECT message FROM entry WHERE mailbox = ? AND uid = ?",
                (mailbox, uid),
            )
            if row is not None:
                one = EntryRow(uid, 0, 0, 0, 0, 0, int(row[0]))
                give(database, MailboxId(mailbox), [one])
    return told
