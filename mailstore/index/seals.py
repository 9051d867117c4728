"""What never changes of messages, beside their rows: columns as memory holds them.

A mailbox that nobody had open is loaded from here, a row for 512 messages; what is not
here is read from ``entry``, which is the truth. A block of UIDs is *sealed* by the
commit that gives the first UID behind it: no message can come to it any more, and what
``entry`` says of a message stays. Messages that go since are left out by who reads, who
knows the UIDs that are there; once they are most of a block its seal goes.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from itertools import groupby
from operator import itemgetter

from mailstore.index.blocks import block_of, bounds
from mailstore.index.database import Database
from mailstore.index.records import NewColumns
from mailstore.index.sealing import Seal, columns_of
from mailstore.index.selection import Selection
from mailstore.model import MailboxId
from mailstore.ranges import Range, union

_COLUMNS = "uid, size, internaldate, zone, message"


def read(
    database: Database,
    mailbox: MailboxId,
    blocks: Mapping[int, range | array[int]],
    uidnext: int,
) -> Iterator[Seal | None]:
    """Give what is known of each block's messages, in their order.

    None where rows and UIDs are not of the same messages. Of the block that UIDs are
    still given in no seal is heeded: where a damaged row had a lower UIDNEXT, it would
    be of other messages.
    """
    rows = database.all(
        "SELECT block, octets FROM sealed WHERE mailbox = ? AND block < ?"
        " ORDER BY block",
        (mailbox, block_of(uidnext)),
    )
    found: dict[int, Seal] = {}
    for number, octets in rows:
        try:
            found[number] = Seal.read(octets)
        except ValueError:
            continue  # `contradictions` tells it
    apart = [bounds(number) for number in blocks if number not in found]
    found |= of_rows(database, mailbox, apart)
    for number, uids in blocks.items():
        seal = found.get(number)
        yield None if seal is None else seal.only(uids)


def dates(
    database: Database, mailbox: MailboxId, uids: Iterable[int]
) -> dict[int, tuple[int, int]]:
    """Give (date, zone) of those of some messages of which there is a copy."""
    found: dict[int, tuple[int, int]] = {}
    for number, some in groupby(sorted(uids), block_of):
        row = database.one(
            "SELECT octets FROM sealed WHERE mailbox = ? AND block = ?",
            (mailbox, number),
        )
        with suppress(ValueError):
            there, _, epochs, zones, _ = Seal.read(row[0] if row else b"").columns
            known = dict(zip(there, zip(epochs, zones, strict=True), strict=True))
            found |= {uid: known[uid] for uid in some if uid in known}
    return found


def of_rows(
    database: Database, mailbox: MailboxId, ranges: Iterable[Range]
) -> dict[int, Seal]:
    """Make seals of rows, by the number of the block; none where a row is damaged."""
    among = Selection(tuple(union(ranges)))
    if not among:
        return {}
    where, values = among.where(mailbox)
    rows = database.all(
        f"SELECT {_COLUMNS} FROM entry WHERE {where} ORDER BY uid", values
    )
    found: dict[int, Seal] = {}
    for number, some in groupby(rows, lambda row: block_of(row[0])):
        with suppress(ValueError):
            found[number] = Seal.of(list(some))
    return found


def seal(
    database: Database, mailbox: MailboxId, added: NewColumns, uidnext: int
) -> None:
    """Seal the blocks that new messages have filled: all below that of ``uidnext``."""
    first, new = uidnext - len(added.uids), columns_of(added)
    made: dict[int, Seal] = {}
    for number in range(block_of(first), block_of(uidnext)):
        low, high = bounds(number)
        columns = tuple(c[max(low - first, 0) : high + 1 - first] for c in new)
        one, ordered = Seal(columns, added.ordered), added.ordered
        before = of_rows(database, mailbox, [(low, first - 1)]) if low < first else {}
        if before:
            (old,) = before.values()
            ordered = old.ordered and one.follows(old.last)
            columns = tuple(a + b for a, b in zip(old.columns, columns, strict=True))
        made[number] = Seal(columns, ordered)
    if made:
        _write(database, mailbox, made)


def _write(database: Database, mailbox: MailboxId, made: Mapping[int, Seal]) -> None:
    # One may be there where a repair gave a mailbox a lower UIDNEXT, and so another
    # UIDVALIDITY: it knows only a part.
    database.many(
        "INSERT OR REPLACE INTO sealed (mailbox, block, messages, octets)"
        " VALUES (?, ?, ?, ?)",
        [(mailbox, at, len(one.uids), one.octets()) for at, one in made.items()],
    )


def thin(database: Database, mailbox: MailboxId, left: Mapping[int, int]) -> None:
    """Drop the seals of blocks of which most is gone; ``left`` are their messages."""
    database.many(
        "DELETE FROM sealed WHERE mailbox = ? AND block = ? AND messages > ?",
        [(mailbox, number, 2 * count) for number, count in left.items()],
    )


# -- proving


def contradictions(database: Database) -> list[str]:
    """Check that what is here of messages is what their rows say."""
    if not database.has_table("sealed"):
        return []  # an index of an older program
    return [
        f"mailbox {mailbox}: the copy of block {number} differs from its messages"
        for mailbox, number in _wrong(database)
    ]


def _wrong(database: Database) -> list[tuple[MailboxId, int]]:
    found: list[tuple[MailboxId, int]] = []
    sql = (
        "SELECT mailbox, block, messages, octets,"
        " (SELECT uidnext FROM mailbox WHERE id = sealed.mailbox) FROM sealed"
        " ORDER BY 1, 2"
    )
    with database.rows(sql) as rows:
        for mailbox, some in groupby(rows, itemgetter(0)):
            there = of_rows(database, mailbox, [(0, 2**32 - 1)])
            for _, number, count, octets, uidnext in some:
                early = number >= block_of(uidnext or 0)
                if early or not _is_right(there.get(number), count, octets):
                    found.append((mailbox, number))
    return found


def _is_right(there: Seal | None, count: int, octets: bytes) -> bool:
    try:
        seal = Seal.read(octets)
    except ValueError:
        return False
    if there is None or count != len(seal.uids):
        return False
    known = seal.only(there.uids)
    return known is not None and known.columns == there.columns


def mend(database: Database) -> list[str]:
    """Make anew what is wrong here, and what is missing; tells what was wrong."""
    wrong = _wrong(database)
    for mailbox, number in wrong:
        database.execute(
            "DELETE FROM sealed WHERE mailbox = ? AND block = ?", (mailbox, number)
        )
    for mailbox, uidnext in database.all("SELECT id, uidnext FROM mailbox"):
        rows = database.all("SELECT block FROM sealed WHERE mailbox = ?", (mailbox,))
        known = {number for (number,) in rows}
        made = of_rows(database, mailbox, [(0, uidnext - 1)])
        last = block_of(uidnext)
        _write(
            database,
            mailbox,
            {at: one for at, one in made.items() if at < last and at not in known},
        )
    return [f"mailbox {m}: the copy of block {number} was wrong" for m, number in wrong]
