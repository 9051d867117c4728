"""What the text index is made from: messages by their ids, whatever mailbox has them.

Ids ascend in the order of commits, and none is given twice: who has seen all up to
one finds everything new behind it.
"""

from __future__ import annotations

from typing import NamedTuple

from mailstore.index.database import Database


class Source(NamedTuple):
    """A message whose texts are wanted."""

    id: int
    blob: str
    digest: bytes
    sent: int | None
    zone: int
    parts: bytes  # see `mailstore.mime.sections`


def after(database: Database, message: int, most: int) -> list[Source]:
    """Give the first messages behind an id."""
    rows = database.all(
        "SELECT id, blob, digest, sent, sent_zone, parts FROM message"
        " WHERE id > ? ORDER BY id LIMIT ?",
        (message, most),
    )
    return [Source(*row) for row in rows]


def digests(database: Database, first: int, last: int) -> dict[int, bytes]:
    """Give the digests of the messages that there are, by their ids in a range."""
    rows = database.all(
        "SELECT id, digest FROM message WHERE id BETWEEN ? AND ?", (first, last)
    )
    return dict(rows)


def last_message(database: Database) -> int:
    """Give the last id that was given to a message."""
    row = database.one("SELECT last_message FROM account")
    return int(row[0]) if row else 0
