"""Removed messages and deleted mailboxes, as long as their rows are there.

What was removed is a tombstone (`mailstore.index.removal`). One that tells of a move
leads to another row: the message itself, or the tombstone of a later removal. The
*end* of such a path is what can be brought back, once, to any place on it. Bringing
back makes new rows with new UIDs (RFC 3501 §2.3.1.1: none comes back), notes it in the
tombstones and leaves them, since clients are still to be told of them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from mailstore.errors import NotFound
from mailstore.index import acl, annotate, damage, emailids, mailboxes, metadata
from mailstore.index.arrival import add_entries
from mailstore.index.copying import translate
from mailstore.index.database import Database, Value
from mailstore.index.records import Delta, EntryRow, to_mask
from mailstore.model import DELETED, DELIMITER, Acting, How, MailboxId, SpecialUse

UNNAMED = "Restored"  # for a mailbox whose name an older program did not keep
_LONGEST = 200  # characters of a level that gets a suffix


class Key(NamedTuple):
    """Which tombstone."""

    mailbox: int
    modseq: int
    uid: int


@dataclass(frozen=True, slots=True)
class Tombstone:
    """One removal of one message; ``end`` is where its path ends, often itself."""

    key: Key
    end: Key
    message: int
    at: int
    how: How
    remover: int | None


@dataclass(frozen=True, slots=True)
class Place:
    """A mailbox that has lost something; ``gone`` tells that it was deleted itself.

    ``restored`` tells that another one has been made in its place.
    """

    id: MailboxId
    name: str
    gone: bool
    at: int = 0
    remover: int | None = None
    restored: bool = False


@dataclass(frozen=True, slots=True)
class Remover:
    """A session that has removed something; ``id`` is its number in the account."""

    id: int
    acting: Acting
    last: int


@dataclass(frozen=True, slots=True)
class BroughtBack:
    """What one transaction has restored: old UIDs and their new ones."""

    mailbox: MailboxId
    name: str
    made: bool  # the mailbox
    uids: Sequence[tuple[int, int]]
    delta: Delta | None


# -- reading


def removers(database: Database) -> list[Remover]:
    """Give the sessions that have removed something, in the order of their start."""
    rows = database.all(
        "SELECT id, last, session, since, person, address, client FROM remover"
        " ORDER BY since, id"
    )
    return [Remover(id_, Acting(*rest), last) for id_, last, *rest in rows]


def places(database: Database, after: int) -> list[Place]:
    """Give all mailboxes, those among them that were deleted after a time."""
    rows = database.all(
        "SELECT m.id, coalesce(m.name, m.was, ?), m.name IS NULL,"
        " coalesce(m.gone_at, 0), m.remover, h.name IS NOT NULL FROM mailbox m"
        " LEFT JOIN mailbox h ON h.id = m.heir"
        " WHERE m.selectable AND (m.name IS NOT NULL OR m.gone_at >= ?"
        " OR m.gone_at IS NULL) ORDER BY m.id",
        (UNNAMED, after),
    )
    return [
        Place(MailboxId(id_), name, bool(gone), at, remover, bool(restored))
        for id_, name, gone, at, remover, restored in rows
    ]


def tombstones(database: Database, after: int) -> list[Tombstone]:
    """Give the removals after a time whose messages can be brought back.

    In the order in which they happened.
    """
    rows = database.all(
        "SELECT mailbox, modseq, uid, message, at, how, remover, restored,"
        " to_mailbox, to_uid FROM expunged ORDER BY at, mailbox, modseq, uid"
    )
    alive = _alive(database) if any(row[5] is None for row in rows) else frozenset()
    unusable = damage.known(database)
    moved = {(row[0], row[2]): (row[8], row[9]) for row in rows if row[5] == How.MOVED}
    ends = {
        (row[0], row[2]): Key(*row[:3])
        for row in rows
        if row[5] not in (How.MOVED, How.DAMAGED)
        and row[7] is None
        and row[4] >= after
        and row[3] not in unusable
        # An older program did not tell a removal from a move: what is still
        # somewhere may have been moved there.
        and (row[5] is not None or row[3] not in alive)
    }
    found = []
    for mailbox, modseq, uid, message, at, how, remover, *_ in rows:
        place = (mailbox, uid)
        while place in moved:
            place = moved[place]
        end = ends.get(place)
        if end is not None and at >= after:
            kind = How.EXPUNGED if how is None else How(how)
            key = Key(mailbox, modseq, uid)
            found.append(Tombstone(key, end, message, at, kind, remover))
    return found


def _alive(database: Database) -> frozenset[int]:
    return frozenset(row[0] for row in database.all("SELECT message FROM entry"))


def places_of(database: Database, messages: Iterable[int]) -> dict[int, list[str]]:
    """Give the mailboxes in which messages are still, by message."""
    rows = database.all(
        "SELECT e.message, m.name FROM entry e JOIN mailbox m ON m.id = e.mailbox"
        " WHERE e.message IN (SELECT value FROM json_each(?)) ORDER BY m.name",
        (json.dumps(list(messages)),),
    )
    found: dict[int, list[str]] = {}
    for message, name in rows:
        found.setdefault(message, []).append(name)
    return found


def descriptions(
    database: Database, messages: Sequence[int]
) -> dict[int, tuple[int, bytes, int | None]]:
    """Give (size, packed header, when it was sent) of messages."""
    rows = database.all(
        "SELECT id, size, header, sent FROM message"
        " WHERE id IN (SELECT value FROM json_each(?))",
        (json.dumps(list(messages)),),
    )
    return {id_: tuple(rest) for id_, *rest in rows}


# -- writing


def bring_back(
    database: Database,
    mailbox: MailboxId,
    chosen: Sequence[Tombstone],
    now: int,
    most: int,
) -> BroughtBack:
    """Give a mailbox back what it lost, or what was made in its place.

    It is made anew if it was deleted. What has been brought back meanwhile is left
    out. \\Deleted is taken off, except where a mailbox was deleted with its messages:
    else the next EXPUNGE would remove them again. Raises `NotFound`, `TooMany`.
    """
    rows = _rows(database, mailbox, chosen)
    if not rows and chosen:
        return BroughtBack(mailbox, "", made=False, uids=(), delta=None)
    target, name, made = _target(database, mailbox, now, most)
    delta = None
    uids: list[tuple[int, int]] = []
    if rows:
        entries, known = translate(
            database, [entry for entry, _, _ in rows], mailbox, target
        )
        saved = [when for _, when, _ in rows]
        delta = add_entries(database, target, entries, known, now, saved).delta
        _mark(database, [key for _, _, keys in rows for key in keys], now)
        old = [entry.uid for entry, _, _ in rows]
        uids = list(zip(old, [row.uid for row in delta.new], strict=True))
        annotate.copy(database, mailbox, target, uids, delta.modseq, me=None)
        emailids.carry(database, mailbox, target, uids)
    return BroughtBack(target, name, made, uids, delta)


def _rows(
    database: Database, mailbox: MailboxId, chosen: Sequence[Tombstone]
) -> list[tuple[EntryRow, int | None, tuple[Key, Key]]]:
    """Give the rows to be, with the time they were saved, and the tombstones."""
    wanted = json.dumps([(*one.key, *one.end) for one in chosen])
    rows = database.all(
        "SELECT x.modseq, x.how, x.saved, f.mailbox, f.modseq, f.uid, x.uid, x.flags,"
        " x.more, x.modseq, x.size, x.internaldate, x.zone, x.message"
        " FROM json_each(?) j CROSS JOIN expunged x ON x.mailbox = ?"
        " AND x.mailbox = j.value ->> 0 AND x.modseq = j.value ->> 1"
        " AND x.uid = j.value ->> 2 JOIN expunged f ON f.mailbox = j.value ->> 3"
        " AND f.modseq = j.value ->> 4 AND f.uid = j.value ->> 5"
        " WHERE f.restored IS NULL ORDER BY x.uid",
        (wanted, mailbox),
    )
    found = []
    for modseq, how, saved, to, at, end, uid, flags, more, *rest in rows:
        mask = to_mask(flags, more)
        if how != How.WITH_MAILBOX:
            mask &= ~DELETED
        keys = (Key(mailbox, modseq, uid), Key(to, at, end))
        found.append((EntryRow(uid, mask, *rest), saved, keys))
    return found


def _mark(database: Database, keys: Iterable[Key], now: int) -> None:
    database.many(
        "UPDATE expunged SET restored = ? WHERE mailbox = ? AND modseq = ? AND uid = ?",
        [(now, *key) for key in keys],
    )


def _target(
    database: Database, mailbox: MailboxId, now: int, most: int
) -> tuple[MailboxId, str, bool]:
    """Find the mailbox that gets the messages, or make it; tells which."""
    line: list[int] = []
    at: int | None = mailbox
    while at is not None:
        row = database.one(
            "SELECT name, was, special_use, heir FROM mailbox WHERE id = ?", (at,)
        )
        if row is None:
            break
        if row[0] is not None:
            return MailboxId(at), str(row[0]), False
        line.append(at)
        at = row[3]
    if not line:
        raise NotFound
    was, use = _name_and_use(database, line[-1])
    name = _free_name(database, was)
    made = mailboxes.create(database, name, use, now, most)
    # What the last of them had when it was deleted: rights that were taken from it must
    # not come back from one before it.
    last = MailboxId(line[-1])
    metadata.copy(database, last, made.id, now)
    acl.give(database, last, made.id)
    for one in line:
        database.execute("UPDATE mailbox SET heir = ? WHERE id = ?", (made.id, one))
    return made.id, name, True


def _name_and_use(database: Database, mailbox: int) -> tuple[str, SpecialUse | None]:
    """Give the name of a deleted mailbox, and its use if no other has got it."""
    values: Sequence[Value] = (mailbox,)
    row = database.one("SELECT was, special_use FROM mailbox WHERE id = ?", values)
    was, use = row or (None, None)
    taken = database.one(
        "SELECT 1 FROM mailbox WHERE special_use = ? AND name IS NOT NULL", (use,)
    )
    return was or UNNAMED, None if use is None or taken else SpecialUse(use)


def _free_name(database: Database, name: str) -> str:
    """Give the name, or one that nobody has; a bare name can be made a mailbox."""
    above, _, last = name.rpartition(DELIMITER)
    number, free = 1, name
    while database.one("SELECT 1 FROM mailbox WHERE name = ? AND selectable", (free,)):
        suffix = " (restored)" if number == 1 else f" (restored {number})"
        last_part = last[:_LONGEST] + suffix
        free = f"{above}{DELIMITER}{last_part}" if above else last_part
        number += 1
    return free
