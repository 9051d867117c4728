"""What the Content-* fields of a part say (RFC 2045, RFC 2183, RFC 3282).

It reads raw values, one field each, and must not know where a part is. Types and
encodings come again and again: short ones are read once. Example::

    content_type(b" text/plain; charset=utf-8")
        == ((b"text", b"plain"), ((b"charset", b"utf-8"),))
"""

from __future__ import annotations

from functools import lru_cache

from mailstore.mime.header import MAX_VALUE, media_type, parameters, token, unfold

Pairs = tuple[tuple[bytes, bytes], ...]

_PLAIN = (b"text", b"plain")
_SHORT = 64  # octets of a value that comes again and again
_MAX_TEXT = 4_096  # octets kept of Content-ID and its like


def content_type(value: bytes) -> tuple[tuple[bytes, bytes], Pairs]:
    """Read a type and its parameters; what can't be read is text/plain.

    RFC 2045 §5.2.
    """
    often = len(value) <= _SHORT and b"oundary" not in value
    return (_known_type if often else _type)(value)


def _type(value: bytes) -> tuple[tuple[bytes, bytes], Pairs]:
    read = media_type(value)
    return (read, parameters(value)) if read is not None else (_PLAIN, ())


_known_type = lru_cache(maxsize=512)(_type)


def encoding(value: bytes | None) -> bytes:
    """Read a Content-Transfer-Encoding, in lower case; 7bit by default (§6.1)."""
    if value is None:
        return b"7bit"
    return (_known_encoding if len(value) <= _SHORT else _encoding)(value)


def _encoding(value: bytes) -> bytes:
    return token(unfold(value)[:_MAX_TEXT]) or b"7bit"


_known_encoding = lru_cache(maxsize=64)(_encoding)


def disposition(value: bytes | None) -> tuple[bytes, Pairs] | None:
    """Read a Content-Disposition: its kind in lower case, its parameters."""
    if value is None:
        return None
    value = unfold(value[:MAX_VALUE])
    kind = token(value)
    if value[len(kind) :].lstrip().startswith(b"="):
        # Some write ``Content-Disposition: filename=x``: RFC 2183 §2.8 makes what
        # is unknown an attachment.
        return b"attachment", parameters(b";" + value)
    return (kind, parameters(value)) if kind else None


def languages(value: bytes | None) -> tuple[bytes, ...]:
    """Read a Content-Language: at most 100 tags."""
    if not value:
        return ()
    tags = [tag.strip() for tag in kept_text(value).split(b",", 100)[:100]]
    return tuple([tag for tag in tags if tag])


def kept_text(value: bytes) -> bytes:
    """Read a value that means nothing here: Content-ID and its like."""
    return unfold(value)[:_MAX_TEXT]
