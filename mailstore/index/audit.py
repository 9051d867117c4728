"""Contradictions in an index: what `imapd check` proves about rows.

Each function gives sentences, none when all is well. Run inside a snapshot, so that
a server may go on working.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mailstore.index.database import Database
from mailstore.model import DELETED, SEEN


@dataclass(frozen=True, slots=True)
class BlobRow:
    """What the index believes about a message's bytes."""

    message: int
    blob: str
    size: int
    digest: bytes


def structure(database: Database) -> list[str]:
    """Ask SQLite about its own pages and keys."""
    rows = database.all("PRAGMA quick_check(20)")
    return [f"the database says: {text}" for (text,) in rows if text != "ok"]


def counters(database: Database) -> list[str]:
    """Compare each mailbox's counters with its entries."""
    rows = database.all(
        "SELECT m.id, m.messages, m.unseen, m.deleted, m.bytes, count(e.uid),"
        f" coalesce(sum(e.flags & {SEEN} = 0), 0),"
        f" coalesce(sum(e.flags & {DELETED} <> 0), 0), coalesce(sum(e.size), 0)"
        " FROM mailbox m LEFT JOIN entry e ON e.mailbox = m.id GROUP BY m.id"
    )
    names = ("messages", "unseen", "deleted", "bytes")
    return [
        f"mailbox {mailbox}: {name} is {says}, counted {counted}"
        for mailbox, *values in rows
        for name, says, counted in zip(names, values[:4], values[4:], strict=True)
        if says != counted
    ]


def numbers(database: Database) -> list[str]:
    """Check that UIDs and mod-sequences are below what their mailbox gives next."""
    found = []
    for table in ("entry", "expunged"):
        rows = database.all(
            f"SELECT m.id, max(e.uid), m.uidnext, max(e.modseq), m.highestmodseq"
            f" FROM {table} e JOIN mailbox m ON m.id = e.mailbox GROUP BY m.id"
        )
        for mailbox, uid, uidnext, modseq, highest in rows:
            if uid >= uidnext:
                found.append(f"mailbox {mailbox}: UID {uid} is not below {uidnext}")
            if modseq > highest:
                found.append(
                    f"mailbox {mailbox}: mod-sequence {modseq} is above {highest}"
                )
    twice = database.all(
        "SELECT e.mailbox, e.uid FROM entry e JOIN expunged x"
        " ON x.mailbox = e.mailbox AND x.uid = e.uid LIMIT 20"
    )
    found += [f"mailbox {m}: UID {uid} is there and expunged" for m, uid in twice]
    missed = database.all(
        "SELECT e.mailbox, e.uid FROM vanished v JOIN entry e ON e.mailbox = v.mailbox"
        " AND e.uid BETWEEN v.low AND v.high LIMIT 20"
    )
    found += [f"mailbox {m}: UID {uid} is there and vanished" for m, uid in missed]
    repeated = database.all(
        "SELECT uidvalidity FROM mailbox GROUP BY uidvalidity HAVING count(*) > 1"
    )
    return found + [f"UIDVALIDITY {value} was given twice" for (value,) in repeated]


def references(database: Database) -> list[str]:
    """Check that every row points at one that exists."""
    found = []
    for table in ("entry", "expunged"):
        rows = database.all(
            f"SELECT e.mailbox, e.uid FROM {table} e LEFT JOIN message m"
            " ON m.id = e.message WHERE m.id IS NULL OR m.size <> e.size LIMIT 20"
        )
        found += [f"mailbox {m}: UID {uid} has no such message" for m, uid in rows]
        rows = database.all(
            f"SELECT DISTINCT e.mailbox FROM {table} e LEFT JOIN mailbox m"
            " ON m.id = e.mailbox WHERE m.id IS NULL"
        )
        found += [f"mailbox {m} has messages but does not exist" for (m,) in rows]
    if not database.has_table("metadata"):
        return found  # an index of an older program
    rows = database.all(
        "SELECT DISTINCT a.mailbox FROM metadata a LEFT JOIN mailbox m"
        " ON m.id = a.mailbox WHERE m.id IS NULL"
    )
    found += [f"annotations of mailbox {m}, which is no more" for (m,) in rows]
    if not database.has_table("annotation"):
        return found
    rows = database.all(
        "SELECT mailbox, uid FROM annotation EXCEPT SELECT mailbox, uid FROM entry"
        " EXCEPT SELECT mailbox, uid FROM expunged LIMIT 20"
    )
    return found + [f"mailbox {m}: annotations of no UID {uid}" for m, uid in rows]


def blobs(database: Database) -> Iterator[BlobRow]:
    """Give every message's blob, in the order in which they were stored."""
    with database.rows(
        "SELECT id, blob, size, digest FROM message ORDER BY id"
    ) as rows:
        for row in rows:
            yield BlobRow(*row)


def blob_refs(database: Database) -> frozenset[str]:
    """Give the references of all blobs that a message needs."""
    return frozenset(row[0] for row in database.all("SELECT blob FROM message"))


def count_messages(database: Database) -> int:
    """Count the messages of all mailboxes, tombstones not among them."""
    row = database.one("SELECT count(*) FROM entry")
    return int(row[0]) if row else 0
