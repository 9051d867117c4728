"""The connections of an account that read: one for the event thread, few for pools."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from mailstore.errors import Unavailable
from mailstore.index.database import Database
from mailstore.once import OnceATurn

_SPARE = 2


class Readers:
    """Opens read-only connections as they are needed, and keeps a few.

    ``turn`` gives the same number as long as nothing was heard from outside; without it
    nobody knows that.
    """

    def __init__(self, path: Path, turn: Callable[[], int] | None = None) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._spare: list[Database] = []
        self._closed = False
        self.event = Database.open(path, writer=False)  # for the event thread alone
        self._turn = turn or count().__next__
        self._written = self._granted = 0
        self.look = OnceATurn(self.event.data_version, self.moment)
        """Gives a number that changes when a process has committed something."""

    def moment(self) -> int:
        """Give the same number as long as `look` does without asking."""
        return self._turn() + self._written

    def moment_of_rights(self) -> int:
        """Give the same number as long as nobody's rights can have changed."""
        return self._turn() + self._granted

    def wrote(self, *, flags_alone: bool = False) -> None:
        """Hear that this process has committed something, in the middle of a turn.

        Maybe ``flags_alone``: who may do what is as before then.
        """
        self._written += 1
        self._granted += not flags_alone

    @property
    def folder(self) -> Path:
        """The account's folder."""
        return self._path.parent

    @contextmanager
    def take(self) -> Iterator[Database]:
        """Lend a connection to a thread of a pool. Raises `Unavailable`."""
        with self._lock:
            if self._closed:
                raise Unavailable("the mail store is shutting down")
            database = self._spare.pop() if self._spare else None
        database = database or Database.open(self._path, writer=False)
        try:
            yield database
        finally:
            with self._lock:
                keep = not self._closed and len(self._spare) < _SPARE
                if keep:
                    self._spare.append(database)
            if not keep:
                database.close()

    def close(self) -> None:
        """Close what is not lent out; what is closes when it comes back."""
        with self._lock:
            self._closed = True
            spare, self._spare = self._spare, []
        for database in (self.event, *spare):
            database.close()
