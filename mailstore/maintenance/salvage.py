"""Messages that have bytes and no row, brought into a mailbox where people see them.

A crash between bytes and row leaves some, an index that was lost all of them. Also
what was removed and purged is among them, until its space is given back: nothing in
the bytes tells the one from the other. Each message is stored once more, as it would
be if it arrived now, so that the collector may go on beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field

from mailstore.blobs.port import BlobEntry
from mailstore.errors import AlreadyExists, Corrupt, NotFound, StoreError
from mailstore.index import audit
from mailstore.index.mending import RECOVERED
from mailstore.model import Arrival
from mailstore.service import Account

_AT_ONCE = 32  # messages
_OCTETS = 4 << 20
_PIECE = 1 << 18


@dataclass(slots=True)
class Salvaged:
    """What was found: how many messages, and which could not be brought in."""

    messages: int = 0
    failures: list[str] = field(default_factory=list)


async def salvage(
    account: Account, before: float, progress: Callable[[int], None] | None = None
) -> Salvaged:
    """Bring in what lies there since before a time, and no message has as content.

    ``before`` spares what is on its way: bytes come before their row.
    """
    with account.readers.take() as database:
        live = audit.blob_refs(database)
        known = audit.digests(database)
    done = Salvaged()
    waiting: list[Arrival] = []
    octets = 0
    for entry in _orphans(account, live, before):
        arrival = _arrival(account, entry, known)
        if arrival is None:
            continue
        waiting.append(arrival)
        octets += entry.size
        if len(waiting) >= _AT_ONCE or octets >= _OCTETS:
            await _append(account, waiting, done)
            waiting, octets = [], 0
            if progress is not None:
                progress(done.messages)
    if waiting:
        await _append(account, waiting, done)
    return done


def _orphans(
    account: Account, live: frozenset[str], before: float
) -> Iterator[BlobEntry]:
    for entry in account.blobs.entries():
        if entry.ref not in live and entry.changed < before:
            yield entry


def _arrival(account: Account, entry: BlobEntry, known: set[bytes]) -> Arrival | None:
    """Read a message, unless its content is known; remembers that."""
    try:
        with account.blobs.open(entry.ref) as blob:
            digest = blob.digest()
            if digest in known:
                return None
            known.add(digest)
            sink = account.blobs.writer(entry.size)
            for start in range(0, entry.size, _PIECE):
                sink.write(blob.pread(start, _PIECE))
            sink.finish()
    except (NotFound, Corrupt):
        return None  # the collector was faster; damaged ones are no messages
    return Arrival(sink, internaldate=entry.date, binary=True)


async def _append(account: Account, some: list[Arrival], done: Salvaged) -> None:
    with suppress(AlreadyExists):
        await account.create(RECOVERED, bounded=False)
    try:
        await account.append(RECOVERED, some, bounded=False)
    except StoreError as error:
        done.failures.append(f"{len(some)} messages: {error}")
    else:
        done.messages += len(some)
