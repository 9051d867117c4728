"""ENVELOPE, wire-ready (RFC 3501 §7.4.2).

It turns a message's header fields into the ten fields of an envelope. It must not
decode anything: clients undo encoded words. Example::

    ("date" "subject" ((NIL NIL "a" "b.c")) … "in-reply-to" "message-id")
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import lru_cache

from mailstore.mime.address import (
    MAX_ADDRESSES,
    MAX_LIST,
    Address,
    parse_addresses,
)
from mailstore.mime.header import Field, unfold
from mailstore.mime.wire import nstring, string

_OF_ADDRESSES = frozenset({b"from", b"sender", b"reply-to", b"to", b"cc", b"bcc"})
# One's own address is in nearly every message, those of friends in many.
_SHORT, _LISTS = 200, 1_024
_MAX_TEXT = 1 << 16  # octets; listings show many envelopes at a time


def envelope_values(fields: Collection[Field]) -> dict[bytes, bytes]:
    """Give the raw value of each field that is there (names in lower case).

    The first counts; but several address lists of a name are one.
    """
    if not fields:
        return {}
    names, found, _ = zip(*fields, strict=True)
    values = dict(zip(names, found, strict=True))
    if len(values) == len(fields):
        return values
    values.clear()
    for name, value, _ in fields:
        if name not in values:
            values[name] = value
        elif name in _OF_ADDRESSES and len(values[name]) < MAX_LIST:
            # Some write several To fields: together they are the list.
            values[name] = values[name].rstrip(b" \t\r\n,") + b"," + value
    return values


def envelope(fields: Collection[Field]) -> bytes:
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
