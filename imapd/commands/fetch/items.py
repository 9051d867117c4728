"""The fetch items of RFC 3501 §6.4.5: grammar, inverse and what they are made of.

::

    fetch-att       = "ENVELOPE" / "FLAGS" / "INTERNALDATE" /
                      "RFC822" [".HEADER" / ".SIZE" / ".TEXT"] /
                      "BODY" ["STRUCTURE"] / "UID" /
                      "BODY" [".PEEK"] section ["<" number "." nz-number ">"]

An item names the columns it needs and compiles, once per command, to a `Rendering`.
It must not send anything, nor know how a blob is read. A section that a message
doesn't have is NIL, which the grammar allows (nstring), and not an empty string:
that is what a section without octets is.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from functools import partial

from imapd.session.fetch_attribute import UID, Attribute, Values, column
from imapd.session.flag_responses import FlagTexts
from imapd.session.plugs import (
    Derived,
    FetchEnvironment,
    FetchItem,
    FetchItemSpec,
    Literal,
    Rendering,
)
from imapd.syntax.section import Partial, Section, SectionText
from imapd.wire import encode
from imapd.wire.cursor import Cursor
from imapd.wire.dates import render_date_time
from mailstore.mime.bodystructure import body, leaves
from mailstore.mime.header import select_fields
from mailstore.mime.packed import PackedFields
from mailstore.mime.sections import Locator, contains_nul, locate, locator
from mailstore.model import Batch, Column

Value = bytes | Literal | Derived

# -- items without arguments


def _flags(environment: FetchEnvironment) -> Values:
    texts = FlagTexts(environment.view)
    return lambda batch: texts.render(batch.uids, batch.columns[Column.FLAGS])


def _internal_dates(_: FetchEnvironment) -> Values:
    return lambda batch: [
        render_date_time(epoch, zone)
        for epoch, zone in batch.columns[Column.INTERNALDATE]
    ]


def _bodies(environment: FetchEnvironment) -> Values:
    make = partial(body, nested=environment.view.telling.global_messages)
    return lambda batch: map(make, batch.columns[Column.BODYSTRUCTURE])


def _structures(environment: FetchEnvironment) -> Values:
    if environment.view.telling.global_messages:
        return lambda batch: batch.columns[Column.BODYSTRUCTURE]
    return lambda batch: map(leaves, batch.columns[Column.BODYSTRUCTURE])


FLAGS = Attribute("FLAGS", (Column.FLAGS,), _flags)
INTERNALDATE = Attribute(
    "INTERNALDATE",
    (Column.INTERNALDATE,),
    _internal_dates,
    common=True,
    lasting=True,
)
RFC822_SIZE = Attribute(
    "RFC822.SIZE",
    (Column.SIZE,),
    column(Column.SIZE),
    b"%d",
    common=True,
    lasting=True,
)
ENVELOPE = Attribute(
    "ENVELOPE",
    (Column.ENVELOPE,),
    column(Column.ENVELOPE),
    common=True,
    lasting=True,
)
BODY = Attribute("BODY", (Column.BODYSTRUCTURE,), _bodies, lasting=True)
BODYSTRUCTURE = Attribute(
    "BODYSTRUCTURE", (Column.BODYSTRUCTURE,), _structures, lasting=True
)
ATTRIBUTES = (UID, FLAGS, INTERNALDATE, RFC822_SIZE, ENVELOPE, BODYSTRUCTURE)

# -- items of a message's octets


@dataclass(frozen=True, slots=True)
class BodySection:
    """``BODY[…]`` or ``BODY.PEEK[…]``, all of it or a part."""

    section: Section
    partial: Partial | None = None
    peek: bool = False

    @property
    def columns(self) -> Collection[Column]:
        """What the store must give for it."""
        return _section_columns(self.section)

    @property
    def sets_seen(self) -> bool:
        """It does, unless it only peeks."""
        return not self.peek

    def unparse(self) -> bytes:
        """Write the item."""
        name = b"BODY.PEEK" if self.peek else b"BODY"
        part = b"" if self.partial is None else self.partial.unparse()
        return name + self.section.unparse() + part

    def compile(self, _: FetchEnvironment) -> Rendering:
        """Prepare its answers."""
        return _compile_section(self._name(), self.section, self.partial)

    def _name(self) -> bytes:
        """Give its name in a response: without PEEK, and only the origin (§7.4.2)."""
        section = self.section.unparse()
        if self.partial is None:
            return b"BODY" + section
        return b"BODY%b<%d>" % (section, self.partial.offset)


_RFC822 = {
    "RFC822": Section(),
    "RFC822.HEADER": Section(text=SectionText.HEADER),
    "RFC822.TEXT": Section(text=SectionText.TEXT),
}


@dataclass(frozen=True, slots=True)
class Rfc822:
    """RFC822, RFC822.HEADER or RFC822.TEXT: a section by its older name."""

    name: str

    def __post_init__(self) -> None:
        if self.name not in _RFC822:
            raise ValueError("no such item")

    @property
    def columns(self) -> Collection[Column]:
        """What the store must give for it."""
        return _section_columns(_RFC822[self.name])

    @property
    def sets_seen(self) -> bool:
        """RFC822.HEADER does not: it is BODY.PEEK[HEADER]."""
        return self.name != "RFC822.HEADER"

    def unparse(self) -> bytes:
        """Write the item."""
        return self.name.encode("ascii")

    def compile(self, _: FetchEnvironment) -> Rendering:
        """Prepare its answers."""
        return _compile_section(self.unparse(), _RFC822[self.name], None)


def _section_columns(section: Section) -> Collection[Column]:
    located = (Column.BLOB, Column.PARTS)
    return (*located, Column.HEADER) if _is_listing(section) else located


def _is_listing(section: Section) -> bool:
    """Tell whether the packed header may have the answer."""
    return not section.path and section.text is SectionText.HEADER_FIELDS


def _compile_section(name: bytes, section: Section, part: Partial | None) -> Rendering:
    if section.text in (SectionText.HEADER_FIELDS, SectionText.HEADER_FIELDS_NOT):
        fields = _FieldValues(section, part)
        return Rendering(name, fields, reads_blobs=True, lasting=fields.at_hand)
    text = None if section.text is None else section.text.value
    values = partial(_octets, locator(section.path, text), part)
    return Rendering(name, values, reads_blobs=True, common=True)


def _octets(find: Locator, part: Partial | None, batch: Batch) -> list[Value]:
    """Give the ranges of a section that is sent as it is stored."""
    found: list[Value] = []
    columns = batch.columns
    for ref, parts in zip(columns[Column.BLOB], columns[Column.PARTS], strict=True):
        place = find(parts)
        if place is None:
            found.append(b"NIL")
            continue
        start, length = place
        if part is not None:
            # RFC 3501 §6.4.5: beyond the end it is the empty string.
            skipped = min(part.offset, length)
            start, length = start + skipped, min(part.count, length - skipped)
        found.append(Literal(ref, start, length, contains_nul(parts)))
    return found


class _FieldValues:
    """Values of HEADER.FIELDS and HEADER.FIELDS.NOT, compiled once per command."""

    __slots__ = ("_names", "_negate", "_packed", "_part", "_path")

    def __init__(self, section: Section, part: Partial | None) -> None:
        self._names = frozenset(name.lower() for name in section.fields)
        self._negate = section.text is SectionText.HEADER_FIELDS_NOT
        self._path = section.path
        self._part = part
        packed = PackedFields(self._names) if _is_listing(section) else None
        self._packed = packed if packed is not None and packed.possible else None

    @property
    def at_hand(self) -> bool:
        """Whether most messages need not be read for it."""
        return self._packed is not None

    def __call__(self, batch: Batch) -> list[Value]:
        columns = batch.columns
        refs, parts = columns[Column.BLOB], columns[Column.PARTS]
        if self._packed is None:
            return list(map(self._read, refs, parts))
        packed = map(self._packed.render, columns[Column.HEADER])
        return [
            self._literal(header) if header is not None else self._read(ref, offsets)
            for header, ref, offsets in zip(packed, refs, parts, strict=True)
        ]

    def _read(self, ref: str, parts: bytes) -> Value:
        """Have the header read from the blob."""
        place = locate(parts, self._path, "HEADER")
        if place is None:
            return b"NIL"
        return Derived(ref, *place, self._select)

    def _select(self, header: bytes) -> bytes:
        fields = select_fields(header, self._names, self._negate)
        # RFC 3501 §9: CHAR8 has no NUL.
        return self._literal(fields.replace(b"\x00", b"\x80"))

    def _literal(self, fields: bytes) -> bytes:
        part = self._part
        if part is not None:  # RFC 3501 §6.4.5: counted after the selection
            fields = fields[part.offset : part.offset + part.count]
        return encode.literal(fields)


# -- grammar

_MACROS = {
    b"ALL": (FLAGS, INTERNALDATE, RFC822_SIZE, ENVELOPE),
    b"FAST": (FLAGS, INTERNALDATE, RFC822_SIZE),
    b"FULL": (FLAGS, INTERNALDATE, RFC822_SIZE, ENVELOPE, BODY),
}


_MACRO = re.compile(rb"(ALL|FAST|FULL)(?= \(|$)", re.IGNORECASE)


def macro(cursor: Cursor) -> tuple[FetchItem, ...] | None:
    """Take a macro if there is one; no other item stands beside it (§6.4.5)."""
    found = cursor.match(_MACRO)
    return None if found is None else _MACROS[found[1].upper()]


def _parse_attribute(item: FetchItem, _: Cursor) -> FetchItem:
    return item


def _parse_body(cursor: Cursor) -> FetchItem:
    if cursor.peek() != b"[":
        return BODY
    return BodySection(Section.parse(cursor), Partial.parse(cursor))


def _parse_peek(cursor: Cursor) -> FetchItem:
    return BodySection(Section.parse(cursor), Partial.parse(cursor), peek=True)


ITEMS = (
    *(
        FetchItemSpec(item.name, partial(_parse_attribute, item), "RFC 3501 §6.4.5")
        for item in ATTRIBUTES
    ),
    *(
        FetchItemSpec(name, partial(_parse_attribute, Rfc822(name)), "RFC 3501 §6.4.5")
        for name in _RFC822
    ),
    FetchItemSpec("BODY", _parse_body, "RFC 3501 §6.4.5"),
    FetchItemSpec("BODY.PEEK", _parse_peek, "RFC 3501 §6.4.5"),
)
