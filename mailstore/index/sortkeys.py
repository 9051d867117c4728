"""The sort values of messages as rows; what they mean is in `mailstore.mime.sorting`.

A message that was stored by an older program has no row until somebody sorts it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from mailstore.index.database import Database
from mailstore.mime.sorting import SortFields

COLUMNS = {
    "sent": "sent",
    "reply": "reply",
    "message_id": "message_id",
    "subject": "subject",
    "from_": "from_",
    "to_": "to_",
    "cc": "cc",
    "display_from": "display_from",
    "display_to": "display_to",
    "references": "refs",
}
"""The column of each field of `SortFields`."""
_FIELDS = ", ".join([COLUMNS[field] for field in SortFields._fields])


def insert(database: Database, rows: Iterable[tuple[int, SortFields]]) -> None:
    """Add the values of messages; those that have some keep them."""
    database.many(
        f"INSERT INTO sortkey (message, {_FIELDS})"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (message) DO NOTHING",
        [(message, *values) for message, values in rows],
    )


def insert_late(database: Database, rows: Iterable[tuple[int, SortFields]]) -> None:
    """Add the values of old messages; those that were purged meanwhile get none."""
    found = dict(rows)
    kept = database.all(
        "SELECT id FROM message WHERE id IN (SELECT value FROM json_each(?))",
        (json.dumps(list(found)),),
    )
    insert(database, [(message, found[message]) for (message,) in kept])


def load(
    database: Database, messages: Sequence[int], names: Sequence[str]
) -> list[tuple[Any, ...]]:
    """Give (*values, message or None) for each id, in their order.

    None: it has no row. ``names`` are fields of `SortFields`.
    """
    wanted = "".join([f"s.{COLUMNS[name]}, " for name in names])
    return database.all(
        f"SELECT {wanted}s.message FROM json_each(?) j"
        " LEFT JOIN sortkey s ON s.message = j.value",
        (json.dumps(list(messages)),),
    )


def headers(
    database: Database, messages: Sequence[int]
) -> list[tuple[int, bytes, str]]:
    """Give (message, packed header, blob) of those that are there."""
    return database.all(
        "SELECT id, header, blob FROM message"
        " WHERE id IN (SELECT value FROM json_each(?))",
        (json.dumps(list(messages)),),
    )


def delete(database: Database, messages: Sequence[int]) -> None:
    """Forget the values of messages."""
    database.execute(
        "DELETE FROM sortkey WHERE message IN (SELECT value FROM json_each(?))",
        (json.dumps(list(messages)),),
    )


def strays(database: Database) -> list[int]:
    """Give messages that have values but don't exist, some of them."""
    rows = database.all(
        "SELECT s.message FROM sortkey s LEFT JOIN message m ON m.id = s.message"
        " WHERE m.id IS NULL LIMIT 20"
    )
    return [row[0] for row in rows]


def some(database: Database, most: int) -> list[int]:
    """Give messages that have values, about ``most`` of them, evenly spread."""
    row = database.one("SELECT count(*) FROM sortkey")
    step = max(1, (int(row[0]) if row else 0) // most)
    rows = database.all("SELECT message FROM sortkey WHERE message % ? = 0", (step,))
    return [row[0] for row in rows]
