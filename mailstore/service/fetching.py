"""FETCH's columns, batch by batch: rows from memory, text from the index."""

from __future__ import annotations

from array import array
from collections.abc import (
    AsyncIterator,
    Collection,
    Iterator,
    Sequence,
)
from functools import lru_cache
from typing import Any, NamedTuple

from mailstore.index import entries, labels, unloaded
from mailstore.index.database import Database
from mailstore.index.records import EntryRow
from mailstore.model import ROW_COLUMNS, Batch, Column, Label
from mailstore.runs import far_apart, places, runs
from mailstore.service.ahead import RowsAhead
from mailstore.service.late import LATE, LateFacts
from mailstore.service.surrogates import Surrogates
from mailstore.state import MailboxState

_MOST = 512
_MOST_OCTETS = 2**20  # of text in a batch: an envelope alone may be megabytes
_OWN = ROW_COLUMNS | {Column.EMAILID, Column.SAVED, Column.LABELS}
_TEXT = {
    Column.ENVELOPE: "envelope",
    Column.BODYSTRUCTURE: "bodystructure",
    Column.HEADER: "header",
    Column.PARTS: "parts",
    Column.BLOB: "blob",
    Column.PREVIEW_READY: "preview",
    Column.THREAD: "thread",
    **{column: name for column, (name, _, _) in LATE.items()},
}
_SIZED = frozenset(
    {Column.ENVELOPE, Column.BODYSTRUCTURE, Column.HEADER, Column.PARTS, Column.BLOB}
)  # of text that is always there

_OF_ONE = (ROW_COLUMNS | _TEXT.keys()) - LATE.keys() - {Column.THREAD}


def batches(
    reader: Database,
    state: MailboxState,
    since: int,
    uids: Sequence[int],
    columns: Collection[Column],
    late: LateFacts,
    *,
    surrogates: Surrogates | None = None,
) -> AsyncIterator[Batch]:
    """Give the columns of messages (ascending UIDs) in batches.

    ``since`` is a mod-sequence at which all of ``uids`` were in the mailbox. Nothing
    is held while the caller takes its time: no statement, no copy of the rest. With
    ``surrogates`` they stand in place of the messages that have one. Who takes one
    message after the other finds where the next ones' octets are read ahead.
    """
    if len(uids) == 1:
        one = _single(reader, state, uids[0], columns, late.ahead)
        if one is not None:
            return Ready(one if surrogates is None else surrogates.put_into(one))
    return _batches(reader, state, since, uids, columns, late, surrogates=surrogates)


class Ready:
    """One batch that is here already: ``batch``, for who doesn't want to wait."""

    __slots__ = ("_given", "batch")

    def __init__(self, batch: Batch) -> None:
        self.batch = batch
        self._given = False

    def __aiter__(self) -> Ready:
        return self

    async def __anext__(self) -> Batch:
        if self._given:
            raise StopAsyncIteration
        self._given = True
        return self.batch


async def _batches(
    reader: Database,
    state: MailboxState,
    since: int,
    uids: Sequence[int],
    columns: Collection[Column],
    late: LateFacts,
    *,
    surrogates: Surrogates | None,
) -> AsyncIterator[Batch]:
    if Column.THREAD in columns:
        await late.linking.finish()
    if Column.LABELS in columns:
        await late.prepare_labels()
    text = [column for column in columns if column not in _OWN]
    at = 0
    while at < len(uids):
        rows = _Rows(reader, state, since, uids[at : at + _MOST])
        if not text:
            at += _MOST
            batch = rows.batch(columns, range(len(rows.uids)))
        else:
            batch, taken = _with_text(reader, rows, columns, text)
            # What was not taken for its size begins the next batch.
            at += _MOST if taken is None else _behind(uids, at, taken)
        if surrogates is not None:
            batch = surrogates.put_into(batch)
        if batch.uids:
            yield await _with_late(late, batch)


async def _with_late(late: LateFacts, batch: Batch) -> Batch:
    """Have facts found that nobody has asked for before."""
    wanted = LATE.keys() & batch.columns.keys()
    if not wanted:
        return batch
    columns = dict(batch.columns)
    for column in wanted:
        values = columns[column]
        missing = [
            m for m, value in zip(batch.messages, values, strict=True) if value is None
        ]
        if missing:
            found = await late.find(column, missing)
            columns[column] = [
                found.get(message, LATE[column][2]) if value is None else value
                for message, value in zip(batch.messages, values, strict=True)
            ]
    return Batch(batch.uids, columns, batch.messages)


def _behind(uids: Sequence[int], at: int, last: int) -> int:
    count = 0
    while at + count < len(uids) and uids[at + count] <= last:
        count += 1
    return count


class _Shape(NamedTuple):
    """How a message's columns come: of a row, by which names, and of memory."""

    names: tuple[str, ...]
    of_row: tuple[tuple[Column, int], ...]  # with their places behind the id
    of_memory: tuple[Column, ...]
    ahead: bool  # the row may have been read ahead


@lru_cache(256)
def _shape(columns: frozenset[Column]) -> _Shape | None:
    """Give where columns come from. None: there are others."""
    of_row = [column for column in columns if column in _TEXT]
    if not columns <= _OF_ONE:
        return None
    names = tuple([_TEXT[column] for column in of_row])
    ahead = bool(names) and set(names) <= set(RowsAhead.names)
    if ahead:
        names = RowsAhead.names
    places = tuple([(column, names.index(_TEXT[column]) + 1) for column in of_row])
    return _Shape(names, places, tuple(columns - _TEXT.keys()), ahead)


def _single(
    reader: Database,
    state: MailboxState,
    uid: int,
    columns: Collection[Column],
    ahead: RowsAhead,
) -> Batch | None:
    """Give what memory and one row have of a message; None: it takes more than that."""
    shape, at = _shape(frozenset(columns)), state.position(uid)
    if shape is None or at is None:
        return None
    message = state.messages[at]
    row: tuple[Any, ...] | None = ()
    if shape.ahead:
        row = ahead.row(state.messages, at)
    elif shape.names:
        row = next(entries.texts(reader, (message,), shape.names), None)
    if row is None:
        return None
    made: dict[Column, Sequence[Any]] = {
        column: (row[place],) for column, place in shape.of_row
    }
    alone = _Places((), (at,))
    for column in shape.of_memory:
        made[column] = _values(state, alone, column)
    return Batch((uid,), made, (message,))


def _with_text(
    reader: Database,
    rows: _Rows,
    columns: Collection[Column],
    text: Sequence[Column],
) -> tuple[Batch, int | None]:
    """Join rows with their text; gives the last UID too if the batch was cut."""
    names = [_TEXT[column] for column in text]
    found = entries.texts(reader, rows.messages, names)
    values: list[tuple[Any, ...]] = []
    sized = [place for place, column in enumerate(text, 1) if column in _SIZED]
    octets = 0
    for row in found:
        values.append(row)
        for place in sized:
            octets += len(row[place])
        if octets > _MOST_OCTETS:
            break
    _end(found)
    nothing = [()] * (1 + len(text))
    messages, *columns_of_text = zip(*values, strict=True) if values else nothing
    kept = _places(messages, rows.messages)
    batch = rows.batch([c for c in columns if c not in text], kept)
    joined = {**batch.columns, **dict(zip(text, columns_of_text, strict=True))}
    if octets <= _MOST_OCTETS or kept[-1] + 1 == len(rows.messages):
        return Batch(batch.uids, joined, batch.messages), None
    return Batch(batch.uids, joined, batch.messages), rows.uids[kept[-1]]


def _places(found: Sequence[int], messages: array[int]) -> Sequence[int]:
    """Give the places of messages whose text was found; of the others it was purged."""
    if array("Q", found) == messages[: len(found)]:
        return range(len(found))
    kept: list[int] = []
    at = 0
    for message in found:
        while messages[at] != message:
            at += 1
        kept.append(at)
        at += 1
    return kept


def _end(rows: Iterator[Any]) -> None:
    close = getattr(rows, "close", None)
    if close is not None:
        close()


class _Places:
    """Where messages are in a state's columns: side by side, or each by itself."""

    __slots__ = ("each", "pieces")

    def __init__(
        self, pieces: Sequence[tuple[int, int]], each: Sequence[int] | None = None
    ) -> None:
        self.pieces = pieces
        self.each = each

    @classmethod
    def of(cls, uids: Sequence[int], table: array[int]) -> _Places:
        """Find those of ascending UIDs that there are."""
        if far_apart(uids, table):
            return cls((), places(uids, table))
        return cls([(start, stop) for start, stop, _ in runs(uids, table)])

    def values(self, column: array[int]) -> list[int]:
        """Give what a column has there."""
        if self.each is not None:
            return list(map(column.__getitem__, self.each))
        found: list[int] = []
        for start, stop in self.pieces:
            found += column[start:stop]
        return found

    def masks(self, state: MailboxState) -> list[int]:
        """Give the flags there."""
        if self.each is not None:
            return state.masks_at(self.each)
        found: list[int] = []
        for start, stop in self.pieces:
            found += state.masks(start, stop)
        return found


class _Rows:
    """The rows of one batch: from the state, or from tombstones."""

    def __init__(
        self,
        reader: Database,
        state: MailboxState,
        since: int,
        uids: Sequence[int],
    ) -> None:
        self._state = state
        self._reader = reader
        self._places = _Places.of(uids, state.uids)
        there = self._places.values(state.uids)
        dead: list[EntryRow] = []
        if len(there) < len(uids):
            alive = frozenset(there)
            missing = [uid for uid in uids if uid not in alive]
            dead = entries.tombstones(reader, state.id, since, missing)
        self._dead = {
            row.uid: row._replace(mask=state.visible(row.mask)) for row in dead
        }
        self.uids = array("I", there)
        self.messages = array("Q", self._places.values(state.messages))
        if self._dead:
            ids = dict(zip(self.uids, self.messages, strict=True))
            ids.update({row.uid: row.message for row in dead})
            self.uids = array("I", sorted(ids))
            self.messages = array("Q", [ids[uid] for uid in self.uids])

    def batch(self, columns: Collection[Column], kept: Sequence[int]) -> Batch:
        """Give the columns that memory has, of the rows at some places."""
        everything = len(kept) == len(self.uids)
        made: dict[Column, Sequence[Any]] = {}
        for column in columns:
            values = self._values(column)
            made[column] = values if everything else [values[at] for at in kept]
        if everything:
            return Batch(self.uids, made, self.messages)
        uids = array("I", [self.uids[at] for at in kept])
        return Batch(uids, made, array("Q", [self.messages[at] for at in kept]))

    def _values(self, column: Column) -> Sequence[Any]:
        match column:
            case Column.SAVED:
                return self._saved()
            case Column.EMAILID:
                return self._emailids()
            case Column.LABELS:
                return self._labels()
            case _:
                return self._column(column)

    def _saved(self) -> Sequence[int | None]:
        found = unloaded.saved(self._reader, self._state.id, self.uids)
        return [found.get(uid) for uid in self.uids]

    def _emailids(self) -> Sequence[int]:
        own = unloaded.own_emailids(self._reader, self._state.id, self.uids)
        if not own:
            return self.messages
        found = zip(self.uids, self.messages, strict=True)
        return [own.get(uid, message) for uid, message in found]

    def _labels(self) -> Sequence[Sequence[Label]]:
        found = labels.labels(self._reader, self._state.id, self.messages)
        return [found.get(message, ()) for message in self.messages]

    def _column(self, column: Column) -> Sequence[Any]:
        values = _values(self._state, self._places, column)
        if not self._dead:
            return values
        alive = [uid for uid in self.uids if uid not in self._dead]
        by_uid = dict(zip(alive, values, strict=True))
        for uid, row in self._dead.items():
            by_uid[uid] = _of_row(row, column)
        return [by_uid[uid] for uid in self.uids]


def _values(state: MailboxState, where: _Places, column: Column) -> Sequence[Any]:
    """Give a column that memory has."""
    match column:
        case Column.FLAGS:
            return where.masks(state)
        case Column.SIZE:
            return where.values(state.sizes)
        case Column.MODSEQ:
            return where.values(state.modseqs)
        case Column.INTERNALDATE:
            dates, zones = where.values(state.dates), where.values(state.zones)
            return list(zip(dates, zones, strict=True))
        case _:
            raise ValueError(f"{column} is not in memory")


def _of_row(row: EntryRow, column: Column) -> int | tuple[int, int]:
    match column:
        case Column.FLAGS:
            return row.mask
        case Column.SIZE:
            return row.size
        case Column.MODSEQ:
            return row.modseq
        case _:
            return row.epoch, row.zone
