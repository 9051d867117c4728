"""Modified UTF-7, the encoding of mailbox names (RFC 3501 §5.1.3).

``encode`` gives the one canonical form; ``decode`` takes nothing else.
"""

from __future__ import annotations

import binascii
import re

_SHIFTED = re.compile(rb"&([A-Za-z0-9+,]*)-")
_PLAIN = re.compile(rb"[ -%'-~]*")  # stands for itself
_OUTSIDE = re.compile(r"[^\x20-\x7e]+")


class InvalidUtf7(ValueError):
    """The octets are no canonical modified UTF-7."""


def encode(text: str) -> bytes:
    """Encode a name. Raises `InvalidUtf7` on lone surrogates."""
    if text.isascii() and text.isprintable() and "&" not in text:
        return text.encode("ascii")  # it stands for itself

    def shift(found: re.Match[str]) -> str:
        try:
            octets = found[0].encode("utf-16-be")
        except UnicodeEncodeError:
            raise InvalidUtf7("a lone surrogate") from None
        base64 = binascii.b2a_base64(octets, newline=False).rstrip(b"=")
        return "&" + base64.replace(b"/", b",").decode("ascii") + "-"

    return _OUTSIDE.sub(shift, text.replace("&", "&-")).encode("ascii")


def decode(octets: bytes) -> str:
    """Decode a name. Raises `InvalidUtf7`."""
    if _PLAIN.fullmatch(octets):
        return octets.decode("ascii")

    def unshift(found: re.Match[bytes]) -> bytes:
        inner = found[1]
        if not inner:
            return b"&"
        try:
            padded = inner.replace(b",", b"/") + b"=" * (-len(inner) % 4)
            return binascii.a2b_base64(padded).decode("utf-16-be").encode("utf-8")
        except (ValueError, UnicodeDecodeError):
            raise InvalidUtf7("bad base64 in modified UTF-7") from None

    try:
        text = _SHIFTED.sub(unshift, octets).decode("utf-8")
        canonical = encode(text) == octets
    except UnicodeError:
        raise InvalidUtf7("no modified UTF-7") from None
    if not canonical:
        raise InvalidUtf7("modified UTF-7 that isn't canonical")
    return text
