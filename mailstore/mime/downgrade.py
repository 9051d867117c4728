"""Messages with UTF-8 in their headers, for clients that read ASCII alone (RFC 6858).

It finds the edits that make every header of a message ASCII, those of its parts and
of the messages in it too; bodies are not looked at. What is stored stays as it came.
It never raises, is linear, and must not know who asks. Example::

    edits(b"Subject: caf\\xc3\\xa9\\r\\n\\r\\n")
        == (Edit(0, 16, b"Subject: =?utf-8?q?caf=C3=A9?=\\r\\n"),)

What is kept: a field in ASCII is not touched, nor is one whose octets are no UTF-8
(such a message is not internationalised but broken, and a client may know better), nor
is anything on which the structure hangs: the result has the same parts.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from mailstore.mime.downgraded_field import (
    addresses_in_ascii,
    disposition_in_ascii,
    phrases_in_ascii,
    text_in_ascii,
    type_in_ascii,
)
from mailstore.mime.header import Buffer, Span, fields, parameter, parameters
from mailstore.mime.scanner import Part, scan

_CHUNK = 1 << 20
_EDIT = struct.Struct("<QQQ")
_HIGH = re.compile(rb"[\x80-\xff]")
_MAX_HEADERS = 2 << 20  # octets of all headers that are looked into; the rest stays

# RFC 6858 §2.1: fields of addresses (RFC 5322 §3.6), and their like of other RFCs.
_ADDRESSES = frozenset(
    b"%b%b" % (prefix, name)
    for prefix in (b"", b"resent-")
    for name in (b"from", b"sender", b"reply-to", b"to", b"cc", b"bcc")
) | {
    b"disposition-notification-to",
    b"mail-followup-to",
    b"mail-reply-to",
    b"return-path",
    b"return-receipt-to",
    b"delivered-to",
    b"x-original-to",
    b"apparently-to",
}
_MAKERS = {
    b"content-type": type_in_ascii,  # §2.2
    b"content-disposition": disposition_in_ascii,
    b"keywords": phrases_in_ascii,
} | dict.fromkeys(_ADDRESSES, addresses_in_ascii)
# §2.4: structured fields in which no encoded word may stand (RFC 2047 §5) are left out.
_LEFT_OUT = frozenset(
    {
        b"authentication-results",
        b"autocrypt",
        b"content-id",
        b"content-language",
        b"content-location",
        b"content-md5",
        b"content-transfer-encoding",
        b"date",
        b"dkim-signature",
        b"domainkey-signature",
        b"in-reply-to",
        b"message-id",
        b"mime-version",
        b"received",
        b"received-spf",
        b"references",
        b"resent-date",
        b"resent-message-id",
    }
)
_LEFT_OUT_PREFIXES = (b"arc-", b"list-")


class Edit(NamedTuple):
    """Octets [start, end) of a message, and what stands there instead."""

    start: int
    end: int
    text: bytes


def edits(data: Buffer, root: Part | None = None) -> tuple[Edit, ...]:
    """Find what is to be changed, in order; ``root`` is what `scan` gave."""
    if isinstance(data, bytes) and len(data) <= _CHUNK and data.isascii():
        return ()
    if root is None:
        if _HIGH.search(data) is None:
            return ()
        root = scan(data)
    found: list[Edit] = []
    room = _MAX_HEADERS
    for part in root.walk():
        if all(piece.isascii() for piece in _octets(data, part.header, part.body)):
            continue
        room -= part.body - part.header
        if room < 0:
            break
        found += _edits_of_header(data, part.header, part.body)
    if found:
        found = _with_types(data, root, found)
    return tuple(found)


def downgraded(data: Buffer, changes: Sequence[Edit]) -> Iterator[bytes]:
    """Give the message with its edits made, in pieces."""
    at = 0
    for start, end, text in changes:
        yield from _octets(data, at, start)
        yield text
        at = end
    yield from _octets(data, at, len(data))


def downgraded_size(size: int, changes: Sequence[Edit]) -> int:
    """Count the octets that a message of ``size`` has with its edits made."""
    return size + sum([len(text) - (end - start) for start, end, text in changes])


def pack_edits(changes: Sequence[Edit]) -> bytes:
    """Pack edits to be kept: start, end and length, 64 bits each, before each text."""
    return b"".join(
        [_EDIT.pack(start, end, len(text)) + text for start, end, text in changes]
    )


def unpack_edits(packed: bytes) -> list[Edit]:
    """Give what `pack_edits` was given."""
    found: list[Edit] = []
    at = 0
    while at < len(packed):
        start, end, length = _EDIT.unpack_from(packed, at)
        at += _EDIT.size
        found.append(Edit(start, end, packed[at : at + length]))
        at += length
    return found


def _octets(data: Buffer, start: int, end: int) -> Iterator[bytes]:
    for at in range(start, end, _CHUNK):
        yield data[at : min(at + _CHUNK, end)]


def _edits_of_header(data: Buffer, start: int, end: int) -> Iterator[Edit]:
    """Find the edits of one header: fields, and lines with 8-bit that are none."""
    at = start
    for span in fields(data, start, end):
        yield from _edits_of_stray(data, at, span.start)
        at = span.end
        line = data[span.start : span.end]
        if not line.isascii():
            made = _field(data, span)
            if made is not None:
                yield Edit(span.start, span.end, made)
    yield from _edits_of_stray(data, at, end)


def _edits_of_stray(data: Buffer, start: int, end: int) -> Iterator[Edit]:
    """Leave lines out that are no field and in UTF-8 (§2.4)."""
    at = start
    while at < end:
        stop = data.find(b"\n", at, end)
        stop = end if stop < 0 else stop + 1
        line = data[at:stop]
        if not line.isascii() and _utf8(line) is not None:
            yield Edit(at, stop, b"")
        at = stop


def _field(data: Buffer, span: Span) -> bytes | None:
    """Give a field in ASCII, empty to leave it out, None to leave it as it is."""
    value = data[span.value : span.end]
    if _utf8(value) is None:
        return None
    make = _made_by(span.name)
    if make is None:
        return b""
    if span.name == b"content-type" and _boundary_is_high(value):
        return None
    text = make(value)
    if not text:
        return b""
    head = data[span.start : span.value]
    end = b"\r\n" if value.endswith(b"\r\n") or not value.endswith(b"\n") else b"\n"
    return head + b" " + (text if end == b"\r\n" else text.replace(b"\r\n", end)) + end


def _made_by(name: bytes) -> Callable[[bytes], bytes] | None:
    if name in _LEFT_OUT or name.startswith(_LEFT_OUT_PREFIXES):
        return None
    return _MAKERS.get(name, text_in_ascii)


def _boundary_is_high(value: bytes) -> bool:
    """Tell whether the parts hang on a boundary that ASCII could not name."""
    boundary = parameter(parameters(value), b"boundary")
    return boundary is not None and not boundary.isascii()


def _utf8(octets: bytes) -> str | None:
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError:
        return None


def _with_types(data: Buffer, root: Part, found: list[Edit]) -> list[Edit]:
    """Call embedded messages whose headers are ASCII now message/rfc822.

    A message/global (RFC 6532 §3.7) is of no use to who can't read its headers.
    """
    made = {edit.start: edit for edit in found}
    for part in root.walk():
        if (part.type, part.subtype) != (b"message", b"global") or not part.children:
            continue
        for span in fields(data, part.header, part.body):
            if span.name == b"content-type":
                edit = made.get(span.start)
                line = data[span.start : span.end] if edit is None else edit.text
                new = _GLOBAL.sub(rb"\1rfc822", line, count=1)
                made[span.start] = Edit(span.start, span.end, new)
                break
    return [made[start] for start in sorted(made)]


_GLOBAL = re.compile(rb"(message\s*+/\s*+)global", re.IGNORECASE)
