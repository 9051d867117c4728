"""The parts of a message as a search needs them, without scanning it.

The offset tree that is kept with each message (`mailstore.mime.sections`) says where
its parts are. What a text needs besides, its charset and the names of attachments,
stands in the headers of the parts: a few hundred octets, however long the message is.
What it gives is to `mailstore.mime.text` the same as what `scan` gives. Example::

    root = textual(pack(scan(data)), data) or scan(data)
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from mailstore.mime.header import (
    Buffer,
    Field,
    media_type,
    parameters,
    wanted_fields,
)
from mailstore.mime.names import MESSAGE
from mailstore.mime.scanner import Pairs, disposition
from mailstore.mime.sections import Record, records

_TYPE = b"content-type"
_DISPOSITION = b"content-disposition"
_NAMES = frozenset({_TYPE, _DISPOSITION})
_MOST_HEADER = 1 << 15  # octets; a limit of the scanner's may hold for more
_MOST_FIELDS = 10_000
_SHORT = 200  # octets of a value that many parts have


class TextualPart(NamedTuple):
    """What of a `mailstore.mime.scanner.Part` matters to a text."""

    header: int
    body: int
    end: int
    type: bytes
    subtype: bytes
    params: Pairs
    encoding: bytes
    disposition: tuple[bytes, Pairs] | None
    fields: tuple[Field, ...]  # of an embedded message


class Textual(NamedTuple):
    """A message by its parts, parents first."""

    parts: list[TextualPart]

    @property
    def header(self) -> int:
        """Where the message's header begins."""
        return self.parts[0].header

    @property
    def body(self) -> int:
        """Where it ends."""
        return self.parts[0].body

    def walk(self) -> list[TextualPart]:
        """List all parts, as `Part.walk` does."""
        return self.parts


def textual(packed: bytes, data: Buffer) -> Textual | None:
    """Give a message whose structure is kept; None: it must be scanned."""
    found = records(packed)
    if found is None:
        return None
    size = len(data)
    parts = []
    is_embedded = False
    for at, record in enumerate(found):
        header, body = record.header, record.body
        if not header <= body <= record.end <= size or body - header > _MOST_HEADER:
            return None
        fields: list[Field] = []
        # Of the message itself a search wants its charset alone.
        if at or record.media.startswith(b"text/"):
            names = MESSAGE if is_embedded else _NAMES
            fields = wanted_fields(data, header, body, names, _MOST_FIELDS)
        parts.append(_part(record, fields, tuple(fields) if is_embedded else ()))
        is_embedded = record.is_message
    return Textual(parts)


def _part(record: Record, fields: list[Field], kept: tuple[Field, ...]) -> TextualPart:
    kind, _, subtype = record.media.partition(b"/")
    params: Pairs = ()
    where: tuple[bytes, Pairs] | None = None
    for field in reversed(fields):  # the first of each name counts
        if field.name == _TYPE:
            read = _short_type if len(field.value) <= _SHORT else _type
            media, params = read(field.value)
            # Where the scanner took it for something else, this does not count.
            if media != (kind, subtype):
                params = ()
        elif field.name == _DISPOSITION:
            where = disposition(field.value)
    return TextualPart(
        record.header,
        record.body,
        record.end,
        kind,
        subtype,
        params,
        record.encoding,
        where,
        kept,
    )


def _type(value: bytes) -> tuple[tuple[bytes, bytes] | None, Pairs]:
    return media_type(value), parameters(value)


_short_type = lru_cache(maxsize=512)(_type)
