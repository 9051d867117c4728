"""Annotations of messages as rows (RFC 5257).

They belong to a message's place in a mailbox, by its UID, and stay there with its
tombstone. One that was removed leaves its row, without a value, so that others can be
told; the next purge drops it. Names of entries have their case. It must not know who
may read or write what, nor which entries there are.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from mailstore.errors import NotFound, TooManyAnnotations
from mailstore.index import flagblocks
from mailstore.index.database import Database, Value
from mailstore.index.flags import FlagsStored
from mailstore.index.records import ChangedFlags, Delta
from mailstore.index.selection import Selection
from mailstore.model import AnnotationChange, AnnotationName, MailboxId
from mailstore.ranges import without

SHARED = ""  # the owner of what is not private
_SLICE = 512
_NOTES = 2  # of so many rows for each that there may be, those without value go


@dataclass(frozen=True, slots=True)
class Bounds:
    """How many annotations of one owner there may be."""

    of_message: int
    of_mailbox: int


@dataclass(frozen=True, slots=True)
class Listed:
    """An annotation without its value."""

    uid: int
    owner: str
    entry: str
    octets: int


# -- reading


def listed(
    database: Database, mailbox: MailboxId, me: str, uids: Sequence[int]
) -> list[Listed]:
    """Give the annotations of messages that somebody may see, in order."""
    rows = database.all(
        "SELECT a.uid, a.owner, a.entry, length(a.value) FROM json_each(?) j"
        " CROSS JOIN annotation a ON a.mailbox = ? AND a.uid = j.value"
        " WHERE a.owner IN (?, ?) AND a.value IS NOT NULL"
        " ORDER BY a.uid, a.entry, a.owner",
        (json.dumps(list(uids)), mailbox, SHARED, me),
    )
    return [Listed(*row) for row in rows]


def values(
    database: Database,
    mailbox: MailboxId,
    me: str,
    uids: Sequence[int],
    entries: Sequence[str],
) -> dict[tuple[int, str, str], bytes]:
    """Give values by (uid, owner, entry)."""
    rows = database.all(
        "SELECT a.uid, a.owner, a.entry, a.value FROM json_each(?) j"
        " CROSS JOIN annotation a ON a.mailbox = ? AND a.uid = j.value"
        " WHERE a.owner IN (?, ?) AND a.value IS NOT NULL"
        " AND a.entry IN (SELECT value FROM json_each(?))",
        (json.dumps(list(uids)), mailbox, SHARED, me, json.dumps(list(entries))),
    )
    return {(uid, owner, entry): value for uid, owner, entry, value in rows}


def changes(
    database: Database, mailbox: MailboxId, me: str, uids: Sequence[int], since: int
) -> list[tuple[int, str, int]]:
    """Give (uid, entry, modseq) of what changed after a mod-sequence, in order.

    An entry is there twice if its shared and its private value have changed.
    """
    return database.all(
        "SELECT a.uid, a.entry, a.modseq FROM json_each(?) j"
        " CROSS JOIN annotation a ON a.mailbox = ? AND a.uid = j.value"
        " WHERE a.owner IN (?, ?) AND a.modseq > ?"
        " ORDER BY a.uid, a.entry, a.owner",
        (json.dumps(list(uids)), mailbox, SHARED, me, since),
    )


def matching(
    database: Database,
    mailbox: MailboxId,
    owners: Sequence[str],
    is_entry: Callable[[str], bool],
    is_value: Callable[[bytes], bool] | None,
) -> array[int]:
    """Give the UIDs of messages with an annotation that fits, ascending.

    Without ``is_value`` any value will do, and none is read.
    """
    chosen = [*owners, *([""] * (2 - len(owners)))][:2]
    who = "owner IN (?, ?)" if len(owners) > 1 else "owner = ? AND ? = ''"
    names = database.all(
        f"SELECT DISTINCT entry FROM annotation WHERE mailbox = ? AND {who}",
        (mailbox, *chosen),
    )
    entries = json.dumps([entry for (entry,) in names if is_entry(entry)])
    found: set[int] = set()
    column = "uid" if is_value is None else "uid, value"
    with database.rows(
        f"SELECT {column} FROM annotation WHERE mailbox = ? AND {who}"
        " AND entry IN (SELECT value FROM json_each(?)) AND value IS NOT NULL",
        (mailbox, *chosen, entries),
    ) as rows:
        for uid, *value in rows:
            if is_value is None or (uid not in found and is_value(*value)):
                found.add(uid)
    return array("I", sorted(found))


def first_octets(
    database: Database, mailbox: MailboxId, owner: str, entry: str, most: int
) -> dict[int, bytes]:
    """Give the beginnings of all values of one entry, by UID."""
    return dict(
        database.all(
            "SELECT uid, substr(value, 1, ?) FROM annotation WHERE mailbox = ?"
            " AND owner = ? AND entry = ? AND value IS NOT NULL",
            (most, mailbox, owner, entry),
        )
    )


def to_carry(
    database: Database, mailbox: MailboxId, me: str, uids: Sequence[int], most: int
) -> dict[int, tuple[AnnotationChange, ...]]:
    """Give what makes copies in another account have the annotations (§4.6).

    Those that are shared or ``me``'s. Raises `TooManyAnnotations` where their values
    have more octets than are to be in memory.
    """
    found: dict[int, tuple[AnnotationChange, ...]] = {}
    octets = 0
    for at in range(0, len(uids), _SLICE):
        some = listed(database, mailbox, me, uids[at : at + _SLICE])
        if not some:
            continue
        octets += sum(one.octets for one in some)
        if octets > most:
            raise TooManyAnnotations
        entries = sorted({one.entry for one in some})
        there = sorted({one.uid for one in some})
        texts = values(database, mailbox, me, there, entries)
        for one in some:
            name = AnnotationName(one.entry, one.owner != SHARED)
            change = AnnotationChange(name, texts[one.uid, one.owner, one.entry])
            found[one.uid] = (*found.get(one.uid, ()), change)
    return found


def octets(database: Database, mailbox: MailboxId, uids: Sequence[int]) -> int:
    """Sum up the values of all annotations of messages, whosever they are."""
    row = database.one(
        "SELECT coalesce(sum(length(a.value)), 0) FROM json_each(?) j"
        " CROSS JOIN annotation a ON a.mailbox = ? AND a.uid = j.value",
        (json.dumps(list(uids)), mailbox),
    )
    return int(row[0]) if row else 0


# -- writing


def annotate(
    database: Database,
    mailbox: MailboxId,
    among: Selection,
    me: str,
    changes: Sequence[AnnotationChange],
    bounds: Bounds,
    *,
    unchanged_since: int | None,
    seen_at: int,
) -> FlagsStored:
    """Set annotations of messages; ``seen_at`` is what the caller knew.

    What is as wanted already is not written and keeps its mod-sequence. Raises
    `NotFound` when the mailbox is gone, `TooManyAnnotations`.
    """
    row = database.one(
        "SELECT highestmodseq FROM mailbox WHERE id = ? AND name IS NOT NULL",
        (mailbox,),
    )
    if row is None:
        raise NotFound
    base = int(row[0])
    external: list[int] = []
    failed: list[int] = []
    if base > seen_at:
        external = _newer(database, mailbox, among, seen_at)
    if unchanged_since is not None and base > unchanged_since:
        failed = _newer(database, mailbox, among, unchanged_since)
        among = Selection(tuple(without(among.ranges, failed)))
    where, given = among.where(mailbox)
    uids = _uids(database, f"SELECT uid FROM entry WHERE {where} ORDER BY uid", given)
    touched = _set(database, mailbox, uids, me, changes, base + 1)
    if not touched:
        return FlagsStored(Delta(mailbox, base, base), external, failed)
    owners = {_owner(change, me) for change in changes}
    _bound(database, mailbox, touched, owners, bounds, base + 1)
    masks = flagblocks.touch(database, mailbox, touched, base + 1)
    database.execute(
        "UPDATE mailbox SET highestmodseq = ? WHERE id = ?", (base + 1, mailbox)
    )
    delta = Delta(mailbox, base, base + 1, changed=ChangedFlags.of(masks))
    return FlagsStored(delta, external, failed)


def _newer(
    database: Database, mailbox: MailboxId, among: Selection, modseq: int
) -> list[int]:
    rows = flagblocks.flags(database, mailbox, among, modseq)
    return [uid for uid, _, changed in rows if changed > modseq]


def _uids(database: Database, sql: str, given: Sequence[Value]) -> list[int]:
    return [row[0] for row in database.all(sql, given)]


def _owner(change: AnnotationChange, me: str) -> str:
    return me if change.name.private else SHARED


def _set(
    database: Database,
    mailbox: MailboxId,
    uids: Sequence[int],
    me: str,
    changes: Sequence[AnnotationChange],
    modseq: int,
) -> list[int]:
    """Write the rows; gives the messages of which any is another one now."""
    touched: set[int] = set()
    which = json.dumps(list(uids))
    before = octets(database, mailbox, uids)
    for change in changes:
        place = (_owner(change, me), change.name.entry)
        if change.value is None:
            rows = database.all(
                "UPDATE annotation SET value = NULL, modseq = ? WHERE mailbox = ?"
                " AND uid IN (SELECT value FROM json_each(?)) AND owner = ?"
                " AND entry = ? AND value IS NOT NULL RETURNING uid",
                (modseq, mailbox, which, *place),
            )
        else:
            rows = database.all(
                "INSERT INTO annotation (mailbox, uid, owner, entry, value, modseq)"
                " SELECT ?, value, ?, ?, ?, ? FROM json_each(?) WHERE true"
                " ON CONFLICT (mailbox, uid, owner, entry) DO UPDATE"
                " SET value = excluded.value, modseq = excluded.modseq"
                " WHERE value IS NOT excluded.value RETURNING uid",
                (mailbox, *place, change.value, modseq, which),
            )
        touched.update(row[0] for row in rows)
    _count(database, mailbox, octets(database, mailbox, uids) - before)
    return sorted(touched)


def _count(database: Database, mailbox: MailboxId, more: int) -> None:
    """Note how much more the annotations of a mailbox's messages are now."""
    if more:
        database.execute(
            "UPDATE mailbox SET annotations = annotations + ? WHERE id = ?",
            (more, mailbox),
        )


def _bound(
    database: Database,
    mailbox: MailboxId,
    uids: Sequence[int],
    owners: set[str],
    bounds: Bounds,
    modseq: int,
) -> None:
    """Hold the bounds on what one owner has. Raises `TooManyAnnotations`.

    Of removed ones only those of this change are sure to stay.
    """
    which = json.dumps(list(uids))
    for owner in owners:
        rows = database.all(
            "SELECT a.uid, count(a.value), count(*) FROM json_each(?) j"
            " CROSS JOIN annotation a ON a.mailbox = ? AND a.uid = j.value"
            " AND a.owner = ? GROUP BY a.uid HAVING count(*) > ?",
            (which, mailbox, owner, bounds.of_message),
        )
        if any(count > bounds.of_message for _, count, _ in rows):
            raise TooManyAnnotations(
                f"a message can have {bounds.of_message} annotations"
            )
        full = [uid for uid, _, all_ in rows if all_ > _NOTES * bounds.of_message]
        database.many(
            "DELETE FROM annotation WHERE mailbox = ? AND uid = ? AND owner = ?"
            " AND value IS NULL AND modseq < ?",
            [(mailbox, uid, owner, modseq) for uid in full],
        )
    _bound_mailbox(database, mailbox, owners, bounds.of_mailbox)


def _bound_mailbox(
    database: Database, mailbox: MailboxId, owners: Iterable[str], most: int
) -> None:
    """Hold the bound on what one owner has in a mailbox. Raises as `_bound`."""
    for owner in owners:
        # The key alone tells, unless there are that many.
        if all(
            database.one(
                "SELECT 1 FROM annotation WHERE mailbox = ? AND owner = ?"
                f" {condition} LIMIT 1 OFFSET ?",
                (mailbox, owner, most),
            )
            for condition in ("", "AND value IS NOT NULL")
        ):
            raise TooManyAnnotations(f"a mailbox can have {most} annotations")


def add(
    database: Database,
    mailbox: MailboxId,
    me: str,
    new: Mapping[int, Sequence[AnnotationChange]],
    modseq: int,
    bounds: Bounds,
) -> None:
    """Annotate messages that arrive, by their UIDs. Raises `TooManyAnnotations`."""
    for uid, given in new.items():
        _set(database, mailbox, [uid], me, given, modseq)
    owners = {_owner(change, me) for given in new.values() for change in given}
    _bound(database, mailbox, list(new), owners, bounds, modseq)


def copy(
    database: Database,
    source: MailboxId,
    target: MailboxId,
    pairs: Iterable[tuple[int, int]],
    modseq: int,
    me: str | None,
    *,
    shared: bool = True,
    most: int | None = None,
) -> None:
    """Give copies of messages their annotations: shared ones, and one's own (§4.6).

    ``pairs`` are UIDs there and here; None as ``me``: those of everybody. Raises
    `TooManyAnnotations` if one owner has more than ``most`` in the mailbox then.
    """
    made = database.all(
        "INSERT INTO annotation (mailbox, uid, owner, entry, value, modseq)"
        " SELECT ?, j.value ->> 1, a.owner, a.entry, a.value, ? FROM json_each(?) j"
        " CROSS JOIN annotation a ON a.mailbox = ? AND a.uid = j.value ->> 0"
        " WHERE a.value IS NOT NULL AND CASE a.owner WHEN ? THEN ?"
        " ELSE ? IS NULL OR a.owner = ? END RETURNING length(value)",
        (target, modseq, json.dumps(list(pairs)), source, SHARED, shared, me, me),
    )
    _count(database, target, sum(row[0] for row in made))
    if most is not None and made:
        _bound_mailbox(database, target, {SHARED, me or SHARED}, most)


def uncount(database: Database, mailbox: MailboxId, gone: Sequence[int]) -> None:
    """Count those of removed messages no more."""
    _count(database, mailbox, -octets(database, mailbox, gone))


def purge(database: Database, gone: Sequence[tuple[int, int]]) -> None:
    """Drop what belongs to purged tombstones, by (mailbox, uid)."""
    database.many("DELETE FROM annotation WHERE mailbox = ? AND uid = ?", gone)


def forget_removed(database: Database) -> None:
    """Drop the rows of removed ones: who is connected has been told of them."""
    database.execute("DELETE FROM annotation WHERE value IS NULL")
