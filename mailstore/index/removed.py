"""Removed messages as mailboxes of their own, one for each that has lost some.

A tombstone that can be brought back (`mailstore.index.undelete`) is shown as a message.
It gets a UID when somebody first looks, and keeps it: numbers ascend in the order in
which messages are found to be removed, and none is given twice (RFC 3501 §2.3.1.1).
`is_behind` tells whether something is to be numbered or has left, `take_stock` does it;
all else reads what was numbered.

Such a mailbox is called `removed_id` of the one it belongs to. Its UIDVALIDITY ascends
whenever it gets another name: no two contents have one name and one UIDVALIDITY.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Sequence
from dataclasses import dataclass

from mailstore.index import annotate, emailids, mailboxes
from mailstore.index.arrival import add_entries, open_target
from mailstore.index.copying import CopyDone, translate
from mailstore.index.database import Database
from mailstore.index.entries import Selected, keywords
from mailstore.index.records import (
    Delta,
    EntryRow,
    MailboxRow,
    NewColumns,
    to_mask,
)
from mailstore.index.selection import Selection
from mailstore.index.undelete import Place, places
from mailstore.model import DELETED, SEEN, How, MailboxId

FIRST_OF_REMOVED = 1 << 39
"""From here on such mailboxes are numbered, below those of other accounts."""

_LOST = (
    "x.at >= ? AND x.restored IS NULL"
    f" AND coalesce(x.how, 0) NOT IN ({How.MOVED:d}, {How.REPLACED:d}, {How.DAMAGED:d})"
    " AND x.message NOT IN (SELECT message FROM damaged)"
    # An older program did not tell a removal from a move: see `undelete.tombstones`.
    " AND (x.how IS NOT NULL OR x.message NOT IN (SELECT message FROM entry))"
)
_TOMBSTONE = "x.mailbox = d.mailbox AND x.modseq = d.removal AND x.uid = d.was"
SHOWN = f"removed_entry d JOIN expunged x ON {_TOMBSTONE}"
_COLUMNS = "x.flags, x.more, d.modseq, x.size, x.internaldate, x.zone, x.message"


def removed_id(mailbox: MailboxId) -> MailboxId:
    """Give the number of the mailbox that shows what another one has lost."""
    return MailboxId(FIRST_OF_REMOVED + mailbox)


def source_of(mailbox: MailboxId) -> MailboxId:
    """Give the mailbox that has lost what is shown."""
    return MailboxId(mailbox - FIRST_OF_REMOVED)


# -- names


def lost_places(database: Database, after: int) -> list[Place]:
    """Give the mailboxes that have lost something after a time that can come back."""
    found = database.all(
        "SELECT m.id FROM mailbox m WHERE EXISTS (SELECT 1 FROM expunged x"
        f" WHERE x.mailbox = m.id AND {_LOST})",
        (after,),
    )
    wanted = {row[0] for row in found}
    return [place for place in places(database, after) if place.id in wanted]


# -- numbering


def is_behind(database: Database, mailbox: MailboxId, after: int) -> bool:
    """Tell whether `take_stock` would change what is shown of a mailbox's losses."""
    row = database.one(
        f"SELECT EXISTS ({_new('1')}) OR EXISTS (SELECT 1 FROM removed_entry d"
        f" LEFT JOIN expunged x ON {_TOMBSTONE} WHERE d.mailbox = ?"
        f" AND (x.uid IS NULL OR NOT ({_LOST})))",
        (mailbox, after, mailbox, after),
    )
    return bool(row and row[0])


def _new(columns: str) -> str:
    return (
        f"SELECT {columns} FROM expunged x WHERE x.mailbox = ? AND {_LOST}"
        " AND NOT EXISTS (SELECT 1 FROM removed_entry d WHERE d.mailbox = x.mailbox"
        " AND d.removal = x.modseq AND d.was = x.uid)"
    )


def mark(database: Database, mailbox: MailboxId) -> tuple[int, ...]:
    """Give what is another as soon as something was removed, numbered or restored.

    Not when something is too old by now. Much less to read than `is_behind` has.
    """
    row = database.one(
        "SELECT coalesce((SELECT highestmodseq FROM mailbox WHERE id = ?1), 0),"
        " coalesce((SELECT highestmodseq FROM removed_mailbox WHERE mailbox = ?1), 0),"
        " (SELECT count(restored) FROM expunged WHERE mailbox = ?1)",
        (mailbox,),
    )
    return tuple(row or ())


def shown_name(database: Database, mailbox: MailboxId) -> str | None:
    """Give the name under which a mailbox's losses were shown last."""
    row = database.one("SELECT name FROM removed_mailbox WHERE mailbox = ?", (mailbox,))
    return None if row is None else str(row[0])


def take_stock(
    database: Database, mailbox: MailboxId, name: str | None, after: int, now: int
) -> None:
    """Number what was removed since the last time, and drop what can't come back.

    ``name`` is what it is shown under by now; None: that has not changed.
    """
    if name is not None and name != shown_name(database, mailbox):
        uidvalidity = mailboxes.next_uidvalidity(database, now)
        database.execute(
            "INSERT INTO removed_mailbox VALUES (?, ?, ?, 1, 1) ON CONFLICT (mailbox)"
            " DO UPDATE SET name = excluded.name, uidvalidity = excluded.uidvalidity",
            (mailbox, name, uidvalidity),
        )
    row = database.one(
        "SELECT uidnext, highestmodseq + 1 FROM removed_mailbox WHERE mailbox = ?",
        (mailbox,),
    )
    if row is None:
        return
    first, modseq = row
    left = database.all(
        "DELETE FROM removed_entry AS d WHERE d.mailbox = ? AND NOT EXISTS"
        f" (SELECT 1 FROM expunged x WHERE {_TOMBSTONE} AND {_LOST}) RETURNING uid",
        (mailbox, after),
    )
    order = "row_number() OVER (ORDER BY x.modseq, x.uid) - 1 + ?"
    new = database.all(
        "INSERT INTO removed_entry (mailbox, uid, removal, was, modseq)"
        f" {_new(f'x.mailbox, {order}, x.modseq, x.uid, ?')} RETURNING uid",
        (first, modseq, mailbox, after),
    )
    if left or new:
        database.execute(
            "UPDATE removed_mailbox SET uidnext = ?, highestmodseq = ?"
            " WHERE mailbox = ?",
            (first + len(new), modseq, mailbox),
        )


# -- reading what was numbered


def shown_row(database: Database, mailbox: MailboxId) -> MailboxRow | None:
    """Give the counters of the mailbox that shows another one's losses."""
    row = database.one(
        "SELECT m.name, m.uidvalidity, m.uidnext, m.highestmodseq, count(x.uid),"
        f" count(x.uid) FILTER (WHERE NOT x.flags & {SEEN}), coalesce(sum(x.size), 0)"
        f" FROM removed_mailbox m LEFT JOIN ({SHOWN}) ON d.mailbox = m.mailbox"
        " WHERE m.mailbox = ? GROUP BY m.mailbox",
        (mailbox,),
    )
    if row is None:
        return None
    name, uidvalidity, uidnext, highest, messages, unseen, octets = row
    return MailboxRow(
        removed_id(mailbox),
        name,
        selectable=True,
        special_use=None,
        uidvalidity=uidvalidity,
        uidnext=uidnext,
        highestmodseq=highest,
        messages=messages,
        unseen=unseen,
        deleted=0,
        bytes=octets,
        recent_from=uidnext,  # RFC 3501 §2.3.2: none of these is new to anybody
    )


def load(database: Database, mailbox: MailboxId) -> NewColumns:
    """Read all that is shown, as `entries.load` reads a mailbox.

    Without \\Deleted, which programs take for a reason to hide a message.
    """
    return NewColumns.of(_rows(database, mailbox, 0))


def changes(
    database: Database, mailbox: MailboxId, modseq: int, known: Sequence[int]
) -> Delta | None:
    """Give what changed behind a mod-sequence, for who knows some UIDs.

    None: nothing did.
    """
    row = shown_row(database, mailbox)
    shown = removed_id(mailbox)
    if row is None:  # the mailbox was purged, and all that it had lost
        if not known:
            return None
        return Delta(shown, modseq, modseq + 1, vanished=array("I", known))
    if row.highestmodseq == modseq:
        return None
    new = _rows(database, mailbox, modseq)
    rows = database.all("SELECT uid FROM removed_entry WHERE mailbox = ?", (mailbox,))
    there = {uid for (uid,) in rows}
    return Delta(
        shown,
        modseq,
        row.highestmodseq,
        row.uidnext,
        new=new,
        vanished=array("I", [uid for uid in known if uid not in there]),
        keywords=keywords(database, mailbox),
    )


def _rows(database: Database, mailbox: MailboxId, modseq: int) -> list[EntryRow]:
    rows = database.all(
        f"SELECT d.uid, {_COLUMNS} FROM {SHOWN}"
        " WHERE d.mailbox = ? AND d.modseq > ? ORDER BY d.uid",
        (mailbox, modseq),
    )
    return [
        EntryRow(uid, to_mask(flags, more) & ~DELETED, *rest)
        for uid, flags, more, *rest in rows
    ]


# -- copying


@dataclass(frozen=True, slots=True)
class Shown:
    """One message that is shown; ``was`` is the UID that it had."""

    uid: int
    row: EntryRow
    blob: str

    @property
    def was(self) -> int:
        """Give the UID that it had in its mailbox."""
        return self.row.uid

    @property
    def selected(self) -> Selected:
        """Give it as a message of a mailbox."""
        row = self.row
        return Selected(self.uid, row.mask, row.size, row.epoch, row.zone, self.blob)


def shown(
    database: Database, mailbox: MailboxId, among: Selection, most: int
) -> list[Shown]:
    """Give messages by the UIDs that they are shown with; no more than ``most``."""
    rows = database.all(
        f"SELECT d.uid, m.blob, d.was, {_COLUMNS} FROM json_each(?) j"
        " CROSS JOIN removed_entry d ON d.mailbox = ?"
        " AND d.uid BETWEEN j.value ->> 0 AND j.value ->> 1"
        f" JOIN expunged x ON {_TOMBSTONE} JOIN message m ON m.id = x.message"
        " ORDER BY d.uid LIMIT ?",
        (json.dumps(among.ranges), mailbox, most),
    )
    return [
        Shown(uid, EntryRow(was, to_mask(flags, more) & ~DELETED, *rest), blob)
        for uid, blob, was, flags, more, *rest in rows
    ]


def copy(
    database: Database,
    mailbox: MailboxId,
    among: Selection,
    to: str,
    now: int,
    *,
    me: str,
    settable: int = -1,
    annotates: bool = True,
    apart: bool = False,
    most_notes: int | None = None,
) -> CopyDone:
    """Copy messages that a mailbox has lost to one that is there.

    As `mailstore.index.copying.copy` does; it marks nothing as brought back, since a
    copy leaves what it is made of (RFC 3501 §6.4.7). Raises `NotFound`, `TooMany`.
    """
    target = open_target(database, to)
    found = shown(database, mailbox, among, 2**31)
    uids = array("I", [one.uid for one in found])
    rows = [one.row._replace(mask=one.row.mask & settable) for one in found]
    rows, known = translate(database, rows, mailbox, target)
    if not rows:
        return CopyDone(_uidvalidity(database, target), uids, uids, ())
    arrived = add_entries(database, target, rows, known, now)
    made = array("I", [row.uid for row in arrived.delta.new])
    pairs = zip([one.was for one in found], made, strict=True)
    modseq = arrived.delta.modseq
    annotate.copy(
        database,
        mailbox,
        target,
        pairs,
        modseq,
        me,
        shared=annotates,
        most=most_notes,
    )
    if apart:
        emailids.give(database, target, arrived.delta.new)
    return CopyDone(arrived.uidvalidity, uids, made, (arrived.delta,))


def _uidvalidity(database: Database, mailbox: MailboxId) -> int:
    row = mailboxes.mailbox_numbered(database, mailbox)
    return 0 if row is None else row.uidvalidity
