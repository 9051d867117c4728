"""One file per message: what is big, and everything for those who want plain files.

The bytes are the file, its time is the message's date. A file gets its name only
after its bytes are durable, so that what has a name is whole.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mailstore.blobs.filesystem import FileSystem, Folders
from mailstore.blobs.port import BlobEntry
from mailstore.blobs.reader import BlobReader, OpenFile
from mailstore.blobs.writer import BlobWriter
from mailstore.crashpoints import CrashPoint, reached
from mailstore.errors import Corrupt, NotFound, StoreError
from mailstore.model import InternalDate

_TOGETHER = 256
MOST_OPEN = 64  # files that are open until they are durable


@dataclass(frozen=True, slots=True)
class _Pending:
    fd: int
    spooled: Path
    target: Path
    epoch: int


class Files:
    """Files of random names below ``folder``, spread over 256 folders.

    Which of them is drawn by lot for `_TOGETHER` messages: that a folder's own name is
    durable costs a sync the first time.
    """

    def __init__(
        self, name: str, folder: Path, files: FileSystem, folders: Folders
    ) -> None:
        self.name = name
        self._folder = folder
        self._files = files
        self._folders = folders
        self._pending: list[_Pending] = []  # open, and not durable
        self._named: list[Path] = []  # durable, but not yet what `sync` has promised
        self._fault: StoreError | None = None  # that some of them met
        self._spread = ""  # the folder that is filled now
        self._left = 0  # messages that it still gets
        self._ref = re.compile(rf"{name}:([0-9a-f]{{32}}):(\d{{1,12}})")

    def add(self, content: BlobWriter, date: InternalDate) -> str:
        """Take over the spooled file.

        Where very many come together those before it are made durable now, so that few
        are open at once; of a fault `sync` tells, which is about all.
        """
        if len(self._pending) >= MOST_OPEN and self._fault is None:
            try:
                self._settle()
            except StoreError as error:
                self._fault = error
        size = content.size
        fd, spooled = content.take_file()
        name = self._new_name()
        epoch = max(0, date.epoch)
        self._pending.append(_Pending(fd, spooled, self._path(name), epoch))
        return f"{self.name}:{name}:{size}"

    def _new_name(self) -> str:
        if not self._left:
            self._spread, self._left = secrets.token_hex(1), _TOGETHER
        self._left -= 1
        return self._spread + secrets.token_hex(15)

    def sync(self) -> None:
        """Sync the bytes, then give the names, then sync those."""
        try:
            if self._fault is not None:
                raise self._fault
            self._settle()
        except StoreError:
            self.rollback()
            raise
        self._named.clear()

    def _settle(self) -> None:
        """Make what is pending durable, and close it."""
        if not self._pending:
            return
        folders: set[Path] = set()
        for one in self._pending:
            self._files.sync(one.fd)
            reached(CrashPoint.FILE_SYNCED)
        for one in self._pending:
            self._folders.need(one.target.parent)
            self._files.rename(one.spooled, one.target)
            # Not before: in the spool another process takes what is old for left.
            self._files.set_date(one.fd, one.epoch)
            folders.add(one.target.parent)
            reached(CrashPoint.FILE_NAMED)
        for folder in sorted(folders):
            self._files.sync_folder(folder)
        for one in self._pending:
            self._files.close(one.fd)
        self._named += [one.target for one in self._pending]
        self._pending.clear()

    def rollback(self) -> None:
        """Remove what was added."""
        self._fault = None
        gone = self._named
        for one in self._pending:
            self._files.close(one.fd)
            gone += one.spooled, one.target
        for path in gone:
            try:
                self._files.unlink(path)
            except StoreError:
                continue  # an orphan: the collector removes it
        self._pending.clear()
        self._named.clear()

    def open(self, ref: str, mark: bytes | None = None) -> BlobReader:  # noqa: ARG002
        """Open a file; its length must be what the reference says."""
        name, size = self._parse(ref)
        file = OpenFile(self._files.open(self._path(name)))
        if os.fstat(file.fd).st_size != size:
            raise Corrupt(detail=f"{ref} has another length")
        return BlobReader(file, 0, size)

    def delete(self, ref: str) -> None:
        """Remove a file."""
        self._files.unlink(self._path(self._parse(ref)[0]))

    def entries(self) -> Iterator[BlobEntry]:
        """Walk over the folders."""
        for path in sorted(self._folder.glob("??/" + "[0-9a-f]" * 32)):
            try:
                found = path.stat()
            except FileNotFoundError:
                continue
            # Its time of change, not of the message: how long it has been here.
            yield BlobEntry(
                f"{self.name}:{path.name}:{found.st_size}",
                found.st_size,
                found.st_ctime,
                InternalDate(int(found.st_mtime)),
            )

    def close(self) -> None:
        """Forget what was not synced."""
        self.rollback()

    def _path(self, name: str) -> Path:
        return self._folder / name[:2] / name

    def _parse(self, ref: str) -> tuple[str, int]:
        match = self._ref.fullmatch(ref)
        if match is None:
            raise NotFound(detail=f"no reference: {ref!r}")
        return match[1], int(match[2])
