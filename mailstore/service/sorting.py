"""Runs SORT and THREAD: what memory has at once, everything else in a pool.

Sort values are in the index since a message arrived. For those that an older program
stored they are made here of the header that is kept beside the index, and written
down for the next time.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from mailstore.blobs import BlobStore
from mailstore.errors import StoreError
from mailstore.index import annotate, sortkeys
from mailstore.index.database import Database
from mailstore.lanes import Pool, Runtime, in_pool
from mailstore.mime.ingest import ingest
from mailstore.mime.packed import unpack_header
from mailstore.mime.sorting import UNDECODED, SortFields, stored_fields
from mailstore.model import AnnotationName, Forest, MailboxId
from mailstore.query import Comparator, Criterion, Following, SortKey, Threading
from mailstore.runs import runs
from mailstore.search.columns import TextColumn
from mailstore.search.table import SortTable
from mailstore.search.watch import Cancelled
from mailstore.service.readers import Readers
from mailstore.service.searching import Turns, columns_of
from mailstore.state import MailboxState
from mailstore.writer import Lane, Outcome

T = TypeVar("T")

_AT_ONCE = 20_000  # messages whose order is read on the event thread (about 1 ms)
_BATCH = 4_096
_SORTED_OCTETS = 4_096  # of an annotation


@dataclass(frozen=True, slots=True)
class SortParts:
    """What sorting needs besides a mailbox's state and table."""

    runtime: Runtime
    readers: Readers
    blobs: BlobStore
    lane: Lane
    turns: Turns


class StoredValues:
    """Reads sort values of messages from the index; `Source` of a table."""

    def __init__(
        self, database: Database, blobs: BlobStore, cancelled: Callable[[], bool]
    ) -> None:
        self._database = database
        self._blobs = blobs
        self._cancelled = cancelled
        self.made: dict[int, SortFields] = {}  # of messages that had none stored

    def values(
        self, messages: Sequence[int], names: Sequence[str]
    ) -> Iterator[tuple[Any, ...]]:
        """Give values in batches: no statement stays open. Raises `Cancelled`."""
        for start in range(0, len(messages), _BATCH):
            if self._cancelled():
                raise Cancelled
            some = messages[start : start + _BATCH]
            rows = sortkeys.load(self._database, some, names)
            missing = [at for at, row in enumerate(rows) if row[-1] is None]
            if missing:
                self._make([some[at] for at in missing if some[at] not in self.made])
                for at in missing:
                    fields = self.made[some[at]]
                    rows[at] = tuple([getattr(fields, name) for name in names])
            yield from rows

    def annotations(
        self, mailbox: MailboxId, name: AnnotationName, me: str
    ) -> dict[int, bytes]:
        """Give the values of an annotation by UID, as texts that are sorted.

        Their beginnings decide: what is the same there is equal.
        """
        owner = me if name.private else annotate.SHARED
        values = annotate.first_octets(
            self._database, mailbox, owner, name.entry, _SORTED_OCTETS
        )
        return {uid: _text(value) for uid, value in values.items()}

    def _make(self, messages: Sequence[int]) -> None:
        self.made.update(dict.fromkeys(messages, SortFields()))
        for start in range(0, len(messages), 256):
            if self._cancelled():
                raise Cancelled
            some = messages[start : start + 256]
            for message, header, blob in sortkeys.headers(self._database, some):
                self.made[message] = self._fields(header, blob)

    def _fields(self, packed: bytes, blob: str) -> SortFields:
        header = unpack_header(packed)
        if header is not None:
            return stored_fields(header)
        try:
            with self._blobs.open(blob) as reader, reader.buffer() as data:
                return ingest(data).sort
        except StoreError:
            return (
                SortFields()
            )  # its bytes are damaged; the others are sorted all the same


@dataclass(frozen=True, slots=True)
class Sorting:
    """One command that sorts or threads messages of a mailbox."""

    parts: SortParts
    table: SortTable
    state: MailboxState
    comparator: Comparator
    following: Following
    me: str = ""  # who owns the private annotations that are looked at

    async def sort(
        self,
        found: array[int],
        criteria: tuple[Criterion, ...],
        scores: Sequence[int] = (),
    ) -> array[int]:
        """Give the UIDs of ``found`` (ascending) in an order; none when cancelled.

        ``scores`` are those of ``found`` where relevancy is a criterion.
        """
        table, state, how = self.table, self.state, self.comparator
        if len(state.uids) <= _AT_ONCE and table.lock.acquire(blocking=False):
            try:
                if table.ready(state, criteria, how):
                    among = _plane(found, state.uids)
                    return table.sort(state, among, criteria, how, _NOTHING)
            finally:
                table.lock.release()
        now = columns_of(state)

        def run(source: StoredValues) -> array[int]:
            among = _plane(found, now.uids)
            given: dict[Criterion, Sequence[float]] = {}
            for one in criteria:
                if one.key is SortKey.RELEVANCY:
                    given[one] = _relevancy(found, scores, now.uids)
                elif one.annotation is not None:
                    texts = source.annotations(state.id, one.annotation, self.me)
                    given[one] = _places(texts, now.uids, how)
            return table.sort(now, among, criteria, how, source, given)

        result = await self._in_pool(run)
        return array("I") if result is None else result

    async def thread(self, found: array[int], algorithm: Threading) -> Forest:
        """Give the threads of the messages ``found``; none when cancelled."""
        table, state, how = self.table, self.state, self.comparator
        if table.lock.acquire(blocking=False):
            try:
                among = _plane(found, state.uids)
                ready = table.ready_forest(state, algorithm, how, among)
            finally:
                table.lock.release()
            if ready is not None:
                return ready
        now = columns_of(state)

        def run(source: StoredValues) -> Forest:
            return table.thread(now, _plane(found, now.uids), algorithm, how, source)

        return await self._in_pool(run) or Forest()

    async def _in_pool(self, run: Callable[[StoredValues], T]) -> T | None:
        """Run on a thread; None when it was cancelled.

        In turns: who would wait for the table would keep a thread from others.
        """
        parts, table = self.parts, self.table
        made: dict[int, SortFields] = {}

        def work() -> T | None:
            with parts.readers.take() as database, table.lock, _forgotten(table):
                source = StoredValues(database, parts.blobs, self.following.cancelled)
                try:
                    return run(source)
                finally:
                    made.update(source.made)

        result = None
        with suppress(Cancelled):
            async with parts.turns:
                result = await in_pool(parts.runtime, Pool.SEARCH, work)
        if made:
            parts.runtime.spawn(_write_down(parts.lane, made))
        return result


@contextmanager
def _forgotten(table: SortTable) -> Iterator[None]:
    """Leave no table half loaded."""
    try:
        yield
    except BaseException:
        table.forget()
        raise


async def _write_down(lane: Lane, made: dict[int, SortFields]) -> None:
    rows = list(made.items())
    for start in range(0, len(rows), 1_000):
        some = rows[start : start + 1_000]

        def work(
            database: Database, some: list[tuple[int, SortFields]] = some
        ) -> Outcome[None]:
            sortkeys.insert_late(database, some)
            return Outcome(None)

        await lane.write(work, durable=False)


def _text(value: bytes) -> bytes:
    """Give a value as `mailstore.mime.sorting` stores texts.

    It may have been cut within a character, which is left out then.
    """
    text = value
    if len(value) == _SORTED_OCTETS:
        text = value.decode("utf-8", "ignore").encode()
        text = text if value.startswith(text) else value
    try:
        text.decode()
    except UnicodeDecodeError:
        return UNDECODED + value
    return text


def _places(
    texts: Mapping[int, bytes], uids: array[int], how: Comparator
) -> array[float]:
    """Give each message its place by a text; those without one come first."""
    return TextColumn([texts.get(uid, b"") for uid in uids], how).places


def _plane(found: array[int], uids: array[int]) -> bytes | None:
    """Mark messages among all; None for all of them."""
    plane = bytearray(len(uids))
    count = 0
    for start, stop, _ in runs(found, uids):
        plane[start:stop] = b"\x01" * (stop - start)
        count += stop - start
    return None if count == len(uids) else bytes(plane)


def _relevancy(
    found: array[int], scores: Sequence[int], uids: array[int]
) -> array[float]:
    """Give a value for each message, the best the lowest."""
    values = array("d", [0.0]) * len(uids)
    for start, stop, at in runs(found, uids):
        some = scores[at : at + stop - start]
        values[start:stop] = array("d", [-score for score in some])
    return values


class _Nothing:
    """The source of a table that has all it needs."""

    def values(
        self, messages: Sequence[int], names: Sequence[str]
    ) -> Iterator[tuple[Any, ...]]:
        if messages:
            raise AssertionError(names)
        return iter(())


_NOTHING = _Nothing()
