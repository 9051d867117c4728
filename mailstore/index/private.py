"""Flags that a person has for himself in a mailbox of somebody else, as \\Seen.

A mark says which of a person's private flags a message has, and at which
mod-sequence he changed them last; a message without one has none of them. Marks stand
in rows of up to 512 messages by their UIDs: who reads a hundred thousand messages
costs two hundred rows, and who reads one more rewrites one of them. A change takes a
new mod-sequence of the mailbox; of a message's two mod-sequences the higher one is
what this person sees (RFC 7162 §3.1). Marks go with their messages.

It must not know which mailboxes are whose: the `Private` of a caller says that.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mailstore.index.database import Database
from mailstore.index.records import Delta
from mailstore.model import SEEN, SYSTEM_FLAGS, MailboxId

_SHIFT = 9
_MARK = struct.Struct("<HBQ")  # place in the chunk, flags, mod-sequence


@dataclass(frozen=True, slots=True)
class Private:
    """Who has flags for himself, and which: a mask of system flags."""

    person: str
    mask: int

    def own(self, flags: Collection[str]) -> int:
        """Give the private ones among flags, as a mask."""
        found = 0
        for flag in flags:
            found |= SYSTEM_FLAGS.get(flag, 0)
        return found & self.mask

    def seen(self, mask: int, mark: Mark | None) -> int:
        """Give what this person sees of a message's flags, with his own."""
        own = 0 if mark is None else mark.flags & self.mask
        return mask & ~self.mask | own

    def shared(self, flags: Collection[str]) -> tuple[str, ...]:
        """Give the flags that are not private."""
        return tuple([f for f in flags if not SYSTEM_FLAGS.get(f, 0) & self.mask])


@dataclass(frozen=True, slots=True)
class Mark:
    """The private flags of one message for one person, since a mod-sequence."""

    flags: int
    modseq: int


Marks = dict[int, Mark]
"""By UID, ascending."""


def load(database: Database, mailbox: MailboxId, whose: Private) -> Marks:
    """Give all marks of a person in a mailbox."""
    return since(database, mailbox, whose, 0)


def since(database: Database, mailbox: MailboxId, whose: Private, modseq: int) -> Marks:
    """Give the marks that were changed after a mod-sequence."""
    rows = database.all(
        "SELECT chunk, marks FROM private_flags WHERE mailbox = ? AND person = ?"
        " AND modseq > ? ORDER BY chunk",
        (mailbox, whose.person, modseq),
    )
    found = _read(rows)
    if modseq <= 0:
        return found
    return {uid: mark for uid, mark in found.items() if mark.modseq > modseq}


def of(
    database: Database, mailbox: MailboxId, whose: Private, uids: Collection[int]
) -> Marks:
    """Give the marks of the chunks that some messages are in."""
    rows = database.all(
        "SELECT chunk, marks FROM private_flags WHERE mailbox = ? AND person = ?"
        " AND chunk IN (SELECT value FROM json_each(?)) ORDER BY chunk",
        (mailbox, whose.person, _chunks(uids)),
    )
    return _read(rows)


def masks(
    database: Database,
    mailbox: MailboxId,
    whose: Private | None,
    of_all: Mapping[int, int],
) -> Mapping[int, int]:
    """Give the flags of messages as a person sees them, by UID."""
    if whose is None:
        return of_all
    marks = of(database, mailbox, whose, of_all)
    return {uid: whose.seen(mask, marks.get(uid)) for uid, mask in of_all.items()}


def change(
    database: Database,
    mailbox: MailboxId,
    whose: Private,
    flags: Mapping[int, int],
    modseq: int,
) -> dict[int, int]:
    """Give messages (by UID) these private flags; gives those that had others.

    The mailbox's mod-sequence is the caller's to raise.
    """
    marks = of(database, mailbox, whose, flags)
    changed = {
        uid: new
        for uid, new in flags.items()
        if (marks[uid].flags if uid in marks else 0) != new
    }
    if changed:
        for uid, new in changed.items():
            marks[uid] = Mark(new, modseq)
        _write(database, mailbox, whose.person, marks, _of_chunks(changed))
        database.execute("UPDATE mailbox SET private = 1 WHERE id = ?", (mailbox,))
    return changed


def mark_new(
    database: Database, delta: Delta, whose: Private, flags: Mapping[int, int]
) -> list[Delta]:
    """Mark messages that have just arrived by ``delta``; gives what that did."""
    changed = change(database, delta.mailbox, whose, flags, delta.modseq + 1)
    if not changed:
        return []
    return [changed_delta(database, delta.mailbox, delta.modseq, whose, changed)]


def carry(
    database: Database,
    source: MailboxId,
    new: Mapping[int, int],
    after: Delta,
    but: Private | None,
) -> list[Delta]:
    """Take the marks of everybody else along with messages that are moved.

    ``new`` gives the new UIDs by the old ones, ``after`` is the last change of the
    target. Gives what it did to that.
    """
    flags: dict[str, dict[int, int]] = {}
    for person, own in of_everybody(database, source, new).items():
        if but is None or person != but.person:
            flags[person] = {new[uid]: mask for uid, mask in own.items()}
    return mark_for(database, after, flags)


def of_everybody(
    database: Database, mailbox: MailboxId, uids: Collection[int]
) -> dict[str, dict[int, int]]:
    """Give the flags that people have for themselves of some messages: by person."""
    rows = database.all(
        "SELECT person, chunk, marks FROM private_flags WHERE mailbox = ?"
        " AND chunk IN (SELECT value FROM json_each(?)) ORDER BY person, chunk",
        (mailbox, _chunks(uids)),
    )
    wanted = frozenset(uids)
    flags: dict[str, dict[int, int]] = {}
    for person, chunk, octets in rows:
        marks = _read([(chunk, octets)])
        taken = {uid: mark.flags for uid, mark in marks.items() if uid in wanted}
        flags.setdefault(person, {}).update(taken)
    return flags


def mark_for(
    database: Database, after: Delta, flags: Mapping[str, Mapping[int, int]]
) -> list[Delta]:
    """Give people (by person, by UID) flags of their own of a mailbox's messages.

    ``after`` is the last change of the mailbox. Gives what that did to it.
    """
    deltas: list[Delta] = []
    for person, own in flags.items():
        last = deltas[-1] if deltas else after
        deltas += mark_new(database, last, Private(person, 0), own)
    return deltas


def changed_delta(
    database: Database,
    mailbox: MailboxId,
    base: int,
    whose: Private,
    changed: Mapping[int, int],
) -> Delta:
    """Give the mailbox the mod-sequence behind ``base``, for a private change."""
    database.execute(
        "UPDATE mailbox SET highestmodseq = ? WHERE id = ?", (base + 1, mailbox)
    )
    return Delta(
        mailbox,
        base,
        base + 1,
        person=whose.person,
        private=tuple(sorted(changed.items())),
    )


def forget(database: Database, mailbox: MailboxId, uids: Sequence[int]) -> None:
    """Drop everybody's marks of messages that go."""
    rows = database.all(
        "SELECT person, chunk, marks FROM private_flags WHERE mailbox = ?"
        " AND chunk IN (SELECT value FROM json_each(?)) ORDER BY person, chunk",
        (mailbox, _chunks(uids)),
    )
    gone = frozenset(uids)
    for person, chunk, octets in rows:
        marks = _read([(chunk, octets)])
        left = {uid: mark for uid, mark in marks.items() if uid not in gone}
        if len(left) < len(marks):
            _write(database, mailbox, person, left, (chunk,))


def seen(
    database: Database, mailboxes: Sequence[MailboxId], person: str
) -> dict[MailboxId, int]:
    """Count the messages that a person has read, by mailbox."""
    rows = database.all(
        "SELECT mailbox, sum(seen) FROM private_flags WHERE person = ?"
        " AND mailbox IN (SELECT value FROM json_each(?)) GROUP BY mailbox",
        (person, json.dumps(list(mailboxes))),
    )
    return {MailboxId(mailbox): int(count) for mailbox, count in rows}


def contradictions(database: Database) -> list[str]:
    """Find marks without a message, and rows that count wrongly, for `imapd check`."""
    found: list[str] = []
    if not database.has_table("private_flags"):
        return found  # an index of an older program
    with database.rows(
        "SELECT mailbox, person, chunk, seen, modseq, marks FROM private_flags"
        " ORDER BY mailbox, chunk"
    ) as rows:
        for mailbox, person, chunk, count, modseq, octets in rows:
            where = f"private flags of {person} in mailbox {mailbox}"
            if len(octets) % _MARK.size:
                found.append(f"{where}: row {chunk} cannot be read")
                continue
            marks = _read([(chunk, octets)])
            if (count, modseq) != (_seen(marks), _highest(marks)):
                found.append(f"{where}: the counts of row {chunk} are wrong")
            lost = database.one(
                "SELECT count(*) FROM json_each(?) j WHERE NOT EXISTS (SELECT 1"
                " FROM entry e WHERE e.mailbox = ? AND e.uid = j.value)",
                (json.dumps(list(marks)), mailbox),
            )
            if lost is not None and lost[0]:
                found.append(f"{where}: {lost[0]} of messages that are gone")
    unaware = database.all(
        "SELECT id FROM mailbox WHERE NOT private"
        " AND id IN (SELECT mailbox FROM private_flags)"
    )
    texts = [f"mailbox {m} does not know of its private flags" for (m,) in unaware]
    return found + texts


def mend(database: Database) -> list[str]:
    """Drop marks without a message, and count anew; gives what was wrong."""
    wrong = contradictions(database)
    if not wrong:
        return []
    rows = database.all("SELECT mailbox, person, chunk, marks FROM private_flags")
    for mailbox, person, chunk, octets in rows:
        # Of a row that was cut the marks that are whole.
        whole = octets[: len(octets) // _MARK.size * _MARK.size]
        marks = _read([(chunk, whole)])
        there = database.all(
            "SELECT uid FROM entry WHERE mailbox = ? AND uid >= ? AND uid < ?",
            (mailbox, chunk << _SHIFT, chunk + 1 << _SHIFT),
        )
        left = {uid: marks[uid] for (uid,) in there if uid in marks}
        _write(database, mailbox, person, left, (chunk,))
    database.execute(
        "UPDATE mailbox SET private = 1 WHERE id IN (SELECT mailbox FROM private_flags)"
    )
    return wrong


# -- rows


def _chunks(uids: Iterable[int]) -> str:
    return json.dumps(_of_chunks(uids))


def _of_chunks(uids: Iterable[int]) -> list[int]:
    return sorted({uid >> _SHIFT for uid in uids})


def _read(rows: Iterable[tuple[Any, ...]]) -> Marks:
    found: Marks = {}
    for chunk, octets in rows:
        first = chunk << _SHIFT
        for place, flags, modseq in _MARK.iter_unpack(octets):
            found[first + place] = Mark(flags, modseq)
    return found


def _seen(marks: Mapping[int, Mark]) -> int:
    return sum(1 for mark in marks.values() if mark.flags & SEEN)


def _highest(marks: Mapping[int, Mark]) -> int:
    return max((mark.modseq for mark in marks.values()), default=0)


def _write(
    database: Database,
    mailbox: MailboxId,
    person: str,
    marks: Marks,
    chunks: Sequence[int],
) -> None:
    """Write whole rows anew; one without a mark goes."""
    rows: dict[int, Marks] = {chunk: {} for chunk in chunks}
    for uid, mark in sorted(marks.items()):
        chunk = uid >> _SHIFT
        if chunk in rows:
            rows[chunk][uid] = mark
    place = (mailbox, person)
    empty = [chunk for chunk, some in rows.items() if not some]
    database.many(
        "DELETE FROM private_flags WHERE mailbox = ? AND person = ? AND chunk = ?",
        [(*place, chunk) for chunk in empty],
    )
    within = (1 << _SHIFT) - 1
    database.many(
        "INSERT OR REPLACE INTO private_flags (mailbox, person, chunk, seen, modseq,"
        " marks) VALUES (?, ?, ?, ?, ?, ?)",
        [
            (
                *place,
                chunk,
                _seen(some),
                _highest(some),
                b"".join(
                    [
                        _MARK.pack(uid & within, m.flags, m.modseq)
                        for uid, m in some.items()
                    ]
                ),
            )
            for chunk, some in rows.items()
            if some
        ],
    )
