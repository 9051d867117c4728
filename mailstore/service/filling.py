"""Filling text indexes: a piece at a time, of one account by one process at a time.

Who does it is another matter: a thread beside the sessions (`indexing`), or a process
of its own that is told of accounts (`Filler`) and leaves the interpreters of the
others alone.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from mailstore.blobs import BlobStore, open_blobs
from mailstore.blobs.store import ENGINES
from mailstore.errors import Corrupt, NotFound, StoreError
from mailstore.locking import held_alone
from mailstore.model import AccountId
from mailstore.search import textdb
from mailstore.search.indexer import Done, belongs, step
from mailstore.search.textdb import TextDatabase
from mailstore.service.folders import account_folder
from mailstore.service.readers import Readers


def fill(
    folder: Path,
    readers: Readers,
    blobs: BlobStore,
    pause: Callable[[], None],
    *,
    anew: bool = False,
) -> Done | None:
    """Do the next piece of work of an account; None when another process is at it.

    ``pause`` is called often, and may end the work by an exception. With ``anew``
    what is there is dropped first. Raises `Corrupt`, `Busy`, `Unavailable`.
    """
    with held_alone(folder / "text.lock") as alone:
        if not alone:
            return None
        if anew:
            textdb.drop(folder)
        with readers.take() as index:
            text = TextDatabase.open(folder, writer=True)
            assert text is not None
            try:
                if not belongs(text, index):
                    raise Corrupt(detail="the text index is of another index")
                return step(text, index, blobs, pause)
            finally:
                text.close()


class Filler:
    """Fills the text indexes of accounts that are open in other processes, in turns.

    ``path`` is the store's. Belongs to one thread.
    """

    def __init__(self, path: Path, pause: Callable[[], None]) -> None:
        self._path = path
        self._pause = pause
        self._due: dict[AccountId, bool] = {}  # whether anew; in the order of turns

    def wanted(self, account: AccountId, *, anew: bool = False) -> None:
        """Note that something of an account is missing."""
        self._due[account] = self._due.get(account, False) or anew

    @property
    def due(self) -> int:
        """How many accounts wait for their turn."""
        return len(self._due)

    def turn(self) -> bool:
        """Do the next account's next piece; tell whether another can follow at once.

        False as well when another process fills this account: it comes again last.
        """
        account = next(iter(self._due))
        anew = self._due.pop(account)
        try:
            done = self._fill(account_folder(self._path, account), anew=anew)
        except Corrupt:
            self.wanted(account, anew=not anew)
            return not anew  # what is damaged as soon as it is made gets no hurry
        except StoreError:
            return (
                True  # a full disk, an account that is gone: the next word tries again
            )
        if done is None:
            self.wanted(account, anew=anew)
            return False
        if done.more:
            self.wanted(account)
        return True

    def _fill(self, folder: Path, *, anew: bool) -> Done | None:
        if not (folder / "index.db").exists():
            raise NotFound("no such account")
        readers = Readers(folder / "index.db")
        try:
            blobs = open_blobs(folder / "blobs", ENGINES[0])  # reads those of all
            return fill(folder, readers, blobs, self._pause, anew=anew)
        finally:
            readers.close()
