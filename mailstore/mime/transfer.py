"""Content transfer encodings undone, however damaged (RFC 2045 §6.7, §6.8).

For search and previews, where some text is better than none; it must not be used
where a wrong octet matters. Work is linear and memory is a piece at a time. Example:
``decode_base64(b"aGVs bG8*=") == b"hello"``.
"""

from __future__ import annotations

import binascii
import mmap
from collections.abc import Iterator

_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="
_OTHERS = bytes(set(range(256)) - set(_ALPHABET))
_MAX_PADDED = 1_000  # quanta that end early, within one piece
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
            # A line longer than a piece is cut, but not within ``=XX``.
            escape = data.rfind(b"=", stop - 2, stop)
            if line > start:
                stop = line
            elif escape > start:
                stop = escape
        yield binascii.a2b_qp(data[start:stop])
        start = stop
