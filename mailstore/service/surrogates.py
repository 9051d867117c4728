"""Surrogates in place of messages, for sessions that read ASCII alone (RFC 6858).

A mailbox whose messages are ordinary pays one comparison of ids a batch: which
messages have a surrogate is kept in memory, read once, a block of ids at a time. Ids
are given in ascending order and a surrogate comes with its message, so that what is
known below an id stays so, until a repair makes another one: that is a new version.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from mailstore.blobs import BlobReader
from mailstore.blobs.edited import EditedReader
from mailstore.errors import NotFound
from mailstore.index import surrogates
from mailstore.index.database import Database
from mailstore.mime.downgrade import unpack_edits
from mailstore.model import Batch, Column
from mailstore.service.versions import Versions

_BLOCK = 12  # ids that are read at once, as a power of two
_NEAR = 8  # blocks that are all of interest, as those of neighbours are
_MARK = "ascii:"
_TEXT = {
    Column.ENVELOPE: "envelope",
    Column.BODYSTRUCTURE: "bodystructure",
    Column.HEADER: "header",
    Column.PARTS: "parts",
}
_CHANGED = frozenset({Column.SIZE, Column.BLOB, *_TEXT})


class Surrogates:
    """The surrogates of one account. For the event thread."""

    def __init__(self, reader: Database, versions: Versions) -> None:
        self._reader = reader
        self._versions = versions
        self._version = -1  # as of which they are known
        self._sizes: dict[int, int] = {}  # by message
        self._known: dict[int, int] = {}  # by block: the highest id that was read

    def put_into(self, batch: Batch) -> Batch:
        """Give the batch with surrogates in place of the messages that have one."""
        if not _CHANGED & batch.columns.keys() or not batch.messages:
            return batch
        self._learn(batch.messages)
        if not self._sizes:
            return batch
        sizes = self._sizes
        places = [at for at, one in enumerate(batch.messages) if one in sizes]
        if not places:
            return batch
        return Batch(batch.uids, self._columns(batch, places), batch.messages)

    def _learn(self, messages: Sequence[int]) -> None:
        self._versions.look()
        if self._version != self._versions.names:
            self._version = self._versions.names
            self._sizes.clear()
            self._known.clear()
        most = max(messages)
        if len(messages) == 1 and self._known.get(most >> _BLOCK, -1) >= most:
            return
        first, last = min(messages) >> _BLOCK, most >> _BLOCK
        near = last - first < _NEAR
        for block in (
            range(first, last + 1) if near else {m >> _BLOCK for m in messages}
        ):
            start = block << _BLOCK
            upto = min(most, start + (1 << _BLOCK) - 1)
            known = self._known.get(block, start - 1)
            if known < upto:
                self._sizes.update(surrogates.sizes(self._reader, known, upto))
                self._known[block] = upto

    def _columns(
        self, batch: Batch, places: Sequence[int]
    ) -> dict[Column, Sequence[Any]]:
        made = dict(batch.columns)
        ids = [batch.messages[at] for at in places]
        text = [column for column in _TEXT if column in made]
        found: dict[int, tuple[Any, ...]] = {}
        if text:
            names = [_TEXT[column] for column in text]
            found = surrogates.values(self._reader, ids, names)
        for column in _CHANGED & made.keys():
            values = list(made[column])
            for at, message in zip(places, ids, strict=True):
                if column is Column.SIZE:
                    values[at] = self._sizes[message]
                elif column is Column.BLOB:
                    values[at] = f"{_MARK}{message}:{values[at]}"
                elif message in found:
                    values[at] = found[message][text.index(column)]
            made[column] = values
        return made

    @staticmethod
    def stored(ref: str) -> str:
        """Give the reference of the bytes that are stored, behind any reference."""
        if not ref.startswith(_MARK):
            return ref
        return ref.removeprefix(_MARK).partition(":")[2]

    def open(self, stored: Callable[[str], BlobReader], ref: str) -> BlobReader:
        """Open a message's bytes, or those of its surrogate; ``stored`` opens a blob.

        Raises `NotFound`, `Corrupt`, `Unavailable`.
        """
        if not ref.startswith(_MARK):
            return stored(ref)
        message, _, inner = ref.removeprefix(_MARK).partition(":")
        packed = surrogates.edits(self._reader, int(message))
        if packed is None:
            raise NotFound("the message is gone", detail=ref)
        return EditedReader(stored(inner), unpack_edits(packed))
