"""Proves the bytes of a message before a client gets them.

A disk that gives other octets than it was given would have clients keep them for good.
Each message is read once more than it is sent, and remembered: what reads it in pieces
pays once. A record carries a checksum, which costs a millisecond for a MiB; a message
in a file of its own is compared with its digest, a big one on a thread.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict

from mailstore.blobs import BlobReader, BlobStore, Buffer, Known
from mailstore.errors import Corrupt, Expunged, NotFound, StoreError
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
        # Where they are; None for those in files of their own.
        self._proved: OrderedDict[str, Known | None] = OrderedDict()
        self._doubted: set[str] = set()  # that were another record than before

    async def prove(self, ref: str) -> None:
        """Read bytes, unless that was done.

        Raises `Expunged` when they were given up meanwhile, `Corrupt`, `Unavailable`.
        """
        ref = Surrogates.stored(ref)
        if ref in self._proved:
            return
        try:
            if self._blobs.in_pack(ref):
                self._prove_record(ref)
                return
            reader = self._blobs.open(ref)
        except NotFound as error:
            if audit.digest_of_blob(self._readers.event, ref) is None:
                raise Expunged(detail=str(error)) from error  # it was purged just now
            # The index names it, so it ought to be there.
            raise Corrupt(detail=str(error)) from error
        with reader:
            await self._compare(reader, ref)
        self._remember(ref, None)

    def _prove_record(self, ref: str) -> None:
        known, data = self._blobs.packs.verified(ref)
        if ref in self._doubted:
            # The number of a segment that was removed may be given anew. A whole
            # record is no proof then: it must be the one that the row means.
            wanted = audit.digest_of_blob(self._readers.event, ref)
            if wanted is None:
                raise Expunged(detail=f"{ref} has no row any more")
            if hashlib.sha256(data).digest() != wanted:
                raise Corrupt(detail=f"{ref} is not what was stored")
            self._doubted.discard(ref)
        self._remember(ref, known)

    def _doubt(self, ref: str) -> None:
        if self._proved.pop(ref, None) is not None:
            self._doubted.add(ref)

    def _remember(self, ref: str, known: Known | None) -> None:
        self._proved[ref] = known
        if len(self._proved) > _REMEMBERED:
            self._proved.popitem(last=False)

    def open(self, ref: str) -> BlobReader:
        """Open a blob, with less to look at if it was proved.

        Raises `NotFound`, `Corrupt`, `Unavailable`.
        """
        known = self._proved.get(ref)
        try:
            return self._blobs.open(ref, None if known is None else known.mark)
        except Corrupt:
            self._doubt(ref)
            raise

    def read(self, ref: str, start: int, length: int) -> Buffer | None:
        """Give proved octets of a message at once, all of them.

        None when it is not as simple as that: `prove` and `open` tell what is.
        """
        try:
            known = self._proved[ref]
        except KeyError:
            return self._read_first(ref, start, length)
        if known is None:
            return None
        found = self._blobs.packs.read(known, start, length)
        if found is None and start + length <= known.size:
            self._doubt(ref)
        return found

    def _read_first(self, ref: str, start: int, length: int) -> Buffer | None:
        """Prove what is read, in one."""
        if ref in self._doubted or not self._blobs.in_pack(ref):
            return None
        try:
            known, whole = self._blobs.packs.verified(ref)
        except StoreError:
            return None
        self._remember(ref, known)
        end = start + length
        return whole[start:end] if end <= len(whole) else None

    async def _compare(self, reader: BlobReader, ref: str) -> None:
        wanted = audit.digest_of_blob(self._readers.event, ref)
        if wanted is None:
            return  # its row was purged, or moved by a compaction, just now
        if reader.size <= _AT_ONCE:
            found = reader.digest()
        else:
            found = await in_pool(self._runtime, Pool.READ, reader.digest)
        if found != wanted:
            raise Corrupt(detail=f"{ref} is not what was stored")
