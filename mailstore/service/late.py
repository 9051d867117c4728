"""What is found of a message when somebody first asks, on a thread, and kept then.

Previews of messages that an older program has stored, and digests that few want.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from mailstore.blobs import BlobStore
from mailstore.errors import Corrupt, NotFound, StoreError
from mailstore.index import labels, late
from mailstore.index.database import Database
from mailstore.lanes import Pool, Runtime, in_pool
from mailstore.mime.header import Buffer
from mailstore.mime.ingest import wire_preview
from mailstore.mime.scanner import scan
from mailstore.model import Column
from mailstore.service.ahead import RowsAhead
from mailstore.service.linking import Linking
from mailstore.service.proofs import Proofs
from mailstore.service.readers import Readers
from mailstore.writer import Lane, Outcome

_SLICE = 32  # messages between two looks of other threads


def _preview(data: Buffer) -> bytes:
    return wire_preview(data, scan(data))


def _sha1(data: Buffer) -> bytes:
    # Names a message, as others do; nothing relies on its strength.
    return hashlib.sha1(data, usedforsecurity=False).hexdigest().encode("ascii")


LATE: Mapping[Column, tuple[str, Callable[[Buffer], bytes], bytes]] = {
    Column.PREVIEW: ("preview", _preview, b'""'),
    Column.SHA1: ("sha1", _sha1, b"NIL"),
}
"""By column: its name in the index, how it is found, what a damaged message has."""


class LateFacts:
    """Finds and keeps facts of one account's messages."""

    def __init__(
        self, runtime: Runtime, readers: Readers, blobs: BlobStore, lane: Lane
    ) -> None:
        self._runtime = runtime
        self._readers = readers
        self._blobs = blobs
        self._lane = lane
        self._placed = False
        self.ahead = RowsAhead(readers.event, readers.look)
        self.proofs = Proofs(runtime, readers, blobs)
        self.linking = Linking(runtime, readers, blobs, lane)

    async def prepare_labels(self) -> None:
        """Make what finds the labels of a message. Raises `Unavailable`."""
        if self._placed or labels.is_prepared(self._readers.event):
            self._placed = True
            return

        def work(database: Database) -> Outcome[None]:
            labels.prepare(database)
            return Outcome(None)

        await self._lane.write(work)
        self._placed = True

    async def find(
        self, column: Column, messages: Sequence[int]
    ) -> Mapping[int, bytes]:
        """Give a fact of messages; those that were purged are left out."""
        name, find, damaged = LATE[column]

        def look(some: Sequence[int]) -> tuple[dict[int, bytes], dict[int, bytes]]:
            found: dict[int, bytes] = {}
            broken: dict[int, bytes] = {}
            with self._readers.take() as database:
                places = late.blobs(database, some)
            for message, blob in places:
                try:
                    with self._blobs.open(blob) as reader, reader.buffer() as data:
                        found[message] = find(data)
                except (Corrupt, NotFound):
                    broken[message] = damaged
            return found, broken

        everything: dict[int, bytes] = {}
        for at in range(0, len(messages), _SLICE):
            some = list(messages[at : at + _SLICE])
            work = partial(look, some)
            found, broken = await in_pool(self._runtime, Pool.READ, work)
            everything |= found | broken
            await self._keep(name, found)
        return everything

    async def _keep(self, name: str, values: Mapping[int, bytes]) -> None:
        def work(database: Database) -> Outcome[None]:
            late.keep(database, name, values)
            return Outcome(None)

        try:
            await self._lane.write(work, durable=False)
        except StoreError:
            return  # a full disk: it is found again the next time
