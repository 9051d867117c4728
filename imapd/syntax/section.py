"""Body sections: ``[1.2.HEADER.FIELDS (From To)]<0.2048>`` (RFC 3501 §6.4.5)."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from imapd.wire import abnf
from imapd.wire.cursor import MAX_NUMBER, Cursor
from imapd.wire.encode import client_astring

MAX_DEPTH = 100
MAX_FIELDS = 1_000


class SectionText(enum.Enum):
    """What of a part is meant."""

    HEADER = "HEADER"
    HEADER_FIELDS = "HEADER.FIELDS"
    HEADER_FIELDS_NOT = "HEADER.FIELDS.NOT"
    TEXT = "TEXT"
    MIME = "MIME"


_FIELDS = (SectionText.HEADER_FIELDS, SectionText.HEADER_FIELDS_NOT)
# Longest first: HEADER is a prefix of the others.
_TEXTS = sorted(SectionText, key=lambda text: -len(text.value))


@dataclass(frozen=True, slots=True)
class Section:
    """A part's numbers, what of it, and the header fields that are named."""

    path: tuple[int, ...] = ()
    text: SectionText | None = None
    fields: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        if (self.text in _FIELDS) != bool(self.fields):
            raise ValueError("field names belong to HEADER.FIELDS")
        if self.text is SectionText.MIME and not self.path:
            raise ValueError("MIME is of a part")

    @classmethod
    def parse(cls, cursor: Cursor) -> Section:
        """Take ``[…]``. Raises `Malformed`."""
        cursor.expect(b"[")
        path = cls._parse_path(cursor)
        text = None
        fields: tuple[bytes, ...] = ()
        if cursor.peek() != b"]" and (not path or cursor.accept(b".")):
            text = cls._parse_text(cursor, of_part=bool(path))
            if text in _FIELDS:
                cursor.sp()
                fields = cursor.parenthesised(lambda: _field(cursor), least=1)
                if len(fields) > MAX_FIELDS:
                    raise cursor.fail(f"at most {MAX_FIELDS} header fields")
        cursor.expect(b"]")
        return cls(path, text, fields)

    @staticmethod
    def _parse_path(cursor: Cursor) -> tuple[int, ...]:
        start = cursor.at
        found = cursor.match(abnf.section_part)
        if found is None:
            return ()
        pieces = found[0].split(b".")
        if len(pieces) > MAX_DEPTH:
            cursor.at = start
            raise cursor.fail(f"at most {MAX_DEPTH} part numbers")
        path = tuple(int(piece) if len(piece) <= 10 else 0 for piece in pieces)
        if min(path) < 1 or max(path) > MAX_NUMBER:
            cursor.at = start
            raise cursor.fail("part numbers above 0")
        return path

    @staticmethod
    def _parse_text(cursor: Cursor, *, of_part: bool) -> SectionText:
        for text in _TEXTS:
            if (of_part or text is not SectionText.MIME) and cursor.accept(
                text.value.encode("ascii")
            ):
                return text
        raise cursor.fail("HEADER, HEADER.FIELDS, HEADER.FIELDS.NOT, TEXT or MIME")

    def unparse(self) -> bytes:
        """Write ``[…]``, as a response repeats it."""
        pieces = [b"%d" % number for number in self.path]
        if self.text is not None:
            pieces.append(self.text.value.encode("ascii"))
        inner = b".".join(pieces)
        if self.fields:
            names = b" ".join(client_astring(name) for name in self.fields)
            inner += b" (" + names + b")"
        return b"[" + inner + b"]"


def _field(cursor: Cursor) -> bytes:
    start = cursor.at
    name = cursor.astring()
    # RFC 5322 §2.2: printable US-ASCII without colon. Others can't be in a header.
    if not name or any(not 33 <= octet <= 126 or octet == 58 for octet in name):
        cursor.at = start
        raise cursor.fail("a header field name")
    return name


@dataclass(frozen=True, slots=True)
class Partial:
    """``<offset.count>``: octets of a section."""

    offset: int
    count: int

    def __post_init__(self) -> None:
        if not (0 <= self.offset <= MAX_NUMBER and 1 <= self.count <= MAX_NUMBER):
            raise ValueError("a partial begins at 0 or later and has octets")

    @classmethod
    def parse(cls, cursor: Cursor) -> Partial | None:
        """Take ``<o.n>`` if it is there. Raises `Malformed`."""
        if not cursor.accept(b"<"):
            return None
        offset = cursor.number()
        cursor.expect(b".")
        count = cursor.nz_number()
        cursor.expect(b">")
        return cls(offset, count)

    def unparse(self) -> bytes:
        """Write ``<o.n>``."""
        return b"<%d.%d>" % (self.offset, self.count)
