"""Header fields by offset, encoded words, parameters, charsets.

Nothing here raises on any input, and everything is linear in it.
"""

from __future__ import annotations

import binascii
import codecs
import re
from collections.abc import Collection, Sequence
from functools import lru_cache
from typing import NamedTuple

# One field: its name, and its value with the folded lines behind it (RFC 5322 §2.2).
_FIELD = re.compile(
    rb"^([!-9;-~]+)[ \t]*:([^\n]*(?:\n[ \t][^\n]*)*+)(?:\n|\Z)", re.MULTILINE
)
_FOLD = re.compile(rb"\r?\n(?=[ \t])|[\r\n]+")
_PARAMETER = re.compile(
    rb';[\s]*+([^\s=;"]++)[\s]*+=[\s]*+(?:"((?:[^"\\]|\\.)*+)"?|([^;\s]*+))',
    re.DOTALL,
)
_TOKEN = re.compile(rb"[!#-'*+\-.0-9A-Z^_`a-z{|}~]+")
_WORD = re.compile(rb"=\?([!-)+->@-~]+)(?:\*[^?\s]*)?\?([bBqQ])\?([^?]*)\?=")
MAX_PARAMETERS = 1_000


class Field(NamedTuple):
    """One header field: lower-case name, raw value, offsets of its lines."""

    name: bytes
    value: bytes
    start: int
    end: int


def fields(header: bytes) -> list[Field]:
    """List the fields of a header block in order; lines that are none are left out."""
    return [
        Field(m[1].lower(), m[2], m.start(), m.end()) for m in _FIELD.finditer(header)
    ]


def select_fields(
    header: bytes, names: Collection[bytes], negate: bool = False
) -> bytes:
    """Give the raw lines of the named fields, or of all others, and a blank line.

    Repetitions, order and folding stay as they are (RFC 3501 §6.4.5). ``names`` are
    any case.
    """
    names = {name.lower() for name in names}
    pieces = [
        header[m.start() : m.end()]
        for m in _FIELD.finditer(header)
        if (m[1].lower() in names) is not negate
    ]
    if pieces and not pieces[-1].endswith(b"\n"):
        pieces.append(b"\r\n")
    pieces.append(b"\r\n")
    return b"".join(pieces)


def unfold(value: bytes) -> bytes:
    """Undo folding and trim; no line end is left (RFC 5322 §2.2.3)."""
    if b"\n" in value or b"\r" in value:
        value = _FOLD.sub(b"", value)
    return value.strip(b" \t\x00")


def media_type(value: bytes) -> tuple[bytes, bytes] | None:
    """Read ``type/subtype``, lower case; None when it can't be read."""
    kind, slash, rest = unfold(value.partition(b";")[0]).partition(b"/")
    found = _TOKEN.match(kind.strip()), _TOKEN.match(rest.strip())
    if not slash or found[0] is None or found[1] is None:
        return None
    return found[0][0].lower(), found[1][0].lower()


def parameters(value: bytes) -> tuple[tuple[bytes, bytes], ...]:
    """List the parameters behind a value: names in lower case, values unquoted.

    RFC 2231 pieces stay as they are: BODYSTRUCTURE repeats what the message says.
    """
    found = []
    for match in _PARAMETER.finditer(value):
        quoted = match[2]
        if quoted is not None:
            text = re.sub(rb"\\(.)", rb"\1", quoted, flags=re.DOTALL)
        else:
            text = match[3]
        found.append((match[1].lower(), unfold(text)))
        if len(found) >= MAX_PARAMETERS:
            break
    return tuple(found)


def parameter(pairs: Sequence[tuple[bytes, bytes]], name: bytes) -> bytes | None:
    """Give a parameter's value, joined and decoded by RFC 2231 where it is so."""
    pieces: dict[int, bytes] = {}
    for key, value in pairs:
        if key == name:
            return value
        base, star, rest = key.partition(b"*")
        if base != name or not star:
            continue
        number, encoded = rest.rstrip(b"*"), rest.endswith(b"*") or not rest
        if number and not (number.isdigit() and len(number) < 5):
            continue
        at = int(number or 0)
        if encoded:
            # charset'language'text, in the first piece only (RFC 2231 §4.1)
            text = value.split(b"'", 2)[-1] if at == 0 else value
            value = _unquote(text)  # noqa: PLW2901 - the decoded form replaces it
        pieces.setdefault(at, value)
    joined: list[bytes] = []
    while len(joined) in pieces:
        joined.append(pieces[len(joined)])
    return b"".join(joined) if joined else None


def _unquote(text: bytes) -> bytes:
    return re.sub(rb"%([0-9A-Fa-f]{2})", lambda found: bytes([int(found[1], 16)]), text)


@lru_cache(maxsize=256)
def text_codec(charset: str) -> str | None:
    """Name Python's codec for a charset, None for what is no charset of text."""
    name = charset.strip().strip("\"'").lower()
    for suffix in ("-i", "-e"):  # RFC 1556: direction of Hebrew and Arabic
        if name.startswith("iso-8859-") and name.endswith(suffix):
            name = name[: -len(suffix)]
    if name == "unicode-1-1-utf-7":
        name = "utf-7"
    if not name or len(name) > 40 or not name.isascii():
        return None
    try:
        found = codecs.lookup(name)
        found.decode(b"", "replace")
    except (LookupError, ValueError, TypeError, UnicodeError):
        return None
    # idna, punycode, unicode_escape … are text codecs of Python, not of mail.
    odd = {"idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined"}
    if not getattr(found, "_is_text_encoding", True) or found.name.replace(
        "-", "_"
    ) in odd | {"mbcs", "oem", "palmos"}:
        return None
    return found.name


def decode_charset(data: bytes, charset: str | None) -> str:
    """Decode text; what a charset doesn't cover is read as well as can be."""
    codec = text_codec(charset) if charset else None
    if codec in (None, "ascii"):
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError:
            return data.decode("cp1252", "replace")
    assert codec is not None
    try:
        return data.decode(codec, "replace")
    except (UnicodeError, ValueError, LookupError):
        return data.decode("latin-1")


def decode_words(value: bytes) -> str:
    """Decode a field's value: encoded words (RFC 2047) and raw 8-bit text.

    White space between two encoded words is dropped (§6.2); a character that is
    split over words of one charset is put together again.
    """
    if b"=?" not in value:
        return decode_charset(value, None)
    pieces: list[str] = []
    pending, charset = b"", ""
    at = 0
    for match in _WORD.finditer(value):
        between = value[at : match.start()]
        name = match[1].decode("latin-1").lower()
        if pending and (between.strip() or name != charset):
            pieces.append(decode_charset(pending, charset))
            pending = b""
            if between.strip():
                pieces.append(decode_charset(between, None))
        elif not pending and (between.strip() or at == 0):
            pieces.append(decode_charset(between, None))
        pending, charset = pending + _word_octets(match), name
        at = match.end()
    if pending:
        pieces.append(decode_charset(pending, charset))
    pieces.append(decode_charset(value[at:], None))
    return "".join(pieces)


def _word_octets(match: re.Match[bytes]) -> bytes:
    text = match[3]
    if match[2] in b"bB":
        return decode_base64(text)
    return binascii.a2b_qp(text, header=True)


_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/]+")


def decode_base64(text: bytes) -> bytes:
    """Decode base64, however damaged: what isn't of the alphabet is skipped."""
    clean = _NOT_BASE64.sub(b"", text)
    if len(clean) % 4 == 1:
        clean = clean[:-1]
    return binascii.a2b_base64(clean + b"=" * (-len(clean) % 4))
