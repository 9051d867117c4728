"""What a search looks into, and how two texts are compared.

A field's text is its value, unfolded, its encoded words decoded. A body's text is
that of all its text/* parts, transfer encoding and charset undone; of HTML it is
what a reader sees, without tags and attributes. Headers of embedded messages and
names of attachments belong to the body. It must not know search keys or an index.

`mailstore.mime.folding` makes texts comparable. Example::

    contains(body_texts(data, scan(data)), fold("Straße"))
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from io import StringIO
from itertools import islice

from mailstore.mime.charset import decoder
from mailstore.mime.folding import fold, folded
from mailstore.mime.header import (
    Buffer,
    Span,
    decode_words,
    fields,
    unfold,
    values,
)
from mailstore.mime.html import HtmlText
from mailstore.mime.scanner import Part
from mailstore.mime.textual import Textual, TextualPart, charset_of, name_of
from mailstore.mime.transfer import decoded

SEPARATOR = "\x00"  # stands between texts; no IMAP string can have it
_REPLACEMENT = "\ufffd"


_MAX_HEADER = 10 << 20
_MAX_FIELDS = 10_000


def contains(
    pieces: Iterable[str], wanted: str, form: Callable[[str], str] = fold
) -> bool:
    """Tell whether a text, given in pieces, contains a folded string.

    The pieces are not folded; ``form`` does that. The empty string is in any text, if
    there is one.
    """
    tail = ""
    for piece in pieces:
        text = tail + form(piece)
        if wanted in text:
            return True
        tail = text[max(len(text) - len(wanted) + 1, 0) :]
    return False


def header_text(header: bytes, name: bytes) -> list[str]:
    """Give the decoded values of a raw header's fields of a name (any case).

    At most 10,000 of them.
    """
    wanted = name.lower()
    found = (raw for one, raw in values(header) if one == wanted)
    return [field_text(raw) for raw in islice(found, _MAX_FIELDS)]


def header_values(header: bytes) -> Iterator[tuple[bytes, str]]:
    """Give the fields of a raw header: the name as it stands, the value decoded."""
    for field in fields(header):
        name = header[field.start : field.value].rstrip(b": \t")
        yield name, _value(header, field)


def folded_fields(header: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Give the fields of a raw header: names in lower case, values folded, as octets.

    They say the same as `header_values`.
    """
    for name, raw in values(header):
        value = unfold(raw)
        if value.isascii() and b"=?" not in value and b"\x00" not in value:
            yield name, value.lower()
        else:
            yield name, folded(field_text(raw))


def all_header_text(header: bytes) -> str:
    """Give a raw header decoded, one field a line: ``Name: value``."""
    text = StringIO()  # a header may have millions of fields
    for name, value in header_values(header):
        text.write(f"{name.decode('ascii')}: {value}\n")
    return text.getvalue()


def field_text(raw: bytes) -> str:
    """Give the decoded value of a field."""
    return _clean(decode_words(unfold(raw)))


def _value(header: bytes, field: Span) -> str:
    return field_text(header[field.value : field.end])


def body_texts(data: Buffer, root: Part | Textual) -> Iterator[str]:
    """Give the searchable text of a message's body in pieces of at most 1 MiB or so.

    Joined they are the whole text, `SEPARATOR` between what is not one text: a match
    may reach over pieces, but never over a separator. There is at least one piece.
    """
    nodes: Sequence[Part | TextualPart] = root.walk()
    for at, node in enumerate(nodes):
        if at:
            name = part_name(data, node)
            if name:
                yield name
                yield SEPARATOR
        if node.type == b"text":
            yield from part_texts(data, node)
        yield SEPARATOR


def part_texts(data: Buffer, part: Part | TextualPart) -> Iterator[str]:
    """Give the decoded text of a text/* part, in pieces that can be folded alone."""
    charset = _charset(part)
    is_page = part.subtype == b"html"
    pieces = decoded(data, part.body, part.end, part.encoding)
    source = decoder(charset)
    page = HtmlText() if is_page else None
    text = ""
    for octets in pieces:
        if text:  # it goes on
            cut = _last_base(text)
            if cut:
                yield text[:cut]
            text = text[cut:]
        more = source.decode(octets)
        if page is not None:
            more = page.feed(more)
        text += _clean(more)
    more = source.decode(b"", final=True)
    if page is not None:
        more = page.feed(more, final=True)
    yield text + _clean(more)


def _last_base(text: str) -> int:
    """Give where to cut: in front of the last character that is no mark."""
    for at in range(len(text) - 1, max(len(text) - 1_000, 0), -1):
        char = text[at]
        if char.isascii() or not unicodedata.combining(
            unicodedata.normalize("NFKD", char)[0]
        ):
            return at
    return len(text)


def _clean(text: str) -> str:
    return text.replace(SEPARATOR, _REPLACEMENT) if SEPARATOR in text else text


def _charset(part: Part | TextualPart) -> str | None:
    if isinstance(part, TextualPart):
        return part.charset
    return charset_of(part.params)


def part_name(data: Buffer, part: Part | TextualPart) -> str:
    """Give an embedded message's header, or a part's file name.

    It belongs to the text of a body that the part is in, and is no part of its own.
    """
    if part.fields:
        stop = min(part.body, part.header + _MAX_HEADER)
        return all_header_text(bytes(data[part.header : stop]))
    if isinstance(part, TextualPart):
        return _clean(part.name)
    return _clean(name_of(part.params, part.disposition))
