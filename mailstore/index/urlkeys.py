"""The mailbox access keys of an account: what signs URLs (RFC 4467 §7).

A key belongs to a mailbox, not to its name: the key of one that was deleted signs
nothing of its successor.
"""

from __future__ import annotations

from mailstore.index.database import Database
from mailstore.index.mailboxes import mailbox_named


def key_of(database: Database, name: str) -> bytes | None:
    """Give a mailbox's key, None if it has none. Raises `NotFound`."""
    row = database.one(
        "SELECT secret FROM url_key WHERE mailbox = ?",
        (mailbox_named(database, name).id,),
    )
    return None if row is None else bytes(row[0])


def make_key(database: Database, name: str, secret: bytes) -> bytes:
    """Give a mailbox's key; ``secret`` becomes it if there is none.

    Raises `NotFound`.
    """
    database.execute(
        "INSERT OR IGNORE INTO url_key (mailbox, secret) VALUES (?, ?)",
        (mailbox_named(database, name).id, secret),
    )
    return key_of(database, name) or secret


def reset_key(database: Database, name: str, secret: bytes) -> None:
    """Give a mailbox another key: no URL that was signed holds. Raises `NotFound`."""
    database.execute(
        "DELETE FROM url_key WHERE mailbox = ?", (mailbox_named(database, name).id,)
    )
    make_key(database, name, secret)


def reset_keys(database: Database) -> None:
    """Drop the keys of all mailboxes."""
    database.execute("DELETE FROM url_key")
