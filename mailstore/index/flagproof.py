"""Proving the blocks of flags, making them of rows, and mending them.

`imapd check` also reads indexes that an older program has left, where flags stood in
the rows of ``entry``: of these blocks are made here, for whoever asks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import itemgetter

from mailstore.errors import Corrupt
from mailstore.index import flagblocks
from mailstore.index.blocks import LAST, Block, block_of, bounds, sound
from mailstore.index.database import Database
from mailstore.index.records import LOW_KEYWORDS
from mailstore.model import DELETED, SEEN, MailboxId

OldRow = tuple[int, int, int, bytes | None, int]  # mailbox, uid, flags, more, modseq

_MODSEQS = (
    "SELECT mailbox, uid, 0 AS modseq FROM entry"
    " UNION ALL SELECT mailbox, 0, modseq FROM flag_block"
    " WHERE typeof(modseq) = 'integer'"
)
_NO_BLOCK = (
    "typeof(mailbox) <> 'integer' OR typeof(block) <> 'integer'"
    f" OR block NOT BETWEEN 0 AND {LAST}"
)
_MOST = 20


def modseqs(database: Database) -> str:
    """Give a query for (mailbox, uid, modseq) with the highest that messages have."""
    if database.has_table("flag_block"):
        return _MODSEQS
    return "SELECT mailbox, uid, modseq FROM entry"


def of_rows(rows: Iterable[OldRow]) -> Iterator[tuple[MailboxId, Block]]:
    """Make blocks of rows that are ascending by mailbox and UID; of sound ones."""
    numbered = (row for row in rows if has_place(*row[:2]))
    for mailbox, own in groupby(numbered, itemgetter(0)):
        for number, some in groupby(own, lambda row: block_of(row[1])):
            block = Block.new(number)
            there = [(uid, *sound(*rest)) for _, uid, *rest in some]
            block.add(*zip(*there, strict=True))
            yield MailboxId(mailbox), block


def has_place(mailbox: object, uid: object) -> bool:
    """Tell whether a message can be there; not in a damaged row."""
    return isinstance(uid, int) and _is_block(mailbox, block_of(uid))


def _is_block(mailbox: object, number: object) -> bool:
    integers = isinstance(mailbox, int) and isinstance(number, int)
    return integers and number in range(LAST + 1)


def blocks(database: Database) -> Iterator[tuple[MailboxId, Block]]:
    """Give all blocks that can be read, in their order."""
    if not database.has_table("flag_block"):
        sql = "SELECT mailbox, uid, flags, more, modseq FROM entry ORDER BY 1, 2"
        with database.rows(sql) as rows:
            yield from of_rows(rows)
        return
    for mailbox, *row in flagblocks.every(database):
        try:
            yield mailbox, flagblocks.block(row)
        except Corrupt:
            continue  # `contradictions` tells it


def counted(database: Database) -> dict[MailboxId, tuple[int, int]]:
    """Count, by mailbox, the messages without \\Seen and those with \\Deleted."""
    found: dict[MailboxId, tuple[int, int]] = {}
    for mailbox, block in blocks(database):
        unseen, deleted = found.get(mailbox, (0, 0))
        unseen += sum([not octet & SEEN for octet in block.system])
        deleted += sum([bool(octet & DELETED) for octet in block.system])
        found[mailbox] = unseen, deleted
    return found


def keywords_used(database: Database) -> dict[int, int]:
    """Give, by mailbox, the bits of all keywords that its messages have."""
    found: dict[int, int] = {}
    for mailbox, block in blocks(database):
        used = 0
        for bits in set(block.keywords.values()):
            used |= bits
        for bits in block.more.values():
            used |= bits << LOW_KEYWORDS
        if used:
            found[mailbox] = found.get(mailbox, 0) | used
    return found


def contradictions(database: Database) -> list[str]:
    """Check that messages and flags belong together, and what blocks say of theirs."""
    if not database.has_table("flag_block"):
        return []
    return [*_nowhere(database), *(text for _, _, text in _wrong(database))]


def _nowhere(database: Database) -> list[str]:
    """Tell of rows that are of no block that there can be."""
    rows = database.all(f"SELECT mailbox, block FROM flag_block WHERE {_NO_BLOCK}")
    return [
        f"mailbox {mailbox}: flags of block {number}, which there can't be"
        for mailbox, number in rows
    ]


def _wrong(database: Database) -> list[tuple[MailboxId, int, str]]:
    """Give (mailbox, block, what is wrong)."""
    found: list[tuple[MailboxId, int, str]] = []
    there = _uids(database)
    for mailbox, rowid, number, modseq, octets in flagblocks.every(database):
        if not _is_block(mailbox, number):
            continue  # `_nowhere` tells it
        uids = there.pop((mailbox, number), [])
        where = f"mailbox {mailbox}: flags of block {number}"
        try:
            block = flagblocks.block((rowid, number, modseq, octets))
        except Corrupt:
            found.append((mailbox, number, f"{where} cannot be read"))
            continue
        if list(block.uids) != uids:
            found.append((mailbox, number, f"{where} are not those of its messages"))
        elif block.modseqs.highest != modseq:
            text = f"{where} are of {block.modseqs.highest}, not of {modseq}"
            found.append((mailbox, number, text))
    for (mailbox, number), uids in there.items():
        text = (
            f"mailbox {mailbox}: {len(uids)} messages of block {number} have no flags"
        )
        found.append((mailbox, number, text))
    return found


def _uids(database: Database) -> dict[tuple[MailboxId, int], list[int]]:
    found: dict[tuple[MailboxId, int], list[int]] = {}
    with database.rows("SELECT mailbox, uid FROM entry ORDER BY 1, 2") as rows:
        for mailbox, uid in rows:
            if not has_place(mailbox, uid):
                continue  # `values` tells it
            found.setdefault((mailbox, block_of(uid)), []).append(uid)
    return found


def mend(database: Database) -> list[str]:
    """Have each message flags, and none where there is no message; tells what was done.

    A message whose flags are lost has none; it gets the mod-sequence of the mailbox,
    which the caller raises.
    """
    lost = _nowhere(database)
    if lost:
        database.execute(f"DELETE FROM flag_block WHERE {_NO_BLOCK}")
    wrong = _wrong(database)
    for mailbox, number, _ in wrong:
        uids = [
            uid
            for (uid,) in database.all(
                "SELECT uid FROM entry WHERE mailbox = ? AND uid BETWEEN ? AND ?"
                " ORDER BY uid",
                (mailbox, *bounds(number)),
            )
        ]
        row = database.one(
            f"SELECT {flagblocks.COLUMNS} FROM flag_block"
            " WHERE mailbox = ? AND block = ?",
            (mailbox, number),
        )
        known = _known(row)
        highest = database.one(
            "SELECT highestmodseq + 1 FROM mailbox WHERE id = ?", (mailbox,)
        )
        nothing = (0, int(highest[0]) if highest else 1)
        made = Block.new(number)
        made.row = None if row is None else int(row[0])
        if uids:
            masks, modseqs = zip(*[known.get(u, nothing) for u in uids], strict=True)
            made.add(uids, masks, modseqs)
        flagblocks.write(database, mailbox, [made])
    for mailbox in sorted({mailbox for mailbox, _, _ in wrong}):
        database.execute(
            "UPDATE mailbox SET highestmodseq = highestmodseq + 1 WHERE id = ?",
            (mailbox,),
        )
    return [*lost, *(text for _, _, text in wrong)]


def _known(row: tuple[object, ...] | None) -> dict[int, tuple[int, int]]:
    if row is None:
        return {}
    try:
        return {uid: (mask, seq) for uid, mask, seq in flagblocks.block(row).rows()}
    except Corrupt:
        return {}
