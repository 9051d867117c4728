"""Messages of a mailbox as rows: loading, what changed, what text is kept.

The readers' side of the index; see `flags`, `arrival`, `removal` and `copying` for
the writers'.
"""

from __future__ import annotations

import json
from array import array
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from mailstore.index.database import Database
from mailstore.index.records import LOW_KEYWORDS, EntryRow, to_mask
from mailstore.index.selection import Selection
from mailstore.model import MailboxId

_ENTRY = "uid, flags, more, modseq, size, internaldate, zone, message"
TEXT_COLUMNS = (
    "blob",
    "envelope",
    "bodystructure",
    "header",
    "parts",
    "preview",
    "sha1",
    "thread",
)


def _entry(values: tuple[Any, ...]) -> EntryRow:
    uid, flags, more, *rest = values
    return EntryRow(uid, to_mask(flags, more), *rest)


@dataclass(frozen=True, slots=True)
class Loaded:
    """All rows of a mailbox as columns, ascending by UID.

    ``more`` holds, by UID, the keywords behind the first 57.
    """

    uids: Sequence[int]
    flags: Sequence[int]  # signed, 64 bits
    modseqs: Sequence[int]
    sizes: Sequence[int]
    epochs: Sequence[int]
    zones: Sequence[int]
    messages: Sequence[int]
    more: dict[int, int]


@dataclass(frozen=True, slots=True)
class Selected:
    """One message of a mailbox with where its bytes are."""

    uid: int
    mask: int
    size: int
    epoch: int
    zone: int
    blob: str


def selected(
    database: Database, mailbox: MailboxId, among: Selection, most: int
) -> list[Selected]:
    """Give messages, ascending by UID; no more than ``most``."""
    where, values = among.where(mailbox)
    rows = database.all(
        "SELECT entry.uid, flags, more, entry.size, internaldate, zone, blob"
        " FROM entry JOIN message ON message.id = entry.message"
        f" WHERE {where} ORDER BY entry.uid LIMIT ?",
        [*values, most],
    )
    return [
        Selected(uid, to_mask(flags, more), *rest) for uid, flags, more, *rest in rows
    ]


def load(database: Database, mailbox: MailboxId) -> Loaded:
    """Read a whole mailbox, for its state in memory."""
    rows = database.all(
        "SELECT uid, flags, modseq, size, internaldate, zone, message"
        " FROM entry WHERE mailbox = ? ORDER BY uid",
        (mailbox,),
    )
    uids, flags, modseqs, sizes, epochs, zones, messages = (
        zip(*rows, strict=True) if rows else ((),) * 7
    )
    more: dict[int, int] = {}
    if len(keywords(database, mailbox)) > LOW_KEYWORDS:
        found = database.all(
            "SELECT uid, more FROM entry WHERE mailbox = ? AND more IS NOT NULL",
            (mailbox,),
        )
        more = {uid: int.from_bytes(bits, "little") for uid, bits in found}
    return Loaded(uids, flags, modseqs, sizes, epochs, zones, messages, more)


def keywords(database: Database, mailbox: MailboxId) -> tuple[str, ...]:
    """Give a mailbox's keywords in the order of their bits."""
    rows = database.all(
        "SELECT name FROM keyword WHERE mailbox = ? ORDER BY bit", (mailbox,)
    )
    return tuple(row[0] for row in rows)


def entries_from(database: Database, mailbox: MailboxId, uid: int) -> list[EntryRow]:
    """Give the rows from a UID on: what has arrived since."""
    rows = database.all(
        f"SELECT {_ENTRY} FROM entry WHERE mailbox = ? AND uid >= ? ORDER BY uid",
        (mailbox, uid),
    )
    return [_entry(values) for values in rows]


def masks_since(
    database: Database, mailbox: MailboxId, modseq: int, uidnext: int
) -> list[tuple[int, int, int]]:
    """Give (uid, mask, modseq) below ``uidnext`` that changed after a mod-sequence."""
    rows = database.all(
        "SELECT uid, flags, more, modseq FROM entry"
        " WHERE mailbox = ? AND uid < ? AND modseq > ? ORDER BY uid",
        (mailbox, uidnext, modseq),
    )
    return [(uid, to_mask(flags, more), seq) for uid, flags, more, seq in rows]


def masks_of(
    database: Database, mailbox: MailboxId, uids: Collection[int]
) -> list[tuple[int, int, int]]:
    """Give (uid, mask, modseq) of those of some messages that are there."""
    rows = database.all(
        "SELECT uid, flags, more, modseq FROM entry WHERE mailbox = ?"
        " AND uid IN (SELECT value FROM json_each(?)) ORDER BY uid",
        (mailbox, json.dumps(list(uids))),
    )
    return [(uid, to_mask(flags, more), seq) for uid, flags, more, seq in rows]


def vanished_since(database: Database, mailbox: MailboxId, modseq: int) -> array[int]:
    """Give the UIDs that were removed after a mod-sequence, ascending."""
    rows = database.all(
        "SELECT uid FROM expunged WHERE mailbox = ? AND modseq > ?", (mailbox, modseq)
    )
    return array("I", sorted(row[0] for row in rows))


def tombstones(
    database: Database, mailbox: MailboxId, modseq: int, uids: Sequence[int]
) -> list[EntryRow]:
    """Give what is left of messages that were removed after a mod-sequence.

    Ascending by UID; purged ones are left out.
    """
    rows = database.all(
        f"SELECT {_ENTRY} FROM expunged WHERE mailbox = ? AND modseq > ?"
        " AND uid IN (SELECT value FROM json_each(?)) ORDER BY uid",
        (mailbox, modseq, json.dumps(list(uids))),
    )
    return [_entry(values) for values in rows]


def texts(
    database: Database, messages: Sequence[int], columns: Sequence[str]
) -> Iterator[tuple[Any, ...]]:
    """Give (message, *columns) in the order of the ids; missing ones are left out.

    A generator over a running statement: end it before anything is awaited.
    """
    wanted = ", ".join([f"m.{c}" for c in columns if c in TEXT_COLUMNS])
    if len(messages) == 1:  # half of the cost, as clients open one at a time
        one = database.one(
            f"SELECT m.id, {wanted} FROM message m WHERE m.id = ?", messages
        )
        yield from () if one is None else (one,)
        return
    sql = (
        f"SELECT m.id, {wanted} FROM json_each(?) j"
        " CROSS JOIN message m ON m.id = j.value"
    )
    with database.rows(sql, (json.dumps(list(messages)),)) as rows:
        yield from rows


def search_fields(
    database: Database, messages: Sequence[int]
) -> list[tuple[int, bytes, int | None, int, str, bytes]]:
    """Give (message, packed header, sent, zone, blob, parts) in the order of ids."""
    return database.all(
        "SELECT m.id, m.header, m.sent, m.sent_zone, m.blob, m.parts"
        " FROM json_each(?) j"
        " CROSS JOIN message m ON m.id = j.value",
        (json.dumps(list(messages)),),
    )


def digests(database: Database, mailbox: MailboxId) -> Counter[bytes]:
    """Count, by SHA-256, the messages of a mailbox."""
    rows = database.all(
        "SELECT m.digest FROM entry e JOIN message m ON m.id = e.message"
        " WHERE e.mailbox = ?",
        (mailbox,),
    )
    return Counter(row[0] for row in rows)
