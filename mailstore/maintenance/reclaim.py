"""Giving space back: blobs that no row names, segments that are mostly dead.

Rows go first, bytes later: a blob is only given up after the transaction that forgot
it, and only when it has lain there for an hour, since a message on its way has bytes
before it has a row. A compacted segment stays for another hour, whichever process looks
next, for readers that learnt a reference just before. While a backup copies an
account's messages nothing of it is given back: it holds the folder.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mailstore.blobs import BlobStore
from mailstore.errors import Corrupt
from mailstore.index import audit, upkeep
from mailstore.index.database import Database
from mailstore.locking import folder_held
from mailstore.maintenance import snapshots
from mailstore.writer import Outcome

if TYPE_CHECKING:
    from mailstore.service.readers import Readers

GRACE = 3_600  # seconds
_DEAD_SHARE = 0.4


@dataclass(frozen=True, slots=True)
class Reclaimed:
    """What one round did; ``more`` tells that another one would do something."""

    removed: int  # files
    moved: int  # messages
    more: bool


class ReclaimJob:
    """One round, as a job of the writer lane: at most one segment is copied."""

    durable = True
    bounded = False

    def __init__(self, readers: Readers, now: float) -> None:
        self._readers = readers
        self._now = now
        self._moves: dict[str, str] = {}
        self._removed = 0
        self._more = False

    def prepare(self, blobs: BlobStore) -> bool:
        """Remove what is dead, copy what is alive in a dying segment."""
        with folder_held(self._readers.folder) as alone:
            if alone:
                self._give_back(blobs)
        return bool(self._moves)

    def _give_back(self, blobs: BlobStore) -> None:
        with self._readers.take() as database:
            live = audit.blob_refs(database)
        before = self._now - GRACE
        snapshots.remove_old(self._readers.folder, self._now)
        self._removed = blobs.remove_spooled(before)
        self._removed += blobs.remove_orphans(live, before)
        for number in blobs.packs.compactable(live, _DEAD_SHARE, before):
            if self._moves:
                self._more = True
                break
            try:
                self._moves = blobs.packs.copy_live(number, live)
                blobs.packs.rest(number, self._now)
            except Corrupt:
                continue  # its segment stays, `imapd check` tells of it

    def look(self) -> None:
        """Nothing: the rows are there."""

    def run(self, database: Database) -> Outcome[Reclaimed]:
        """Point the rows at the copies."""
        upkeep.move_blobs(database, self._moves)
        return Outcome(Reclaimed(self._removed, len(self._moves), self._more))
