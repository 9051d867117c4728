"""Runs a search where it belongs: memory at once, everything else in a pool."""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from mailstore.blobs import BlobStore
from mailstore.errors import Busy, Corrupt, TooMany
from mailstore.found import NOTHING, Found
from mailstore.index import entries, textsource
from mailstore.index.database import Database
from mailstore.lanes import Future, Pool, Runtime, in_pool
from mailstore.mime.header import Buffer
from mailstore.model import MailboxId
from mailstore.query import Following, Predicate, ThreadIs, Uids, leaves
from mailstore.search.evaluate import QUICK, TEXTS, cost, evaluate
from mailstore.search.evaluate import relevancy as scores_of
from mailstore.search.indexed import IndexedTexts
from mailstore.search.kept import Kept
from mailstore.search.lookups import LOOKUPS, Lookups, needs_lookup
from mailstore.search.planes import Columns, CopiedColumns, only
from mailstore.search.textdb import TextDatabase
from mailstore.search.texts import MessageText, Texts
from mailstore.search.watch import Cancelled, Watch
from mailstore.service.indexing import Indexing
from mailstore.service.readers import Readers
from mailstore.state import MailboxState

_AT_ONCE = 40_000  # looks at a message's columns, on the event thread
_AT_ONCE_QUICKLY = 600_000  # by terms that take no time for each message
_TERM = 500  # looks that a term takes beside those at messages
_RANGE, _RANGE_QUICKLY = 12, 180  # and those that each range of UIDs takes
_ELSEWHERE = LOOKUPS.union(TEXTS)  # terms that memory doesn't answer
_BATCH = 256
_TRIES = 3  # of a search that waits for the text index in between

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


def columns_of(state: MailboxState) -> CopiedColumns:
    """Copy a state's columns: a few hundred microseconds for 100,000 messages."""
    return CopiedColumns(
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
        state.ordered,
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
            rows = entries.search_fields(self._database, ids)
            if len(rows) == len(ids):  # in their order
                for at, (_, header, sent, zone, blob, parts) in zip(
                    some, rows, strict=True
                ):
                    yield MessageText(at, header, sent, zone, blob, parts)
                continue
            known = {row[0]: row for row in rows}
            for at, id_ in zip(some, ids, strict=True):
                if id_ in known:
                    yield MessageText(at, *known[id_][1:])

    def content(self, blob: str) -> AbstractContextManager[Buffer]:
        """Open a message's bytes."""
        octets = self._blobs.octets(blob)
        if octets is not None:
            return nullcontext(octets)
        reader = self._blobs.open(blob)
        octets = reader.octets()
        return reader.buffer() if octets is None else nullcontext(octets)


class Turns:
    """Lets one search of an account run at a time, the others in their order.

    So that nobody takes all the threads. For the event thread.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._busy = False
        self._waiting: deque[Future[None]] = deque()

    async def __aenter__(self) -> None:
        if self._busy:
            turn: Future[None] = self._runtime.future()
            self._waiting.append(turn)
            await turn
        self._busy = True

    async def __aexit__(self, *_: object) -> None:
        self._busy = bool(self._waiting)
        if self._waiting:
            self._waiting.popleft().succeed(None)


@dataclass(frozen=True, slots=True)
class SearchParts:
    """What a search of an account needs besides the mailbox's state."""

    runtime: Runtime
    readers: Readers
    blobs: BlobStore
    indexing: Indexing
    turns: Turns
    kept: Kept
    link: Callable[[], Awaitable[None]]  # so that all messages have a thread


def _watch(runtime: Runtime, following: Following) -> Watch:
    """Begin to watch a search, on the thread that does it."""
    progress = following.progress
    if progress is None:
        return Watch(following.cancelled, following.seconds)

    def told(done: int, total: int) -> None:
        runtime.deliver(lambda: progress(done, total))

    return Watch(following.cancelled, following.seconds, told)


async def search(
    parts: SearchParts,
    state: MailboxState,
    predicate: Predicate,
    following: Following,
    me: str = "",
) -> Found:
    """Give the UIDs that match, ascending; none when it was cancelled.

    ``me`` owns the private annotations that are looked at. A search that takes too
    long for want of an index waits for that, and is done again. Raises `TooMany` when
    it took too long.
    """
    terms = leaves(predicate)
    asked = set(map(type, terms))
    if ThreadIs in asked:
        await parts.link()
    if asked.isdisjoint(_ELSEWHERE) and _is_short(terms, asked, len(state.uids)):
        # It is done before they change. What is found goes on speaking of the UIDs:
        # those of new messages may come to stand behind them, but where some vanish
        # the state takes another array.
        return evaluate(predicate, state, None, Watch())
    tries = 0
    while True:
        tries += 1
        work = _Work(parts, state.id, columns_of(state), following, _UIDS, me)
        try:
            return await _run(parts, work, predicate)
        except TooMany:
            # After a large import it was the reading of what the index lacks.
            lacking, indexing = work.lacking, parts.indexing
            if not lacking or tries == _TRIES:
                raise
            if not await indexing.caught_up(lacking, following.cancelled):
                raise


def _is_short(
    terms: Sequence[Predicate], asked: set[type[Predicate]], messages: int
) -> bool:
    """Tell whether terms, ``asked`` by their types, may keep the event thread."""
    looks = (messages + _TERM) * len(terms)
    ranges = 0
    if Uids in asked:
        ranges = sum([len(term.ranges) for term in terms if isinstance(term, Uids)])
    if asked <= QUICK:
        return looks + ranges * _RANGE_QUICKLY <= _AT_ONCE_QUICKLY
    return looks + ranges * _RANGE <= _AT_ONCE


async def _run(parts: SearchParts, work: _Work[T], predicate: Predicate) -> T:
    try:
        async with parts.turns:
            return await in_pool(
                parts.runtime, Pool.SEARCH, lambda: work.run(predicate)
            )
    finally:
        if work.lacking:
            parts.indexing.wanted()


async def relevancy(
    parts: SearchParts,
    state: MailboxState,
    predicate: Predicate,
    uids: Sequence[int],
    following: Following,
) -> array[int]:
    """Give scores of messages, in the order of their UIDs here; 1 of unknown ones.

    Nothing when it was cancelled. Raises `TooMany` when it took too long.
    """
    columns = only(columns_of(state), uids)
    work = _Work(parts, state.id, columns, following, _SCORES)
    async with parts.turns:
        scores = await in_pool(parts.runtime, Pool.SEARCH, lambda: work.run(predicate))
    known = dict(zip(columns.uids, scores, strict=False))
    return array("B", [known.get(uid, 1) for uid in uids])


class Give(Protocol[T_co]):
    """What is given of a search: the UIDs that match, or their scores."""

    def __call__(
        self,
        predicate: Predicate,
        columns: Columns,
        texts: Texts | None,
        watch: Watch,
        index: IndexedTexts | None = None,
    ) -> T_co: ...


@dataclass(frozen=True, slots=True)
class _Answer(Generic[T]):
    """How an answer is made, and what it is when the search was cancelled."""

    give: Give[T]
    nothing: T


_UIDS = _Answer(evaluate, NOTHING)
_SCORES = _Answer(scores_of, array("B"))


class _Work(Generic[T]):
    """A search, on a thread of the pool."""

    def __init__(
        self,
        parts: SearchParts,
        mailbox: MailboxId,
        columns: Columns,
        following: Following,
        answer: _Answer[T],
        me: str = "",
    ) -> None:
        self._parts = parts
        self._mailbox = mailbox
        self._columns = columns
        self._give = answer.give
        self._nothing = answer.nothing
        self._me = me
        self._following = following
        self._watch = Watch()
        self.lacking = 0  # the last message, where the index lacked any

    def run(self, predicate: Predicate) -> T:
        """Give what is wanted of the messages; nothing when it was cancelled."""
        # Here, because each thread has a clock of its own for the time it has spent.
        self._watch = _watch(self._parts.runtime, self._following)
        try:
            if not needs_lookup(predicate) and cost(predicate) == 0:
                return self._give(predicate, self._columns, None, self._watch)
            with self._parts.readers.take() as database:
                lookups = Lookups(database, self._mailbox, self._me, self._watch)
                return self._find(lookups.answer(predicate), database)
        except Cancelled:
            return self._nothing

    def _find(self, predicate: Predicate, database: Database) -> T:
        """Search with the text index if it is sound."""
        if cost(predicate) == 0:
            return self._give(predicate, self._columns, None, self._watch)
        indexing = self._parts.indexing
        try:
            with indexing.reading(database) as text:
                return self._evaluate(predicate, database, text)
        except Corrupt:
            indexing.distrust()
        except Busy:
            pass
        return self._evaluate(predicate, database, None)

    def _evaluate(
        self, predicate: Predicate, database: Database, text: TextDatabase | None
    ) -> T:
        parts, columns = self._parts, self._columns
        watch = self._watch
        index = None
        last = textsource.last_message(database)
        if text is not None:
            index = IndexedTexts(text, parts.kept, watch.pause, last)
        texts = _StoredTexts(database, parts.blobs, columns.messages)
        self.lacking = last if index is None or not index.complete else 0
        return self._give(predicate, columns, texts, watch, index)
