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

from mailstore.index import flagblocks, seals
from mailstore.index.database import Database
from mailstore.index.records import EntryRow, MailboxRow, NewColumns, to_mask
from mailstore.index.selection import EVERYTHING, LAST_UID, Selection
from mailstore.model import MailboxId
from mailstore.ranges import join

_TOMBSTONE = "uid, flags, more, modseq, size, internaldate, zone, message"
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
        "SELECT entry.uid, entry.size, internaldate, zone, blob"
        " FROM entry JOIN message ON message.id = entry.message"
        f" WHERE {where} ORDER BY entry.uid LIMIT ?",
        [*values, most],
    )
    masks = flagblocks.masks(database, mailbox, among)
    return [Selected(uid, masks.get(uid, 0), *rest) for uid, *rest in rows]


def rows(
    database: Database,
    mailbox: MailboxId,
    among: Selection = EVERYTHING,
    kept: int = -1,
) -> list[EntryRow]:
    """Give messages of a mailbox, ascending by UID, with those flags in ``kept``."""
    where, values = among.where(mailbox)
    found = database.all(
        "SELECT uid, size, internaldate, zone, message FROM entry"
        f" WHERE {where} ORDER BY uid",
        values,
    )
    flags = flagblocks.flags(database, mailbox, among)
    if [row[0] for row in found] != [row[0] for row in flags]:
        return [row._replace(mask=row.mask & kept) for row in _matched(found, flags)]
    return [
        EntryRow(uid, mask & kept, modseq, size, epoch, zone, message)
        for (uid, mask, modseq), (_, size, epoch, zone, message) in zip(
            flags, found, strict=True
        )
    ]


def _matched(
    found: Sequence[tuple[int, ...]], flags: Sequence[tuple[int, int, int]]
) -> list[EntryRow]:
    """Put rows and flags together that are not of the same messages: damage."""
    known = {uid: (mask, modseq) for uid, mask, modseq in flags}
    nothing = (0, max([modseq for _, _, modseq in flags], default=1))
    return [EntryRow(uid, *known.get(uid, nothing), *rest) for uid, *rest in found]


def load(database: Database, row: MailboxRow) -> NewColumns:
    """Read a whole mailbox, for its state in memory."""
    mailbox = row.id
    blocks = flagblocks.read(database, mailbox)
    made = NewColumns.blank(sum([len(block.uids) for block in blocks]))
    at, last, ordered = 0, 0, True
    found = seals.read(
        database,
        mailbox,
        {block.number: block.uids for block in blocks},
        row.uidnext,
    )
    for block, seal in zip(blocks, found, strict=True):
        if seal is None:
            return NewColumns.of(rows(database, mailbox))
        ordered = ordered and seal.follows(last)
        last, end = seal.last, at + len(block.uids)
        seal.put(made, at)
        made.system[at:end] = block.system
        made.keywords[at:end] = block.keywords.values()
        made.modseqs[at:end] = block.modseqs.values()
        made.more.update(block.more)
        at = end
    if row.messages != len(made.uids):  # flags are lost
        return NewColumns.of(rows(database, mailbox))
    return made._replace(ordered=ordered)


def keywords(database: Database, mailbox: MailboxId) -> tuple[str, ...]:
    """Give a mailbox's keywords in the order of their bits."""
    rows = database.all(
        "SELECT name FROM keyword WHERE mailbox = ? ORDER BY bit", (mailbox,)
    )
    return tuple(row[0] for row in rows)


def entries_from(database: Database, mailbox: MailboxId, uid: int) -> list[EntryRow]:
    """Give the rows from a UID on: what has arrived since."""
    return rows(database, mailbox, Selection(((uid, LAST_UID),)))


def masks_since(
    database: Database, mailbox: MailboxId, modseq: int, uidnext: int
) -> list[tuple[int, int, int]]:
    """Give (uid, mask, modseq) below ``uidnext`` that changed after a mod-sequence."""
    return flagblocks.flags(database, mailbox, Selection(((1, uidnext - 1),)), modseq)


def masks_of(
    database: Database, mailbox: MailboxId, uids: Collection[int]
) -> list[tuple[int, int, int]]:
    """Give (uid, mask, modseq) of those of some messages that are there."""
    return flagblocks.flags(database, mailbox, Selection(tuple(join(sorted(uids)))))


def uids_below(database: Database, mailbox: MailboxId, uid: int) -> list[int]:
    """Give the UIDs of a mailbox's messages up to one, ascending."""
    sql = "SELECT uid FROM entry WHERE mailbox = ? AND uid < ? ORDER BY uid"
    return [row[0] for row in database.all(sql, (mailbox, uid))]


def vanished_since(
    database: Database, mailbox: MailboxId, modseq: int, most: int | None = None
) -> array[int]:
    """Give the UIDs that were removed after a mod-sequence, ascending.

    Of those whose tombstones are there; of more than ``most`` one more than that.
    """
    rows = database.all(
        "SELECT uid FROM expunged WHERE mailbox = ? AND modseq > ? LIMIT ?",
        (mailbox, modseq, -1 if most is None else most + 1),
    )
    return array("I", sorted([row[0] for row in rows]))


def tombstones(
    database: Database, mailbox: MailboxId, modseq: int, uids: Sequence[int]
) -> list[EntryRow]:
    """Give what is left of messages that were removed after a mod-sequence.

    Ascending by UID; purged ones are left out.
    """
    rows = database.all(
        f"SELECT {_TOMBSTONE} FROM expunged WHERE mailbox = ? AND modseq > ?"
        " AND uid IN (SELECT value FROM json_each(?)) ORDER BY uid",
        (mailbox, modseq, json.dumps(list(uids))),
    )
    return [
        EntryRow(uid, to_mask(flags, more), *rest) for uid, flags, more, *rest in rows
    ]


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
