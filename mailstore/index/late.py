"""Facts of messages that are found when they are first asked for, and kept then.

What they are is not its business: see `mailstore.service.late`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from mailstore.index.database import Database

COLUMNS = ("preview", "sha1")


def blobs(database: Database, messages: Sequence[int]) -> list[tuple[int, str]]:
    """Give (message, blob) of those that are there."""
    return database.all(
        "SELECT id, blob FROM message WHERE id IN (SELECT value FROM json_each(?))",
        (json.dumps(list(messages)),),
    )


def keep(database: Database, column: str, values: Mapping[int, bytes]) -> None:
    """Keep values by message, where there are none yet."""
    if column not in COLUMNS:
        raise ValueError("no such column")
    database.many(
        f"UPDATE message SET {column} = ? WHERE id = ? AND {column} IS NULL",
        [(value, message) for message, value in values.items()],
    )
