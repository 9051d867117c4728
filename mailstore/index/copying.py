"""COPY and MOVE: new rows for messages that are there already (RFC 3501 §6.4.7,
RFC 6851).

Copies share the message and its bytes, and have EMAILIDs of their own if so wanted. A
move is one transaction over both
mailboxes: a message is never in neither and never in both.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass

from mailstore.errors import NotFound
from mailstore.index import annotate, emailids, entries, private
from mailstore.index.arrival import add_entries, open_target
from mailstore.index.database import Database
from mailstore.index.entries import keywords
from mailstore.index.keywords import flag_names, mask_of
from mailstore.index.private import Private
from mailstore.index.records import Delta, EntryRow
from mailstore.index.removal import Cause, expunge
from mailstore.index.selection import EVERYTHING, Selection
from mailstore.model import FIRST_KEYWORD_BIT, Acting, How, MailboxId

_SYSTEM = (1 << FIRST_KEYWORD_BIT) - 1


@dataclass(frozen=True, slots=True)
class CopyDone:
    """Which message became which, and what happened to the two mailboxes."""

    uidvalidity: int
    source: array[int]
    target: array[int]
    deltas: tuple[Delta, ...]


def copy(
    database: Database,
    source: MailboxId,
    among: Selection,
    to: str,
    now: int,
    *,
    me: str | None = "",
    whose: Private | None = None,
    move: bool = False,
    by: Acting | None = None,
    settable: int = -1,
    shared: bool = True,
    apart: bool = False,
    most_notes: int | None = None,
) -> CopyDone:
    """Copy messages to a mailbox, or move them there, in the order of their UIDs.

    Flags, keywords and INTERNALDATE are kept, of flags those in ``settable``, and
    annotations that are shared or ``me``'s, with None all of them; without ``shared``
    none that are shared. Who has flags for himself (``whose``) takes his own along, and
    has them there for himself too; a move takes along those of everybody. Copies that
    are ``apart`` get EMAILIDs of their own; what is moved keeps its own. What is gone
    already is left out. Raises `NotFound` when either mailbox is gone, `TooMany`, and
    `TooManyAnnotations` if there are more than ``most_notes`` of one owner then.
    """
    annotated, numbered, marked = _look_at(database, source)
    target = open_target(database, to)
    kept = _kept(whose, settable, move=move)
    rows = entries.rows(database, source, among, kept)
    uids = array("I", [row.uid for row in rows])
    if not rows:
        return CopyDone(_uidvalidity(database, target), uids, uids, ())
    own = _own_flags(database, source, whose, rows)
    rows, known = translate(database, rows, source, target)
    arrived = add_entries(database, target, rows, known, now)
    deltas = [arrived.delta]
    made = array("I", [row.uid for row in arrived.delta.new])
    pairs = list(zip(uids, made, strict=True))
    if annotated:
        modseq = arrived.delta.modseq
        most = None if move else most_notes
        annotate.copy(
            database, source, target, pairs, modseq, me, shared=shared, most=most
        )
    if move and numbered:
        emailids.carry(database, source, target, pairs)
    elif apart and not move:
        emailids.give(database, target, arrived.delta.new)
    if whose is not None:
        flags = {uid: mine & settable for uid, mine in zip(made, own, strict=True)}
        deltas += private.mark_new(database, arrived.delta, whose, flags)
    if move and marked:
        deltas += private.carry(database, source, dict(pairs), deltas[-1], whose)
    if move:
        cause = Cause(How.MOVED, by, (target, made[0]))
        removed = expunge(database, source, among, now, deleted_only=False, cause=cause)
        deltas += [removed] if removed is not None else []
    return CopyDone(arrived.uidvalidity, uids, made, tuple(deltas))


def _uidvalidity(database: Database, mailbox: MailboxId) -> int:
    row = database.one("SELECT uidvalidity FROM mailbox WHERE id = ?", (mailbox,))
    return 0 if row is None else int(row[0])


def _kept(whose: Private | None, settable: int, *, move: bool) -> int:
    """Give the flags that rows have in the target.

    What is each person's own stays the owner's own too when a guest moves a message;
    a guest's copy is new to him.
    """
    if whose is None:
        return settable
    return settable & ~whose.mask | (whose.mask if move else 0)


def _own_flags(
    database: Database, source: MailboxId, whose: Private | None, rows: list[EntryRow]
) -> list[int]:
    """Give what a person has for himself at messages, in their order."""
    if whose is None:
        return [0] * len(rows)
    marks = private.of(database, source, whose, [row.uid for row in rows])
    return [whose.seen(0, marks.get(row.uid)) for row in rows]


def _look_at(database: Database, source: MailboxId) -> tuple[bool, bool, bool]:
    """Tell whether messages have annotations, own EMAILIDs, and private flags.

    Raises `NotFound`.
    """
    row = database.one(
        "SELECT EXISTS (SELECT 1 FROM annotation WHERE mailbox = ?),"
        " EXISTS (SELECT 1 FROM emailid WHERE mailbox = ?), private"
        " FROM mailbox WHERE id = ? AND name IS NOT NULL",
        (source, source, source),
    )
    if row is None:
        raise NotFound(detail="the source is gone")
    return bool(row[0]), bool(row[1]), bool(row[2])


def move_all(
    database: Database,
    source: MailboxId,
    to: str,
    now: int,
    by: Acting | None = None,
) -> CopyDone:
    """Move every message: what RENAME does to INBOX (RFC 3501 §6.3.5)."""
    return copy(database, source, EVERYTHING, to, now, me=None, move=True, by=by)


def translate(
    database: Database, rows: list[EntryRow], source: MailboxId, target: MailboxId
) -> tuple[list[EntryRow], tuple[str, ...] | None]:
    """Say the keywords of the rows with the bits of the target mailbox."""
    if source == target:
        return rows, None
    names = keywords(database, source)
    known: tuple[str, ...] | None = None
    table: dict[int, int] = {}
    for row in rows:
        bits = row.mask & ~_SYSTEM
        if bits and bits not in table:
            table[bits], made = mask_of(database, target, flag_names(bits, names))
            known = made or known
    if not table:
        return rows, None
    return [
        row._replace(mask=row.mask & _SYSTEM | table.get(row.mask & ~_SYSTEM, 0))
        for row in rows
    ], known
