"""Parts that have NULs, put into base64 (RFC 3516 §4.4, §6).

No literal of IMAP has a NUL, so what a client appends as binary must be described, and
given to others, in an encoding that they understand. Only the parts that have a NUL are
touched: signatures over the others go on holding. It must not know where the message
comes from or goes to. Example: a part ``a\\0b`` becomes ``YQBi`` with the field
``Content-Transfer-Encoding: base64``.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator

from mailstore.errors import UnknownEncoding
from mailstore.mime.header import Buffer
from mailstore.mime.scanner import Part, scan
from mailstore.mime.transfer import IDENTITY

_FIELD = re.compile(
    rb"^content-transfer-encoding[ \t]*:[^\n]*+\n(?:[ \t][^\n]*+\n)*+",
    re.IGNORECASE | re.MULTILINE,
)
_NEW_FIELD = b"Content-Transfer-Encoding: base64\r\n"
_VERSION = re.compile(rb"^mime-version[ \t]*:", re.IGNORECASE | re.MULTILINE)
_NEW_VERSION = b"MIME-Version: 1.0\r\n"
_LINE = 57  # octets that make a line of 76 (RFC 2045 §6.8)
_PIECE = _LINE * 4_096
_LINES = re.compile(rb".{1,76}")
_CHUNK = 1 << 18


def without_nul(data: Buffer) -> Iterator[bytes]:
    """Give the message in pieces, its parts with NULs in base64.

    Raises `UnknownEncoding` for a NUL where no encoding can help: in a header, between
    parts, or in a part that is encoded already.
    """
    root = scan(data)
    at = 0
    for part in root.walk():
        if part.children or not _has_nul(data, part.body, part.end):
            continue
        if part.encoding not in IDENTITY:
            raise UnknownEncoding("a NUL byte stands in a part that is encoded")
        yield from _plain(data, at, part.header)
        yield _header(data, part, whole=part is root)
        yield from _encoded(data, part.body, part.end)
        at = part.end
    yield from _plain(data, at, len(data))


def _has_nul(data: Buffer, start: int, end: int) -> bool:
    return data.find(b"\x00", start, end) >= 0


def _plain(data: Buffer, start: int, end: int) -> Iterator[bytes]:
    if _has_nul(data, start, end):
        raise UnknownEncoding("a NUL byte stands where no encoding can help")
    for at in range(start, end, _CHUNK):
        yield data[at : min(at + _CHUNK, end)]


def _header(data: Buffer, part: Part, *, whole: bool) -> bytes:
    header = b"".join(_plain(data, part.header, part.body))
    fields = _FIELD.sub(b"", header)
    if whole and _VERSION.search(fields) is None:
        # RFC 2045 §4: without it the new field would mean nothing.
        return _NEW_VERSION + _NEW_FIELD + fields
    return _NEW_FIELD + fields


def _encoded(data: Buffer, start: int, end: int) -> Iterator[bytes]:
    for at in range(start, end, _PIECE):
        piece = data[at : min(at + _PIECE, end)]
        lines = _LINES.findall(binascii.b2a_base64(piece, newline=False))
        yield b"\r\n".join(lines)
        yield b"\r\n"
