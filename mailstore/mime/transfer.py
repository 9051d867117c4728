"""Content transfer encodings undone (RFC 2045 §6.7, §6.8).

`decoded` is for search and previews, where some text is better than none: it makes
something of every damage. Where a wrong octet matters `decode_exactly` refuses what is
damaged. Work is linear and memory is a piece at a time. Example:
``decode_base64(b"aGVs bG8*=") == b"hello"``.
"""

from __future__ import annotations

import binascii
import mmap
import re
from collections.abc import Iterable, Iterator

from mailstore.errors import UnknownEncoding

_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="
_OTHERS = bytes(set(range(256)) - set(_ALPHABET))
_MAX_PADDED = 1_000  # quanta that end early, within one piece
# White space at the end of a line was added on the way (RFC 2045 §6.7, rule 3), behind
# the ``=`` of a soft line break too.
_LINE_BLANKS = re.compile(rb"(?<![ \t])[ \t]++(?=\r?\n)")
# Whether there is any: looked for from the line ends, as blanks are a tenth of a text.
_BLANK_BEFORE_END = re.compile(rb"\n(?<=[ \t]\n)|\n(?<=[ \t]\r\n)")
PIECE = 1 << 18


def decode_base64(text: bytes) -> bytes:
    """Decode base64: other octets are skipped, a missing end is made up."""
    clean = text.translate(None, _OTHERS)
    if b"=" in clean.rstrip(b"="):
        # Several encoded texts behind each other, each with its padding.
        parts = clean.split(b"=", _MAX_PADDED)
        return b"".join([_quanta(part.replace(b"=", b"")) for part in parts])
    return _quanta(clean.rstrip(b"="))


def _quanta(clean: bytes) -> bytes:
    if len(clean) % 4 == 1:
        clean = clean[:-1]
    return binascii.a2b_base64(clean + b"=" * (-len(clean) % 4))


def decoded(
    data: bytes | mmap.mmap, start: int, end: int, encoding: bytes
) -> Iterator[bytes]:
    """Decode the octets at [start, end), in pieces of about 256 KiB."""
    if encoding == b"base64":
        return _base64(data, start, end)
    if encoding == b"quoted-printable":
        return _quoted_printable(data, start, end)
    return (bytes(data[at : min(at + PIECE, end)]) for at in range(start, end, PIECE))


def decoded_whole(
    data: bytes | mmap.mmap, start: int, end: int, encoding: bytes
) -> bytes:
    """Decode the octets at [start, end), which are few, as `decoded` does."""
    if encoding == b"base64":
        text = data[start:end]
        if b"=" not in text.rstrip(b"=\r\n"):
            # It ends at the end, and what is no octet of base64 is passed over.
            try:
                return binascii.a2b_base64(text)
            except binascii.Error:
                pass  # the end is missing
    elif encoding != b"quoted-printable":
        return data[start:end]
    return b"".join(decoded(data, start, end, encoding))


def _base64(data: bytes | mmap.mmap, start: int, end: int) -> Iterator[bytes]:
    rest = b""
    for at in range(start, end, PIECE):
        clean = rest + data[at : min(at + PIECE, end)].translate(None, _OTHERS)
        # Only what follows the last padding can be an unfinished quantum.
        open_from = clean.rfind(b"=") + 1
        cut = len(clean) - (len(clean) - open_from) % 4
        rest = clean[cut:]
        yield decode_base64(clean[:cut])
    if rest:
        yield _quanta(rest)


def _quoted_printable(data: bytes | mmap.mmap, start: int, end: int) -> Iterator[bytes]:
    while start < end:
        stop = min(start + PIECE, end)
        if stop < end:
            line = data.rfind(b"\n", start, stop) + 1
            stop = line if line > start else _cut_line(data, start, stop)
        yield _lines(data[start:stop])
        start = stop


def _cut_line(data: bytes | mmap.mmap, start: int, stop: int) -> int:
    """Give where to cut a line longer than a piece.

    Not within ``=XX``, nor among blanks that may be its end.
    """
    cut = start + len(data[start:stop].rstrip(b" \t\r"))
    escape = data.rfind(b"=", max(cut - 2, start), cut)
    if escape >= 0:
        cut = escape
    return cut if cut > start else stop


def _lines(lines: bytes) -> bytes:
    """Decode lines of quoted-printable, less what was added to their ends."""
    if _BLANK_BEFORE_END.search(lines) is not None:
        lines = _LINE_BLANKS.sub(b"", lines)
    return binascii.a2b_qp(lines)


# -- exactly

IDENTITY = frozenset({b"7bit", b"8bit", b"binary"})
"""Encodings that encode nothing (RFC 2045 §6.2)."""

_BLANKS = b" \t\r\n"


def decode_exactly(pieces: Iterable[bytes], encoding: bytes) -> Iterator[bytes]:
    """Undo an encoding of octets that come in pieces, cut anywhere.

    Raises `UnknownEncoding` for one that is not known, and for damaged base64: other
    octets than the alphabet's and white space, text behind the end, half a quantum. In
    quoted-printable what is no escape stands for itself (RFC 2045 §6.7).
    """
    if encoding in IDENTITY:
        yield from pieces
    elif encoding == b"base64":
        yield from _exact_base64(pieces)
    elif encoding == b"quoted-printable":
        yield from _exact_quoted_printable(pieces)
    else:
        raise UnknownEncoding


def _exact_base64(pieces: Iterable[bytes]) -> Iterator[bytes]:
    rest, ended = b"", False
    try:
        for piece in pieces:
            clean = rest + piece.translate(None, _BLANKS)
            cut = len(clean) - len(clean) % 4
            rest = clean[cut:]
            if not cut:
                continue
            if ended:
                raise UnknownEncoding
            yield binascii.a2b_base64(clean[:cut], strict_mode=True)
            ended = clean[cut - 1 : cut] == b"="
        if rest:
            # Some leave the padding out.
            if ended or b"=" in rest:
                raise UnknownEncoding
            yield binascii.a2b_base64(rest + b"=" * (-len(rest) % 4), strict_mode=True)
    except binascii.Error as error:
        raise UnknownEncoding from error


def _exact_quoted_printable(pieces: Iterable[bytes]) -> Iterator[bytes]:
    rest = b""
    for piece in pieces:
        data = rest + piece
        cut = data.rfind(b"\n") + 1
        if not cut and len(data) > PIECE:
            # A line longer than a piece is cut, but not within ``=XX``.
            escape = data.rfind(b"=", len(data) - 2)
            cut = escape if escape > 0 else len(data)
        rest = data[cut:]
        if cut:
            yield _lines(data[:cut])
    if rest:
        yield binascii.a2b_qp(rest.rstrip(b" \t"))
