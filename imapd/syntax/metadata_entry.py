"""Names and values of annotations (RFC 5464 §3.2, §5).

::

    entry           = astring       ; /shared/comment, /private/vendor/x/colour
    value           = nstring / literal8

A value is octets; a NUL among them makes it a literal8 (RFC 3516 §4.2).
"""

from __future__ import annotations

import re

from imapd.wire.cursor import Cursor
from imapd.wire.encode import client_astring, client_string, string

MAX_ENTRY = 1_000
_NAME = re.compile(rb"/(?:private|shared)(?:/[^/]+)*", re.IGNORECASE)
_NEVER = re.compile(rb"[\x00-\x1f\x7f-\xff*%]")
_VENDOR = re.compile(r"/(?:private|shared)/vendor(?:/[^/]+)?", re.IGNORECASE)


def parse_entry(cursor: Cursor) -> str:
    """Take an entry's name, or what others are below. Raises `Malformed`."""
    start = cursor.at
    name = cursor.astring()
    if len(name) > MAX_ENTRY or _NEVER.search(name) or not _NAME.fullmatch(name):
        cursor.at = start
        raise cursor.fail("the name of an entry below /private or /shared")
    return name.decode("ascii")


def has_value(entry: str) -> bool:
    """Tell whether an entry of this name can have a value.

    It has two components at least, four where it is a vendor's.
    """
    return entry.count("/") > 1 and _VENDOR.fullmatch(entry) is None


def unparse_entry(entry: str) -> bytes:
    """Write a name as a client would."""
    return client_astring(entry.encode("ascii"))


def parse_value(cursor: Cursor) -> bytes | None:
    """Take a value; None for NIL, which removes an entry. Raises `Malformed`."""
    if cursor.peek() != b"~":
        return cursor.nstring()
    start = cursor.at
    data = cursor.literal().data
    if data is None:
        cursor.at = start
        raise cursor.fail("a value")
    return data


def unparse_value(value: bytes | None) -> bytes:
    """Write a value as a client would."""
    if value is None:
        return b"NIL"
    if b"\x00" in value:
        return b"~{%d+}\r\n%b" % (len(value), value)
    return client_string(value)


def render_value(value: bytes | None) -> bytes:
    """Write a value for a response."""
    if value is None:
        return b"NIL"
    if b"\x00" in value:
        return b"~{%d}\r\n%b" % (len(value), value)
    return string(value)
