"""What the packs of a pool hold, and where in them a message is found by its digest.

A large account has millions of messages, and this is what a backup keeps in memory of
each: entries stay as their list on the disk has them (48 octets), and a digest is found
by bisection (16 more). It must not know packs as files.
"""

from __future__ import annotations

import struct
import zlib
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from mailstore.blobs.segment import RECORD_SIZE

_HEAD = struct.Struct("<4sIQQ")  # magic, version, entries, where the pack ends
_ENTRY = struct.Struct("<32sQQ")
_PREFIX = struct.Struct("<Q40x")
_START = struct.Struct("<Q")
_CRC = struct.Struct("<I")
_MAGIC, _VERSION = b"IMPL", 1
_INDEX = 32  # bits of a place that number an entry in its pack
_FEW = 10_000


@dataclass(frozen=True, slots=True)
class Entry:
    """Where in its pack a message is; ``size`` in octets, without the record's head."""

    digest: bytes
    start: int
    size: int

    @property
    def end(self) -> int:
        """Where the next record begins."""
        return self.start + RECORD_SIZE + self.size


class Entries:
    """The entries of one pack, in the order in which they were added."""

    __slots__ = ("octets",)

    def __init__(self, entries: Iterable[Entry] = (), octets: bytes = b"") -> None:
        self.octets = bytearray(octets)
        for one in entries:
            self.append(one)

    def __len__(self) -> int:
        """How many there are."""
        return len(self.octets) // _ENTRY.size

    def __iter__(self) -> Iterator[Entry]:
        """Give all, those that are added meanwhile not."""
        for values in _ENTRY.iter_unpack(bytes(self.octets)):
            yield Entry(*values)

    def __getitem__(self, index: int) -> Entry:
        """Give one by its number."""
        return Entry(*_ENTRY.unpack_from(self.octets, index * _ENTRY.size))

    def start_of(self, index: int, digest: bytes) -> int | None:
        """Give where a message begins, if that entry is of this digest."""
        at = index * _ENTRY.size
        if self.octets[at : at + len(digest)] != digest:
            return None
        return int(_START.unpack_from(self.octets, at + len(digest))[0])

    def append(self, entry: Entry) -> None:
        """Add one behind the others."""
        self.octets += _ENTRY.pack(entry.digest, entry.start, entry.size)

    def prefixes(self) -> Iterator[int]:
        """Give a number for the beginning of each digest."""
        return (prefix for (prefix,) in _PREFIX.iter_unpack(bytes(self.octets)))


def prefix_of(digest: bytes) -> int:
    """Give the number for the beginning of a digest."""
    return int.from_bytes(digest[:8], "little")


class Places:
    """Finds entries of many packs by their digests; the last one that has it.

    ``packs`` is the caller's: an entry that was added to one of them is told by `add`,
    one that went with its pack is not found. Whoever moves entries makes it anew.
    """

    def __init__(self, packs: Mapping[int, Entries]) -> None:
        self._packs = packs
        self._new: dict[bytes, tuple[int, int]] = {}
        self._prefixes = array("Q")
        self._values = array("Q")
        self._build()

    def _build(self) -> None:
        prefixes, values = array("Q"), array("Q")
        for number, entries in sorted(self._packs.items()):
            prefixes.extend(entries.prefixes())
            first = number << _INDEX
            values.extend(range(first, first + len(entries)))
        order = sorted(range(len(prefixes)), key=prefixes.__getitem__)
        self._prefixes = array("Q", map(prefixes.__getitem__, order))
        self._values = array("Q", map(values.__getitem__, order))
        self._new.clear()

    def get(self, digest: bytes) -> tuple[int, int] | None:
        """Give the pack of a message, and where in it the message begins."""
        found = self._new.get(digest)
        if found is not None and found[0] in self._packs:
            return found
        prefix = prefix_of(digest)
        at = bisect_right(self._prefixes, prefix)
        while at and self._prefixes[at - 1] == prefix:
            at -= 1
            number, index = divmod(self._values[at], 1 << _INDEX)
            entries = self._packs.get(number)
            if entries is not None:
                start = entries.start_of(index, digest)
                if start is not None:
                    return number, start
        return None

    def add(self, digest: bytes, number: int, start: int) -> None:
        """Note an entry that was appended to a pack."""
        self._new[digest] = number, start
        if len(self._new) > _FEW + len(self._values) // 4:
            self._build()


def read_list(data: bytes) -> tuple[Entries, int] | None:
    """Read a list: its entries, and where its pack ends; None if it is damaged."""
    if len(data) < _HEAD.size + _CRC.size:
        return None
    magic, version, count, end = _HEAD.unpack_from(data)
    body = memoryview(data)[: -_CRC.size]
    if (magic, version) != (_MAGIC, _VERSION) or (
        len(body) != _HEAD.size + count * _ENTRY.size
        or _CRC.unpack(data[-_CRC.size :])[0] != zlib.crc32(body)
    ):
        return None
    return Entries(octets=bytes(body[_HEAD.size :])), end


def write_list(entries: Entries, end: int) -> bytes:
    """Give the octets of a list."""
    body = _HEAD.pack(_MAGIC, _VERSION, len(entries), end) + entries.octets
    return body + _CRC.pack(zlib.crc32(body))
