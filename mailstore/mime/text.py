"""What a search looks into: decoded text, folded for comparison.

A field's value is unfolded and its encoded words are decoded. A body's text is that
of its text/* parts, transfer encoding and charset undone; HTML counts as the text
that a reader sees, without its tags. The headers of embedded messages and the names
of attachments belong to the body. ``fold`` makes two texts comparable without case
or compatibility variants (in the spirit of RFC 5051).
"""

from __future__ import annotations

import binascii
import html
import re
import unicodedata
from collections.abc import Iterable, Iterator

from mailstore.mime.header import (
    decode_base64,
    decode_charset,
    decode_words,
    fields,
    parameter,
    parameters,
    unfold,
)
from mailstore.mime.scanner import Buffer, Part

_MAX_PART = 32 << 20
_HIDDEN = re.compile(
    r"<(script|style)\b[^>]*+>.*?(?:</\1\s*>|\Z)|<!--.*?(?:-->|\Z)",
    re.IGNORECASE | re.DOTALL,
)
_BLOCK = re.compile(
    r"</?(?:p|div|br|tr|td|th|li|ul|ol|h[1-6]|table|hr|blockquote|pre)\b[^<>]*+>",
    re.IGNORECASE,
)
_TAG = re.compile(r"<[/!?a-zA-Z][^<>]*+>")


def fold(text: str) -> str:
    """Fold case and compatibility forms; ASCII is only lowered."""
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def contains(texts: Iterable[str], wanted: str) -> bool:
    """Tell whether a folded string is in one of the texts, which are not folded.

    The empty string is in every text, and in no text at all it is not.
    """
    return any(wanted in fold(text) for text in texts)


def header_text(header: bytes, name: bytes) -> list[str]:
    """Give the decoded values of a header block's fields of a name."""
    wanted = name.lower()
    return [decode_words(unfold(f.value)) for f in fields(header) if f.name == wanted]


def all_header_text(header: bytes) -> str:
    """Give a whole header block decoded, one field a line."""
    return "\n".join(
        f"{f.name.decode('ascii')}: {decode_words(unfold(f.value))}"
        for f in fields(header)
    )


def html_text(source: str) -> str:
    """Give the text that a reader of HTML sees."""
    text = _HIDDEN.sub(" ", source)
    text = _BLOCK.sub("\n", text)
    return html.unescape(_TAG.sub("", text))


def decode_transfer(data: bytes, encoding: bytes) -> bytes:
    """Undo a content transfer encoding, however damaged."""
    if encoding == b"base64":
        return decode_base64(data)
    if encoding == b"quoted-printable":
        return binascii.a2b_qp(data)
    return data


def part_text(data: Buffer, part: Part) -> str:
    """Give the decoded text of a text/* part; at most 32 MiB of it are read."""
    raw = bytes(data[part.body : min(part.end, part.body + _MAX_PART)])
    charset = parameter(part.params, b"charset")
    text = decode_charset(
        decode_transfer(raw, part.encoding),
        charset.decode("latin-1") if charset else None,
    )
    return html_text(text) if part.subtype == b"html" else text


def body_texts(data: Buffer, root: Part) -> Iterator[str]:
    """Give the searchable texts of a message's body, one part at a time."""
    for part in root.walk():
        if part is not root and part.fields:
            yield from _part_header(data, part)
        if part.kind == b"text" and not part.is_multipart:
            yield part_text(data, part)


def _part_header(data: Buffer, part: Part) -> Iterator[str]:
    names = {f.name for f in part.fields}
    if b"from" in names or b"subject" in names:
        yield all_header_text(bytes(data[part.header : part.body]))
        return
    for field, key in (
        (b"content-disposition", b"filename"),
        (b"content-type", b"name"),
    ):
        value = part.value(field)
        if value is not None:
            name = parameter(parameters(value), key)
            if name:
                yield decode_words(name)
