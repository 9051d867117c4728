"""ENVELOPE, wire-ready (RFC 3501 §7.4.2)::

("date" "subject" from sender reply-to to cc bcc "in-reply-to" "message-id")
"""

from __future__ import annotations

from collections.abc import Iterable

from mailstore.mime.address import MAX_ADDRESSES, parse_addresses
from mailstore.mime.header import Field, unfold
from mailstore.mime.wire import nstring

_ADDRESSES = (b"from", b"sender", b"reply-to", b"to", b"cc", b"bcc")
_TEXTS = (b"date", b"subject", b"in-reply-to", b"message-id")


def envelope(header: Iterable[Field]) -> bytes:
    """Render the envelope of a message's header fields."""
    texts: dict[bytes, bytes] = {}
    lists: dict[bytes, list[bytes]] = {}
    for found in header:
        if found.name in _TEXTS:
            texts.setdefault(found.name, unfold(found.value))
        elif found.name in _ADDRESSES:
            seen = lists.setdefault(found.name, [])
            if len(seen) < MAX_ADDRESSES:
                # Several fields of one name are one list, as most servers show it.
                seen.extend(_render(found.value))
    rendered = {name: _list(found) for name, found in lists.items()}
    sender = rendered.get(b"from", b"NIL")
    for name in (b"sender", b"reply-to"):
        # RFC 3501 §7.4.2: absent or empty, they are what From is.
        if rendered.get(name, b"NIL") == b"NIL":
            rendered[name] = sender
    pieces = [nstring(texts.get(b"date")), nstring(texts.get(b"subject"))]
    pieces += [rendered.get(name, b"NIL") for name in _ADDRESSES]
    pieces += [nstring(texts.get(b"in-reply-to")), nstring(texts.get(b"message-id"))]
    return b"(" + b" ".join(pieces) + b")"


def _render(value: bytes) -> list[bytes]:
    return [
        b"(%b %b %b %b)" % tuple(nstring(piece) for piece in address)
        for address in parse_addresses(value)
    ]


def _list(found: list[bytes]) -> bytes:
    return b"(" + b"".join(found) + b")" if found else b"NIL"
