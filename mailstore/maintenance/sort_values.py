"""Proves that sort values are what the headers say, for `imapd check`.

They are made again of the header lines that are kept beside the index, and compared.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mailstore.index import sortkeys
from mailstore.index.database import Database
from mailstore.mime.packed import unpack_header
from mailstore.mime.sorting import SortFields, stored_fields

_BATCH = 256
_NAMES = tuple(sortkeys.COLUMNS)


def prove_sort_values(database: Database, sample: int) -> Iterator[str]:
    """Give what is wrong with the sort values of an index, in sentences.

    Those of about ``sample`` messages are made again. An index of an older program
    has none, which is not wrong.
    """
    if not database.has_table("sortkey"):
        return
    for message in sortkeys.strays(database):
        yield f"sort values of message {message}, which does not exist"
    messages = sortkeys.some(database, sample)
    for start in range(0, len(messages), _BATCH):
        yield from _compared(database, messages[start : start + _BATCH])


def _compared(database: Database, messages: Sequence[int]) -> Iterator[str]:
    rows = sortkeys.load(database, messages, _NAMES)
    stored = dict(zip(messages, rows, strict=True))
    for message, packed, _ in sortkeys.headers(database, messages):
        header = unpack_header(packed)
        if header is None:
            continue  # a long one is in the message alone
        if stored[message][:-1] != _values(stored_fields(header)):
            yield f"message {message}: its sort values are not those of its header"


def _values(fields: SortFields) -> tuple[object, ...]:
    return tuple([getattr(fields, name) for name in _NAMES])
