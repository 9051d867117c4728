"""What the index keeps of a message beside its bytes, made again and compared.

ENVELOPE, BODYSTRUCTURE, header fields, parts, preview, sort values, surrogate: all of
it follows from the message's bytes. For `imapd check`, which proves a sample, and for
its repair, which writes what differs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from mailstore.blobs import BlobStore
from mailstore.errors import StoreError
from mailstore.index import damage, sortkeys, surrogates
from mailstore.index.audit import BlobRow, sample_of
from mailstore.index.database import Database
from mailstore.index.mending import columns_of, renew_sort_values, set_columns
from mailstore.index.records import Surrogate
from mailstore.mime.header import Buffer
from mailstore.mime.ingest import Ingested
from mailstore.mime.sorting import SortFields
from mailstore.service.arrivals import look_at

_NAMES = (
    "sent",
    "sent_zone",
    "message_id",
    "envelope",
    "bodystructure",
    "header",
    "parts",
    "preview",
    "sha1",
)
_FOUND_LATE = ("preview", "sha1")  # may be missing: found when first asked for
_SORT = tuple(sortkeys.COLUMNS)


@dataclass(frozen=True, slots=True)
class Derived:
    """What follows from a message's bytes."""

    columns: Mapping[str, int | str | bytes | None]
    sort: SortFields
    surrogate: Surrogate | None


def derive(data: Buffer, blobs: BlobStore) -> Derived:
    """Look at a message as if it arrived now."""
    seen: Ingested
    seen, surrogate = look_at(data, blobs)
    columns = {name: getattr(seen, name) for name in _NAMES if name != "sha1"}
    columns["sha1"] = (
        hashlib.sha1(data, usedforsecurity=False).hexdigest().encode("ascii")
    )
    return Derived(columns, seen.sort, surrogate)


def differing(database: Database, message: int, made: Derived) -> list[str]:
    """Name what an index has of a message that does not follow from its bytes."""
    there = set(database.column_names("message"))
    names = [name for name in _NAMES if name in there]  # an older program's has fewer
    row = columns_of(database, message, names)
    if row is None:
        return []  # purged meanwhile
    stored = dict(zip(names, row, strict=True))
    wrong = [
        name
        for name in names
        if stored[name] != made.columns[name]
        and not (name in _FOUND_LATE and stored[name] is None)
    ]
    if database.has_table("sortkey"):
        (values,) = sortkeys.load(database, [message], _SORT)
        if values[-1] is not None and values[:-1] != _values(made.sort):
            wrong.append("sort values")
    kept = database.has_table("surrogate")
    if kept and surrogates.of(database, message) != made.surrogate:
        wrong.append("surrogate")
    return wrong


def _values(found: SortFields) -> tuple[object, ...]:
    return tuple([getattr(found, name) for name in _SORT])


def renew(database: Database, message: int, made: Derived) -> list[str]:
    """Write what differs; gives its names."""
    wrong = differing(database, message, made)
    columns = {name: made.columns[name] for name in wrong if name in made.columns}
    if columns:
        set_columns(database, message, columns)
    if "sort values" in wrong:
        renew_sort_values(database, message, made.sort)
    if "surrogate" in wrong:
        surrogates.delete(database, [message])
        if made.surrogate is not None:
            surrogates.insert(database, [(message, made.surrogate)])
    return wrong


def prove_derived(
    database: Database, blobs: BlobStore, sample: int | None
) -> Iterator[str]:
    """Give what is wrong with about ``sample`` messages, in sentences; None: with all.

    Bytes that are damaged themselves are told elsewhere.
    """
    aside = damage.known(database)
    for row in sample_of(database, sample):
        if row.message in aside:
            continue
        made = _derived(blobs, row)
        for name in () if made is None else differing(database, row.message, made):
            yield f"message {row.message}: its {name} does not follow from its bytes"


def _derived(blobs: BlobStore, row: BlobRow) -> Derived | None:
    try:
        with blobs.open(row.blob) as blob:
            if blob.digest() != row.digest:
                return None
            with blob.buffer() as data:
                return derive(data, blobs)
    except StoreError:
        return None
