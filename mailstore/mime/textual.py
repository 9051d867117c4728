"""The parts of a message as a search needs them, without scanning it.

The offset tree that is kept with each message (`mailstore.mime.sections`) says where
its parts are. What a text needs besides, its charset and the names of attachments,
stands in the headers of the parts: a few hundred octets, however long the message is.
What it gives is to `mailstore.mime.text` the same as what `scan` gives. Example::

    root = textual(pack(scan(data)), data) or scan(data)
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from mailstore.mime.charset import codec_for
from mailstore.mime.content import Pairs, disposition
from mailstore.mime.header import (
    Buffer,
    Field,
    media_type,
    parameter,
    parameter_text,
    parameters,
    wanted_fields,
)
from mailstore.mime.names import MESSAGE
from mailstore.mime.sections import Record, records

_TYPE = b"content-type"
_DISPOSITION = b"content-disposition"
_NAMES = frozenset({_TYPE, _DISPOSITION})
_MOST_HEADER = 1 << 15  # octets; a limit of the scanner's may hold for more
_MOST_FIELDS = 10_000
_SHORT = 256  # octets of a header that many parts have


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
    charset: str | None  # as `charset_of` gives it
    name: str  # as `name_of` gives it


class Said(NamedTuple):
    """What a part's header says of it."""

    media: tuple[bytes, bytes] | None
    params: Pairs
    disposition: tuple[bytes, Pairs] | None
    charset: str | None
    name: str


_NOTHING = Said(None, (), None, None, "")


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
    found = kept_records(packed, len(data))
    return None if found is None else textual_of(data, found)


def textual_of(data: Buffer, found: Sequence[Record]) -> Textual:
    """Give a message by its parts."""
    return Textual([textual_part(data, found, at) for at in range(len(found))])


def kept_records(packed: bytes, size: int) -> list[Record] | None:
    """Give the parts of a message of some octets; None: it must be scanned."""
    found = records(packed)
    if found is None:
        return None
    for header, body, end, *_ in found:
        if not header <= body <= end <= size or body - header > _MOST_HEADER:
            return None
    return found


def textual_part(data: Buffer, found: Sequence[Record], at: int) -> TextualPart:
    """Give one part of a message."""
    record = found[at]
    header, body = record.header, record.body
    said = _NOTHING
    fields: tuple[Field, ...] = ()
    if at and found[at - 1].is_message:
        found_fields = wanted_fields(data, header, body, MESSAGE, _MOST_FIELDS)
        said, fields = _said(found_fields), tuple(found_fields)
    elif at or record.media.startswith(b"text/"):
        # Of the message itself a search wants its charset alone.
        said = _said(wanted_fields(data, header, body, _NAMES, _MOST_FIELDS))
    return _part(record, said, fields)


def codec_said(header: bytes, media: bytes) -> str:
    """Give the codec of a text's charset, as its header says; UTF-8 where it doesn't.

    ``media`` is what the part was taken for.
    """
    return _short(header, media) if len(header) <= _SHORT else _codec(header, media)


def charset_of(params: Pairs) -> str | None:
    """Give the charset that a part names."""
    found = parameter(params, b"charset") if params else None
    return found.decode("latin-1") if found else None


def name_of(params: Pairs, where: tuple[bytes, Pairs] | None) -> str:
    """Give a part's file name, which its disposition says or else its type."""
    name = None
    if where is not None:
        name = parameter_text(where[1], b"filename")
    return name or (parameter_text(params, b"name") if params else None) or ""


def _part(record: Record, said: Said, fields: tuple[Field, ...]) -> TextualPart:
    kind, _, subtype = record.media.partition(b"/")
    params, charset, name = _counting(said, record.media)
    return TextualPart(
        record.header,
        record.body,
        record.end,
        kind,
        subtype,
        params,
        record.encoding,
        said.disposition,
        fields,
        charset,
        name,
    )


def _counting(said: Said, media: bytes) -> tuple[Pairs, str | None, str]:
    """Give parameters, charset and name of a part."""
    if said.media is None or b"/".join(said.media) != media:
        # The scanner took it for something else: this does not count.
        return (), None, name_of((), said.disposition)
    return said.params, said.charset, said.name


def _said(fields: list[Field]) -> Said:
    """Give what the first fields of their names say."""
    values = {field.name: field.value for field in reversed(fields)}
    value, where = values.get(_TYPE), disposition(values.get(_DISPOSITION))
    if value is None:
        return Said(None, (), where, None, name_of((), where))
    params = parameters(value)
    return Said(
        media_type(value), params, where, charset_of(params), name_of(params, where)
    )


def _codec(header: bytes, media: bytes) -> str:
    said = _said(wanted_fields(header, 0, len(header), _NAMES, _MOST_FIELDS))
    return codec_for(_counting(said, media)[1])


_short = lru_cache(maxsize=512)(_codec)  # many parts have the same
