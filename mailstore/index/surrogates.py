"""Surrogates: messages as clients see them that read ASCII alone (RFC 6858).

A message has one where its headers have UTF-8; it is made at the arrival and never
changed. What is in it is not the business of this module.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from mailstore.index.database import Database
from mailstore.index.records import Surrogate

COLUMNS = ("envelope", "bodystructure", "header", "parts")


def insert(database: Database, rows: Iterable[tuple[int, Surrogate]]) -> None:
    """Add the surrogates of messages."""
    database.many(
        "INSERT INTO surrogate (message, size, envelope, bodystructure, header, parts,"
        " edits) VALUES (?, ?, ?, ?, ?, ?, ?)",
        [
            (
                message,
                one.size,
                one.envelope,
                one.bodystructure,
                one.header,
                one.parts,
                one.edits,
            )
            for message, one in rows
        ],
    )


def sizes(database: Database, above: int, upto: int) -> list[tuple[int, int]]:
    """Give (message, size) of the surrogates of messages in a range of ids."""
    return database.all(
        "SELECT message, size FROM surrogate WHERE message > ? AND message <= ?",
        (above, upto),
    )


def values(
    database: Database, messages: Sequence[int], columns: Sequence[str]
) -> dict[int, tuple[Any, ...]]:
    """Give columns of surrogates, by message."""
    wanted = ", ".join(column for column in columns if column in COLUMNS)
    rows = database.all(
        f"SELECT message, {wanted} FROM surrogate"
        " WHERE message IN (SELECT value FROM json_each(?))",
        (json.dumps(list(messages)),),
    )
    return {message: tuple(rest) for message, *rest in rows}


def edits(database: Database, message: int) -> bytes | None:
    """Give what is to be changed in a message; None: it has no surrogate."""
    row = database.one("SELECT edits FROM surrogate WHERE message = ?", (message,))
    return None if row is None else bytes(row[0])


def of(database: Database, message: int) -> Surrogate | None:
    """Give a message's whole surrogate, if it has one."""
    row = database.one(
        "SELECT size, envelope, bodystructure, header, parts, edits FROM surrogate"
        " WHERE message = ?",
        (message,),
    )
    return None if row is None else Surrogate(*row)


def delete(database: Database, messages: Sequence[int]) -> None:
    """Forget the surrogates of messages."""
    database.execute(
        "DELETE FROM surrogate WHERE message IN (SELECT value FROM json_each(?))",
        (json.dumps(list(messages)),),
    )
