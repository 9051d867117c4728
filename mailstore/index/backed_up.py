"""What a backup asks of an index: which messages it needs, and what went and came.

Reads a copy, or the index of a running server; an older program's too.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from mailstore.errors import StoreError
from mailstore.index import accounts, audit, flagproof, values
from mailstore.index.database import Database
from mailstore.model import InternalDate

_MOST_DAMAGES = 20


@dataclass(frozen=True, slots=True)
class Needed:
    """A message that some mailbox or tombstone has."""

    message: int
    blob: str
    size: int
    digest: bytes
    date: InternalDate


def needed(database: Database) -> Iterator[Needed]:
    """Give all messages, in the order of their numbers, with one of their dates.

    Of a damaged row too: what is no size, digest or reference is none that is found.
    """
    with database.rows(
        "SELECT m.id, m.blob, m.size, m.digest, d.epoch, d.zone FROM message m"
        " LEFT JOIN (SELECT message, min(internaldate) AS epoch, zone FROM"
        " (SELECT message, internaldate, zone FROM entry UNION ALL"
        " SELECT message, internaldate, zone FROM expunged) GROUP BY message) d"
        " ON d.message = m.id ORDER BY m.id"
    ) as rows:
        for message, blob, size, digest, epoch, zone in rows:
            yield Needed(
                message,
                blob if isinstance(blob, str) else "",
                size if isinstance(size, int) else -1,
                digest if isinstance(digest, bytes) else b"",
                values.date_of(epoch, zone),
            )


def digests(database: Database) -> Iterator[bytes]:
    """Give the digests of all messages, each once, ascending."""
    with database.rows(
        "SELECT DISTINCT digest FROM message WHERE typeof(digest) = 'blob'"
        " ORDER BY digest"
    ) as rows:
        for (digest,) in rows:
            yield digest


@dataclass(frozen=True, slots=True)
class Placed:
    """Where a message is; without a mailbox where only a tombstone has it."""

    message: int
    digest: bytes
    mailbox: str | None
    uid: int


def placed(database: Database, among: Collection[bytes]) -> list[Placed]:
    """Give where the messages of some digests are."""
    rows = database.all(
        "SELECT m.id, m.digest, b.name, coalesce(e.uid, 0) FROM message m"
        " LEFT JOIN entry e ON e.message = m.id LEFT JOIN mailbox b"
        " ON b.id = e.mailbox WHERE hex(m.digest) IN (SELECT value FROM json_each(?))"
        " ORDER BY b.name, e.uid, m.id",
        (_hex(among),),
    )
    return [Placed(*row) for row in rows]


def removed_since(database: Database, moment: int) -> set[bytes]:
    """Give the digests of messages that were removed at or after a time."""
    rows = database.all(
        "SELECT DISTINCT m.digest FROM expunged x JOIN message m ON m.id = x.message"
        " WHERE x.at >= ?",
        (moment,),
    )
    return {row[0] for row in rows}


def arrived_since(
    database: Database, moment: int, among: Collection[bytes]
) -> set[bytes]:
    """Give those of some digests whose messages were saved at or after a time."""
    rows = database.all(
        "SELECT DISTINCT m.digest FROM entry e JOIN message m ON m.id = e.message"
        " WHERE e.saved >= ? AND hex(m.digest) IN (SELECT value FROM json_each(?))",
        (moment, _hex(among)),
    )
    return {row[0] for row in rows}


def damages(database: Database) -> tuple[str, ...]:
    """Tell what is damaged of an index that nothing else has: pages, rows, flags."""
    found: list[str] = []
    for look in (
        audit.structure,
        values.contradictions,
        flagproof.contradictions,
        audit.references,
    ):
        try:
            found += look(database)
        except StoreError as error:
            found.append(str(error))
    return tuple(found[:_MOST_DAMAGES])


def counts(database: Database) -> tuple[int, int]:
    """Give the messages of all mailboxes, and the octets of what is stored."""
    row = database.one(
        "SELECT (SELECT count(*) FROM entry), (SELECT coalesce(sum(size), 0)"
        " FROM message)"
    )
    return (int(row[0]), int(row[1])) if row else (0, 0)


def identity(database: Database) -> bytes:
    """Give what makes a store's directory unlike all others."""
    return accounts.secret(database)


def _hex(digests: Collection[bytes]) -> str:
    return json.dumps([digest.hex().upper() for digest in digests])
