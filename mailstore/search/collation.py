"""Collations: how a text becomes octets that compare as it does (RFC 4790, RFC 5051).

Texts are as `mailstore.mime.sorting` stores them: UTF-8, or octets that no charset
explains behind the octet 0xFF. Those are compared as they are, behind all others
(RFC 5255 §4.6 (c)). It must not know where texts come from. Example::

    order_key("Ärger".encode(), Collation.UNICODE_CASEMAP) == "A\\u0308RGER".encode()
"""

from __future__ import annotations

import unicodedata
from typing import assert_never

from mailstore.mime.sorting import UNDECODED
from mailstore.query import Collation

_MOST_MAPPINGS = 20_000


def order_key(text: bytes, collation: Collation) -> bytes:
    """Give the octets by which a text is ordered, and equal to others."""
    if text.startswith(UNDECODED):
        return text
    match collation:
        case Collation.UNICODE_CASEMAP:
            # For ASCII, titlecase by character is upper case.
            return text.upper() if text.isascii() else casemap(text.decode()).encode()
        case Collation.ASCII_CASEMAP:
            return text.upper()
        case Collation.OCTET:
            return text
        case _:
            assert_never(collation)


def casemap(text: str) -> str:
    """Map a text as i;unicode-casemap does (RFC 5051 §2).

    Each character becomes its titlecase, which is decomposed all the way down,
    compatibility mappings included; nothing is put into another order.
    """
    return text.translate(_MAPPINGS)


def _titlecase(char: str) -> str:
    """Give the simple titlecase mapping of the Unicode database.

    Python knows the full mappings. A character that they make several of has no
    simple one.
    """
    title = char.title()
    return title if len(title) == 1 else char


def _decompose(char: str) -> str:
    mapping = unicodedata.decomposition(char)
    if not mapping:
        return char
    codes = [word for word in mapping.split() if not word.startswith("<")]
    return "".join([_decompose(chr(int(code, 16))) for code in codes])


class _Mappings(dict[int, str]):
    """The mappings of the characters that were met so far."""

    def __missing__(self, code: int) -> str:
        mapped = _decompose(_titlecase(chr(code)))
        if len(self) < _MOST_MAPPINGS:
            self[code] = mapped
        return mapped


_MAPPINGS = _Mappings()
