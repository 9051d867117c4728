"""Strings as IMAP sends them, for the descriptions that are kept wire-ready.

It knows `string` and `nstring` of RFC 3501 §9 and no more; what the strings mean is
not its business. Example: ``string(b'a "b"') == b'{5}\\r\\na "b"'``.
"""

from __future__ import annotations

import re

# Quotes and backslashes could be escaped, but the parsers of some clients don't undo
# it: they go as literals, like controls and 8-bit text, which must.
_MAX_QUOTED = 1_000
_quotable = re.compile(rb"[\x20\x21\x23-\x5b\x5d-\x7e]{0,%d}+" % _MAX_QUOTED).fullmatch


def string(data: bytes) -> bytes:
    """Render a quoted string, or a literal where quoting is unsafe.

    NUL can be in neither (RFC 3501 §9, CHAR8): a question mark stands for it. A tab
    becomes a space: many mailers fold with tabs, and folding shows none.
    """
    if _quotable(data):
        return b'"%b"' % data
    if b"\t" in data:
        return string(data.replace(b"\t", b" "))
    return b"{%d}\r\n%b" % (len(data), data.replace(b"\x00", b"?"))


def nstring(data: bytes | None) -> bytes:
    """Render a string or NIL."""
    return b"NIL" if data is None else string(data)
