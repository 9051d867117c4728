"""Header fields by offset, unfolding, encoded words and parameters.

It reads RFC 5322 §2.2 fields, RFC 2047 encoded words and RFC 2231 parameters as
they are found in the wild, 8-bit text included. It must not know what a field is
for. Nothing here raises on any bytes, and all of it is linear. Example::

    b"Subject: =?utf-8?Q?caf=C3=A9?=\\r\\n b\\r\\n"  ->  "café b"
"""

from __future__ import annotations

import binascii
import mmap
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial
from itertools import compress, islice
from typing import NamedTuple, cast

from mailstore.mime.charset import decode_charset, exact_text
from mailstore.mime.transfer import decode_base64

Buffer = bytes | mmap.mmap

# One field: its name, then its value with the folded lines (RFC 5322 §2.2). All
# repeats are possessive: a line is read once, whatever stands in it.
_ONE = rb"([!-9;-~]++)[ \t]*+:([^\n]*+(?:\n[ \t][^\n]*+)*+)(?:\n|\Z)"
_FIELD = re.compile(rb"^" + _ONE, re.MULTILINE)
_LINES = re.compile(rb"^(" + _ONE + rb")", re.MULTILINE)
_SMALL = 1 << 14  # octets of a header that are looked through in one step
_LINE_END = re.compile(rb"\r*\n")
_PARAMETER = re.compile(
    rb';\s*+([^\s=;"]++)\s*+=\s*+(?:"((?:[^"\\]|\\.)*+)"?|([^;]*+))', re.DOTALL
)
_PAIR = re.compile(rb"\\(.)", re.DOTALL)
_PERCENT = re.compile(rb"%([0-9A-Fa-f]{2})")
_TOKEN = re.compile(rb"[!#-'*+\-.0-9A-Z^_`a-z{|}~]++")
# The language after ``*`` is RFC 2231 §5.
_WORD = re.compile(rb"=\?([!-)+->@-~]++)(?:\*[^?\s]*+)?\?([bBqQ])\?([^?]*+)\?=")

MAX_PARAMETERS = 1_000  # RFC 2231 pieces of one field
MAX_PARAMETER = 4_096  # octets of one parameter's value
MAX_VALUE = 1 << 16  # octets of a Content-* field that are looked at
# Unquoted, these may have spaces, as many clients have written them.
_SPACED = frozenset({b"name", b"filename"})


class Field(NamedTuple):
    """One header field: lower-case name, value behind the colon, all its lines."""

    name: bytes
    value: bytes  # raw: folded, with its line ends
    line: bytes


_field = cast(
    "Callable[[tuple[bytes, bytes, bytes]], Field]", partial(tuple.__new__, Field)
)


class Span(NamedTuple):
    """Where a field is: lower-case name; start of its line, of its value, its end."""

    name: bytes
    start: int
    value: int
    end: int


def fields(data: Buffer, start: int = 0, end: int | None = None) -> Iterator[Span]:
    """Find the fields of the header at [start, end), in order.

    ``start`` is the beginning of a line. Lines that are no fields are skipped.
    """
    for match in _FIELD.finditer(data, start, len(data) if end is None else end):
        yield Span(match[1].lower(), match.start(), match.start(2), match.end())


def values(header: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Give the fields of a raw header in order: lower-case name, raw value."""
    for match in _FIELD.finditer(header):
        yield match[1].lower(), match[2]


def wanted_fields(
    data: Buffer, start: int, end: int, names: Collection[bytes], most: int
) -> list[Field]:
    """Read the fields of some names (lower case), at most ``most`` of them."""
    if end - start <= _SMALL:
        read = _LINES.findall(data, start, end)
        if not read:
            return []
        # By columns: nothing here is done for each field by the interpreter.
        lines, written, values = zip(*read, strict=True)
        lower = [*map(bytes.lower, written)]
        wanted = map(names.__contains__, lower)
        among = zip(lower, values, lines, strict=True)
        return [*map(_field, islice(compress(among, wanted), most))]
    found = []
    for match in _FIELD.finditer(data, start, end):
        name = match[1].lower()
        if name in names:
            found.append(Field(name, match[2], match[0]))
            if len(found) >= most:
                break
    return found


def select_fields(
    header: bytes, names: Collection[bytes], negate: bool = False
) -> bytes:
    """Give the raw lines of the named fields, or of all others when negated.

    Repetitions, order and folding stay as they are. The blank line that ends a
    header follows; a header that has none, since the message ends there, gets none
    (RFC 3501 §6.4.5). ``names`` may be in any case.
    """
    lower = {name.lower() for name in names}
    selected = bytearray()  # a header may have millions of fields
    for match in _FIELD.finditer(header):
        if (match[1].lower() in lower) is not negate:
            selected += match[0]
    if ends_blank(header):
        selected += b"\r\n"
    return bytes(selected)


def ends_blank(header: bytes) -> bool:
    """Tell whether a header block ends in its blank line."""
    return header.endswith((b"\n\r\n", b"\n\n")) or header in (b"\r\n", b"\n")


def unfold(value: bytes) -> bytes:
    """Undo folding (RFC 5322 §2.2.3) and trim; no CR or LF is left."""
    value = value.strip(b" \t\r\n\x00")
    if b"\n" in value:
        value = _LINE_END.sub(b"", value)
    if b"\r" in value:
        value = value.replace(b"\r", b" ")
    return value


def media_type(value: bytes) -> tuple[bytes, bytes] | None:
    """Read ``type/subtype``, in lower case; None when it can't be read."""
    kind, slash, rest = value[:MAX_VALUE].partition(b";")[0].partition(b"/")
    if not slash:
        return None
    first, second = _TOKEN.match(kind.strip()), _TOKEN.match(rest.strip())
    if first is None or second is None:
        return None
    return first[0][:100].lower(), second[0][:100].lower()


def token(value: bytes) -> bytes:
    """Give the token (RFC 2045 §5.1) a value begins with, lower case; or nothing."""
    found = _TOKEN.match(value.lstrip(b' \t\r\n"')[:100])
    return found[0].lower() if found is not None else b""


def parameters(value: bytes) -> tuple[tuple[bytes, bytes], ...]:
    """List the parameters behind a value: names in lower case, values unquoted.

    RFC 2231 pieces stay as they are: BODYSTRUCTURE repeats what the message says.
    At most 1,000, of 4,096 octets each.
    """
    if b";" not in value:
        return ()
    found = []
    for match in _PARAMETER.finditer(unfold(value[:MAX_VALUE])):
        name = match[1].lower()
        text = match[2]
        if text is None:
            text = match[3].strip()
            if name not in _SPACED:
                text = text.split(None, 1)[0] if text else text
        elif b"\\" in text:
            text = _PAIR.sub(rb"\1", text)
        found.append((name[:100], text[:MAX_PARAMETER]))
        if len(found) >= MAX_PARAMETERS:
            break
    return tuple(found)


def parameter(pairs: Sequence[tuple[bytes, bytes]], name: bytes) -> bytes | None:
    """Give a parameter's octets; RFC 2231 pieces are joined, per-cents undone."""
    return _join(pairs, name)[0]


def parameter_text(pairs: Sequence[tuple[bytes, bytes]], name: bytes) -> str | None:
    """Give a parameter as text, by RFC 2231 or, as many write it, by RFC 2047."""
    value, charset = _join(pairs, name)
    if value is None:
        return None
    if charset is None:
        return decode_words(value)
    return decode_charset(value, charset)


def _join(
    pairs: Sequence[tuple[bytes, bytes]], name: bytes
) -> tuple[bytes | None, str | None]:
    """Give a parameter's octets and its charset, if RFC 2231 §4 names one."""
    plain: bytes | None = None
    charset: str | None = None
    pieces: dict[int, bytes] = {}
    for key, value in pairs:
        if key == name:
            plain = value if plain is None else plain
            continue
        base, star, rest = key.partition(b"*")
        if base != name or not star:
            continue
        number = rest.removesuffix(b"*")
        if number and not (number.isdigit() and len(number) < 5):
            continue
        at = int(number or b"0")
        if rest.endswith(b"*") or not rest:
            value, named = _extended(value, first=at == 0)  # noqa: PLW2901
            charset = named if at == 0 else charset
        pieces.setdefault(at, value)
    joined: list[bytes] = []
    while len(joined) in pieces:
        joined.append(pieces[len(joined)])
    if joined:
        return b"".join(joined), charset
    return plain, None


def _extended(value: bytes, *, first: bool) -> tuple[bytes, str | None]:
    """Undo ``charset'language'text``; only the first piece names a charset."""
    charset = None
    if first and value.count(b"'") >= 2:
        named, _, value = value.split(b"'", 2)
        charset = named.decode("latin-1")
    return _PERCENT.sub(lambda m: bytes((int(m[1], 16),)), value), charset


def decode_words(value: bytes) -> str:
    """Decode a field's value: encoded words (RFC 2047) and raw 8-bit text.

    White space between two encoded words is dropped (§6.2); a character that is
    split over words of one charset is put together again.
    """
    if b"=?" not in value:
        return decode_charset(value, None)
    return "".join([decode_charset(octets, name) for octets, name in _pieces(value)])


def decode_exactly(value: bytes) -> str | bytes:
    """Decode a field's value, or give its octets when a charset doesn't explain them.

    The octets are those without encoded words (RFC 5255 §4.6 (a)): some charset is
    unknown or broken. Raw 8-bit text is UTF-8 or of no charset.
    """
    if b"=?" not in value:
        text = _decoded(value, None)
        return value if text is None else text
    pieces = list(_pieces(value))
    texts = [_decoded(octets, name) for octets, name in pieces]
    if None in texts:
        return b"".join([octets for octets, _ in pieces])
    return "".join([text for text in texts if text])


def _decoded(octets: bytes, charset: str | None) -> str | None:
    try:
        return exact_text(octets, charset)
    except UnicodeError:
        return None


def _pieces(value: bytes) -> Iterator[tuple[bytes, str | None]]:
    """Give the octets of a value's encoded words, and of what is between, by charset.

    Without one (None) are the pieces that are no encoded words.
    """
    pending: list[bytes] = []
    charset = ""
    at = 0
    for match in _WORD.finditer(value):
        between = value[at : match.start()]
        name = match[1].decode("ascii").lower()
        apart = not pending or not between.isspace()
        if pending and ((apart and between) or name != charset):
            yield b"".join(pending), charset
            pending = []
        if between and apart:
            yield between, None
        pending.append(_word_octets(match))
        charset = name
        at = match.end()
    if pending:
        yield b"".join(pending), charset
    if at < len(value):
        yield value[at:], None


def _word_octets(match: re.Match[bytes]) -> bytes:
    if match[2] in b"bB":
        return decode_base64(match[3])
    return binascii.a2b_qp(match[3], header=True)
