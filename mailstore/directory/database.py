"""The directory's database, as its parts share it: reading, writing, its state."""

from __future__ import annotations

import threading
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import TypeVar

from mailstore.errors import StoreError, Unavailable
from mailstore.index import accounts
from mailstore.index.database import Database
from mailstore.once import OnceATurn

T = TypeVar("T")


class DirectoryDatabase:
    """One connection for reading on the event thread, one for writing, behind a lock.

    Several processes may have the directory open; all see the others' changes.
    ``turn`` gives the same number as long as nothing was heard from outside.
    """

    def __init__(self, path: Path, turn: Callable[[], int] | None = None) -> None:
        self._writer = self._open_writer(path)
        self.reader = Database.open(path, writer=False, schema="directory")
        self._writing = threading.Lock()
        self._look = OnceATurn(self.reader.data_version, turn or count().__next__)
        self._seen = -1
        self._generation = 0

    def write(self, work: Callable[[Database], T]) -> T:
        """Change something on which a proof may rest; durable when it returns."""

        def change(database: Database) -> T:
            result = work(database)
            accounts.next_generation(database)
            return result

        return self.note(change)

    def note(self, work: Callable[[Database], T]) -> T:
        """Write something that ends no proof."""
        with self._writing:
            if not self._writer.is_open:
                self._writer = self._open_writer(self._writer.path)
            try:
                with self._writer.transaction():
                    return work(self._writer)
            except Unavailable:
                self._write_over()
                raise
            finally:
                self._look.forget()

    def _write_over(self) -> None:
        """Keep what a failed sync refused from coming back after a crash.

        It is whole in the log, behind the last commit; another commit takes its place.
        """
        path = self._writer.path
        self._writer.close()
        try:
            self._writer = self._open_writer(path)
            with self._writer.transaction():
                accounts.next_generation(self._writer)
        except StoreError:
            return  # the disk does not write; the next change takes its place

    @staticmethod
    def _open_writer(path: Path) -> Database:
        writer = Database.open(path, schema="directory")
        writer.set_durable(True)
        return writer

    def generation(self) -> int:
        """Give a number that differs after every `write`, also of other processes."""
        seen = self._look()
        if seen != self._seen:
            self._generation = accounts.generation(self.reader)
            self._seen = seen
        return self._generation

    def close(self) -> None:
        """Close both connections."""
        self.reader.close()
        self._writer.close()
