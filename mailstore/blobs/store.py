"""BlobStore: the blobs of one account, whatever engines have stored them.

Layout: ``00000001.pack`` …, ``large/`` for messages above 1 MiB, ``files/`` of the
plain engine, ``spool/`` for what is on its way.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from mailstore.blobs.filesystem import FileSystem, Folders
from mailstore.blobs.packs import Packs
from mailstore.blobs.port import BlobEntry, Engine, StoredBlob
from mailstore.blobs.reader import BlobReader
from mailstore.blobs.single import Files
from mailstore.blobs.writer import SMALL, BlobWriter, Start
from mailstore.crashpoints import CrashPoint, reached
from mailstore.errors import NotFound, StoreError
from mailstore.model import InternalDate

ENGINES = ("packs", "files")
_WAITING = 4 * SMALL  # octets in memory of messages that are stored together


class BlobStore:
    """Adds, opens and deletes blobs.

    `writer` belongs to the event thread, `add`, `sync`, `widen` and `rollback` to one
    writing thread at a time, `open` to any.
    """

    def __init__(
        self, folder: Path, engine: str, files: FileSystem, start: Start | None = None
    ) -> None:
        if engine not in ENGINES:
            raise ValueError(f"no blob engine {engine!r}: {', '.join(ENGINES)}")
        self.files = files
        self._start = start
        self._spool = folder / "spool"
        self._plain = engine == "files"
        folders = Folders(files, folder.parent)
        self.packs = Packs(folder, files, folders)
        self._large = Files("large", folder / "large", files, folders)
        self._single = Files("file", folder / "files", files, folders)
        engines: tuple[Engine, ...] = (self.packs, self._large, self._single)
        self._engines = {one.name: one for one in engines}

    def writer(self, expected: int | None = None, waiting: int = 0) -> BlobWriter:
        """Give what takes a message's bytes; ``expected`` octets, if known.

        ``waiting`` are octets that others, which will be stored with it, hold already.
        """
        big = expected is not None and expected > SMALL
        spool = big or self._plain or waiting > _WAITING
        return BlobWriter(
            self.files,
            self._spool,
            always_spool=spool,
            start=self._start,
            keep=big or self._plain,
        )

    def add(self, content: bytes | BlobWriter, date: InternalDate) -> StoredBlob:
        """Store a message; durable only after `sync`.

        Raises `Unavailable`, also for a fault that a `BlobWriter.write` met.
        """
        if not isinstance(content, BlobWriter):
            writer = self.writer(len(content))
            writer.write(content)
            content = writer
        try:
            content.check()
            engine: Engine = self.packs
            if self._plain:
                engine = self._single
            elif content.size > SMALL:
                engine = self._large
            size, digest = content.size, content.digest
            return StoredBlob(engine.add(content, date), size, digest)
        finally:
            content.abort()

    def sync(self) -> None:
        """Make all that was added durable.

        Raises `Unavailable`: nothing that was added since the last sync is stored.
        """
        try:
            for engine in self._engines.values():
                engine.sync()
        except StoreError:
            self.rollback()
            raise

    def widen(self) -> None:
        """Prepare for what comes, when nobody waits. Never raises."""
        self.packs.widen()

    def rollback(self) -> None:
        """Forget what was added since the last sync. Never raises."""
        for engine in self._engines.values():
            engine.rollback()

    def open(self, ref: str, mark: bytes | None = None) -> BlobReader:
        """Open a blob, with the ``mark`` of a reader of it that was verified.

        Raises `NotFound`, `Corrupt`, `Unavailable`.
        """
        return self._engine(ref).open(ref, mark)

    def octets(self, ref: str) -> bytes | None:
        """Give a message as a whole; None: it is in a file of its own, to be opened.

        Raises as `open`.
        """
        return self.packs.octets(ref) if self.in_pack(ref) else None

    def in_pack(self, ref: str) -> bool:
        """Tell whether a reference is one of the packs."""
        return isinstance(ref, str) and ref.startswith("pack:")

    def delete(self, refs: Iterable[str]) -> None:
        """Give up blobs that no row names any more. Raises `Unavailable`."""
        for ref in refs:
            self._engine(ref).delete(ref)

    def entries(self) -> Iterator[BlobEntry]:
        """Walk over everything that is stored, named by a row or not."""
        for engine in self._engines.values():
            yield from engine.entries()

    def remove_spooled(self, before: float) -> int:
        """Remove what crashes have left in the spool; gives how many files."""
        removed = 0
        for path in self._spool.glob("*.part"):
            try:
                if path.stat().st_mtime < before:
                    self.files.unlink(path)
                    removed += 1
                    reached(CrashPoint.SPOOL_SWEPT)
            except FileNotFoundError:
                continue
        return removed

    def remove_orphans(self, live: frozenset[str], before: float) -> int:
        """Remove files that no row names, written before a time; gives how many.

        ``live`` are the references that rows name. Dead records inside of segments
        that have living ones are compaction's.
        """
        removed = self.packs.remove_dead(live, before)
        for engine in (self._large, self._single):
            for entry in engine.entries():
                if entry.ref not in live and entry.changed < before:
                    engine.delete(entry.ref)
                    removed += 1
                    reached(CrashPoint.FILE_DROPPED)
        return removed

    def _engine(self, ref: str) -> Engine:
        # A damaged row may have any value there.
        name = ref.partition(":")[0] if isinstance(ref, str) else ""
        engine = self._engines.get(name)
        if engine is None:
            raise NotFound(
                "the message's bytes are missing", detail=f"no engine for {ref!r}"
            )
        return engine

    def close(self) -> None:
        """Close all files."""
        for engine in self._engines.values():
            engine.close()


_REAL = FileSystem()


def open_blobs(
    folder: Path,
    engine: str,
    files: FileSystem = _REAL,
    start: Start | None = None,
) -> BlobStore:
    """Open the blobs below a folder; writes with one engine, reads those of all.

    ``start`` runs on another thread what can be done while a message comes.
    """
    return BlobStore(folder, engine, files, start)
