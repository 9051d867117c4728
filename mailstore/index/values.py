"""Values in rows of messages that no program has written: damage, told and mended.

SQLite proves nothing of its pages, and a column takes any value. What here stands in a
row of ``entry`` is shown to clients, or names the message (RFC 3501 §2.3.1.1, §2.3.3);
so is what stands in that of a removed message, in ``expunged`` and ``vanished``.
A size is compared with that of the message (`mailstore.index.audit.references`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mailstore.index import seals
from mailstore.index.database import Database
from mailstore.model import InternalDate, MailboxId

_MOST = 20
_DAY = 86_400
_EARLIEST = -62_135_596_800 - _DAY  # of the year 1, in any zone
_LATEST = 253_402_300_799 + _DAY
_ZONE = 24 * 60 - 1  # minutes

NUMBERED = "typeof({0}uid) = 'integer' AND {0}uid BETWEEN 1 AND 4294967294"
"""Whether a message can have a UID; with the name of the table and a dot, or nothing.

The last number is no UID: UIDNEXT is behind each.
"""

_PLACED = f"typeof(mailbox) = 'integer' AND mailbox > 0 AND {NUMBERED.format('')}"
_DATED = "typeof({0}) = 'integer' AND {0} BETWEEN {1} AND {2}"
_SOUND = {
    "date": _DATED.format("internaldate", _EARLIEST, _LATEST),
    "zone": _DATED.format("zone", -_ZONE, _ZONE),
    "save date": _DATED.format("saved", _EARLIEST, _LATEST),
}
_REMOVED = _SOUND | {"save date": f"(saved IS NULL OR {_SOUND['save date']})"}
_RANGED = (
    "typeof(low) = 'integer' AND typeof(high) = 'integer'"
    " AND low BETWEEN 1 AND high AND high <= 4294967294"
)
_SENT = (
    f"CASE WHEN {_DATED.format('sent', _EARLIEST, _LATEST)} THEN sent ELSE 0 END",
    f"CASE WHEN {_DATED.format('sent_zone', -_ZONE, _ZONE)} THEN sent_zone ELSE 0 END",
)
"""Of a message's row, when it was sent and in which zone; that may be damaged too."""
_STORED = (
    "typeof(blob) = 'text' AND typeof(size) = 'integer' AND size >= 0"
    " AND typeof(digest) = 'blob' AND length(digest) = 32"
)


def date_of(epoch: object, zone: object) -> InternalDate:
    """Give a date as a row has it; of what can't be the first day of all."""
    if not isinstance(epoch, int) or not _EARLIEST <= epoch <= _LATEST:
        epoch = 0
    if not isinstance(zone, int) or abs(zone) > _ZONE:
        zone = 0
    return InternalDate(epoch, zone)


def _impossible(
    database: Database, table: str, sound: Mapping[str, str], where: str, what: str
) -> list[str]:
    """Tell of a table's UIDs that can't be, and of values that aren't ``sound``."""
    rows = database.all(
        f"SELECT mailbox, uid FROM {table} WHERE NOT ({_PLACED}) LIMIT {_MOST}"
    )
    found = [where.format(mailbox=mailbox, uid=uid) for mailbox, uid in rows]
    for name, proof in sound.items():
        rows = database.all(
            f"SELECT mailbox, uid FROM {table} WHERE NOT ({proof}) LIMIT {_MOST}"
        )
        found += [what.format(mailbox=m, uid=uid, name=name) for m, uid in rows]
    return found


def contradictions(database: Database) -> list[str]:
    """Tell of messages with a place, a date or a zone that can't be.

    And of those with such a size, digest or reference, which their bytes tell.
    """
    found = _impossible(
        database,
        "entry",
        _SOUND,
        "mailbox {mailbox}: a message has UID {uid}, which can't be",
        "mailbox {mailbox}: UID {uid} has a {name} that can't be",
    )
    rows = database.all(f"SELECT id FROM message WHERE NOT ({_STORED}) LIMIT {_MOST}")
    return found + [f"message {one}: its row has what can't be" for (one,) in rows]


def of_removed(database: Database) -> list[str]:
    """Tell of removed messages with a UID, a date or a zone that can't be."""
    found = _impossible(
        database,
        "expunged",
        _REMOVED,
        "mailbox {mailbox}: UID {uid} was removed, which can't be",
        "mailbox {mailbox}: the removed UID {uid} has a {name} that can't be",
    )
    rows = database.all(
        f"SELECT mailbox, low, high FROM vanished WHERE NOT ({_RANGED}) LIMIT {_MOST}"
    )
    return found + [
        f"mailbox {mailbox}: UIDs {low} to {high} were removed, which can't be"
        for mailbox, low, high in rows
    ]


def mend(database: Database) -> list[str]:
    """Take the values that can't be from elsewhere; tells what was done.

    A date is what the copy of the row says, if there is one, else that of the message.
    What has no place is in no mailbox any more, and not removed from any: the caller
    gives it one.
    """
    rows = database.all(
        f"DELETE FROM entry WHERE NOT ({_PLACED}) RETURNING mailbox, uid, message"
    )
    told = [
        f"mailbox {mailbox}: message {message} had UID {uid}, which can't be"
        for mailbox, uid, message in rows
    ]
    dates = f"NOT ({_SOUND['date']} AND {_SOUND['zone']})"
    rows = database.all(f"SELECT mailbox, uid FROM entry WHERE {dates}")
    wrong: dict[MailboxId, list[int]] = {}
    for mailbox, uid in rows:
        wrong.setdefault(mailbox, []).append(uid)
    for mailbox, uids in wrong.items():
        told += _mend_dates(database, mailbox, uids)
    rows = database.all(
        "UPDATE entry SET saved = internaldate"
        f" WHERE NOT ({_SOUND['save date']}) RETURNING mailbox, uid"
    )
    told += [f"mailbox {m}: the save date of UID {u} was lost" for m, u in rows]
    return told + _mend_removed(database)


def _mend_removed(database: Database) -> list[str]:
    rows = database.all(
        f"DELETE FROM expunged WHERE NOT ({_PLACED}) RETURNING mailbox, uid, message"
    )
    lost = {row[0] for row in rows}
    told = [
        f"mailbox {mailbox}: message {message} was removed with UID {uid}, which"
        " can't be"
        for mailbox, uid, message in rows
    ]
    rows = database.all(
        f"DELETE FROM vanished WHERE NOT ({_RANGED}) RETURNING mailbox, low, high"
    )
    lost.update(row[0] for row in rows)
    told += [f"mailbox {m}: UIDs {a} to {b} did not vanish" for m, a, b in rows]
    for mailbox in lost:
        # Who comes back is told all UIDs that are missing: which went is not known.
        database.execute(
            "UPDATE mailbox SET forgotten = highestmodseq WHERE id = ?", (mailbox,)
        )
    dates = f"{_REMOVED['date']} AND {_REMOVED['zone']}"
    rows = database.all(
        f"UPDATE expunged SET (internaldate, zone) = (coalesce((SELECT {_SENT[0]} FROM"
        f" message WHERE id = expunged.message), 0), coalesce((SELECT {_SENT[1]} FROM"
        " message WHERE id = expunged.message), 0))"
        f" WHERE NOT ({dates}) RETURNING mailbox, uid"
    )
    told += [f"mailbox {m}: the date of the removed UID {u} was lost" for m, u in rows]
    rows = database.all(
        f"UPDATE expunged SET saved = NULL WHERE NOT ({_REMOVED['save date']})"
        " RETURNING mailbox, uid"
    )
    return told + [
        f"mailbox {m}: the save date of the removed UID {u} was lost" for m, u in rows
    ]


def _mend_dates(
    database: Database, mailbox: MailboxId, uids: Sequence[int]
) -> list[str]:
    known = seals.dates(database, mailbox, uids)
    told = []
    for uid in uids:
        date, zone = known.get(uid, (None, None))
        database.execute(
            f"UPDATE entry SET (internaldate, zone) = (SELECT coalesce(?, {_SENT[0]}),"
            f" coalesce(?, {_SENT[1]}) FROM message WHERE id = entry.message)"
            " WHERE mailbox = ? AND uid = ? AND EXISTS"
            " (SELECT 1 FROM message WHERE id = entry.message)",
            (date, zone, mailbox, uid),
        )
        of = "the message's" if date is None else "that of its copy"
        told.append(f"mailbox {mailbox}: the date of UID {uid} was lost, it is {of}")
    database.execute(
        "UPDATE mailbox SET highestmodseq = highestmodseq + 1 WHERE id = ?", (mailbox,)
    )
    return told
