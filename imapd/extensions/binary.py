"""BINARY: parts without their transfer encoding, and messages with NULs (RFC 3516).

::

    fetch-att       =/ "BINARY" [".PEEK"] section-binary [partial]
                       / "BINARY.SIZE" section-binary
    section-binary  = "[" [section-part] "]"
    append-data     =/ literal8

    C: a FETCH 1 BINARY.PEEK[2]<0.5>
    S: * 1 FETCH (BINARY[2]<0> {5}
    S: hello)

Every part is answered, a multipart or the whole message as it stands; RFC 9051 §6.4.5
would let a server refuse those. What is damaged is ``NO [UNKNOWN-CTE]``, and the other
messages of the same FETCH are answered.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import partial

from imapd.session.append_program import content_of
from imapd.session.appending import AppendDataSpec
from imapd.session.context import Context
from imapd.session.plugs import (
    Converted,
    FetchEnvironment,
    FetchItem,
    FetchItemSpec,
    Literal,
    Rendering,
)
from imapd.session.registry import Capability, Feature, Registry
from imapd.syntax.section import Partial, Section
from imapd.wire import framing
from imapd.wire.cursor import Cursor
from mailstore.mime.sections import contains_nul, encoded
from mailstore.mime.transfer import IDENTITY, decode_exactly
from mailstore.model import Arrival, Batch, Column

Value = bytes | Literal | Converted


@dataclass(frozen=True, slots=True)
class BinarySection:
    """``BINARY[…]``, ``BINARY.PEEK[…]`` or ``BINARY.SIZE[…]``."""

    path: tuple[int, ...] = ()
    partial: Partial | None = None
    peek: bool = False
    size: bool = False

    def __post_init__(self) -> None:
        if self.size and (self.partial is not None or self.peek):
            raise ValueError("a size is of a whole section")

    @property
    def columns(self) -> Collection[Column]:
        """What the store must give for it."""
        return (Column.BLOB, Column.PARTS)

    @property
    def sets_seen(self) -> bool:
        """It does, unless it only peeks or measures."""
        return not (self.peek or self.size)

    def unparse(self) -> bytes:
        """Write the item."""
        kind = b".SIZE" if self.size else b".PEEK" if self.peek else b""
        part = b"" if self.partial is None else self.partial.unparse()
        return b"BINARY" + kind + Section(self.path).unparse() + part

    def compile(self, _: FetchEnvironment) -> Rendering:
        """Prepare its answers."""
        name = b"BINARY.SIZE" if self.size else b"BINARY"
        name += Section(self.path).unparse()
        if self.partial is not None:
            name += b"<%d>" % self.partial.offset
        return Rendering(name, self._values, reads_blobs=True, common=True)

    def _values(self, batch: Batch) -> Iterable[Value]:
        refs, parts = batch.columns[Column.BLOB], batch.columns[Column.PARTS]
        return map(self._value, refs, parts)

    def _value(self, ref: str, parts: bytes) -> Value:
        place = encoded(parts, self.path)
        if place is None:
            # A number can't be NIL, and this is the size of what is none.
            return b"0" if self.size else b"NIL"
        start, length, name = place
        if name not in IDENTITY:
            offset, count = self._window()
            convert = partial(_decode, name)
            return Converted(ref, start, length, convert, offset, count, self.size)
        if self.size:
            return b"%d" % length
        if self.partial is not None:
            skipped = min(self.partial.offset, length)
            start += skipped
            length = min(self.partial.count, length - skipped)
        if not contains_nul(parts):
            return Literal(ref, start, length)
        return Converted(ref, start, length, partial(_decode, name))

    def _window(self) -> tuple[int, int | None]:
        if self.partial is None:
            return 0, None
        return self.partial.offset, self.partial.count


def _decode(name: bytes, octets: Iterable[bytes]) -> Iterator[bytes]:
    return decode_exactly(octets, name)


def _parse_path(cursor: Cursor) -> tuple[int, ...]:
    start = cursor.at
    section = Section.parse(cursor)
    if section.text is not None:
        cursor.at = start
        raise cursor.fail("a section of part numbers alone")
    return section.path


def _parse(cursor: Cursor, *, peek: bool) -> FetchItem:
    return BinarySection(_parse_path(cursor), Partial.parse(cursor), peek=peek)


def _parse_size(cursor: Cursor) -> FetchItem:
    return BinarySection(_parse_path(cursor), size=True)


# -- APPEND


@dataclass(frozen=True, slots=True)
class BinaryData:
    """A message in a literal8: it may have NULs (§4.4)."""

    message: framing.Literal

    def unparse(self) -> bytes:
        """Write the literal; one that is in memory stands there with its octets."""
        return b"~{%d+}\r\n%b" % (self.message.size, self.message.data or b"")

    async def arrive(self, _: Context, __: str) -> Arrival:
        """Give the message; its parts with NULs will be kept in base64 (§6)."""
        return Arrival(content_of(self.message), encode_nul=True)


def _parse_data(cursor: Cursor, _: Registry) -> BinaryData:
    return BinaryData(cursor.literal())


_RFC = "RFC 3516 §4.2"
FEATURE = Feature(
    name="BINARY",
    rfc=("3516",),
    capabilities=(Capability("BINARY"),),
    fetch_items=(
        FetchItemSpec("BINARY", partial(_parse, peek=False), _RFC),
        FetchItemSpec("BINARY.PEEK", partial(_parse, peek=True), _RFC),
        FetchItemSpec("BINARY.SIZE", _parse_size, _RFC),
    ),
    append_data=(AppendDataSpec("~", _parse_data, "RFC 3516 §4.4"),),
    requires=("APPEND", "FETCH"),
)
