"""The flags of a mailbox's messages, read and written, as `mailstore.index.blocks`.

``flag_block`` is the only place where the flags and mod-sequences of messages stand; a
row of ``entry`` has what never changes. A message has both or neither. ``modseq`` is
the highest of a block, so that who looks for changes reads no block without any.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress

from mailstore.errors import Corrupt
from mailstore.index.blocks import SHIFT, Block, block_of, bounds
from mailstore.index.database import Database, Value
from mailstore.index.records import ChangedFlags, EntryRow
from mailstore.index.selection import EVERYTHING, Selection
from mailstore.model import MailboxId
from mailstore.ranges import Range, join

COLUMNS = "flag_block.rowid, block, modseq, octets"
UPDATE = "UPDATE flag_block SET modseq = ?, octets = ? WHERE rowid = ?"
_BETWEEN = "mailbox = ? AND block BETWEEN ? AND ?"
_Flags = tuple[int, int, int]  # uid, mask, mod-sequence


def where(among: Selection, mailbox: MailboxId) -> tuple[str, list[Value]]:
    """Give a condition on the blocks that messages are in, and its values."""
    if len(among.ranges) == 1:  # as clients change flags
        ((low, high),) = among.ranges
        return _BETWEEN, [mailbox, low >> SHIFT, high >> SHIFT]
    blocks = Selection(tuple(_blocks(among.ranges)))
    return blocks.where(mailbox, "flag_block", "block")


def _blocks(ranges: Sequence[Range]) -> list[Range]:
    found: list[Range] = []
    for low, high in ranges:
        first, last = low >> SHIFT, high >> SHIFT
        if found and first <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(last, found[-1][1]))
        else:
            found.append((first, last))
    return found


def block(row: Sequence[object]) -> Block:
    """Make a block of a row's `COLUMNS`. Raises `Corrupt`."""
    rowid, number, modseq, octets = row
    try:
        return Block.read(number, octets, modseq, rowid)  # type: ignore[arg-type]
    except (ValueError, TypeError) as error:
        raise Corrupt(
            "the mailbox index is damaged", detail=f"flags of block {number}: {error}"
        ) from error


def read(
    database: Database,
    mailbox: MailboxId,
    among: Selection = EVERYTHING,
    after: int = 0,
) -> list[Block]:
    """Give the blocks of messages that have changed after a mod-sequence, ascending."""
    condition, values = where(among, mailbox)
    if after > 0:
        condition, values = f"{condition} AND modseq > ?", [*values, after]
    rows = database.all(
        f"SELECT {COLUMNS} FROM flag_block WHERE {condition} ORDER BY block", values
    )
    return [block(row) for row in rows]


def flags(
    database: Database,
    mailbox: MailboxId,
    among: Selection = EVERYTHING,
    after: int = 0,
) -> list[_Flags]:
    """Give (uid, mask, modseq) of messages that changed after a mod-sequence.

    Ascending by UID.
    """
    found: list[_Flags] = []
    for one in read(database, mailbox, among, after):
        if after > 0:
            found += one.changed(among.ranges, after)
            continue
        found += one.rows_of(one.pieces(among.ranges))
    return found


def changed(
    database: Database,
    mailbox: MailboxId,
    after: int,
    below: int,
    most: int | None = None,
) -> ChangedFlags | None:
    """Give the flags of messages below a UID that changed after a mod-sequence.

    None where more than ``most`` blocks have any.
    """
    rows = database.all(
        f"SELECT {COLUMNS} FROM flag_block WHERE mailbox = ? AND block <= ?"
        " AND modseq > ? ORDER BY block LIMIT ?",
        (mailbox, below - 1 >> SHIFT, after, -1 if most is None else most + 1),
    )
    if most is not None and len(rows) > most:
        return None
    uids, keywords, modseqs = list[int](), list[int](), list[int]()
    system, more = bytearray(), dict[int, int]()
    for row in rows:
        one = block(row)
        places = one.later(after, below)
        found = list(map(one.uids.__getitem__, places))
        uids += found
        system.extend(map(one.system.__getitem__, places))
        keywords += one.keywords.at(places)
        modseqs += one.modseqs.at(places)
        if one.more:
            more.update({uid: one.more[uid] for uid in found if uid in one.more})
    return ChangedFlags(
        array("I", uids), bytes(system), array("Q", keywords), more, array("Q", modseqs)
    )


def masks(
    database: Database, mailbox: MailboxId, among: Selection = EVERYTHING
) -> dict[int, int]:
    """Give the flags of messages by UID."""
    return {uid: mask for uid, mask, _ in flags(database, mailbox, among)}


def having(
    database: Database, mailbox: MailboxId, flag: int, among: Selection = EVERYTHING
) -> Selection:
    """Give the messages with a system flag."""
    table = bytes([bool(octet & flag) for octet in range(256)])
    found: list[int] = []
    for one in read(database, mailbox, among):
        marks = one.system.translate(table)
        if 1 in marks:
            found += [one.uids[at] for at in one.places(among.ranges) if marks[at]]
    return Selection(tuple(join(found)))


def write(database: Database, mailbox: MailboxId, blocks: Sequence[Block]) -> None:
    """Write blocks where they stand; one without a message goes."""
    changed = [
        (one.highest, one.octets(), one.row)
        for one in blocks
        if one.uids and one.row is not None
    ]
    if changed:
        database.many(UPDATE, changed)
    if len(changed) == len(blocks):
        return
    new = [
        (mailbox, one.number, one.highest, one.octets())
        for one in blocks
        if one.uids and one.row is None
    ]
    gone = [(one.row,) for one in blocks if not one.uids and one.row is not None]
    if new:
        database.many(
            "INSERT INTO flag_block (mailbox, block, modseq, octets)"
            " VALUES (?, ?, ?, ?)",
            new,
        )
    if gone:
        database.many("DELETE FROM flag_block WHERE rowid = ?", gone)


def add(
    database: Database, mailbox: MailboxId, rows: Sequence[EntryRow], last: Block
) -> None:
    """Give new messages, ascending by UID, their flags.

    ``last`` is the block of the first of them, as it is now.
    """
    uids = [row.uid for row in rows]
    masks = [row.mask for row in rows]
    modseqs = [row.modseq for row in rows]
    blocks, at = [], 0
    while at < len(rows):
        number = block_of(uids[at])
        stop = bisect_right(uids, bounds(number)[1], at)
        here = last if last.number == number else Block.new(number)
        here.add(uids[at:stop], masks[at:stop], modseqs[at:stop])
        blocks.append(here)
        at = stop
    write(database, mailbox, blocks)


def drop(
    database: Database, mailbox: MailboxId, among: Selection
) -> tuple[list[_Flags], dict[int, int]]:
    """Forget messages; gives (uid, mask, modseq) of them, ascending by UID.

    With how many are left in each block that had some.
    """
    found: list[_Flags] = []
    blocks = read(database, mailbox, among)
    for one in blocks:
        pieces = one.pieces(among.ranges)
        found += one.rows_of(pieces)
        one.drop(pieces)
    write(database, mailbox, blocks)
    return found, {one.number: len(one.uids) for one in blocks}


def touch(
    database: Database, mailbox: MailboxId, uids: Collection[int], modseq: int
) -> list[tuple[int, int]]:
    """Give messages a new mod-sequence; gives (uid, mask) of them, ascending."""
    among = Selection(tuple(join(sorted(uids))))
    found: list[tuple[int, int]] = []
    blocks = read(database, mailbox, among)
    for one in blocks:
        found += [(one.uids[at], one.mask(at)) for at in one.places(among.ranges)]
        for start, stop in one.pieces(among.ranges):
            one.touch(start, stop, modseq)
    write(database, mailbox, blocks)
    return found


def leap(database: Database) -> None:
    """Give every message the mod-sequence of its mailbox.

    But for blocks that cannot be read: an account has to be opened before it is mended,
    which gives their messages new ones.
    """
    for mailbox, modseq in database.all("SELECT id, highestmodseq FROM mailbox"):
        lift(database, mailbox, modseq)


def lift(database: Database, mailbox: MailboxId, modseq: int) -> None:
    """Give every message of a mailbox a mod-sequence, as `leap` does."""
    blocks = readable(database, mailbox)
    for one in blocks:
        one.touch(0, len(one.uids), modseq)
    write(database, mailbox, blocks)


def readable(database: Database, mailbox: MailboxId) -> list[Block]:
    """Give the blocks of a mailbox that are not damaged, ascending.

    For who can do without the flags of the others; ``highest`` is not known.
    """
    found: list[Block] = []
    for rowid, number, _, octets in database.all(
        f"SELECT {COLUMNS} FROM flag_block WHERE mailbox = ? ORDER BY block", (mailbox,)
    ):
        with suppress(Corrupt):
            found.append(block((rowid, number, 0, octets)))
    return found


def every(database: Database) -> Iterator[tuple[MailboxId, int, int, int, bytes]]:
    """Give the mailbox and the `COLUMNS` of all blocks, in their order."""
    sql = f"SELECT mailbox, {COLUMNS} FROM flag_block ORDER BY mailbox, block"
    with database.rows(sql) as rows:
        yield from rows
