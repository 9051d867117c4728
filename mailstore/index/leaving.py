"""Moves between two accounts, as each of the two indexes remembers them.

A move is begun in the index that messages leave, decided by the commit in the index
where they arrive, and finished in the first; the token is the same in both.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from mailstore.index.database import Database
from mailstore.index.selection import Selection
from mailstore.model import AccountId, MailboxId


@dataclass(frozen=True, slots=True)
class Leaving:
    """Messages of a mailbox that go once they are in another account."""

    token: str
    target: AccountId
    mailbox: MailboxId
    among: Selection
    at: int


def begin(database: Database, move: Leaving) -> None:
    """Note a move before its messages arrive elsewhere."""
    database.execute(
        "INSERT INTO leaving (token, target, mailbox, uids, at) VALUES (?, ?, ?, ?, ?)",
        (
            move.token,
            move.target,
            move.mailbox,
            json.dumps(move.among.ranges),
            move.at,
        ),
    )


def finish(database: Database, token: str) -> None:
    """Forget a move that is done, or that did not come about."""
    database.execute("DELETE FROM leaving WHERE token = ?", (token,))


def pending(database: Database) -> list[Leaving]:
    """Give the moves that were begun and not finished."""
    rows = database.all("SELECT token, target, mailbox, uids, at FROM leaving")
    return [
        Leaving(
            token,
            AccountId(target),
            MailboxId(mailbox),
            Selection(tuple([(low, high) for low, high in json.loads(uids)])),
            at,
        )
        for token, target, mailbox, uids, at in rows
    ]


def any_pending(database: Database) -> bool:
    """Tell whether `pending` would give any."""
    return database.one("SELECT 1 FROM leaving LIMIT 1") is not None


def note_arrival(database: Database, token: str, now: int) -> None:
    """Note, with the messages themselves, that a move was decided."""
    database.execute("INSERT INTO arrived (token, at) VALUES (?, ?)", (token, now))


def has_arrived(database: Database, token: str) -> bool:
    """Tell whether a move was decided."""
    row = database.one("SELECT 1 FROM arrived WHERE token = ?", (token,))
    return row is not None


def forget_arrival(database: Database, token: str) -> None:
    """Forget a token that no index has any more."""
    database.execute("DELETE FROM arrived WHERE token = ?", (token,))
