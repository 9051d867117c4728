"""Contradictions in an index: what `imapd check` proves about rows.

Each function gives sentences, none when all is well. Run inside a snapshot, so that
a server may go on working.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from mailstore.index import emailids, flagproof, seals, values
from mailstore.index.database import Database
from mailstore.index.records import to_mask
from mailstore.model import FIRST_KEYWORD_BIT


@dataclass(frozen=True, slots=True)
class BlobRow:
    """What the index believes about a message's bytes."""

    message: int
    blob: str
    size: int
    digest: bytes


def structure(database: Database, *, thorough: bool = False) -> list[str]:
    """Ask SQLite about its own pages and keys; ``thorough``: also about indexes."""
    check = "integrity_check" if thorough else "quick_check"
    rows = database.all(f"PRAGMA {check}(20)")
    return [f"the database says: {text}" for (text,) in rows if text != "ok"]


def counters(database: Database) -> list[str]:
    """Compare each mailbox's counters with its entries."""
    rows = database.all(
        "SELECT m.id, m.messages, m.unseen, m.deleted, m.bytes, count(e.uid),"
        " coalesce(sum(e.size), 0)"
        " FROM mailbox m LEFT JOIN entry e ON e.mailbox = m.id GROUP BY m.id"
    )
    names = ("messages", "bytes", "unseen", "deleted")
    flags = flagproof.counted(database)
    found = [
        (mailbox, name, says, counted)
        for mailbox, messages, unseen, deleted, octets, *values in rows
        for name, says, counted in zip(
            names,
            (messages, octets, unseen, deleted),
            (*values, *flags.get(mailbox, (0, 0))),
            strict=True,
        )
    ]
    if "annotations" in database.column_names("mailbox"):
        found += database.all(
            "SELECT m.id, 'annotations', m.annotations, coalesce(sum(length(a.value)),"
            " 0) FROM mailbox m LEFT JOIN (annotation a JOIN entry e"
            " ON e.mailbox = a.mailbox AND e.uid = a.uid) ON a.mailbox = m.id"
            " GROUP BY m.id"
        )
    return [
        f"mailbox {mailbox}: {name} is {says}, counted {counted}"
        for mailbox, name, says, counted in found
        if says != counted
    ]


def numbers(database: Database) -> list[str]:
    """Check that UIDs and mod-sequences are below what their mailbox gives next."""
    found = []
    for table in (
        flagproof.modseqs(database),
        "SELECT mailbox, uid, modseq FROM expunged",
        "SELECT mailbox, high AS uid, modseq FROM vanished",
    ):
        rows = database.all(
            "SELECT m.id, max(e.uid), m.uidnext, max(e.modseq), m.highestmodseq"
            f" FROM ({table}) e JOIN mailbox m ON m.id = e.mailbox"
            " WHERE typeof(e.uid) = 'integer' GROUP BY m.id"
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


def identities(database: Database) -> list[str]:
    """Check that numbers which may never be given twice are behind those given."""
    rows = database.all(
        "SELECT 'mailbox', last_mailbox, (SELECT max(id) FROM mailbox) FROM account"
        " UNION ALL SELECT 'message', last_message, (SELECT max(id) FROM message)"
        " FROM account UNION ALL SELECT 'UIDVALIDITY', last_uidvalidity,"
        " (SELECT max(uidvalidity) FROM mailbox) FROM account"
    )
    if not rows:
        return ["the account has no row"]
    if database.has_table("emailid"):
        rows += database.all(
            "SELECT 'EMAILID', last_message, (SELECT max(number) FROM emailid)"
            " FROM account"
        )
    if database.has_table("removed_mailbox"):
        rows += database.all(
            "SELECT 'UIDVALIDITY', last_uidvalidity, (SELECT max(uidvalidity)"
            " FROM removed_mailbox) FROM account"
        )
    return [
        f"the last {what} is said to be {says}, there is {found}"
        for what, says, found in rows
        if found is not None and found > says
    ]


def keywords(database: Database) -> list[str]:
    """Check that each keyword that a message has is named."""
    return [
        f"mailbox {mailbox}: keyword {missing[0]} has no name"
        for mailbox, missing in nameless_keywords(database).items()
    ]


def nameless_keywords(database: Database) -> dict[int, list[int]]:
    """Give, by mailbox, the numbers of keywords below the last that have no name."""
    used = flagproof.keywords_used(database)
    # Its narrow part may be the same in 100,000 rows.
    rows = database.all(
        f"SELECT DISTINCT mailbox, flags >> {FIRST_KEYWORD_BIT}, more FROM expunged"
        f" WHERE flags >> {FIRST_KEYWORD_BIT} <> 0 OR more IS NOT NULL"
    )
    for mailbox, low, more in rows:
        bits = to_mask(low << FIRST_KEYWORD_BIT, more) >> FIRST_KEYWORD_BIT
        used[mailbox] = used.get(mailbox, 0) | bits
    named: dict[int, set[int]] = {}
    for mailbox, bit in database.all("SELECT mailbox, bit FROM keyword"):
        named.setdefault(mailbox, set()).add(bit)
    found = {}
    for mailbox in sorted(used.keys() | named.keys()):
        have = named.get(mailbox, set())
        end = max(used.get(mailbox, 0).bit_length(), max(have, default=-1) + 1)
        missing = [bit for bit in range(end) if bit not in have]
        if missing:
            found[mailbox] = missing
    return found


def threads(database: Database) -> list[str]:
    """Check that each message is in the thread that its Message-ID leads to."""
    if not (database.has_table("link") and database.has_table("sortkey")):
        return []  # an index of an older program
    return [
        f"message {message}: its Message-ID leads to thread {found}, not {thread}"
        for message, thread, found, _ in astray(database, 20)
    ]


def astray(database: Database, most: int) -> list[tuple[int, int, int | None, int]]:
    """Give (message, thread, thread of its Message-ID, that) where the two differ."""
    return database.all(
        "SELECT m.id, m.thread, l.thread, s.message_id FROM message m"
        " JOIN sortkey s ON s.message = m.id LEFT JOIN link l"
        " ON l.message_id = s.message_id WHERE m.thread IS NOT NULL"
        " AND s.message_id IS NOT NULL AND l.thread IS NOT m.thread"
        " ORDER BY m.id LIMIT ?",
        (most,),
    )


def homeless(database: Database, most: int = 20) -> list[int]:
    """Give messages that are in no mailbox, and of which no removal is known."""
    held = "SELECT message FROM entry UNION SELECT message FROM expunged"
    if database.has_table("damaged"):
        held += " UNION SELECT message FROM damaged"
    rows = database.all(
        f"SELECT id FROM message EXCEPT {_union(held)} ORDER BY 1 LIMIT ?", (most,)
    )
    return [row[0] for row in rows]


def _union(parts: str) -> str:
    return f"SELECT message FROM ({parts})"


def strays(database: Database) -> list[str]:
    """Check that nothing is kept of messages and mailboxes that don't exist."""
    found = [f"message {one} is in no mailbox" for one in homeless(database)]
    for table in ("surrogate", "damaged"):
        if database.has_table(table):
            rows = database.all(
                f"SELECT message FROM {table} EXCEPT SELECT id FROM message LIMIT 20"
            )
            found += [f"message {m} does not exist, but in {table}" for (m,) in rows]
    rows = database.all(
        "SELECT DISTINCT mailbox FROM keyword EXCEPT SELECT id FROM mailbox"
    )
    return found + [f"keywords of mailbox {m}, which is no more" for (m,) in rows]


def blobs(database: Database) -> Iterator[BlobRow]:
    """Give every message's blob, in the order in which they were stored."""
    with database.rows(
        "SELECT id, blob, size, digest FROM message ORDER BY id"
    ) as rows:
        for row in rows:
            yield BlobRow(*row)


def blob_of(database: Database, message: int) -> BlobRow | None:
    """Give one message's blob."""
    row = database.one(
        "SELECT id, blob, size, digest FROM message WHERE id = ?", (message,)
    )
    return None if row is None else BlobRow(*row)


def digest_of_blob(database: Database, ref: str) -> bytes | None:
    """Give the digest of the message that has a blob."""
    row = database.one("SELECT digest FROM message WHERE blob = ? LIMIT 1", (ref,))
    return None if row is None else bytes(row[0])


def sample_of(database: Database, most: int | None) -> list[BlobRow]:
    """Give about ``most`` messages, evenly spread; None: all."""
    row = database.one("SELECT count(*) FROM message")
    step = 1 if most is None else max(1, (int(row[0]) if row else 0) // most)
    rows = database.all(
        "SELECT id, blob, size, digest FROM message WHERE id % ? = 0 ORDER BY id",
        (step,),
    )
    return [BlobRow(*row) for row in rows]


def blob_refs(database: Database) -> frozenset[str]:
    """Give the references of all blobs that a message needs."""
    return frozenset(row[0] for row in database.all("SELECT blob FROM message"))


def count_messages(database: Database) -> int:
    """Count the messages of all mailboxes, tombstones not among them."""
    row = database.one("SELECT count(*) FROM entry")
    return int(row[0]) if row else 0


def digests(database: Database) -> set[bytes]:
    """Give the digests of all messages."""
    return {row[0] for row in database.all("SELECT digest FROM message")}


EVERYTHING: Sequence[Callable[[Database], Iterable[str]]] = (
    values.contradictions,
    values.of_removed,
    identities,
    counters,
    flagproof.contradictions,
    seals.contradictions,
    numbers,
    references,
    keywords,
    threads,
    strays,
    emailids.strays,
)
"""All that is proved of rows alone, in the order in which it is told."""
