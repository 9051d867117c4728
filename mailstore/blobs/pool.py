"""Pool: the messages of one account in a backup, each once, found by its digest.

Layout: ``00000001.pack`` …, segments as the store's own, and beside each a
``00000001.list`` of what it holds. The last pack is appended to until it is full; no
octet that is listed is ever written over. A list is renamed into its place when its
pack is synced: what a killed run has left behind the end that the list names is taken
over by the next run if it is whole, and else cut off. A list can be made anew; a pack
without one may hold what earlier points need, and is neither appended to nor cut off.

One process at a time writes; who calls sees to that.
"""

from __future__ import annotations

import hashlib
import os
import re
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from mailstore.blobs.filesystem import FileSystem, store_error
from mailstore.blobs.pool_list import Entries, Entry, Places, read_list, write_list
from mailstore.blobs.port import StoredBlob
from mailstore.blobs.reader import BlobReader, OpenFile
from mailstore.blobs.segment import (
    HEAD,
    RECORD_SIZE,
    file_head,
    read_head,
    record_head,
    records,
    sealed,
)
from mailstore.blobs.store import BlobStore
from mailstore.crashpoints import CrashPoint, reached
from mailstore.errors import Corrupt, NotFound, StoreError
from mailstore.model import InternalDate

_ROLL = 64 * 2**20
_DEAD_SHARE = 0.4
_PIECE = 2**20
_NAME = re.compile(r"(\d{8})\.(pack|list)")
_REAL = FileSystem()


@dataclass(slots=True)
class _Pack:
    """What is known of one pack; ``end`` is behind its last record.

    ``listed`` is behind the last one that a list on the disk names.
    """

    number: int
    entries: Entries = field(default_factory=Entries)
    end: int = HEAD.size
    listed: int = HEAD.size
    fd: int | None = None  # open for writing
    walked: bool = False  # as its list is missing or damaged


@dataclass(frozen=True, slots=True)
class Damage:
    """A message whose bytes in the pool are not what they were."""

    digest: bytes
    pack: str
    why: str


class Pool:
    """Adds and opens messages; ``octets`` counts what was written.

    Made from what lies there. Raises `Unavailable`.
    """

    def __init__(
        self, folder: Path, files: FileSystem = _REAL, roll: int = _ROLL
    ) -> None:
        self._folder = folder
        self._files = files
        self._roll = roll
        self._packs: dict[int, _Pack] = {}
        self._open: tuple[int, OpenFile] | None = None
        self._writing: _Pack | None = None
        self.octets = 0
        try:
            for number in self._numbers("pack"):
                self._packs[number] = self._read(number)
        except OSError as error:
            raise store_error(error) from error
        self._entries = {n: pack.entries for n, pack in self._packs.items()}
        self._places = Places(self._entries)

    def __contains__(self, digest: bytes) -> bool:
        """Whether it has a message."""
        return self._places.get(digest) is not None

    def __len__(self) -> int:
        """How many messages it has; finds each of them."""
        return sum(
            self._places.get(entry.digest) == (number, entry.start)
            for number, entries in self._entries.items()
            for entry in entries
        )

    # -- reading

    def _read(self, number: int) -> _Pack:
        """Read what a pack holds, from its list if that can be used."""
        path = self._path(number, "pack")
        size = path.stat().st_size
        pack = self._listed(number)
        if pack is None:
            pack = _Pack(number, walked=True)
            self._walk(pack, HEAD.size)
            pack.end = pack.listed = max(pack.end, size)
        elif size < pack.end:
            # Cut short by something: the rest is to be copied again.
            pack.entries = Entries(one for one in pack.entries if one.end <= size)
        return pack

    def _walk(self, pack: _Pack, start: int) -> None:
        """Take over the whole records behind a place."""
        fd = self._files.open(self._path(pack.number, "pack"))
        try:
            for found in records(fd, start):
                pack.entries.append(Entry(found.digest, found.start, found.size))
                pack.end = found.end
        finally:
            self._files.close(fd)

    def _listed(self, number: int) -> _Pack | None:
        """Read a pack's list; None when there is none, or not a whole one."""
        try:
            data = self._path(number, "list").read_bytes()
        except OSError:
            return None
        found = read_list(data)
        if found is None:
            return None
        entries, end = found
        return _Pack(number, entries, end, end)

    def open(self, digest: bytes) -> tuple[BlobReader, InternalDate]:
        """Open a message; its octets are not proved yet, its head is.

        Raises `NotFound`, `Corrupt`, `Unavailable`.
        """
        place = self._places.get(digest)
        if place is None:
            raise NotFound("the backup does not have the message")
        number, start = place
        file = self._file(number)
        found = read_head(file.fd, start)
        if found.digest != digest:
            raise Corrupt(detail=f"another message is at {number}:{start}")
        reader = BlobReader(
            file, found.content, found.size, (found.head_crc, found.crc)
        )
        return reader, found.date

    def store_in(self, blobs: BlobStore, digest: bytes) -> StoredBlob:
        """Add a message to a store, proved; durable after the store's `sync`.

        Raises `NotFound`, `Corrupt`, `Unavailable`.
        """
        reader, date = self.open(digest)
        sink = blobs.writer(reader.size)
        try:
            with reader:
                for at in range(0, reader.size, _PIECE):
                    sink.write(reader.pread(at, _PIECE))
            sink.finish()
            sink.check()
            if sink.digest != digest:
                raise Corrupt("its bytes in the backup are not what was stored")
        except BaseException:
            sink.abort()
            raise
        return blobs.add(sink, date)

    def _file(self, number: int) -> OpenFile:
        if self._open is None or self._open[0] != number:
            self._open = number, OpenFile(self._files.open(self._path(number, "pack")))
        return self._open[1]

    def damages(self, heard: Callable[[int], None] | None = None) -> Iterator[Damage]:
        """Read all messages, and give those whose digest differs.

        ``heard`` is told octets as they are read.
        """
        for pack in self._packs.values():
            listed = self._listed(pack.number) or pack
            for entry in listed.entries:
                place = pack.number, entry.start
                if self._places.get(entry.digest) not in (None, place):
                    continue  # it was copied again
                why = self._why(pack.number, entry)
                if why is not None:
                    name = self._path(pack.number, "pack").name
                    yield Damage(entry.digest, name, why)
                if heard is not None:
                    heard(entry.size)

    def _why(self, number: int, entry: Entry) -> str | None:
        try:
            file = self._file(number)
            found = read_head(file.fd, entry.start)
            if found.digest != entry.digest or found.size != entry.size:
                return f"another record is at {entry.start}"
            crc, proof = found.head_crc, hashlib.sha256()
            with BlobReader(file, found.content, found.size) as reader:
                for at in range(0, found.size, _PIECE):
                    piece = reader.pread(at, _PIECE)
                    crc = zlib.crc32(piece, crc)
                    proof.update(piece)
            if proof.digest() != entry.digest or crc != found.crc:
                return f"the octets at {entry.start} have changed"
        except (NotFound, Corrupt) as error:
            return str(error)
        return None

    def bad_lists(self) -> list[str]:
        """Give the names of lists that are missing or damaged.

        Not that of the last pack when it has none: a killed run left it so.
        """
        last = max(self._packs, default=0)
        paths = (
            (number, self._path(number, "list"))
            for number, pack in self._packs.items()
            if pack.walked
        )
        return [path.name for number, path in paths if number < last or path.exists()]

    # -- writing

    def add(self, digest: bytes, date: InternalDate, source: BlobReader) -> None:
        """Copy a message; durable after `sync`.

        Raises `Corrupt` when its octets are not those of the digest: nothing is added
        then. Else what reading and writing raise.
        """
        pack = self._pack_for(RECORD_SIZE + source.size)
        assert pack.fd is not None
        entry = Entry(digest, pack.end, source.size)
        head = record_head(source.size, digest, date)
        crc, proof = zlib.crc32(head), hashlib.sha256()
        for at in range(0, source.size, _PIECE):
            piece = source.pread(at, _PIECE)
            self._files.write(pack.fd, piece, entry.start + RECORD_SIZE + at)
            crc = zlib.crc32(piece, crc)
            proof.update(piece)
        if proof.digest() != digest:
            raise Corrupt("its bytes are not what was stored")
        self._files.write(pack.fd, sealed(head, crc), entry.start)
        pack.entries.append(entry)
        pack.end = entry.end
        self._places.add(digest, pack.number, entry.start)
        self.octets += RECORD_SIZE + source.size
        reached(CrashPoint.PACK_WRITTEN)

    def _pack_for(self, length: int) -> _Pack:
        pack = self._writing
        if pack is None:
            pack = self._writing = self._last() or self._begin()
        if pack.entries and pack.end + length > self._roll:
            self.sync()
            pack = self._writing = self._begin()
        return pack

    def _last(self) -> _Pack | None:
        """Open the last pack to append to it, if there is room."""
        if not self._packs:
            return None
        pack = self._packs[max(self._packs)]
        path = self._path(pack.number, "pack")
        if pack.walked or pack.end >= self._roll or path.stat().st_size < pack.end:
            return None
        before = len(pack.entries)
        self._walk(pack, pack.end)  # what a killed run has left
        for index in range(before, len(pack.entries)):
            entry = pack.entries[index]
            self._places.add(entry.digest, pack.number, entry.start)
        pack.fd = self._files.reopen(path)
        self._files.truncate(pack.fd, pack.end)
        return pack

    def _begin(self) -> _Pack:
        self._files.make_folder(self._folder)
        numbers = (*self._numbers("pack"), *self._numbers("list"))
        pack = _Pack(max(numbers, default=0) + 1)
        pack.fd = self._files.create(self._path(pack.number, "pack"))
        assert pack.fd is not None, "nobody else writes here"
        self._files.write(pack.fd, file_head(), 0)
        self._packs[pack.number] = pack
        self._entries[pack.number] = pack.entries
        return pack

    def sync(self) -> None:
        """Make all that was added durable, and list it.

        Raises `Unavailable`: the messages that were listed before are there as before.
        """
        pack, self._writing = self._writing, None
        if pack is not None and pack.fd is not None:
            self._sync(pack, pack.fd)
        for other in self._packs.values():
            if other.walked:
                self._list_anew(other)

    def _sync(self, pack: _Pack, fd: int) -> None:
        pack.fd = None
        try:
            self._files.truncate(fd, pack.end)
            self._files.sync(fd)
        except StoreError:
            # What is read back after a failed sync need not be on the disk: the next
            # run must not take it for whole.
            with suppress(StoreError):
                self._files.truncate(fd, pack.listed)
            raise
        finally:
            self._files.close(fd)
        reached(CrashPoint.PACK_SYNCED)
        self._write_list(pack)
        pack.listed = pack.end

    def _list_anew(self, pack: _Pack) -> None:
        fd = self._files.reopen(self._path(pack.number, "pack"))
        try:
            self._files.sync(fd)  # a killed run may not have come to it
        finally:
            self._files.close(fd)
        self._write_list(pack)
        pack.walked = False

    def _write_list(self, pack: _Pack) -> None:
        data = write_list(pack.entries, pack.end)
        write_whole(self._files, self._path(pack.number, "list"), (data,))

    def forget(self, damaged: Collection[bytes]) -> None:
        """Take damaged messages off the lists, so that they are copied again."""
        for pack in self._packs.values():
            kept = Entries(one for one in pack.entries if one.digest not in damaged)
            if len(kept) < len(pack.entries):
                self._entries[pack.number] = pack.entries = kept
                self._write_list(pack)
        self._places = Places(self._entries)

    def sweep(self, needed: Collection[bytes]) -> int:
        """Give up what is not needed; gives the octets that were set free.

        A pack that is mostly dead is copied first. What cannot be copied keeps its
        pack. Raises `Unavailable`.
        """
        before = sum(self._size(number) for number in self._packs)
        dying: list[int] = []
        for number, pack in sorted(self._packs.items()):
            live = [
                entry
                for entry in pack.entries
                if entry.digest in needed
                and self._places.get(entry.digest) == (number, entry.start)
            ]
            alive = sum(entry.end - entry.start for entry in live)
            if not live or (
                self._size(number) - alive > _DEAD_SHARE * self._size(number)
                and self._copy(live)
            ):
                dying.append(number)
        self.sync()
        if dying:
            reached(CrashPoint.PACK_COPIED)
        for number in dying:
            self._drop(number)
        for number in set(self._numbers("list")) - set(self._packs):
            self._files.unlink(self._path(number, "list"))
        return before - sum(self._size(number) for number in self._packs)

    def _copy(self, live: Sequence[Entry]) -> bool:
        if self._writing is None:
            self._writing = self._begin()
        try:
            for entry in live:
                reader, date = self.open(entry.digest)
                with reader:
                    self.add(entry.digest, date, reader)
        except (NotFound, Corrupt):
            return False  # what was copied is there twice
        return True

    def _drop(self, number: int) -> None:
        del self._packs[number], self._entries[number]
        if self._open is not None and self._open[0] == number:
            self._open = None
        # In this order: a list without its pack is waste, the other way round damage.
        self._files.unlink(self._path(number, "pack"))
        reached(CrashPoint.PACK_DROPPED)
        self._files.unlink(self._path(number, "list"))

    def _size(self, number: int) -> int:
        try:
            return self._path(number, "pack").stat().st_size
        except OSError:
            return 0

    def close(self) -> None:
        """Close the files; what was not synced is left to the next run."""
        pack, self._writing, self._open = self._writing, None, None
        if pack is not None and pack.fd is not None:
            self._files.close(pack.fd)

    # -- parts

    def _path(self, number: int, kind: str) -> Path:
        return self._folder / f"{number:08d}.{kind}"

    def _numbers(self, kind: str) -> list[int]:
        try:
            names = os.listdir(self._folder)
        except FileNotFoundError:
            return []
        found = (_NAME.fullmatch(name) for name in names)
        return sorted(int(one[1]) for one in found if one and one[2] == kind)


def write_whole(files: FileSystem, path: Path, pieces: Iterable[bytes]) -> None:
    """Write a file that has its name only when it is durable. Raises `Unavailable`."""
    begun = path.with_name(f"{path.name}.part")
    files.unlink(begun)
    fd = files.create(begun)
    assert fd is not None, "it was removed just now"
    at = 0
    try:
        for piece in pieces:
            files.write(fd, piece, at)
            at += len(piece)
        files.sync(fd)
    except StoreError:
        with suppress(StoreError):
            files.unlink(begun)
        raise
    finally:
        files.close(fd)
    reached(CrashPoint.FILE_WRITTEN)
    files.rename(begun, path)
    files.sync_folder(path.parent)
