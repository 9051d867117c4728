"""Proves the bytes of a message before a client gets them.

A disk that gives other octets than it was given would have clients keep them for good.
Each message is read once more than it is sent, and remembered: what reads it in pieces
pays once. A record carries a checksum, which costs a millisecond for a MiB; a message
in a file of its own is compared with its digest, a big one on a thread.
"""

from __future__ import annotations

from collections import OrderedDict

from mailstore.blobs import BlobReader, BlobStore
from mailstore.errors import Corrupt, Expunged, NotFound
from mailstore.index import audit
from mailstore.lanes import Pool, Runtime, in_pool
from mailstore.service.readers import Readers
from mailstore.service.surrogates import Surrogates

_REMEMBERED = 10_000
_AT_ONCE = 1 << 18  # octets that may be digested on the event thread


class Proofs:
    """What one account's sessions have proved. Event thread only."""

    def __init__(self, runtime: Runtime, readers: Readers, blobs: BlobStore) -> None:
        self._runtime = runtime
        self._readers = readers
        self._blobs = blobs
        self._proved: OrderedDict[str, int | None] = OrderedDict()  # and their marks

    async def prove(self, ref: str) -> None:
        """Read bytes, unless that was done.

        Raises `Expunged` when they were given up meanwhile, `Corrupt`, `Unavailable`.
        """
        ref = Surrogates.stored(ref)
        if ref in self._proved:
            return
        try:
            reader = self._blobs.open(ref)
        except NotFound as error:
            if audit.digest_of_blob(self._readers.event, ref) is None:
                raise Expunged(detail=str(error)) from error  # it was purged just now
            # The index names it, so it ought to be there.
            raise Corrupt(detail=str(error)) from error
        with reader:
            await self._compare(reader, ref)
        self._proved[ref] = reader.mark
        if len(self._proved) > _REMEMBERED:
            self._proved.popitem(last=False)

    def open(self, ref: str) -> BlobReader:
        """Open a blob, with less to look at if it was proved.

        Raises `NotFound`, `Corrupt`, `Unavailable`.
        """
        return self._blobs.open(ref, self._proved.get(ref))

    async def _compare(self, reader: BlobReader, ref: str) -> None:
        if reader.has_checksum:
            reader.verify()
            return
        wanted = audit.digest_of_blob(self._readers.event, ref)
        if wanted is None:
            return  # its row was purged, or moved by a compaction, just now
        if reader.size <= _AT_ONCE:
            found = reader.digest()
        else:
            found = await in_pool(self._runtime, Pool.READ, reader.digest)
        if found != wanted:
            raise Corrupt(detail=f"{ref} is not what was stored")
