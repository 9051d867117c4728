"""Annotations of mailboxes as rows, and in the directory those of the server.

RFC 5464. A removed one leaves its row for a while, so that others can be told. Names
of entries are compared in lower case and kept as they were first written. It must
not know who may read or write what.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from mailstore.errors import TooMany
from mailstore.index.database import Database
from mailstore.model import Depth, MailboxId

SERVER = MailboxId(0)
SHARED = ""  # the owner of what is not private
MOST_REMOVED = 1_000  # rows of removed ones that a mailbox keeps of one owner, about


@dataclass(frozen=True, slots=True)
class Annotation:
    """One entry with its value; ``entry`` is its name as it was written."""

    mailbox: MailboxId
    entry: str
    value: bytes


def owner_of(entry: str, me: str) -> str:
    """Give whose an entry is: everybody's, or mine."""
    return SHARED if is_shared(entry) else me


def is_shared(entry: str) -> bool:
    """Tell whether an entry is everybody's."""
    return entry.lower().startswith("/shared")


def named(
    database: Database, mailboxes: Sequence[MailboxId], me: str, entries: Sequence[str]
) -> list[Annotation]:
    """Give those of some entries that mailboxes have, by one statement."""
    rows = database.all(
        "SELECT mailbox, name, value FROM metadata"
        " WHERE mailbox IN (SELECT value FROM json_each(?)) AND owner IN (?, ?)"
        " AND entry IN (SELECT value FROM json_each(?)) AND value IS NOT NULL",
        (
            json.dumps(list(mailboxes)),
            SHARED,
            me,
            json.dumps([entry.lower() for entry in entries]),
        ),
    )
    return [Annotation(*row) for row in rows]


def sizes(
    database: Database,
    mailbox: MailboxId,
    me: str,
    entries: Sequence[str],
    depth: Depth,
) -> list[tuple[str, int]]:
    """Give (name, octets of its value) of some entries and what is below, in order.

    No value is read.
    """
    rows = database.all(
        "SELECT entry, name, length(value) FROM metadata WHERE mailbox = ?"
        " AND owner IN (?, ?) AND value IS NOT NULL ORDER BY entry",
        (mailbox, SHARED, me),
    )
    tops = {entry.lower() for entry in entries}
    return [(name, size) for key, name, size in rows if _is_below(key, tops, depth)]


def below(
    database: Database,
    mailbox: MailboxId,
    me: str,
    entries: Sequence[str],
    depth: Depth,
) -> list[Annotation]:
    """Give some entries and what is below them, in order, each once.

    Two statements, however many are named and however they lie in each other: only
    the values that are given are read.
    """
    rows = database.all(
        "SELECT entry FROM metadata WHERE mailbox = ? AND owner IN (?, ?)"
        " AND value IS NOT NULL",
        (mailbox, SHARED, me),
    )
    tops = {entry.lower() for entry in entries}
    found = [entry for (entry,) in rows if _is_below(entry, tops, depth)]
    given = named(database, [mailbox], me, found)
    return sorted(given, key=lambda one: one.entry.lower())


def _is_below(entry: str, tops: Collection[str], depth: Depth) -> bool:
    if entry in tops:
        return True
    while depth is not Depth.NONE and "/" in entry:
        entry = entry.rpartition("/")[0]
        if entry in tops:
            return True
        if depth is Depth.ONE:
            break
    return False


def store(
    database: Database,
    mailbox: MailboxId,
    me: str,
    values: Mapping[str, bytes | None],
    now: int,
    most: int,
) -> int:
    """Set entries, None to remove one; gives the version of this change, 0 for none.

    Raises `TooMany` when a mailbox would have more than ``most`` of one owner's.
    """
    there = {one.entry.lower() for one in named(database, [mailbox], me, [*values])}
    # What was not there leaves no row: clients could fill the disk with them.
    changed = {e: v for e, v in values.items() if v is not None or e.lower() in there}
    if not changed:
        return 0
    version = last_version(database) + 1
    for entry, value in changed.items():
        _note(database, mailbox, owner_of(entry, me), entry, value, version, now)
    for owner in {owner_of(entry, me) for entry in changed}:
        _bound_removed(database, mailbox, owner, version)
        row = database.one(
            "SELECT count(*) FROM metadata WHERE mailbox = ? AND owner = ?"
            " AND value IS NOT NULL",
            (mailbox, owner),
        )
        if row is not None and row[0] > most:
            raise TooMany(f"there can be {most} annotations here")
    return version


def _bound_removed(
    database: Database, mailbox: MailboxId, owner: str, version: int
) -> None:
    """Keep the rows of what was removed last; none of this version goes."""
    place = (mailbox, owner)
    database.execute(
        "DELETE FROM metadata WHERE mailbox = ? AND owner = ? AND value IS NULL"
        " AND version < ? AND version <= (SELECT version FROM metadata"
        " WHERE mailbox = ? AND owner = ? AND value IS NULL"
        " ORDER BY version DESC LIMIT 1 OFFSET ?)",
        (*place, version, *place, MOST_REMOVED),
    )


def note_change(
    database: Database, mailbox: MailboxId, me: str, entry: str, now: int
) -> None:
    """Have it told that an entry has changed whose value is kept elsewhere."""
    version = last_version(database) + 1
    _note(database, mailbox, owner_of(entry, me), entry, None, version, now)


def _note(
    database: Database,
    mailbox: MailboxId,
    owner: str,
    entry: str,
    value: bytes | None,
    version: int,
    now: int,
) -> None:
    database.execute(
        "INSERT INTO metadata (mailbox, owner, entry, name, value, version, changed)"
        " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (mailbox, owner, entry)"
        " DO UPDATE SET value = excluded.value, version = excluded.version,"
        " changed = excluded.changed",
        (mailbox, owner, entry.lower(), entry, value, version, now),
    )


def last_version(database: Database) -> int:
    """Give the version of the last change."""
    row = database.one("SELECT max(version) FROM metadata")
    return int(row[0]) if row and row[0] is not None else 0


def changes(
    database: Database, me: str, since: int, except_: Collection[int]
) -> list[tuple[MailboxId, str]]:
    """Give (mailbox, entry) of what changed after a version, in order.

    ``except_`` are versions that are one's own.
    """
    rows = database.all(
        "SELECT mailbox, name, version FROM metadata WHERE version > ?"
        " AND owner IN (?, ?) ORDER BY mailbox, entry",
        (since, SHARED, me),
    )
    return [
        (MailboxId(mailbox), name)
        for mailbox, name, version in rows
        if version not in except_
    ]


def copy(database: Database, source: MailboxId, target: MailboxId, now: int) -> None:
    """Give a mailbox the annotations of another one (RFC 5464 §4.1: RENAME INBOX)."""
    database.execute(
        "INSERT INTO metadata (mailbox, owner, entry, name, value, version, changed)"
        " SELECT ?, owner, entry, name, value, ?, ? FROM metadata"
        " WHERE mailbox = ? AND value IS NOT NULL",
        (target, last_version(database) + 1, now, source),
    )


def purge(database: Database, before: int) -> None:
    """Drop the rows of what was removed long ago; versions go on from the last one."""
    database.execute(
        "DELETE FROM metadata WHERE value IS NULL AND changed < ?"
        " AND version < (SELECT max(version) FROM metadata)",
        (before,),
    )
