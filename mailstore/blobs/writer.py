"""BlobWriter: one message on its way in.

Small messages stay in memory; from 1 MiB on they go straight to a file beside the
store's own, so that a message of any size costs no memory. Digest and length are
taken while the bytes pass, and the disk begins meanwhile: when the last octet is here
it has little left to do.

A spooled message that is complete, and whose file will be the store's, keeps its
descriptor until it is synced: a fault of the disk that the kernel met meanwhile is told
to who has the file open. So that one command may bring a thousand of them, no more than
`KEPT` do so at once. The others are opened again, and read again then; and what is
copied out of the spool is compared with its digest.
"""

from __future__ import annotations

import hashlib
import mmap
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from mailstore.blobs.filesystem import FileSystem
from mailstore.crashpoints import CrashPoint, reached
from mailstore.errors import NotFound, StoreError, Unavailable
from mailstore.mime.header import Buffer
from mailstore.mime.outline import Outline

Start = Callable[[Callable[[], None]], None]
"""Runs work on another thread; raises `RuntimeError` when there can be none."""

_PIECE = 2**18
_ENOUGH = 2**20  # octets with which the disk is told to begin
SMALL = 2**20  # octets up to which a message stays in memory
KEPT = 64
"""Complete messages in the spool, of a process, that keep their descriptors."""


_kept = threading.BoundedSemaphore(KEPT)
_asking = threading.Lock()  # held while a thread asks the disk to begin


def _ask(files: FileSystem, path: Path, at: int, size: int) -> None:
    # By the file's name: the writer's descriptor may be closed by now.
    try:
        files.begin_sync(path, at, size)
    finally:
        _asking.release()


class BlobWriter:
    """Takes bytes; `mailstore.model.MessageSink`. Used by one thread at a time."""

    # As most messages have them.
    _begun = 0  # octets that the disk was told of
    _size = 0
    _fault: StoreError | None = None
    _ended = False
    _nul = False
    outline: Outline | None = None  # of a spooled message
    _fd: int | None = None
    _keeps = False  # its descriptor is one of the `KEPT`
    _reopened = False
    _path: Path | None = None

    def __init__(
        self,
        files: FileSystem,
        spool: Path,
        *,
        always_spool: bool = False,
        small: int = SMALL,
        start: Start | None = None,
        keep: bool = False,
    ) -> None:
        self._files = files
        self._folder = spool
        self._small = -1 if always_spool else small
        self._parts: list[bytes] = []
        self._digest = hashlib.sha256()
        self._start = start
        self._keep = keep  # its file will be the store's

    @property
    def size(self) -> int:
        """Octets written so far."""
        return self._size

    @property
    def spooled(self) -> bool:
        """Whether its bytes are in a file."""
        return self._path is not None

    @property
    def has_nul(self) -> bool:
        """Whether there is a NUL among them."""
        return self._nul if self.outline is None else self.outline.has_nul

    @property
    def digest(self) -> bytes:
        """SHA-256 of what was written."""
        return self._digest.digest()

    def write(self, chunk: bytes) -> None:
        """Append a chunk. Never raises; `check` tells of a fault."""
        if self._ended or self._fault is not None:
            return
        self._digest.update(chunk)
        try:
            if self._path is None and self._size + len(chunk) > self._small:
                self._spool()
            if self.outline is None:
                self._nul = self._nul or 0 in chunk
                self._parts.append(bytes(chunk))
            else:
                self.outline.take(chunk)
                self._files.write(self._descriptor(), chunk, self._size)
                reached(CrashPoint.SPOOLING)
        except StoreError as error:
            self._fault = error
        self._size += len(chunk)
        if self._path is not None and self._size - self._begun >= _ENOUGH:
            self._begin_sync(self._path)

    def _begin_sync(self, path: Path) -> None:
        """Have the disk begin with what is here, and wait for nothing.

        On another thread, as who asks a busy disk may have to wait already, and on one
        at a time: who is passed over asks for more the next time.
        """
        if self._start is None or not _asking.acquire(blocking=False):
            return
        at, self._begun = self._begun, self._size
        try:
            self._start(partial(_ask, self._files, path, at, self._size - at))
        except RuntimeError:  # there can be no thread now
            _asking.release()

    def _spool(self) -> None:
        self._files.make_folder(self._folder)
        self._path = self._folder / f"{secrets.token_hex(16)}.part"
        self._fd = self._files.create(self._path)
        assert self._fd is not None, "128 random bits don't repeat"
        begun = b"".join(self._parts)
        self.outline = Outline()
        self.outline.take(begun)
        self._files.write(self._fd, begun, 0)
        self._parts.clear()

    def _descriptor(self) -> int:
        """Give the spooled file's descriptor, opened again if need be."""
        assert self._path is not None
        if self._fd is None:
            try:
                self._fd = self._files.reopen(self._path)
                self._reopened = True
            except NotFound as error:
                # The collector takes files that lie about for an hour.
                raise Unavailable(
                    "the upload took too long", detail=error.detail
                ) from error
        return self._fd

    def finish(self) -> None:
        """All bytes are here."""
        if self._fd is None or self._keeps:
            return
        self._keeps = self._keep and _kept.acquire(blocking=False)
        if not self._keeps:
            self._files.close(self._fd)
            self._fd = None

    def check(self) -> None:
        """Raise the fault that a `write` met, if any."""
        if self._fault is not None:
            raise self._fault

    @contextmanager
    def buffer(self) -> Iterator[Buffer]:
        """Give the bytes for reading, mapped if they are spooled."""
        self.check()
        if self._path is None:
            yield self.content()
        elif self._size == 0:
            yield b""
        else:
            fd = self._descriptor()
            with mmap.mmap(fd, self._size, access=mmap.ACCESS_READ) as data:
                yield data

    def pieces(self) -> Iterator[bytes]:
        """Read what was written, in pieces. Raises the fault of a `write`."""
        with self.buffer() as data:
            if self._path is None:
                yield from _cut(data)
                return
            read = hashlib.sha256()
            for piece in _cut(data):
                read.update(piece)
                yield piece
        self._compare(read.digest())

    def _compare(self, digest: bytes) -> None:
        if digest != self.digest:
            raise Unavailable(detail=f"{self._path} is not what was written there")

    def content(self) -> bytes:
        """Give the bytes of a message that is small enough for that."""
        if self._path is not None:
            with self.buffer() as data:
                read = bytes(data)
            self._compare(hashlib.sha256(read).digest())
            return read
        if len(self._parts) > 1:
            self._parts = [b"".join(self._parts)]
        return self._parts[0] if self._parts else b""

    def take_file(self) -> tuple[int, Path]:
        """Hand the spooled file over: it is no longer this writer's to remove."""
        if self._path is None:
            self._spool()
        fd, path = self._descriptor(), self._path
        assert path is not None
        if self._reopened:
            # From here on the kernel tells of faults; this one tells of those before.
            for _ in self.pieces():
                pass
        self._let_go()
        self._fd = self._path = None
        self._ended = True
        return fd, path

    def _let_go(self) -> None:
        if self._keeps:
            self._keeps = False
            _kept.release()

    def abort(self) -> None:
        """Forget the bytes and remove the file. Safe to call twice."""
        self._ended = True
        self._parts.clear()
        if self._path is None:
            return  # it was in memory alone, or its file is the store's now
        self._let_go()
        fd, path, self._fd, self._path = self._fd, self._path, None, None
        if fd is not None:
            self._files.close(fd)
        if path is not None:
            try:
                self._files.unlink(path)
            except StoreError:
                return  # the collector removes old spool files


def _cut(data: Buffer) -> Iterator[bytes]:
    for at in range(0, len(data), _PIECE):
        yield data[at : at + _PIECE]
