"""The default engine: many messages in few append-only files.

One file is synced for a whole group of messages, which makes a durable append an
order of magnitude cheaper than a file per message. A process writes into a segment
of its own, locked; after a restart it begins a new one, so that whatever a crash left
behind is never written over.

To sync octets in a file that grows, a file system writes its journal too; not so where
the file was before. So a segment is kept longer than what it holds: `widen` appends
zeros behind the last record, when nobody waits.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import threading
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from mailstore.blobs.filesystem import FileSystem, Folders, store_error
from mailstore.blobs.port import BlobEntry
from mailstore.blobs.reader import BlobReader, OpenFile
from mailstore.blobs.segment import (
    RECORD_SIZE,
    file_head,
    has_mark,
    message_of,
    read_head,
    record,
    records,
)
from mailstore.blobs.writer import BlobWriter
from mailstore.crashpoints import CrashPoint, reached
from mailstore.errors import Corrupt, NotFound, StoreError, Unavailable
from mailstore.model import InternalDate

Buffer = bytes | memoryview
_ROLL = 64 * 2**20
_BUSY = 2**17  # octets from which on a segment is kept longer than its records
_SPARE = 2**20  # how much longer at most
_MOST_OPEN = 32
_NEAR = 4096  # octets of a record that cost less than another call of the system
_REF = re.compile(r"pack:(\d{1,8}):(\d{1,10}):(\d{1,10})")
_NAME = re.compile(r"(\d{8})\.pack")


@dataclass(slots=True)
class _Writing:
    """The segment that this process appends to."""

    number: int
    fd: int
    end: int  # behind the last record
    synced: int  # behind the last durable one
    length: int  # of the file; behind the end it has zeros


class Known(NamedTuple):
    """A record that was verified: where it is, its message's length, its head."""

    number: int
    start: int
    size: int
    mark: bytes


class Packs:
    """Records in ``00000001.pack``, ``00000002.pack``, …"""

    name = "pack"

    def __init__(
        self, folder: Path, files: FileSystem, folders: Folders, roll: int = _ROLL
    ) -> None:
        self._folder = folder
        self._files = files
        self._folders = folders
        self._roll = roll
        self._busy = _BUSY
        self._writing: _Writing | None = None
        self._full: list[_Writing] = []  # rolled, but not synced yet
        self._lost = False  # what was appended is closed, and can't be synced any more
        self._new_names = False
        self._lock = threading.Lock()
        self._open: OrderedDict[int, OpenFile] = OrderedDict()
        self._last: tuple[int, OpenFile] | None = None  # that was read from

    # -- writing

    def add(self, content: BlobWriter, date: InternalDate) -> str:
        """Append a record."""
        return self._append(record(content.content(), content.digest, date))

    def _append(self, data: bytes) -> str:
        writing = self._writing
        if writing is not None and writing.end + len(data) > self._roll:
            self._full.append(writing)
            writing = self._writing = None
        if writing is None:
            writing = self._writing = self._begin()
        start = writing.end
        try:
            self._files.write(writing.fd, data, start)
        except StoreError:
            self._cut(writing, start)
            raise
        writing.end = start + len(data)
        writing.length = max(writing.length, writing.end)
        reached(CrashPoint.RECORD_WRITTEN)
        return f"pack:{writing.number}:{start}:{len(data)}"

    def _begin(self) -> _Writing:
        self._folders.need(self._folder)
        number = max(self._numbers(), default=0)
        fd = None
        while fd is None:
            number += 1
            fd = self._files.create(self._path(number))
        try:
            # Whoever can lock a segment knows that nobody writes to it.
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            head = file_head()
            self._files.write(fd, head, 0)
        except OSError as error:
            self._files.close(fd)
            raise store_error(error) from error
        except StoreError:
            self._files.close(fd)
            raise
        self._new_names = True
        return _Writing(number, fd, len(head), len(head), len(head))

    def sync(self) -> None:
        """Sync what was appended to.

        Raises `Unavailable`; also where a segment was closed since the last time before
        it was synced: what one command met there is lost for those around it too.
        """
        if self._lost:
            raise Unavailable(detail="a segment was closed before it was synced")
        try:
            for writing in self._dirty():
                self._files.sync(writing.fd)
                reached(CrashPoint.SEGMENT_SYNCED)
            if self._new_names:
                self._files.sync_folder(self._folder)
        except StoreError:
            # After a failed sync nobody knows what the disk has: never write there
            # again, and never ask the same descriptor again.
            self._abandon()
            raise
        self._new_names = False
        for writing in self._dirty():
            writing.synced = writing.end
        for writing in self._full:
            self._close(writing)
        self._full.clear()

    def _dirty(self) -> list[_Writing]:
        active = [] if self._writing is None else [self._writing]
        return [w for w in (*self._full, *active) if w.end > w.synced]

    def rollback(self) -> None:
        """Cut off what was not synced."""
        # One by one: where that fails all are closed, and their descriptors may be
        # those of other files by now.
        while dirty := self._dirty():
            self._cut(dirty[0], dirty[0].synced)
        self._lost = False

    def _cut(self, writing: _Writing, end: int) -> None:
        try:
            self._files.truncate(writing.fd, end)
        except StoreError:
            self._abandon()
        else:
            writing.end = writing.length = end

    def widen(self) -> None:
        """Have durable zeros behind the last record, if the segment is used much.

        Half of what it has, so that what a kill leaves of them is not worth compaction.
        Never raises: what fails costs time later, no more.
        """
        writing = self._writing
        if writing is None or writing.end < self._busy or writing.end > writing.synced:
            return
        spare = min(writing.end // 2, _SPARE)
        if writing.length - writing.end >= spare // 4:
            return
        try:
            zeros = bytes(writing.end + spare - writing.length)
            self._files.write(writing.fd, zeros, writing.length)
        except StoreError:
            self._cut(writing, writing.end)
            return
        try:
            self._files.sync(writing.fd)
        except StoreError:
            self._abandon()  # as in `sync`
        else:
            writing.length = writing.end + spare

    def _abandon(self) -> None:
        self._lost = self._lost or bool(self._dirty())
        active = [] if self._writing is None else [self._writing]
        for writing in (*self._full, *active):
            self._close(writing)
        self._full.clear()
        self._writing = None

    def _close(self, writing: _Writing) -> None:
        """Close a segment for good, without the zeros behind its records."""
        if writing.length > writing.end:
            with contextlib.suppress(StoreError):
                self._files.truncate(writing.fd, writing.end)
        self._files.close(writing.fd)

    # -- reading

    def open(self, ref: str, mark: bytes | None = None) -> BlobReader:
        """Open a record; its head must be what the reference says.

        The ``mark`` is its head, with the checksum of all that it is.
        """
        number, start, length = _parse(ref)
        file = self._segment(number)
        if mark is not None:
            if not has_mark(file.fd, start, mark):
                raise Corrupt(detail=f"{ref} is another record by now")
            return BlobReader(file, start + RECORD_SIZE, length - RECORD_SIZE)
        found = read_head(file.fd, start)
        if found.end - found.start != length:
            raise Corrupt(detail=f"{ref} has another length")
        crc = found.head_crc, found.crc
        return BlobReader(file, found.content, found.size, crc, found.mark)

    def octets(self, ref: str) -> bytes:
        """Give a message as a whole, by one call of the system; it is not verified.

        Raises as `open`.
        """
        number, start, length = _parse(ref)
        file = self._segment(number)
        try:
            return message_of(os.pread(file.fd, length, start))
        except OSError as error:
            raise Unavailable(detail=str(error)) from error

    def verified(self, ref: str) -> tuple[Known, bytes]:
        """Read a message as a whole, and compare it with its checksum.

        Raises `NotFound`, `Corrupt`, `Unavailable`.
        """
        with self.open(ref) as reader:
            data, mark = reader.verified(), reader.mark
        assert mark is not None
        number, start, length = _parse(ref)
        return Known(number, start, length - RECORD_SIZE, mark), data

    def read(self, known: Known, start: int, length: int) -> Buffer | None:
        """Give octets of a message that was verified, all of them.

        None: they can't be had, or another record is there; `open` tells why. Near the
        record's head both are one call of the system.
        """
        number, at, size, mark = known
        if start + length > size:
            return None
        skipped = RECORD_SIZE + start
        try:
            last = self._last
            if last is None or last[0] != number:
                last = self._last = number, self._segment(number)
            fd = last[1].fd
            if start > _NEAR:
                data = os.pread(fd, length, at + skipped)
                whole = len(data) == length and has_mark(fd, at, mark)
                return data if whole else None
            data = os.pread(fd, skipped + length, at)
        except (OSError, StoreError):
            return None
        if len(data) < skipped + length or not data.startswith(mark):
            return None
        # A view keeps the whole in memory as long as it is there itself.
        return data[skipped:] if length < _NEAR else memoryview(data)[skipped:]

    def _segment(self, number: int) -> OpenFile:
        with self._lock:
            file = self._open.get(number)
            if file is None:
                file = OpenFile(self._files.open(self._path(number)))
                self._open[number] = file
                if len(self._open) > _MOST_OPEN:
                    self._open.popitem(last=False)
            else:
                self._open.move_to_end(number)
            return file

    def delete(self, ref: str) -> None:
        """Nothing: `compactable` finds what is dead, by what is alive."""

    def entries(self) -> Iterator[BlobEntry]:
        """Walk over all segments."""
        for number in self._numbers():
            yield from self._entries(number)

    def _entries(self, number: int) -> Iterator[BlobEntry]:
        try:
            file = OpenFile(self._files.open(self._path(number)))
        except NotFound:
            return  # compacted away in the meantime
        changed = os.fstat(file.fd).st_mtime
        for found in records(file.fd):
            ref = f"pack:{number}:{found.start}:{found.end - found.start}"
            yield BlobEntry(ref, found.size, changed, found.date)

    # -- compaction

    def compactable(
        self, live: frozenset[str], share: float, before: float
    ) -> list[int]:
        """Give the segments of which more than a share is dead, and not all.

        ``live`` are the references that rows name. Segments that a process writes
        to, or that were written after ``before``, are left alone: their rows may be
        on their way.
        """
        found = []
        for number, size in self._settled(before):
            alive = sum(length for _, length in self._live(number, live))
            if alive and size - alive > share * size:
                found.append(number)
        return found

    def remove_dead(self, live: frozenset[str], before: float) -> int:
        """Remove the segments without a living record; gives how many."""
        dead = [n for n, _ in self._settled(before) if not self._live(n, live)]
        last = max(self._numbers(), default=0)
        if last in dead and not self._keep_number(last):
            dead.remove(last)
        for number in dead:
            self.drop(number)
            reached(CrashPoint.SEGMENT_DROPPED)
        return len(dead)

    def _keep_number(self, last: int) -> bool:
        """Have an empty segment behind the last one, which is to go; False: it is that.

        A number is never given anew: another process that still has the segment open
        would take its records for those of the new one.
        """
        path = self._path(last)
        if not path.exists() or not path.stat().st_size:
            return False
        fd = self._files.create(self._path(last + 1))
        if fd is not None:
            self._files.close(fd)
        return True

    def _settled(self, before: float) -> Iterator[tuple[int, int]]:
        """Give (number, size) of segments that nobody writes to any more."""
        for number in self._numbers():
            file = self._lockable(number)
            if file is not None:
                status = os.fstat(file.fd)
                if status.st_mtime < before:
                    yield number, status.st_size

    def _live(self, number: int, live: frozenset[str]) -> list[tuple[str, int]]:
        prefix = f"pack:{number}:"
        return [(ref, _parse(ref)[2]) for ref in live if ref.startswith(prefix)]

    def _lockable(self, number: int) -> OpenFile | None:
        try:
            file = OpenFile(self._files.open(self._path(number)))
            fcntl.flock(file.fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except (OSError, StoreError):
            return None
        return file

    def copy_live(self, number: int, live: frozenset[str]) -> dict[str, str]:
        """Append a segment's live records anew; gives the new references.

        Durable after `sync`; the old ones stay until `drop`. Raises `Corrupt` when
        a live record is damaged: its segment must stay as it is.
        """
        moves: dict[str, str] = {}
        for ref, _ in self._live(number, live):
            with self.open(ref) as reader:
                reader.verify()
                _, start, length = _parse(ref)
                data = os.pread(self._segment(number).fd, length, start)
            moves[ref] = self._append(data)
        reached(CrashPoint.LIVING_COPIED)
        return moves

    def rest(self, number: int, now: float) -> None:
        """Let a segment that was copied stay as long as if it were just written.

        Who learnt a reference before its rows point elsewhere still finds it.
        """
        self._files.set_date(self._segment(number).fd, int(now))

    def drop(self, number: int) -> None:
        """Remove a segment that no row names; who reads it still can."""
        with self._lock:
            self._open.pop(number, None)
            self._last = None
        self._files.unlink(self._path(number))

    # -- parts

    def _path(self, number: int) -> Path:
        return self._folder / f"{number:08d}.pack"

    def _numbers(self) -> list[int]:
        try:
            names = os.listdir(self._folder)
        except FileNotFoundError:
            return []
        except OSError as error:
            raise Unavailable(detail=str(error)) from error
        return sorted(int(m[1]) for name in names if (m := _NAME.fullmatch(name)))

    def close(self) -> None:
        """Close everything."""
        self._abandon()
        with self._lock:
            self._open.clear()
            self._last = None


def _parse(ref: str) -> tuple[int, int, int]:
    match = _REF.fullmatch(ref)
    if match is None:
        raise NotFound(detail=f"no reference: {ref!r}")
    return int(match[1]), int(match[2]), int(match[3])
