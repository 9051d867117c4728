"""Setting rows right that contradict each other, for `imapd check --repair`.

Each function mends one kind of damage that `mailstore.index.audit` finds, inside a
transaction, and tells what it did in sentences: nothing is changed that is not told.
What it mends gets a new mod-sequence, so that running sessions read it again. No
message is dropped: what can't stay where it was is told, and kept if there is
anything to keep.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from mailstore.index import (
    audit,
    belongings,
    emailids,
    flagblocks,
    flagproof,
    mailboxes,
    private,
    seals,
    sortkeys,
    values,
)
from mailstore.index.arrival import add_entries
from mailstore.index.database import Database
from mailstore.index.records import Delta, EntryRow
from mailstore.index.recount import recount
from mailstore.index.selection import Selection
from mailstore.index.upkeep import LEAP
from mailstore.index.vanished import remember
from mailstore.mime.sorting import SortFields
from mailstore.model import INBOX, MailboxId
from mailstore.ranges import join

RECOVERED = "Recovered"
Mend = Callable[[Database, int], list[str]]


def identities(database: Database, now: int) -> list[str]:  # noqa: ARG001
    """Put the numbers that may never be given twice behind those that were given."""
    database.execute("INSERT OR IGNORE INTO account (id) VALUES (1)")
    database.execute(
        "UPDATE account SET token = lower(hex(randomblob(8))) WHERE token = ''"
    )
    wrong = audit.identities(database)
    if wrong:
        database.execute(
            "UPDATE account SET last_mailbox = max(last_mailbox,"
            " (SELECT coalesce(max(id), 0) FROM mailbox)),"
            " last_message = max(last_message,"
            " (SELECT coalesce(max(id), 0) FROM message),"
            " (SELECT coalesce(max(number), 0) FROM emailid)),"
            " last_uidvalidity = max(last_uidvalidity,"
            " (SELECT coalesce(max(uidvalidity), 0) FROM mailbox),"
            " (SELECT coalesce(max(uidvalidity), 0) FROM removed_mailbox))"
        )
    return [f"{text}: the next one is behind it now" for text in wrong]


def lost_mailboxes(database: Database, now: int) -> list[str]:
    """Make mailboxes for messages whose mailbox has no row."""
    told = []
    rows = database.all(
        f"SELECT mailbox, max(uid), max(modseq) FROM ({flagproof.modseqs(database)}"
        " UNION ALL SELECT mailbox, uid, modseq FROM expunged)"
        " WHERE mailbox NOT IN (SELECT id FROM mailbox) GROUP BY mailbox"
    )
    for mailbox, uid, modseq in rows:
        name = f"{RECOVERED} {mailbox}"
        while database.one("SELECT 1 FROM mailbox WHERE name = ?", (name,)):
            name += "+"
        database.execute(
            "INSERT INTO mailbox (id, name, selectable, uidvalidity, uidnext,"
            " highestmodseq) VALUES (?, ?, 1, ?, ?, ?)",
            (
                mailbox,
                name,
                mailboxes.next_uidvalidity(database, now),
                uid + 1,
                modseq + 1,
            ),
        )
        mailboxes.subscribe(database, name)
        told.append(f"mailbox {mailbox} had messages and no row: it is {name!r} now")
    if told:
        identities(database, now)
        mailboxes.touch_names(database)
    return told


def indexes(database: Database, now: int) -> list[str]:  # noqa: ARG001
    """Make SQLite's indexes anew, where they say something else than their tables.

    Raises `Corrupt` when a table itself is damaged.
    """
    wrong = audit.structure(database, thorough=True)
    if wrong:
        database.execute("REINDEX")
    return [f"{text}: the indexes were made anew" for text in wrong]


def inbox(database: Database, now: int) -> list[str]:
    """Make INBOX, which everybody has (RFC 3501 §5.1), and the others of the first day.

    For the account of a person.
    """
    if mailboxes.create_defaults(database, now):
        return ["the first mailboxes were made"]
    row = database.one("SELECT 1 FROM mailbox WHERE name = ? AND selectable", (INBOX,))
    if row is not None:
        return []
    mailboxes.create(database, INBOX, None, now, 2**31)
    return ["there was no INBOX: it was made"]


def numbers(database: Database, now: int) -> list[str]:
    """Put UIDNEXT, HIGHESTMODSEQ and UIDVALIDITY right.

    Of a HIGHESTMODSEQ that went back nobody knows how high it was, nor what was given
    numbers since that clients take for known: all jump beyond, as after a power cut.
    """
    told = []
    rows = database.all(
        "SELECT m.id, m.uidnext, m.highestmodseq, max(e.uid) + 1, max(e.modseq)"
        f" FROM mailbox m JOIN ({flagproof.modseqs(database)} UNION ALL"
        " SELECT mailbox, uid, modseq FROM expunged UNION ALL"
        " SELECT mailbox, high, modseq FROM vanished) e ON e.mailbox = m.id"
        " GROUP BY m.id"
    )
    for mailbox, uidnext, highest, uid, modseq in rows:
        if uid > uidnext or modseq > highest:
            database.execute(
                "UPDATE mailbox SET uidnext = max(uidnext, ?),"
                " highestmodseq = max(highestmodseq, ?) + 1 WHERE id = ?",
                (uid, modseq + LEAP if modseq > highest else 0, mailbox),
            )
            if modseq > highest:
                flagblocks.lift(database, mailbox, modseq + LEAP + 1)
            told.append(
                f"mailbox {mailbox}: UIDNEXT was {uidnext}, HIGHESTMODSEQ {highest},"
                f" with UIDs below {uid} and mod-sequences up to {modseq}"
            )
    rows = database.all(
        "SELECT id, uidvalidity FROM mailbox m WHERE EXISTS (SELECT 1 FROM mailbox o"
        " WHERE o.uidvalidity = m.uidvalidity AND o.id < m.id) ORDER BY id"
    )
    for mailbox, value in rows:
        made = mailboxes.next_uidvalidity(database, now)
        database.execute(
            "UPDATE mailbox SET uidvalidity = ?, highestmodseq = highestmodseq + 1"
            " WHERE id = ?",
            (made, mailbox),
        )
        told.append(f"mailbox {mailbox}: UIDVALIDITY {value} was taken, it is {made}")
    return told


def removals(database: Database, now: int) -> list[str]:  # noqa: ARG001
    """Forget the removal of what is there."""
    told = [
        f"mailbox {mailbox}: UID {uid} is there, and was said to be removed"
        for mailbox, uid in database.all(
            "DELETE FROM expunged WHERE EXISTS (SELECT 1 FROM entry e"
            " WHERE e.mailbox = expunged.mailbox AND e.uid = expunged.uid)"
            " RETURNING mailbox, uid"
        )
    ]
    rows = database.all(
        "DELETE FROM vanished WHERE EXISTS (SELECT 1 FROM entry e"
        " WHERE e.mailbox = vanished.mailbox"
        " AND e.uid BETWEEN vanished.low AND vanished.high)"
        " RETURNING mailbox, modseq, low, high"
    )
    for mailbox, modseq, low, high in rows:
        # Who comes back from before it is told all UIDs that are missing.
        database.execute(
            "UPDATE mailbox SET forgotten = max(forgotten, ?) WHERE id = ?",
            (modseq, mailbox),
        )
        told.append(f"mailbox {mailbox}: UIDs {low} to {high} did not all vanish")
    return told


def references(database: Database, now: int) -> list[str]:  # noqa: ARG001
    """Take rows away that name a message that does not exist, and say which."""
    told = []
    for table, what in (("entry", "message"), ("expunged", "removed message")):
        rows = database.all(
            f"DELETE FROM {table} WHERE message NOT IN (SELECT id FROM message)"
            " RETURNING mailbox, uid, message, size, internaldate"
        )
        for mailbox, uid, message, size, date in rows:
            told.append(
                f"mailbox {mailbox}: UID {uid} named {what} {message} ({size} octets,"
                f" of {date}), of which nothing is known: the row was taken away"
            )
        for mailbox in sorted({row[0] for row in rows}):
            delta = mailboxes.touch(database, mailbox)
            gone = sorted([row[1] for row in rows if row[0] == mailbox])
            remember(database, [(mailbox, delta.modseq, uid) for uid in gone])
            if table == "entry":
                flagblocks.drop(database, mailbox, Selection(tuple(join(gone))))
        rows = database.all(
            f"UPDATE {table} SET size = (SELECT size FROM message"
            f" WHERE id = {table}.message) WHERE size <> (SELECT size FROM message"
            f" WHERE id = {table}.message) RETURNING mailbox, uid"
        )
        told += [f"mailbox {m}: the size of UID {u} was wrong" for m, u in rows]
        for mailbox in sorted({row[0] for row in rows}):
            mailboxes.touch(database, mailbox)
    return told


def strays(database: Database, now: int) -> list[str]:  # noqa: ARG001
    """Forget what is kept of messages and mailboxes that don't exist."""
    told = []
    for table, column, of in (
        ("sortkey", "message", "message"),
        ("surrogate", "message", "message"),
        ("damaged", "message", "message"),
        ("keyword", "mailbox", "mailbox"),
        ("metadata", "mailbox", "mailbox"),
    ):
        rows = database.all(
            f"DELETE FROM {table} WHERE {column} NOT IN (SELECT id FROM {of})"
            f" RETURNING {column}"
        )
        told += [
            f"{table} of {of} {one}, which does not exist"
            for one in sorted({row[0] for row in rows})
        ]
    rows = database.all(
        "DELETE FROM annotation WHERE (mailbox, uid) NOT IN (SELECT mailbox, uid"
        " FROM entry UNION SELECT mailbox, uid FROM expunged) RETURNING mailbox, uid"
    )
    told += [f"annotations of UID {u} in mailbox {m}" for m, u in rows]
    return told + emailids.mend(database)


def keywords(database: Database, now: int) -> list[str]:  # noqa: ARG001
    """Name the keywords that have lost their name."""
    told = []
    for mailbox, missing in audit.nameless_keywords(database).items():
        taken = {
            str(name).lower()
            for (name,) in database.all(
                "SELECT name FROM keyword WHERE mailbox = ?", (mailbox,)
            )
        }
        for bit in missing:
            name = f"recovered-{bit}"
            while name in taken:
                name += "+"
            database.execute(
                "INSERT INTO keyword (mailbox, bit, name) VALUES (?, ?, ?)",
                (mailbox, bit, name),
            )
            told.append(f"mailbox {mailbox}: a keyword without a name is {name} now")
        mailboxes.touch(database, MailboxId(mailbox))
    return told


def threads(database: Database, now: int) -> list[str]:  # noqa: ARG001
    """Let each Message-ID lead to the thread of the first message that has it."""
    told = []
    while found := audit.astray(database, 1_000):
        firsts: dict[int, int] = {}
        for message, thread, linked, own in found:
            if linked is None:
                firsts.setdefault(own, thread)
            told.append(f"message {message}: its thread was {thread}, not {linked}")
        database.many(
            "INSERT INTO link (message_id, thread) VALUES (?, ?)", firsts.items()
        )
        database.execute(
            "UPDATE message SET thread = (SELECT l.thread FROM sortkey s JOIN link l"
            " ON l.message_id = s.message_id WHERE s.message = message.id)"
            " WHERE id IN (SELECT m.id FROM message m JOIN sortkey s"
            " ON s.message = m.id JOIN link l ON l.message_id = s.message_id"
            " WHERE m.thread IS NOT NULL AND l.thread <> m.thread)"
        )
    return told


def counters(database: Database, now: int) -> list[str]:  # noqa: ARG001
    """Count the messages of each mailbox again."""
    wrong = recount(database)
    if wrong:
        database.execute("UPDATE mailbox SET highestmodseq = highestmodseq + 1")
    return wrong


def places(database: Database, now: int) -> list[str]:  # noqa: ARG001
    """Give messages dates that can be, and those without a place none."""
    return values.mend(database)


def flags(database: Database, now: int) -> list[str]:  # noqa: ARG001
    """Have each message flags, none where they are lost."""
    return [f"{text}: what was lost is unset" for text in flagproof.mend(database)]


def copies(database: Database, now: int) -> list[str]:  # noqa: ARG001
    """Copy what never changes of messages anew where it is wrong."""
    return seals.mend(database)


def private_flags(database: Database, now: int) -> list[str]:  # noqa: ARG001
    """Drop what people have for themselves at messages that are gone."""
    return private.mend(database)


BEFORE_BYTES: Sequence[Mend] = (
    places,
    identities,
    belongings.mend_quota,
    flags,
    lost_mailboxes,
    numbers,
    removals,
    references,
    strays,
    keywords,
    belongings.mend_rights,
    belongings.mend_shown,
)
"""What is mended before messages are read, in this order."""

AFTER_BYTES: Sequence[Mend] = (
    places,
    references,
    flags,
    copies,
    strays,
    threads,
    counters,
    private_flags,
)
"""What is mended when messages have been read."""


def recovered(database: Database, now: int, most: int) -> MailboxId:
    """Give the mailbox that takes what was found, made if there is none."""
    row = database.one(
        "SELECT id FROM mailbox WHERE name = ? AND selectable", (RECOVERED,)
    )
    if row is not None:
        return MailboxId(row[0])
    return mailboxes.create(database, RECOVERED, None, now, most).id


def give_home(
    database: Database, messages: Iterable[int], now: int, most: int
) -> Delta | None:
    """Put messages that are in no mailbox into one."""
    rows = [
        EntryRow(0, 0, 0, size, date, 0, message)
        for one in messages
        for message, size, date in database.all(
            "SELECT id, size, coalesce(sent, ?) FROM message WHERE id = ?", (now, one)
        )
    ]
    if not rows:
        return None
    target = recovered(database, now, most)
    return add_entries(database, target, rows, None, now).delta


# -- what is derived from the bytes


def columns_of(
    database: Database, message: int, names: Sequence[str]
) -> tuple[Any, ...] | None:
    """Give columns of a message; their names are the program's own."""
    return database.one(
        f"SELECT {', '.join(names)} FROM message WHERE id = ?", (message,)
    )


def set_columns(
    database: Database, message: int, values: dict[str, int | str | bytes | None]
) -> None:
    """Write columns of a message; their names are the program's own.

    Whoever writes what clients are told calls `mailboxes.touch_names` too.
    """
    names = ", ".join(f"{name} = ?" for name in values)
    database.execute(
        f"UPDATE message SET {names} WHERE id = ?", (*values.values(), message)
    )


def renew_sort_values(database: Database, message: int, values: SortFields) -> None:
    """Put other sort values in the place of a message's."""
    sortkeys.delete(database, [message])
    sortkeys.insert(database, [(message, values)])
