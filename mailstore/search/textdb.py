"""``text.db``: what an account's messages say, kept beside its index for searches.

All of it is derived: it may be deleted at any time and loses nothing but time. One
process writes at a time, many read. What is damaged, of another version, or of
another index than the one beside it, is dropped as a whole and made again.

A *segment* holds the texts of messages with neighbouring ids; segments do not overlap,
and up to the watermark every message that the index has is in one. Where nothing else
is said, messages are named by their ordinal in the segment. Invariants: readers work
in one snapshot, so that segments and watermark fit together; a segment is never
changed, and its number is a random one of 62 bits, so that no two of all files ever
have the same and what was read of one holds for good (`mailstore.search.kept`).
"""

from __future__ import annotations

import os
import secrets
from array import array
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Self
from zlib import crc32

import apsw

from mailstore.errors import Corrupt, StoreError
from mailstore.index.database import Database, check_sqlite, store_error

VERSION = 4
PRINT = 8  # octets of a message's digest that tell whether it is the same one
_FILES = ("text.db", "text.db-wal", "text.db-shm")
_BUSY_MS = 10_000
SKETCHES = 12  # the kind of blocks that are pieces of sketches
_LOG = 16 << 20  # octets of the log that stay on the disk when it is empty

_SCHEMA = """
CREATE TABLE progress (
    watermark INTEGER NOT NULL,  -- the last message id that was looked at
    purged_at INTEGER NOT NULL   -- of the index, when dead messages were last dropped
);
INSERT INTO progress VALUES (0, 0);

CREATE TABLE segment (
    id        INTEGER PRIMARY KEY,  -- random, see above
    first     INTEGER NOT NULL UNIQUE,
    last      INTEGER NOT NULL,
    words     INTEGER NOT NULL,   -- octets of the lists of words
    -- Numbers, in the machine's order, and a CRC-32 of them:
    ids       BLOB NOT NULL,      -- of messages, ascending, 8 octets each
    days      BLOB NOT NULL,      -- of the Date field, 4 octets each
    irregular BLOB NOT NULL,      -- ordinals, 2 octets: to be read from the message
    wordless  BLOB NOT NULL,      -- ordinals, 2 octets: bodies of too many words
    prints    BLOB NOT NULL       -- the first 8 octets of each one's digest
);

CREATE TABLE block (
    id      INTEGER PRIMARY KEY,
    segment INTEGER NOT NULL,
    kind    INTEGER NOT NULL,
    number  INTEGER NOT NULL,
    first   INTEGER NOT NULL,     -- ordinals
    last    INTEGER NOT NULL,
    ends    BLOB NOT NULL         -- numbers of 4 octets, and a CRC-32
);
CREATE INDEX block_place ON block (segment, kind, number);

-- By the block's id. Apart from it, so that a block is given to another segment
-- without its octets being written again.
CREATE TABLE content (
    id      INTEGER PRIMARY KEY,
    data    BLOB NOT NULL         -- zstd, with its checksum
);
"""


class Segment(NamedTuple):
    """What is always read of a segment."""

    id: int
    ids: array[int]
    words: int
    irregular: array[int]
    wordless: array[int]


class Block(NamedTuple):
    """A compressed piece of one kind: texts, words, or where words are."""

    kind: int
    number: int
    first: int
    last: int
    ends: array[int]
    data: bytes


class Moved(NamedTuple):
    """A block that a segment takes over from another, as it is, by its row."""

    row: int
    number: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class NewSegment:
    """A segment to be written."""

    ids: array[int]
    prints: bytes
    days: array[int]
    words: int
    irregular: array[int]
    wordless: array[int]
    blocks: Sequence[Block | Moved]


def _packed(numbers: array[int]) -> bytes:
    """Give numbers with a checksum: SQLite has none for its pages."""
    octets = numbers.tobytes()
    return octets + crc32(octets).to_bytes(4, "little")


def _unpacked(code: str, packed: bytes) -> array[int]:
    octets = packed[:-4]
    if crc32(octets) != int.from_bytes(packed[-4:], "little"):
        raise Corrupt(detail="numbers of the text index are not what was written")
    return array(code, octets)


def identity(path: Path) -> tuple[int, int] | None:
    """Tell one file from another that took its name; None when there is none."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def drop(folder: Path) -> None:
    """Delete the text index. Who reads it goes on with the file that was."""
    for name in _FILES:
        (folder / name).unlink(missing_ok=True)


class TextDatabase:
    """A connection to ``text.db``; used by one thread at a time."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @classmethod
    def open(cls, folder: Path, *, writer: bool) -> Self | None:
        """Connect; a writer makes the file, a reader gets None where it is not usable.

        Raises `Corrupt`, `Busy`, `Unavailable`.
        """
        check_sqlite()
        path = folder / _FILES[0]
        flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_NOFOLLOW
        before = identity(path)
        if writer:
            flags |= apsw.SQLITE_OPEN_CREATE
        elif before is None:
            return None
        try:
            database = Database(path, apsw.Connection(str(path), flags=flags))
        except apsw.Error as error:
            raise store_error(error) from error
        try:
            text = cls(database)
            usable = text._set_up(writer=writer)
            # Between the opening of the file and of its log another may have come.
            usable = usable and (writer or identity(path) == before)
        except BaseException:
            database.close()
            raise
        if not usable:
            database.close()
            return None
        return text

    def _set_up(self, *, writer: bool) -> bool:
        database = self._database
        database.connection.set_busy_timeout(_BUSY_MS)
        (version,) = database.one("PRAGMA user_version") or (0,)
        if writer and version == 0:
            # Large values are read as a whole: long pages, short chains.
            database.execute("PRAGMA page_size = 16384")
        if database.one("PRAGMA journal_mode") != ("wal",):
            database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = NORMAL")
        database.execute("PRAGMA cache_size = -4096")
        database.execute(f"PRAGMA journal_size_limit = {_LOG}")
        if not writer:
            database.execute("PRAGMA query_only = ON")
            return bool(version == VERSION)
        if version == 0:
            with database.transaction():
                database.execute(_SCHEMA)
                database.execute(f"PRAGMA user_version = {VERSION}")
        elif version != VERSION:
            raise Corrupt(detail=f"a text index of version {version}")
        return True

    def close(self) -> None:
        """Close the connection."""
        self._database.close()

    # -- reading

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Read: all of the block sees one state."""
        with self._database.snapshot():
            yield

    def progress(self) -> tuple[int, int]:
        """Give the watermark, and the index's purge that was taken over."""
        row = self._database.one("SELECT watermark, purged_at FROM progress")
        if row is None:
            raise Corrupt(detail="a text index without progress")
        return row[0], row[1]

    def segment_ids(self) -> list[int]:
        """Give the segments' numbers, in the order of their messages."""
        rows = self._database.all("SELECT id FROM segment ORDER BY first")
        return [id_ for (id_,) in rows]

    def segments(self) -> list[Segment]:
        """Give all segments in the order of their messages."""
        return [self.segment(id_) for id_ in self.segment_ids()]

    def segment(self, id_: int) -> Segment:
        """Give a segment. Raises `Corrupt`."""
        row = self._database.one(
            "SELECT ids, words, irregular, wordless FROM segment WHERE id = ?", (id_,)
        )
        if row is None:
            raise Corrupt(detail="a segment of the text index is missing")
        ids, words, irregular, wordless = row
        return Segment(
            id_,
            _unpacked("Q", ids),
            words,
            _unpacked("H", irregular),
            _unpacked("H", wordless),
        )

    def prints(self, segment: int) -> bytes:
        """Give the beginnings of the digests of a segment's messages."""
        row = self._database.one("SELECT prints FROM segment WHERE id = ?", (segment,))
        return bytes(row[0]) if row else b""

    def days(self, segment: int) -> array[int]:
        """Give the days on which a segment's messages say they were sent."""
        row = self._database.one("SELECT days FROM segment WHERE id = ?", (segment,))
        return _unpacked("i", row[0] if row else b"")

    def blocks(self, segment: int, kind: int) -> Iterator[Block]:
        """Give a segment's blocks of a kind, one statement for each.

        So that who needs some of them only reads those.
        """
        for number, (row, first, last) in enumerate(self.places(segment, kind)):
            ends, data = self.contents(row)
            yield Block(kind, number, first, last, ends, data)

    def places(self, segment: int, kind: int) -> list[tuple[int, int, int]]:
        """Give (block's row, first, last) of a segment's blocks of a kind, in order."""
        return self._database.all(
            "SELECT id, first, last FROM block"
            " WHERE segment = ? AND kind = ? ORDER BY number",
            (segment, kind),
        )

    def sketches(self, segment: int) -> dict[int, list[list[int]]]:
        """Give where the sketches of a segment's long bodies are, by their ordinals.

        For each section of a body the rows of its pieces, in their order.
        """
        found: dict[int, list[list[int]]] = {}
        for row, ordinal, ends in self._database.all(
            "SELECT id, first, ends FROM block"
            " WHERE segment = ? AND kind = ? ORDER BY number",
            (segment, SKETCHES),
        ):
            (section,) = _unpacked("I", ends)
            sections = found.setdefault(ordinal, [])
            if section == len(sections):
                sections.append([])
            sections[section].append(row)
        return found

    def sketched(self, segment: int) -> set[int]:
        """Give the ordinals of the bodies that have sketches."""
        rows = self._database.all(
            "SELECT DISTINCT first FROM block WHERE segment = ? AND kind = ?",
            (segment, SKETCHES),
        )
        return {ordinal for (ordinal,) in rows}

    def contents(self, row: int) -> tuple[array[int], bytes]:
        """Give the ends and the data of a block. Raises `Corrupt`."""
        found = self._database.one(
            "SELECT ends, data FROM block JOIN content USING (id) WHERE id = ?", (row,)
        )
        if found is None:
            raise Corrupt(detail="a block of the text index is missing")
        return _unpacked("I", found[0]), found[1]

    def ends(self, row: int) -> array[int]:
        """Give the ends of a block. Raises `Corrupt`."""
        found = self._database.one("SELECT ends FROM block WHERE id = ?", (row,))
        return _unpacked("I", found[0] if found else b"")

    def block(self, segment: int, kind: int, number: int) -> Block | None:
        """Give one block."""
        row = self._database.one(
            "SELECT first, last, ends, data FROM block JOIN content USING (id)"
            " WHERE segment = ? AND kind = ? AND number = ?",
            (segment, kind, number),
        )
        if row is None:
            return None
        first, last, ends, data = row
        return Block(kind, number, first, last, _unpacked("I", ends), data)

    # -- writing

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Write: all of the block, or nothing."""
        with self._database.transaction():
            yield

    def set_watermark(self, message: int) -> None:
        """Note that all messages up to this id are in."""
        self._database.execute("UPDATE progress SET watermark = ?", (message,))

    def set_purged(self, at: int) -> None:
        """Note that what the index had purged by then is gone here too."""
        self._database.execute("UPDATE progress SET purged_at = ?", (at,))

    def add(self, segment: NewSegment) -> None:
        """Add a segment; its messages must be in no other."""
        id_ = secrets.randbits(62)
        self._database.execute(
            "INSERT INTO segment (id, first, last, words, ids, prints, days, irregular,"
            " wordless) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                id_,
                segment.ids[0],
                segment.ids[-1],
                segment.words,
                _packed(segment.ids),
                segment.prints,
                _packed(segment.days),
                _packed(segment.irregular),
                _packed(segment.wordless),
            ),
        )
        for block in segment.blocks:
            if isinstance(block, Moved):
                self._move(id_, block)
            else:
                self._insert(id_, block)

    def _insert(self, segment: int, block: Block) -> None:
        row = self._database.one(
            "INSERT INTO block (segment, kind, number, first, last, ends)"
            " VALUES (?, ?, ?, ?, ?, ?) RETURNING id",
            (
                segment,
                block.kind,
                block.number,
                block.first,
                block.last,
                _packed(block.ends),
            ),
        )
        assert row is not None
        self._database.execute(
            "INSERT INTO content (id, data) VALUES (?, ?)", (row[0], block.data)
        )

    def _move(self, segment: int, block: Moved) -> None:
        self._database.execute(
            "UPDATE block SET segment = ?, number = ?, first = ?, last = ?"
            " WHERE id = ?",
            (segment, block.number, block.first, block.last, block.row),
        )

    def replace(self, old: Sequence[int], new: NewSegment | None) -> None:
        """Put a segment in the place of some, or nothing; it may take blocks over."""
        each = [(id_,) for id_ in old]
        self._database.many("DELETE FROM segment WHERE id = ?", each)
        if new is not None:
            self.add(new)
        self._database.many(
            "DELETE FROM content WHERE id IN (SELECT id FROM block WHERE segment = ?)",
            each,
        )
        self._database.many("DELETE FROM block WHERE segment = ?", each)

    def give_back(self) -> None:
        """Return free pages to the disk, where they are most of the file."""
        (free,) = self._database.one("PRAGMA freelist_count") or (0,)
        (pages,) = self._database.one("PRAGMA page_count") or (0,)
        if free * 2 > pages:
            try:
                self._database.execute("VACUUM")
            except StoreError:
                return  # a full disk: it stays as it is

    def damages(self) -> list[str]:
        """Ask SQLite about its own pages."""
        rows = self._database.all("PRAGMA quick_check(5)")
        return [text for (text,) in rows if text != "ok"]
