"""Strings as IMAP sends them, for the descriptions that are kept wire-ready."""

from __future__ import annotations

import re

_PLAIN = re.compile(rb"[\x20-\x21\x23-\x5b\x5d-\x7e]*")
_QUOTABLE = re.compile(rb"[\x20-\x7e\t]*")
_MAX_QUOTED = 1_000


def string(data: bytes) -> bytes:
    """Render a quoted string, or a literal where quoting is impossible.

    NUL can be in neither (RFC 3501 §9: CHAR8) and is dropped.
    """
    if len(data) <= _MAX_QUOTED:
        if _PLAIN.fullmatch(data):
            return b'"%b"' % data
        if _QUOTABLE.fullmatch(data):
            return b'"%b"' % data.replace(b"\\", b"\\\\").replace(b'"', b'\\"')
    if b"\x00" in data:
        return string(data.replace(b"\x00", b""))
    return b"{%d}\r\n%b" % (len(data), data)


def nstring(data: bytes | None) -> bytes:
    """Render a string or NIL."""
    return b"NIL" if data is None else string(data)
