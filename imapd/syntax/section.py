"""Body sections: ``[1.2.HEADER.FIELDS (From To)]<0.2048>`` (RFC 3501 §6.4.5, §9).

::

    section         = "[" [section-spec] "]"
    section-spec    = section-msgtext / (section-part ["." section-text])
    section-msgtext = "HEADER" / "HEADER.FIELDS" [".NOT"] SP header-list / "TEXT"
    section-text    = section-msgtext / "MIME"
    section-part    = nz-number *("." nz-number)

A section knows only its grammar, not whether a message has such a part.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass

from imapd.wire import abnf
from imapd.wire.cursor import MAX_NUMBER, Cursor
from imapd.wire.encode import astring

MAX_DEPTH = 100
MAX_FIELDS = 1_000
# RFC 5322 §2.1.1: a line has 998 octets at most, one is the colon.
MAX_FIELD = 997
_FIELD_NAME = re.compile(rb"[!-9;-~]+")


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
        if len(self.path) > MAX_DEPTH or len(self.fields) > MAX_FIELDS:
            raise ValueError("too many part numbers or header fields")
        if not all(1 <= number <= MAX_NUMBER for number in self.path):
            raise ValueError("part numbers are from 1 to 4294967295")
        if (self.text in _FIELDS) != bool(self.fields):
            raise ValueError("field names belong to HEADER.FIELDS")
        if not all(_is_field_name(name) for name in self.fields):
            raise ValueError("a header field name is printable and has no colon")
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
                start = cursor.at
                fields = cursor.parenthesised(lambda: _field(cursor), least=1)
                if len(fields) > MAX_FIELDS:
                    cursor.at = start
                    raise cursor.fail(f"at most {MAX_FIELDS} header fields", "LIMIT")
        cursor.expect(b"]")
        return cls(path, text, fields)

    @staticmethod
    def _parse_path(cursor: Cursor) -> tuple[int, ...]:
        start = cursor.at
        found = cursor.match(abnf.section_part)
        if found is None:
            return ()
        pieces = found[0].split(b".")
        path = tuple(int(piece) for piece in pieces)
        cursor.at = start
        if len(pieces) > MAX_DEPTH:
            raise cursor.fail(f"at most {MAX_DEPTH} part numbers", "LIMIT")
        # nz-number: digit-nz first, so no zeros lead.
        if any(piece.startswith(b"0") for piece in pieces) or max(path) > MAX_NUMBER:
            raise cursor.fail("part numbers above 0")
        cursor.at = found.end()
        return path

    @staticmethod
    def _parse_text(cursor: Cursor, *, of_part: bool) -> SectionText:
        for text in _TEXTS:
            if (of_part or text is not SectionText.MIME) and cursor.accept(
                text.value.encode("ascii")
            ):
                return text
        wanted = "HEADER, HEADER.FIELDS, HEADER.FIELDS.NOT"
        raise cursor.fail(
            f"{wanted}, TEXT or MIME" if of_part else f"a part number, {wanted} or TEXT"
        )

    def unparse(self) -> bytes:
        """Write ``[…]``, as a response repeats it.

        Names of fields keep the case in which the client wrote them.
        """
        pieces = [b"%d" % number for number in self.path]
        if self.text is not None:
            pieces.append(self.text.value.encode("ascii"))
        inner = b".".join(pieces)
        if self.fields:
            inner += b" (" + b" ".join(map(astring, self.fields)) + b")"
        return b"[" + inner + b"]"


def _is_field_name(name: bytes) -> bool:
    """Tell whether a header could have this field (RFC 5322 §2.2)."""
    return len(name) <= MAX_FIELD and _FIELD_NAME.fullmatch(name) is not None


def _field(cursor: Cursor) -> bytes:
    start = cursor.at
    name = cursor.astring()
    # Such a name is repeated in a response: nothing of a literal gets there raw.
    if not _is_field_name(name):
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
        """Take ``<o.n>`` if it is there. Raises `Malformed`; ``<0.0>`` is (§9)."""
        if not cursor.accept(b"<"):
            return None
        offset = cursor.number()
        cursor.expect(b".")
        count = cursor.nz_number()
        cursor.expect(b">")
        return cls(offset, count)

    def unparse(self) -> bytes:
        """Write ``<o.n>``; a response repeats only the offset."""
        return b"<%d.%d>" % (self.offset, self.count)
