"""What a search looks into, and how two texts are compared.

A field's text is its value, unfolded, its encoded words decoded. A body's text is
that of all its text/* parts, transfer encoding and charset undone; of HTML it is
what a reader sees, without tags and attributes. Headers of embedded messages and
names of attachments belong to the body. It must not know search keys or an index.

``fold`` makes texts comparable in the spirit of i;unicode-casemap (RFC 5051):
compatibility decomposition and case folding. So "CAFE" and "Café" begin alike, and
for pieces that are cut in front of a base character, folding each gives the folding
of all: ``fold(a) + fold(b) == fold(a + b)``. Example::

    contains(body_texts(data, scan(data)), fold("Straße"))
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from io import StringIO
from itertools import islice

from mailstore.mime.charset import decoder
from mailstore.mime.header import (
    Buffer,
    Span,
    decode_words,
    fields,
    parameter,
    parameter_text,
    unfold,
)
from mailstore.mime.html import HtmlText
from mailstore.mime.scanner import Part
from mailstore.mime.transfer import decoded

SEPARATOR = "\x00"  # stands between texts; no IMAP string can have it
_REPLACEMENT = "\ufffd"
_MAX_HEADER = 10 << 20
_MAX_FIELDS = 10_000
_MAX_MARKS = 30  # UAX #15, stream-safe text: real text has no more
_STEP = 3
_RUNS = re.compile("([^\x00-\x7f]+)")
_SHORT = 8  # characters of a run that will come again: a letter of a Western language
_DENSE = 4  # characters for each part of a text in which ASCII is rare


def fold(text: str) -> str:
    """Fold case and compatibility variants, for both sides of a comparison."""
    if text.isascii():
        return text.lower()
    parts = _RUNS.split(text)
    if len(parts) * _DENSE > len(text):
        return _fold(text)
    # No character of ASCII is a mark, so that each run can be folded by itself.
    parts[::2] = [part.lower() for part in parts[::2]]
    parts[1::2] = [
        _fold_short(run) if len(run) <= _SHORT else _fold(run) for run in parts[1::2]
    ]
    return "".join(parts)


def _fold(text: str) -> str:
    return _decompose(_decompose(text).casefold())


_fold_short = lru_cache(maxsize=4_096)(_fold)


def _decompose(text: str) -> str:
    # Python orders combining marks by insertion, which is quadratic in their run. A
    # run that is too long has marks at all steps that fall on it.
    marks_at_steps, many_marks = _marks()
    if len(text) > _MAX_MARKS and marks_at_steps.search(text[::_STEP]):
        text = many_marks.sub(_order, text)
    return unicodedata.normalize("NFKD", text)


@lru_cache(maxsize=1)
def _marks() -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Match what begins with a combining mark when decomposed: in steps, all of it.

    A class of its own in front makes the search for it fast.
    """
    ranges: list[list[int]] = []
    for code in range(0x300, 0x20000):  # there are none beyond
        first = unicodedata.normalize("NFKD", chr(code))[0]
        if not unicodedata.combining(first):
            continue
        if ranges and ranges[-1][1] == code - 1:
            ranges[-1][1] = code
        else:
            ranges.append([code, code])
    marks = "".join([f"{chr(low)}-{chr(high)}" for low, high in ranges])
    return (
        re.compile(f"[{marks}][{marks}]{{{_MAX_MARKS // _STEP - 1}}}"),
        re.compile(f"[{marks}][{marks}]{{{_MAX_MARKS},}}+"),
    )


def _order(run: re.Match[str]) -> str:
    """Put marks into canonical order, as normalization would."""
    marks = "".join([unicodedata.normalize("NFKD", mark) for mark in run[0]])
    return "".join(sorted(marks, key=unicodedata.combining))


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
    found = (field for field in fields(header) if field.name == wanted)
    return [_value(header, field) for field in islice(found, _MAX_FIELDS)]


def header_values(header: bytes) -> Iterator[tuple[bytes, str]]:
    """Give the fields of a raw header: the name as it stands, the value decoded."""
    for field in fields(header):
        name = header[field.start : field.value].rstrip(b": \t")
        yield name, _value(header, field)


def all_header_text(header: bytes) -> str:
    """Give a raw header decoded, one field a line: ``Name: value``."""
    text = StringIO()  # a header may have millions of fields
    for name, value in header_values(header):
        text.write(f"{name.decode('ascii')}: {value}\n")
    return text.getvalue()


def _value(header: bytes, field: Span) -> str:
    return _clean(decode_words(unfold(header[field.value : field.end])))


def body_texts(data: Buffer, part: Part) -> Iterator[str]:
    """Give the searchable text of a message's body in pieces of at most 1 MiB or so.

    Joined they are the whole text, `SEPARATOR` between what is not one text: a match
    may reach over pieces, but never over a separator. There is at least one piece.
    """
    for node in part.walk():
        if node is not part:
            name = _name(data, node)
            if name:
                yield name
                yield SEPARATOR
        if node.type == b"text":
            yield from part_texts(data, node)
        yield SEPARATOR


def part_texts(data: Buffer, part: Part) -> Iterator[str]:
    """Give the decoded text of a text/* part, in pieces that can be folded alone."""
    charset = parameter(part.params, b"charset")
    source = decoder(charset.decode("latin-1") if charset else None)
    page = HtmlText() if part.subtype == b"html" else None
    rest = ""
    for octets in decoded(data, part.body, part.end, part.encoding):
        text = source.decode(octets)
        if page is not None:
            text = page.feed(text)
        text = rest + _clean(text)
        cut = _last_base(text)
        rest = text[cut:]
        if cut:
            yield text[:cut]
    text = source.decode(b"", final=True)
    if page is not None:
        text = page.feed(text, final=True)
    yield rest + _clean(text)


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


def _name(data: Buffer, part: Part) -> str:
    """Give an embedded message's header, or a part's file name."""
    if part.fields:
        stop = min(part.body, part.header + _MAX_HEADER)
        return all_header_text(bytes(data[part.header : stop]))
    name = None
    if part.disposition is not None:
        name = parameter_text(part.disposition[1], b"filename")
    return _clean(name or parameter_text(part.params, b"name") or "")
