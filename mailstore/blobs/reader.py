"""BlobReader: one stored message, open for reading."""

from __future__ import annotations

import contextlib
import hashlib
import mmap
import os
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Self

from mailstore.errors import Corrupt, Unavailable
from mailstore.mime.header import Buffer

_PIECE = 2**18
_MAPPED = 2**20


class OpenFile:
    """A descriptor that closes when nobody holds it any more.

    Readers keep theirs while a cache forgets it, or the file is unlinked.
    """

    __slots__ = ("fd",)

    def __init__(self, fd: int) -> None:
        self.fd = fd

    def __del__(self) -> None:
        with contextlib.suppress(OSError):
            os.close(self.fd)


class BlobReader:
    """A range of a file. May be used by one thread at a time."""

    __slots__ = ("_crc", "_file", "_start", "mark", "size")

    def __init__(
        self,
        file: OpenFile,
        start: int,
        size: int,
        crc: tuple[int, int] | None = None,
        mark: bytes | None = None,
    ) -> None:
        self._file: OpenFile | None = file
        self._start = start
        self.size = size
        self._crc = crc  # (of what stands before the content, of both)
        self.mark = mark  # what tells it from all others, where it is

    def pread(self, start: int, length: int) -> bytes:
        """Give octets from a position on, fewer only at the end.

        Raises `Corrupt` when the file is shorter than it should be, `Unavailable`.
        """
        length = min(length, self.size - start)
        if length <= 0:
            return b""
        try:
            data = os.pread(self._open().fd, length, self._start + start)
            while len(data) < length:
                more = os.pread(
                    self._open().fd,
                    length - len(data),
                    self._start + start + len(data),
                )
                if not more:
                    raise Corrupt(detail="the file is too short")
                data += more
        except OSError as error:
            raise Unavailable(detail=str(error)) from error
        return data

    def octets(self) -> bytes | None:
        """Give all octets; None: they are many, and `buffer` maps them."""
        if self.size <= _MAPPED or self._start:
            return self.pread(0, self.size)
        return None

    @contextmanager
    def buffer(self) -> Iterator[Buffer]:
        """Give all octets; a big message is mapped, not read."""
        octets = self.octets()
        if octets is not None:
            yield octets
            return
        if os.fstat(self._open().fd).st_size < self.size:
            raise Corrupt(detail="the file is too short")
        with mmap.mmap(self._open().fd, self.size, access=mmap.ACCESS_READ) as data:
            yield data

    @property
    def has_checksum(self) -> bool:
        """Whether `verify` proves anything: a file of its own has none."""
        return self._crc is not None

    def digest(self) -> bytes:
        """Read everything; gives its SHA-256."""
        digest = hashlib.sha256()
        for piece in self._pieces():
            digest.update(piece)
        return digest.digest()

    def verify(self) -> None:
        """Read everything and compare it with its checksum. Raises `Corrupt`."""
        self._compare(self._pieces())

    def verified(self) -> bytes:
        """Give everything, compared with its checksum. Raises `Corrupt`."""
        data = self.pread(0, self.size)
        self._compare((data,))
        return data

    def _compare(self, pieces: Iterable[bytes]) -> None:
        crc, expected = self._crc or (0, None)
        for piece in pieces:
            crc = zlib.crc32(piece, crc)
        if expected is not None and crc != expected:
            raise Corrupt(detail="the checksum does not match")

    def _pieces(self) -> Iterator[bytes]:
        for start in range(0, self.size, _PIECE):
            yield self.pread(start, _PIECE)

    def _open(self) -> OpenFile:
        if self._file is None:
            raise ValueError("the blob was closed")
        return self._file

    def close(self) -> None:
        """Let go of the file."""
        self._file = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
