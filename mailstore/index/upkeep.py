"""What keeps an index right over the years: unclean boots, purges, self-checks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mailstore.index import (
    annotate,
    emailids,
    flagblocks,
    metadata,
    sortkeys,
    surrogates,
    threads,
)
from mailstore.index.database import Database
from mailstore.index.vanished import remember

_OF_MAILBOXES = (
    "acl",
    "keyword",
    "metadata",
    "removed_entry",
    "removed_mailbox",
    "vanished",
)
LEAP = 2**20
"""Further than any mod-sequence of a lost second can be."""


def mark_loose(database: Database, owner: str, boot: str) -> None:
    """Note, durably, that commits of a writer in this boot may be lost."""
    database.execute("INSERT INTO loose (owner, boot) VALUES (?, ?)", (owner, boot))


def unmark_loose(database: Database, owner: str) -> None:
    """Note, durably, that all commits of a writer are synced; it makes no more."""
    database.execute("DELETE FROM loose WHERE owner = ?", (owner,))


def loose_boots(database: Database) -> frozenset[str]:
    """Give the boots with writers that did not end cleanly, or still run."""
    return frozenset(row[0] for row in database.all("SELECT boot FROM loose"))


def loose_owners(database: Database, boot: str) -> list[str]:
    """Give the writers of this boot that run, or ended without a word."""
    rows = database.all(
        "SELECT owner FROM loose WHERE boot = ? AND owner NOT LIKE 'settled-%'", (boot,)
    )
    return [row[0] for row in rows]


def settle_loose(database: Database, owner: str) -> None:
    """Note that all commits of a writer are synced that ended without a word.

    Its mark stays under another name, if it did run after all: one too many costs a
    `leap`, one too few could bring a mod-sequence back.
    """
    database.execute(
        "UPDATE loose SET owner = ? WHERE owner = ?", (f"settled-{owner}", owner)
    )


def mark_synced(database: Database) -> None:
    """Write something, so that a durable commit syncs all before it."""
    database.execute("UPDATE account SET synced = synced + 1")


def leap(database: Database) -> None:
    """Make every mod-sequence new after loose commits may have been lost.

    Clients may have seen mod-sequences that the database forgot; none may come back
    with another meaning (RFC 7162 §3.1.1), so all jump beyond them.
    """
    database.execute(f"UPDATE mailbox SET highestmodseq = highestmodseq + {LEAP}")
    flagblocks.leap(database)
    database.execute("DELETE FROM loose")


@dataclass(frozen=True, slots=True)
class Purged:
    """What a purge forgot: tombstones, and messages that nothing refers to now."""

    tombstones: int
    messages: int


def purge(database: Database, before: int, now: int) -> Purged:
    """Forget what was expunged before a time, in seconds since the epoch.

    That it was removed is remembered (`mailstore.index.vanished`). A message goes when
    no mailbox and no tombstone holds it. Its blob may be deleted once this is
    committed: rows first, bytes later.
    """
    gone = database.all(
        "DELETE FROM expunged WHERE at < ? RETURNING message, mailbox, modseq, uid",
        (before,),
    )
    messages = 0
    if gone:
        remember(database, [row[1:] for row in gone])
        annotate.purge(database, [(row[1], row[3]) for row in gone])
        database.execute("CREATE TEMP TABLE candidate (message INTEGER PRIMARY KEY)")
        database.many(
            "INSERT OR IGNORE INTO candidate VALUES (?)", [row[:1] for row in gone]
        )
        forgotten = database.all(
            "DELETE FROM message WHERE id IN (SELECT message FROM candidate"
            " EXCEPT SELECT message FROM entry EXCEPT SELECT message FROM expunged"
            " EXCEPT SELECT message FROM damaged WHERE mailbox > 0)"
            " RETURNING id, thread"
        )
        messages = len(forgotten)
        threads.forget(database, [row[1] for row in forgotten if row[1] is not None])
        sortkeys.delete(database, [row[0] for row in forgotten])
        surrogates.delete(database, [row[0] for row in forgotten])
        database.execute("DROP TABLE candidate")
        database.execute(
            "DELETE FROM damaged WHERE message NOT IN (SELECT id FROM message)"
        )
        emailids.forget_gone(database)
    database.execute(
        "DELETE FROM mailbox WHERE name IS NULL AND coalesce(gone_at, 0) < ?"
        " AND id NOT IN (SELECT mailbox FROM expunged)",
        (before,),
    )
    for table in _OF_MAILBOXES:
        database.execute(
            f"DELETE FROM {table} WHERE mailbox NOT IN (SELECT id FROM mailbox)"
        )
    database.execute(
        "DELETE FROM remover WHERE id NOT IN (SELECT remover FROM expunged"
        " WHERE remover IS NOT NULL UNION SELECT remover FROM mailbox"
        " WHERE remover IS NOT NULL)"
    )
    annotate.forget_removed(database)
    metadata.purge(database, before)
    database.execute("UPDATE account SET purged_at = ?", (now,))
    return Purged(len(gone), messages)


def move_blobs(database: Database, moves: Mapping[str, str]) -> None:
    """Point messages at the new places of their bytes, by the old references."""
    database.many(
        "UPDATE message SET blob = ? WHERE blob = ?",
        [(new, old) for old, new in moves.items()],
    )


def purged_at(database: Database) -> int:
    """Give when the last purge was, in seconds since the epoch; 0 for never."""
    row = database.one("SELECT purged_at FROM account")
    return int(row[0]) if row else 0


def token(database: Database) -> str:
    """Give what makes this account's identifiers unlike those of others."""
    row = database.one("SELECT token FROM account")
    return str(row[0]) if row else ""
