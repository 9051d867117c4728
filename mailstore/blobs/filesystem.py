"""The file operations of the blob store, in one place.

So that there is one answer to each error of the disk, and so that tests can make any
call fail. Files are private (0600), never followed through a symbolic link, never
inherited by a child.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import ParamSpec, TypeVar

from mailstore.errors import DiskFull, NotFound, StoreError, Unavailable

P = ParamSpec("P")
T = TypeVar("T")

_FLAGS = os.O_CLOEXEC | os.O_NOFOLLOW
_PIECE = 2**20
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


def store_error(error: OSError) -> StoreError:
    """Give the store's error for one of the operating system's."""
    detail = f"{errno.errorcode.get(error.errno or 0, '?')}: {error}"
    if error.errno in _FULL:
        return DiskFull(detail=detail)
    if error.errno in (errno.ENOENT, errno.ELOOP):
        return NotFound("the message's bytes are missing", detail=detail)
    return Unavailable(detail=detail)


def _translated(call: Callable[P, T]) -> Callable[P, T]:
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return call(*args, **kwargs)
        except OSError as error:
            raise store_error(error) from error

    return wrapper


class FileSystem:
    """The real one. Every method raises `StoreError` alone."""

    @_translated
    def make_folder(self, path: Path) -> None:
        """Make a folder and its parents, private."""
        for folder in reversed((path, *path.parents)):
            if not folder.is_dir():
                folder.mkdir(mode=0o700, exist_ok=True)

    @_translated
    def create(self, path: Path) -> int | None:
        """Create a file for writing; None when there is one of that name."""
        try:
            return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | _FLAGS, 0o600)
        except FileExistsError:
            return None

    @_translated
    def open(self, path: Path) -> int:
        """Open a file for reading."""
        return os.open(path, os.O_RDONLY | _FLAGS)

    @_translated
    def reopen(self, path: Path) -> int:
        """Open a file that was created, for reading and writing."""
        return os.open(path, os.O_RDWR | _FLAGS)

    @_translated
    def write(self, fd: int, data: bytes, at: int) -> None:
        """Write all of the data at a position."""
        view = memoryview(data)
        while view:
            written = os.pwrite(fd, view, at)
            view, at = view[written:], at + written

    @_translated
    def sync(self, fd: int) -> None:
        """Wait until a file's data are durable."""
        os.fdatasync(fd)

    def begin_sync(self, path: Path, at: int, size: int) -> None:
        """Have the disk begin with octets that were written just now.

        Then a `sync` has less to wait for. No more than a hint: never raises.
        """
        with contextlib.suppress(OSError):
            fd = os.open(path, os.O_RDONLY | _FLAGS)
            try:
                # What is dirty begins to be written, and is not given up: pages that
                # are clean would be.
                os.posix_fadvise(fd, at, size, os.POSIX_FADV_DONTNEED)
            finally:
                os.close(fd)

    @_translated
    def sync_folder(self, path: Path) -> None:
        """Wait until a folder's names are durable."""
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

    @_translated
    def rename(self, source: Path, target: Path) -> None:
        """Give a file its final name."""
        source.rename(target)

    @_translated
    def truncate(self, fd: int, size: int) -> None:
        """Cut a file."""
        os.ftruncate(fd, size)

    @_translated
    def allocate(self, fd: int, size: int) -> None:
        """Take room on the disk for a file's first octets."""
        os.posix_fallocate(fd, 0, size)

    @_translated
    def unlink(self, path: Path) -> None:
        """Remove a file; no error if it isn't there."""
        path.unlink(missing_ok=True)

    @_translated
    def set_date(self, fd: int, epoch: int) -> None:
        """Keep a message's date as its file's time."""
        os.utime(fd, (epoch, epoch))

    def close(self, fd: int) -> None:
        """Close a descriptor. Never raises: what matters was synced before."""
        with contextlib.suppress(OSError):
            os.close(fd)

    def rewrite(self, path: Path) -> None:
        """Write a file's bytes once more, and sync them.

        After a failed sync the kernel takes for written what the disk may not have:
        to sync again would say yes and do nothing. Who calls keeps others from writing.
        """
        try:
            fd = self.reopen(path)
        except NotFound:
            return
        try:
            at = 0
            while data := _read(fd, at):
                self.write(fd, data, at)
                at += len(data)
            self.sync(fd)
        finally:
            self.close(fd)


@_translated
def _read(fd: int, at: int) -> bytes:
    return os.pread(fd, _PIECE, at)


class Folders:
    """Folders below one whose own name is durable, made when they are needed.

    Whether a folder that is there survives a power cut nobody can see: whoever made it
    may have been killed before it was synced. So each is synced when it is first
    needed, made or not. Used by one thread at a time.
    """

    def __init__(self, files: FileSystem, top: Path) -> None:
        self._files = files
        self._sure = {top}

    def need(self, path: Path) -> None:
        """Have a folder whose name is durable. Raises `StoreError`."""
        if path not in self._sure:
            self.need(path.parent)
            self._files.make_folder(path)
            self._files.sync_folder(path.parent)
            self._sure.add(path)


def existing(path: Path) -> Path:
    """Give the innermost folder of a path that is there."""
    return next(folder for folder in (path, *path.parents) if folder.is_dir())
