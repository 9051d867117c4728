"""What a mailbox has of its messages that no state keeps in memory.

Of a mailbox of messages, and of one that shows what another has lost
(`mailstore.index.removed`): the rows of either are read alike.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager

from mailstore.index.database import Database
from mailstore.index.removed import FIRST_OF_REMOVED, SHOWN, source_of
from mailstore.model import MailboxId

_EMAILIDS = (
    "(SELECT d.mailbox, d.uid, i.message, i.number FROM removed_entry d"
    " JOIN emailid i ON i.mailbox = d.mailbox AND i.uid = d.was)"
)
_REMOVED = f"(SELECT d.mailbox, d.uid, x.saved, x.message FROM {SHOWN})"


def _rows(mailbox: MailboxId) -> tuple[str, MailboxId]:
    """Give what the rows are read from, and the number that they have there."""
    if mailbox < FIRST_OF_REMOVED:
        return "entry", mailbox
    return _REMOVED, source_of(mailbox)


def saved(
    database: Database, mailbox: MailboxId, uids: Sequence[int]
) -> dict[int, int]:
    """Give, by UID, when messages were saved in a mailbox, in seconds of the epoch.

    Also for those that were removed; what is not known is left out.
    """
    wanted = json.dumps(list(uids))
    table, id_ = _rows(mailbox)
    return dict(
        database.all(
            "SELECT uid, saved FROM expunged WHERE mailbox = ? AND saved IS NOT NULL"
            " AND uid IN (SELECT value FROM json_each(?))"
            f" UNION ALL SELECT e.uid, e.saved FROM json_each(?) j CROSS JOIN {table} e"
            " ON e.mailbox = ? AND e.uid = j.value WHERE e.saved IS NOT NULL",
            (mailbox, wanted, wanted, id_),
        )
    )


def structures(
    database: Database, mailbox: MailboxId
) -> AbstractContextManager[Iterator[tuple[int, bytes]]]:
    """Give (uid, body structure) of all messages of a mailbox, ascending."""
    table, id_ = _rows(mailbox)
    return database.rows(
        f"SELECT e.uid, m.bodystructure FROM {table} e"
        " JOIN message m ON m.id = e.message WHERE e.mailbox = ? ORDER BY e.uid",
        (id_,),
    )


def saved_between(
    database: Database, mailbox: MailboxId, since: int, before: int
) -> array[int]:
    """Give the UIDs of what was saved from one second to before another, ascending."""
    table, id_ = _rows(mailbox)
    rows = database.all(
        f"SELECT uid FROM {table} WHERE mailbox = ? AND saved >= ? AND saved < ?"
        " ORDER BY uid",
        (id_, since, before),
    )
    return array("I", [row[0] for row in rows])


# -- EMAILIDs of copies that have their own (`mailstore.index.emailids`)


def _own_emailids(mailbox: MailboxId) -> tuple[str, MailboxId]:
    if mailbox < FIRST_OF_REMOVED:
        return "emailid", mailbox
    return _EMAILIDS, source_of(mailbox)


def own_emailids(
    database: Database, mailbox: MailboxId, uids: Sequence[int]
) -> dict[int, int]:
    """Give, by UID, the numbers of those messages that have one of their own."""
    table, id_ = _own_emailids(mailbox)
    return dict(
        database.all(
            "SELECT i.uid, i.number FROM json_each(?) j"
            f" CROSS JOIN {table} i ON i.mailbox = ? AND i.uid = j.value",
            (json.dumps(list(uids)), id_),
        )
    )


def having_emailid(database: Database, mailbox: MailboxId, number: int) -> array[int]:
    """Give the UIDs in a mailbox that have a number of their own, ascending."""
    table, id_ = _own_emailids(mailbox)
    rows = database.all(
        f"SELECT uid FROM {table} WHERE number = ? AND mailbox = ? ORDER BY uid",
        (number, id_),
    )
    return array("I", [row[0] for row in rows])


def emailid_apart(database: Database, mailbox: MailboxId, message: int) -> array[int]:
    """Give the UIDs in a mailbox of a message's copies that have another number."""
    table, id_ = _own_emailids(mailbox)
    rows = database.all(
        f"SELECT uid FROM {table} WHERE message = ? AND mailbox = ? ORDER BY uid",
        (message, id_),
    )
    return array("I", [row[0] for row in rows])
