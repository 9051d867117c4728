"""Gives a thread to messages that an older program has stored, when it is asked for.

They are linked in the order of their arrival, all of an account's, before any thread
is told: what was told once never changes (RFC 8474 §5.2).
"""

from __future__ import annotations

from functools import partial

from mailstore.blobs import BlobStore
from mailstore.index import threads
from mailstore.index.database import Database
from mailstore.index.threads import Linked
from mailstore.lanes import Pool, Runtime, in_pool
from mailstore.service.readers import Readers
from mailstore.service.sorting import StoredValues
from mailstore.writer import Lane, Outcome

_SLICE = 256


class Linking:
    """Links one account's messages."""

    def __init__(
        self, runtime: Runtime, readers: Readers, blobs: BlobStore, lane: Lane
    ) -> None:
        self._runtime = runtime
        self._readers = readers
        self._blobs = blobs
        self._lane = lane
        self._done = False

    async def finish(self) -> None:
        """Link what is not linked yet. Raises `Unavailable`."""
        while not self._done:
            found = await in_pool(self._runtime, Pool.READ, self._read)
            if not found:
                self._done = True
                return
            await self._lane.write(partial(_link, found))

    def _read(self) -> list[Linked]:
        with self._readers.take() as database:
            some = threads.unlinked(database, _SLICE)
            values = StoredValues(database, self._blobs, lambda: False)
            rows = values.values(some, ("message_id", "references"))
            return [
                Linked.of(message, own, references)
                for message, (own, references) in zip(some, rows, strict=True)
            ]


def _link(found: list[Linked], database: Database) -> Outcome[None]:
    # Another process may have been faster.
    done = threads.of(database, [one.message for one in found])
    left = [one for one in found if one.message not in done]
    made = threads.assign(database, left)
    threads.keep(database, dict(zip([one.message for one in left], made, strict=True)))
    return Outcome(None)
