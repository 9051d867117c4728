"""METADATA responses (RFC 5464 §4.4), for whoever tells annotations.

::

    * METADATA INBOX (/shared/comment "Shared" /private/comment NIL)
    * METADATA INBOX /shared/comment
"""

from __future__ import annotations

from collections.abc import Iterable

from imapd.syntax.mailbox import render_name
from imapd.syntax.metadata_entry import render_value
from imapd.wire.encode import astring


def metadata_response(
    name: str, values: Iterable[tuple[str, bytes | None]], *, utf8: bool = False
) -> bytes:
    """Render entries with their values, without ``* ``; the server's name is empty."""
    pairs = [
        b"%b %b" % (astring(entry.encode("ascii")), render_value(value))
        for entry, value in values
    ]
    return b"METADATA %b (%b)" % (render_name(name, utf8=utf8), b" ".join(pairs))


def changed_response(name: str, entries: Iterable[str], *, utf8: bool = False) -> bytes:
    """Render entries that have changed, without ``* ``."""
    names = [astring(entry.encode("ascii")) for entry in entries]
    return b"METADATA %b %b" % (render_name(name, utf8=utf8), b" ".join(names))
