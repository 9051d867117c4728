"""Message IDs in the form in which they are compared (RFC 5256 §3, THREAD).

A msg-id may be quoted in several ways that mean the same; the normal form has none:
``<"a"@c>`` and ``<a@c>`` are one. What is compared is a number of 64 bits made of it:
two of a million mailboxes' IDs do not meet by chance. It must not know threads.
Example::

    message_ids(b'<"01KF8"@x.y> <z@x.y>') == [b"01KF8@x.y", b"z@x.y"]
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from hashlib import blake2b

from mailstore.mime.header import unfold

# RFC 5322 §3.6.4, with the quoting and white space of its obsolete form. What is
# quoted may hold angle brackets.
_PLAIN = re.compile(rb"<([^<>]++)>")
# quoted may hold angle brackets. Behind it, its end or a quotation that has none.
_QUOTED = re.compile(
    rb'<((?:[^<>"]++|"(?:[^"\\]++|\\.)*+")*+)(?:(>)|"(?:[^"\\]++|\\.)*+)?', re.DOTALL
)
_PIECE = re.compile(rb'"((?:[^"\\]++|\\.)*+)"|\s++', re.DOTALL)
_PAIR = re.compile(rb"\\(.)", re.DOTALL)

_MAX_VALUE = 1 << 17  # octets of a field that are looked at
_MAX_AGAIN = 1 << 20  # octets that are looked at again, behind a bracket in vain


def message_ids(value: bytes) -> list[bytes]:
    """Give the valid Message IDs of a field's value, normalized, in order.

    Valid is what has an at sign with something on both sides.
    """
    value = value[:_MAX_VALUE]
    if b'"' in value:
        found = [_PIECE.sub(_unquoted, text) for text in _bracketed(unfold(value))]
    else:
        found = [b"".join(text.split()) for text in _PLAIN.findall(value)]
    return [text for text in found if 0 < text.rfind(b"@") < len(text) - 1]


def _bracketed(value: bytes) -> Iterator[bytes]:
    """Give what is in angle brackets, where quotations may hold them too.

    Behind a bracket that nothing closes it goes on with the next one. Quotations may
    be made so that each of these leads to the end of the field: after some of that,
    it goes on where the last one led to.
    """
    at, left = 0, _MAX_AGAIN
    while (found := _QUOTED.search(value, at)) is not None:
        if found[2]:
            yield found[1]
            at = found.end()
            continue
        left -= found.end() - found.start()
        at = found.start() + 1 if left > 0 else found.end()


def _unquoted(piece: re.Match[bytes]) -> bytes:
    return _PAIR.sub(rb"\1", piece[1]) if piece[1] is not None else b""


def hashed(message_id: bytes) -> int:
    """Give the number by which a normalized Message ID is compared: signed, never 0."""
    digest = blake2b(message_id, digest_size=8).digest()
    return int.from_bytes(digest, "little", signed=True) or 1
