"""The values of the blob store, and what an engine has to do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from mailstore.blobs.reader import BlobReader
from mailstore.blobs.writer import BlobWriter
from mailstore.model import InternalDate


class StoredBlob(NamedTuple):
    """A message that was added. ``size`` in octets, ``digest`` its SHA-256."""

    ref: str
    size: int
    digest: bytes


@dataclass(frozen=True, slots=True)
class BlobEntry:
    """A blob as it lies on the disk, found without the index.

    ``changed`` is when its file was last written, in seconds since the epoch; ``date``
    is the message's own.
    """

    ref: str
    size: int
    changed: float
    date: InternalDate


class Engine(Protocol):
    """One way to keep blobs. Writing is for one thread at a time."""

    name: str  # the first part of its references

    def add(self, content: BlobWriter, date: InternalDate) -> str:
        """Store a message; durable only after `sync`. Raises `Unavailable`."""
        ...

    def sync(self) -> None:
        """Make everything that was added durable, its folders too.

        Raises `Unavailable`; what was added since the last sync is not stored then.
        """
        ...

    def rollback(self) -> None:
        """Forget what was added since the last sync. Never raises."""
        ...

    def open(self, ref: str, mark: bytes | None = None) -> BlobReader:
        """Open a blob. Raises `NotFound`, `Corrupt`, `Unavailable`.

        With the ``mark`` of a reader that was verified, that it still has this one is
        looked at and no more: with another it is `Corrupt`.
        """
        ...

    def delete(self, ref: str) -> None:
        """Give up a blob that no row names. Raises `Unavailable`."""
        ...

    def entries(self) -> Iterator[BlobEntry]:
        """Walk over everything that is stored, whole records alone."""
        ...

    def close(self) -> None:
        """Close what is open."""
        ...
