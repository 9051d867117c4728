"""`imapd restore --damaged`: bytes out of a backup for messages that have lost theirs.

The message keeps its UIDs, its flags and all else: only where its bytes are is changed.
One that a repair had moved out of the way goes back to its mailboxes
(`mailstore.index.damage`), there under new UIDs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from mailstore.blobs import BlobStore
from mailstore.blobs.pool import Pool
from mailstore.errors import Corrupt, NotFound
from mailstore.index import audit, damage, mending, restored
from mailstore.index.audit import BlobRow
from mailstore.index.database import Database
from mailstore.index.records import Delta
from mailstore.lanes import Pool as Threads
from mailstore.lanes import in_pool
from mailstore.maintenance.batches import batches
from mailstore.service import Account
from mailstore.writer import Outcome

Progress = Callable[[int], None]
"""Told messages that were read so far."""

_TOLD_EACH = 256
_AT_ONCE = 64  # messages
_OCTETS = 16 * 2**20


@dataclass(slots=True)
class Mended:
    """What was found: how many messages have bytes again, and which have not."""

    messages: int = 0
    lost: list[tuple[int, str]] = field(default_factory=list)


async def damaged(account: Account, progress: Progress | None = None) -> list[BlobRow]:
    """Read all messages of an account, and give those whose bytes are not theirs."""

    def work() -> list[BlobRow]:
        with account.readers.take() as database, database.snapshot():
            found = []
            for at, row in enumerate(audit.blobs(database), 1):
                if not _is_whole(account.blobs, row):
                    found.append(row)
                if progress is not None and at % _TOLD_EACH == 0:
                    progress(at)
            return found

    return await in_pool(account.runtime, Threads.READ, work)


def _is_whole(blobs: BlobStore, row: BlobRow) -> bool:
    try:
        with blobs.open(row.blob) as blob:
            return blob.size == row.size and blob.digest() == row.digest
    except (NotFound, Corrupt):
        return False


async def mend(account: Account, rows: Sequence[BlobRow], pool: Pool) -> Mended:
    """Give damaged messages the bytes that a backup has. Raises `Unavailable`."""
    done = Mended()
    for some in batches(rows, _AT_ONCE, _OCTETS):
        job = _Job(some, pool, account.now(), account.options.max_mailboxes)
        done.messages += await account.lane.submit(job)
        done.lost += job.lost
    return done


class _Job:
    """Stores the bytes of some messages anew, and says where they are."""

    durable = True
    bounded = False  # they were there before

    def __init__(
        self, rows: Sequence[BlobRow], pool: Pool, now: int, most: int
    ) -> None:
        self._rows = rows
        self._pool = pool
        self._now = now
        self._most = most  # mailboxes
        self._places: dict[int, str] = {}
        self.lost: list[tuple[int, str]] = []

    def prepare(self, blobs: BlobStore) -> bool:
        """Copy what the backup has."""
        for row in self._rows:
            try:
                stored = self._pool.store_in(blobs, row.digest)
            except (NotFound, Corrupt) as error:
                self.lost.append((row.message, str(error)))
            else:
                self._places[row.message] = stored.ref
        return bool(self._places)

    def look(self) -> None:
        """Nothing: the rows are there."""

    def run(self, database: Database) -> Outcome[int]:
        """Point the rows at the copies; who was moved out of the way goes back."""
        restored.point_to(database, self._places)
        deltas: list[Delta] = []
        made = False
        for message in damage.known(database) & self._places.keys():
            spare = None
            if damage.mailboxes_gone(database, [message]):
                spare, made = mending.recovered(database, self._now, self._most), True
            deltas += damage.put_back(database, message, spare, self._now)
        return Outcome(len(self._places), deltas, names_changed=made)
