"""ENVELOPE, wire-ready (RFC 3501 §7.4.2).

It turns a message's header fields into the ten fields of an envelope. It must not
decode anything: clients undo encoded words. Example::

    ("date" "subject" ((NIL NIL "a" "b.c")) … "in-reply-to" "message-id")
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache

from mailstore.mime.address import (
    MAX_ADDRESSES,
    MAX_LIST,
    Address,
    parse_addresses,
)
from mailstore.mime.header import Field, unfold
from mailstore.mime.names import ENVELOPE
from mailstore.mime.wire import nstring, string

_TEXTS = frozenset({b"date", b"subject", b"in-reply-to", b"message-id"})
# One's own address is in nearly every message, those of friends in many.
_SHORT, _LISTS = 200, 1_024
_MAX_TEXT = 1 << 16  # octets; listings show many envelopes at a time


def envelope_values(fields: Iterable[Field]) -> dict[bytes, bytes]:
    """Give the raw value of each envelope field that is there (names in lower case).

    Of texts the first counts; several address lists of a name are one.
    """
    values: dict[bytes, bytes] = {}
    for name, value, _ in fields:
        if name not in ENVELOPE:
            continue
        if name not in values:
            values[name] = value
        elif name not in _TEXTS and len(values[name]) < MAX_LIST:
            # Some write several To fields: together they are the list.
            values[name] = values[name].rstrip(b" \t\r\n,") + b"," + value
    return values


def envelope(fields: Iterable[Field]) -> bytes:
    """Render the envelope of a message's header fields (names in lower case)."""
    return envelope_of(envelope_values(fields))


def envelope_of(values: Mapping[bytes, bytes]) -> bytes:
    """Render the envelope of a message from its `envelope_values`."""
    get = values.get
    sender = _addresses(get(b"from"))
    # RFC 3501 §7.4.2: Sender and Reply-To that are absent or empty are as From.
    return b"(%b %b %b %b %b %b %b %b %b %b)" % (
        _text(get(b"date")),
        _text(get(b"subject")),
        sender,
        _addresses(get(b"sender"), sender),
        _addresses(get(b"reply-to"), sender),
        _addresses(get(b"to")),
        _addresses(get(b"cc")),
        _addresses(get(b"bcc")),
        _text(get(b"in-reply-to")),
        _text(get(b"message-id")),
    )


def _text(value: bytes | None) -> bytes:
    return b"NIL" if value is None else string(unfold(value)[:_MAX_TEXT])


def _addresses(value: bytes | None, default: bytes = b"NIL") -> bytes:
    if value is None:
        return default
    return (_known if len(value) <= _SHORT else _rendered)(value) or default


def _rendered(value: bytes) -> bytes:
    """Render a list; nothing if there is no address in it."""
    found = parse_addresses(value)
    if not found:
        return b""
    return b"(%b)" % b"".join([_address(address) for address in found[:MAX_ADDRESSES]])


_known = lru_cache(maxsize=_LISTS)(_rendered)


def _address(address: Address) -> bytes:
    return b"(%b %b %b %b)" % tuple([nstring(piece) for piece in address])
