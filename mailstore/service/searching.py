"""Runs a search where it belongs: memory at once, everything else in a pool."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from mailstore.blobs import BlobStore
from mailstore.index import entries
from mailstore.index.database import Database
from mailstore.lanes import Pool, Runtime, in_pool
from mailstore.mime.header import Buffer
from mailstore.query import Following, Predicate
from mailstore.search.evaluate import cost, evaluate
from mailstore.search.lookups import look_up, needs_lookup
from mailstore.search.planes import Columns
from mailstore.search.texts import MessageText
from mailstore.search.watch import Cancelled, Watch
from mailstore.service.readers import Readers
from mailstore.state import MailboxState

_AT_ONCE = 10_000  # messages whose columns are searched on the event thread
_BATCH = 256


def columns_of(state: MailboxState) -> Columns:
    """Copy a state's columns: a few hundred microseconds for 100,000 messages."""
    return Columns(
        state.uids[:],
        state.system[:],
        state.keywords[:],
        dict(state.more),
        state.modseqs[:],
        state.sizes[:],
        state.dates[:],
        state.zones[:],
        state.messages[:],
        state.keyword_names,
    )


class _StoredTexts:
    """Texts of one mailbox's messages, read as the search comes to them."""

    def __init__(
        self, database: Database, blobs: BlobStore, messages: Sequence[int]
    ) -> None:
        self._database = database
        self._blobs = blobs
        self._messages = messages

    def messages(self, indexes: Sequence[int]) -> Iterator[MessageText]:
        """Give what the index keeps, in batches: no statement stays open."""
        for start in range(0, len(indexes), _BATCH):
            some = indexes[start : start + _BATCH]
            ids = [self._messages[at] for at in some]
            rows = {row[0]: row for row in entries.search_fields(self._database, ids)}
            for at, id_ in zip(some, ids, strict=True):
                if id_ in rows:
                    _, header, sent, zone, blob = rows[id_]
                    yield MessageText(at, header, sent, zone, blob)

    @contextmanager
    def content(self, blob: str) -> Iterator[Buffer]:
        """Open a message's bytes."""
        with self._blobs.open(blob) as reader, reader.buffer() as data:
            yield data


@dataclass(frozen=True, slots=True)
class SearchParts:
    """What a search of an account needs besides the mailbox's state."""

    runtime: Runtime
    readers: Readers
    blobs: BlobStore


def _watch(runtime: Runtime, following: Following) -> Watch:
    """Begin to watch a search, on the thread that does it."""
    progress = following.progress
    if progress is None:
        return Watch(following.cancelled, following.seconds)

    def told(done: int, total: int) -> None:
        runtime.deliver(lambda: progress(done, total))

    return Watch(following.cancelled, following.seconds, told)


async def search(
    parts: SearchParts, state: MailboxState, predicate: Predicate, following: Following
) -> array[int]:
    """Give the UIDs that match, ascending; none when it was cancelled.

    Raises `TooMany` when it took too long.
    """
    looks = needs_lookup(predicate)
    expensive = looks or cost(predicate) > 0
    if not expensive and len(state.uids) <= _AT_ONCE:
        return evaluate(predicate, columns_of(state), None, Watch())
    columns = columns_of(state)

    def run() -> array[int]:
        watch = _watch(parts.runtime, following)
        try:
            if not expensive:
                return evaluate(predicate, columns, None, watch)
            with parts.readers.take() as database:
                texts = _StoredTexts(database, parts.blobs, columns.messages)
                term = look_up(database, state.id, predicate) if looks else predicate
                return evaluate(term, columns, texts, watch)
        except Cancelled:
            return array("I")

    return await in_pool(parts.runtime, Pool.READ, run)
