"""What deliveries remember of an account's newest messages, as hashes.

It knows keys and times, and not what they are made of.
"""

from __future__ import annotations

from mailstore.index.database import Database

MAX_REMEMBERED = 10_000
"""Keys of one account; the oldest are forgotten."""


def known(database: Database, key: bytes, since: int) -> bool:
    """Tell whether a key was remembered at a time or later."""
    row = database.one("SELECT at FROM delivered WHERE key = ?", (key,))
    return row is not None and row[0] >= since


def remember(database: Database, key: bytes, now: int) -> None:
    """Remember a key, as the newest."""
    forget(database, key)
    row = database.one(
        "INSERT INTO delivered (key, at) VALUES (?, ?) RETURNING id", (key, now)
    )
    if row is not None:
        database.execute(
            "DELETE FROM delivered WHERE id <= ?", (row[0] - MAX_REMEMBERED,)
        )


def forget(database: Database, key: bytes) -> None:
    """Forget a key."""
    database.execute("DELETE FROM delivered WHERE key = ?", (key,))
