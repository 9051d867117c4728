"""A disk that remembers in which order it was written to, and what was synced.

A store works on it as on any other: reads and writes go to real files. Beside them
everything that changes the disk is put down in a log. What a power cut may leave is
made of the log afterwards, for any moment and as often as wanted (`tests.crash.cut`).
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw

from mailstore.blobs import FileSystem
from mailstore.blobs.filesystem import store_error
from tests.crash.log import (
    FOLDER,
    Entry,
    FailedSync,
    Names,
    Resize,
    Sync,
    SyncFolder,
    Write,
    role_of,
)


class Disk:
    """The log of what happens below one folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.log: list[Entry] = []
        self.fault: Callable[[str, str], None] = lambda *_: None
        """Called before anything, with the call and the role; may raise OSError."""
        self._inodes = FOLDER
        self._names: dict[str, int] = {}
        for path in sorted(root.rglob("*")) if root.exists() else ():
            self._found(path)

    def _found(self, path: Path) -> None:
        if path.is_dir():
            self.made_folder(path)
        else:
            inode = self.created(path)
            self.log += [Write(inode, 0, path.read_bytes()), Sync(inode, "found")]
        self.log.append(SyncFolder(self.inside(path.parent), "found"))

    def inside(self, path: Path | str) -> str:
        """Give a path as it is from the top of this disk."""
        inside = os.path.relpath(path, self.root)
        return "" if inside == "." else inside

    def holds(self, path: str) -> bool:
        """Tell whether a path is on this disk."""
        return Path(path).is_relative_to(self.root)

    def inode(self, path: Path | str) -> int | None:
        """Give the file that has a name."""
        return self._names.get(self.inside(path))

    def call(self, what: str, path: Path | str) -> None:
        """Note that a call comes; it may fail."""
        self.fault(what, role_of(self.inside(path)))

    def made_folder(self, path: Path) -> None:
        inside = self.inside(path)
        if inside and inside not in self._names:
            self._names[inside] = FOLDER
            self._change((inside, FOLDER))

    def created(self, path: Path | str) -> int:
        self._inodes += 1
        inside = self.inside(path)
        self._names[inside] = self._inodes
        self._change((inside, self._inodes))
        return self._inodes

    def renamed(self, source: Path, target: Path) -> None:
        old, new = self.inside(source), self.inside(target)
        inode = self._names.pop(old)
        self._names[new] = inode
        self._change((old, None), (new, inode))

    def removed(self, path: Path | str) -> None:
        inside = self.inside(path)
        if self._names.pop(inside, None) is not None:
            self._change((inside, None))

    def _change(self, *changes: tuple[str, int | None]) -> None:
        self.log.append(
            Names(tuple((*os.path.split(path), inode) for path, inode in changes))
        )


class DiskFiles(FileSystem):
    """The file operations of the blobs, on a `Disk`. It syncs nothing for real."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self._open: dict[int, tuple[int, Path]] = {}

    def _call(self, what: str, path: Path) -> None:
        try:
            self._disk.call(what, path)
        except OSError as error:
            raise store_error(error) from error

    def _of(self, fd: int) -> tuple[int, Path]:
        return self._open[fd]

    def make_folder(self, path: Path) -> None:
        self._call("make_folder", path)
        super().make_folder(path)
        for folder in reversed((path, *path.parents)):
            if self._disk.holds(str(folder)):
                self._disk.made_folder(folder)

    def create(self, path: Path) -> int | None:
        self._call("create", path)
        fd = super().create(path)
        if fd is not None:
            self._open[fd] = self._disk.created(path), path
        return fd

    def open(self, path: Path) -> int:
        self._call("open", path)
        return super().open(path)

    def reopen(self, path: Path) -> int:
        self._call("open", path)
        fd = super().reopen(path)
        inode = self._disk.inode(path)
        assert inode is not None
        self._open[fd] = inode, path
        return fd

    def write(self, fd: int, data: bytes, at: int) -> None:
        inode, path = self._of(fd)
        try:
            self._call("write", path)
        except Exception:
            # A short write: some of it arrives, then the error.
            data = data[: len(data) // 2]
            super().write(fd, data, at)
            self._disk.log.append(Write(inode, at, bytes(data)))
            raise
        super().write(fd, data, at)
        self._disk.log.append(Write(inode, at, bytes(data)))

    def sync(self, fd: int) -> None:
        inode, path = self._of(fd)
        try:
            self._call("sync", path)
        except Exception:
            self._disk.log.append(FailedSync(inode))
            raise
        self._disk.log.append(Sync(inode, role_of(self._disk.inside(path))))

    def sync_folder(self, path: Path) -> None:
        self._call("sync_folder", path)
        inside = self._disk.inside(path)
        self._disk.log.append(SyncFolder(inside, f"{role_of(inside)}/"))

    def rename(self, source: Path, target: Path) -> None:
        self._call("rename", target)
        super().rename(source, target)
        self._disk.renamed(source, target)
        for fd, (inode, path) in self._open.items():
            if path == source:
                self._open[fd] = inode, target

    def truncate(self, fd: int, size: int) -> None:
        inode, path = self._of(fd)
        self._call("truncate", path)
        super().truncate(fd, size)
        self._disk.log.append(Resize(inode, size))

    def unlink(self, path: Path) -> None:
        self._call("unlink", path)
        super().unlink(path)
        self._disk.removed(path)

    def close(self, fd: int) -> None:
        self._open.pop(fd, None)
        super().close(fd)


_JOURNALS = apsw.SQLITE_OPEN_WAL | apsw.SQLITE_OPEN_MAIN_JOURNAL


class _File(apsw.VFSFile):
    """A file of SQLite on a `Disk`."""

    def __init__(self, disk: Disk, inode: int, path: str, flags: list[int]) -> None:
        super().__init__("unix", path, flags)
        self._disk = disk
        self._inode = inode
        self._path = path
        # With the first sync of a journal or log that it may have made, SQLite syncs
        # the folder too, whether it was there or not.
        may_be_new = bool(flags[0] & apsw.SQLITE_OPEN_CREATE)
        self._folder = may_be_new and bool(flags[0] & _JOURNALS)

    def _call(self, what: str) -> None:
        with _as_sqlite(sync=what == "sync"):
            self._disk.call(what, self._path)

    def xRead(self, amount: int, offset: int) -> bytes:
        self._call("read")
        return super().xRead(amount, offset)

    def xWrite(self, data: bytes, offset: int) -> None:
        self._call("write")
        super().xWrite(data, offset)
        self._disk.log.append(Write(self._inode, offset, bytes(data)))

    def xTruncate(self, newsize: int) -> None:
        self._call("truncate")
        super().xTruncate(newsize)
        self._disk.log.append(Resize(self._inode, newsize))

    def xSync(self, flags: int) -> None:
        try:
            self._call("sync")
        except Exception:
            self._disk.log.append(FailedSync(self._inode))
            raise
        inside = self._disk.inside(self._path)
        self._disk.log.append(Sync(self._inode, role_of(inside)))
        if self._folder:
            self._folder = False
            self._disk.log.append(_sqlite_folder(inside))


def _sqlite_folder(inside: str) -> SyncFolder:
    return SyncFolder(os.path.dirname(inside), f"folder of {role_of(inside)}")


class _Vfs(apsw.VFS):
    """SQLite's way to a `Disk`; files elsewhere are opened as always."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        super().__init__("recorded", "unix", makedefault=True)

    def xOpen(
        self, name: str | apsw.URIFilename | None, flags: list[int]
    ) -> apsw.VFSFile:
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        if path is None or not self._disk.holds(path):
            return apsw.VFSFile("unix", name, flags)
        with _as_sqlite(opening=True):
            self._disk.call("open", path)
        there = os.path.exists(path)
        inode = self._disk.inode(path)
        if inode is not None and not there:
            self._disk.removed(path)
            inode = None
        if inode is None:
            if not there and not flags[0] & apsw.SQLITE_OPEN_CREATE:
                return apsw.VFSFile("unix", name, flags)
            inode = self._disk.created(path)
        return _File(self._disk, inode, path, flags)

    def xDelete(self, filename: str, syncdir: bool) -> None:
        with _as_sqlite():
            self._disk.call("unlink", filename)
        super().xDelete(filename, syncdir)
        self._disk.removed(filename)
        if syncdir:
            self._disk.log.append(_sqlite_folder(self._disk.inside(filename)))


@contextmanager
def _as_sqlite(*, opening: bool = False, sync: bool = False) -> Iterator[None]:
    """Turn an error of the operating system into SQLite's."""
    try:
        yield
    except OSError as error:
        if opening:
            raise apsw.CantOpenError(str(error)) from error
        if error.errno == errno.ENOSPC and not sync:
            raise apsw.FullError(str(error)) from error
        if error.errno == errno.EROFS:
            raise apsw.ReadOnlyError(str(error)) from error
        raise apsw.IOError(str(error)) from error


@contextmanager
def recorded(root: Path) -> Iterator[Disk]:
    """Have all of SQLite's files below a folder on a `Disk`, while the block lasts."""
    disk = Disk(root)
    vfs = _Vfs(disk)
    try:
        yield disk
    finally:
        apsw.set_default_vfs("unix")
        vfs.unregister()
