"""A segment: a file of records, one after the other, only ever appended to.

Layout, little endian. The file begins with ``IMPK`` and a version (u32). A record::

    magic 4 · version u8 · codec u8 · zone i16 · stored length u32 · size u32
    internal date i64 · SHA-256 of the message 32 · CRC-32 of all this and the
    content u32 · content

It carries enough to rebuild an index. A torn tail, left by a crash, is no record:
its length or its checksum doesn't fit. The only codec is 0, the message as it is.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from mailstore.errors import Corrupt, Unavailable
from mailstore.model import InternalDate

HEAD = struct.Struct("<4sI")
_RECORD = struct.Struct("<4sBBhIIq32s")
_CRC = struct.Struct("<I")
_FRONT = struct.Struct("<4sBBhII")  # of a record
RECORD_SIZE = _RECORD.size + _CRC.size
_FILE_MAGIC, _MAGIC, _VERSION = b"IMPK", b"IMRC", 1
_WINDOW = 2**20


@dataclass(frozen=True, slots=True)
class Record:
    """The head of one record; ``start`` is where it begins in its file.

    ``mark`` is the head as it is stored: no other record has the same.
    """

    start: int
    length: int
    size: int
    date: InternalDate
    digest: bytes
    head_crc: int
    crc: int
    mark: bytes

    @property
    def content(self) -> int:
        """Where its message begins in the file."""
        return self.start + RECORD_SIZE

    @property
    def end(self) -> int:
        """Where the next record may begin."""
        return self.content + self.length


def file_head() -> bytes:
    """Give the first octets of a segment."""
    return HEAD.pack(_FILE_MAGIC, _VERSION)


def record(content: bytes, digest: bytes, date: InternalDate) -> bytes:
    """Give a message as a record."""
    head = record_head(len(content), digest, date)
    return sealed(head, zlib.crc32(content, zlib.crc32(head))) + content


def record_head(size: int, digest: bytes, date: InternalDate) -> bytes:
    """Give what stands before a message's checksum."""
    return _RECORD.pack(_MAGIC, _VERSION, 0, date.zone, size, size, date.epoch, digest)


def sealed(head: bytes, crc: int) -> bytes:
    """Give all that stands before a message: its head, and the CRC-32 of both."""
    return head + _CRC.pack(crc)


def read_head(fd: int, start: int) -> Record:
    """Read the head of the record at a position. Raises `Corrupt`, `Unavailable`."""
    try:
        head = os.pread(fd, RECORD_SIZE, start)
    except OSError as error:
        raise Unavailable(detail=str(error)) from error
    if len(head) < RECORD_SIZE:
        raise Corrupt(detail=f"the segment ends in the record at {start}")
    fields = _RECORD.unpack_from(head)
    magic, version, codec, zone, length, size, epoch, digest = fields
    if (magic, version, codec) != (_MAGIC, _VERSION, 0) or length != size:
        raise Corrupt(detail=f"no record at {start}")
    try:
        date = InternalDate(epoch, zone)
    except ValueError as error:
        raise Corrupt(detail=f"no date at {start}") from error
    (crc,) = _CRC.unpack_from(head, _RECORD.size)
    return Record(
        start, length, size, date, digest, zlib.crc32(head[: _RECORD.size]), crc, head
    )


def message_of(octets: bytes) -> bytes:
    """Give the message of a record, of which these are all octets. Raises `Corrupt`.

    What `read_head` refuses it refuses too.
    """
    try:
        magic, version, codec, zone, length, size = _FRONT.unpack_from(octets)
        InternalDate(0, zone)
    except (struct.error, ValueError) as error:
        raise Corrupt(detail=f"no record: {error}") from error
    if (magic, version, codec) != (_MAGIC, _VERSION, 0) or (
        not length == size == len(octets) - RECORD_SIZE
    ):
        raise Corrupt(detail="no record of this length")
    return octets[RECORD_SIZE:]


def has_mark(fd: int, start: int, mark: bytes) -> bool:
    """Tell whether a record at a position has that mark. Raises `Unavailable`."""
    try:
        return os.pread(fd, RECORD_SIZE, start) == mark
    except OSError as error:
        raise Unavailable(detail=str(error)) from error


def records(fd: int, start: int = HEAD.size) -> Iterator[Record]:
    """Walk over the whole records of a segment, from one's end on.

    Where no record begins, the next magic is looked for: one damaged record must
    not hide those behind it.
    """
    size = os.fstat(fd).st_size
    at = start
    while at < size:
        try:
            found = read_head(fd, at)
        except Corrupt:
            found = None
        if found is not None and found.end <= size and _intact(fd, found):
            yield found
            at = found.end
        else:
            at = _next_magic(fd, at + 1, size)


def _intact(fd: int, found: Record) -> bool:
    crc, at = found.head_crc, found.content
    while at < found.end:
        piece = os.pread(fd, min(_WINDOW, found.end - at), at)
        if not piece:
            return False
        crc = zlib.crc32(piece, crc)
        at += len(piece)
    return crc == found.crc


def _next_magic(fd: int, at: int, size: int) -> int:
    while at < size:
        window = os.pread(fd, _WINDOW, at)
        found = window.find(_MAGIC)
        if found >= 0:
            return at + found
        if len(window) < _WINDOW:
            break
        at += _WINDOW - len(_MAGIC) + 1
    return size
