"""Charsets of mail, and text that claims a wrong one.

A charset name comes from a stranger: it is looked up in a closed list and never
handed to the codec machinery, which would import modules by that name and remember
each one for ever. What a charset doesn't cover is read as well as can be. Example:
``decode_charset(b"caf\\xe9", "x-unknown") == "café"``.
"""

from __future__ import annotations

import codecs
import encodings.aliases
import re
from functools import lru_cache
from typing import Protocol

# Names that mail has and Python hasn't, and names whose real-life meaning is wider
# than their definition (as browsers read them: WHATWG Encoding §4.2).
_MEANT = {
    "ascii": "utf-8",
    "us_ascii": "utf-8",
    "iso8859_1": "cp1252",
    "iso8859_9": "cp1254",
    "iso8859_11": "cp874",
    "tis_620": "cp874",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "x_gbk": "gb18030",
    "gb_2312_80": "gb18030",
    "euc_kr": "cp949",
    "ks_c_5601_1987": "cp949",
    "ks_c_5601": "cp949",
    "shift_jis": "cp932",
    "x_sjis": "cp932",
    "big5": "big5hkscs",
    "x_euc_jp": "euc_jp",
    "iso8859_8_i": "iso8859_8",  # RFC 1556: direction, not repertoire
    "iso8859_8_e": "iso8859_8",
    "iso8859_6_i": "iso8859_6",
    "iso8859_6_e": "iso8859_6",
    "unicode_1_1_utf_7": "utf_7",
    "utf8mb4": "utf_8",
    "macintosh": "mac_roman",
    "x_mac_roman": "mac_roman",
    "x_unknown": "utf-8",
    "unknown_8bit": "utf-8",
}
_NOT_TEXT = {
    "base64_codec", "bz2_codec", "hex_codec", "quopri_codec", "rot_13", "uu_codec",
    "zlib_codec", "mbcs", "oem", "cp65001", "idna", "punycode",
}  # fmt: skip
# Some codecs have no alias.
_ALONE = {"cp720", "cp737", "cp856", "cp874", "cp875", "cp1006", "koi8_u"}
_CODECS = frozenset(encodings.aliases.aliases.values()) - _NOT_TEXT | _ALONE
UTF_8 = frozenset({"utf-8", "utf_8", "utf_8_sig"})
"""What UTF-8 is called by `text_codec`."""
_APART = bytes(range(0x80, 0xA0))  # in which Windows-1252 is not Latin-1
_SEPARATORS = re.compile(r"[^a-z0-9]+")


# Of these each octet is a character, whatever stands beside it.
_SINGLE = re.compile(r"cp125[0-8]|cp874|iso8859_[0-9]+|koi8_[rtu]")
# In these what is ASCII stands for itself where there is nothing else.
_TRANSPARENT = frozenset(
    ["big5hkscs", "cp932", "cp949", "euc_jp", "gb18030", *UTF_8],
)


class Decoder(Protocol):
    """Decodes text piece by piece."""

    def decode(self, data: bytes, final: bool = False) -> str:
        """Decode the next octets; with ``final`` give all that is left."""
        ...


def text_codec(charset: str) -> str | None:
    """Name Python's codec for a charset, None for what is no charset of text."""
    return _text_codec(charset) if len(charset) <= 60 else None


@lru_cache(maxsize=256)
def _text_codec(charset: str) -> str | None:
    name = _SEPARATORS.sub("_", charset.lower()).strip("_")
    name = re.sub(r"^iso_?8859_", "iso8859_", name)
    name = re.sub(r"^(?:x_)?(?:cp|windows|win|ibm)_?(?=\d)", "cp", name)
    name = _MEANT.get(name, name)
    if name.replace("-", "_") in _CODECS:
        return name
    alias = encodings.aliases.aliases.get(name)
    if alias is None or alias in _NOT_TEXT:
        return None
    return _MEANT.get(alias, alias)


def is_transparent(codec: str) -> bool:
    """Tell whether octets of which all are ASCII are so many characters of ASCII."""
    return codec in _TRANSPARENT or _SINGLE.fullmatch(codec) is not None


@lru_cache(maxsize=64)
def octet_meanings(codec: str) -> str | None:
    """Give the characters of all octets, where each octet is one; else None."""
    if _SINGLE.fullmatch(codec) is None:
        return None
    return bytes(range(256)).decode(codec, "replace")


def decode_charset(data: bytes, charset: str | None) -> str:
    """Decode text in one piece; never fails."""
    codec = text_codec(charset) if charset else "utf-8"
    if codec is not None and codec not in UTF_8:
        return decoder(charset).decode(data, final=True)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return _windows_1252(data)


def exact_text(data: bytes, charset: str | None) -> str:
    """Decode text that is all of its charset; None is UTF-8.

    Raises `UnicodeError` when it isn't, or when the charset is unknown.
    """
    codec = text_codec(charset) if charset is not None else "utf-8"
    if codec is None:
        raise UnicodeError("an unknown charset")
    text = data.decode(codec)
    if not text.isascii():
        text.encode("utf-8")  # UTF-7 and UTF-16 can bring half a character
    return text


def codec_for(charset: str | None) -> str:
    """Name the codec for a charset that may be missing or unknown: UTF-8 then."""
    return (text_codec(charset) if charset else None) or "utf-8"


def guessed(data: bytes, codec: str) -> str | None:
    """Name the codec that a whole text is decoded by: what isn't UTF-8 is guessed.

    None: it is cut off within a character, so that its last octets are decoded by
    another codec than what is in front of them.
    """
    if codec not in UTF_8 or data.isascii():
        return codec
    try:
        _, known = codecs.utf_8_decode(data, "strict", False)
    except UnicodeDecodeError:
        return "cp1252"
    return codec if known == len(data) else None


def decoder(charset: str | None) -> Decoder:
    """Give a decoder for a charset that may be missing, unknown or wrong."""
    codec = codec_for(charset)
    if codec in UTF_8:
        return _Guess()
    if codec == "cp1252":
        return _Windows()
    if codec == "utf_7":
        return _Lines(codec)
    return _Known(codec)


class _Known:
    """A charset that says what it is."""

    def __init__(self, codec: str) -> None:
        self._inner = codecs.getincrementaldecoder(codec)("replace")

    def decode(self, data: bytes, final: bool = False) -> str:
        try:
            return self._inner.decode(data, final)
        except UnicodeError:
            # UTF-16 and UTF-32 refuse some byte order marks even when replacing.
            return data.decode("latin-1")


class _Lines:
    """UTF-7: a shift sequence ends with its line, so lines stand alone.

    Python's incremental decoder would keep an endless sequence and read it again
    with every piece.
    """

    def __init__(self, codec: str) -> None:
        self._codec = codec

    def decode(self, data: bytes, final: bool = False) -> str:  # noqa: ARG002
        return data.decode(self._codec, "replace")


class _Guess:
    """UTF-8 until it is none, from there on Windows-1252."""

    def __init__(self) -> None:
        self._inner = codecs.getincrementaldecoder("utf-8")("strict")
        self._utf8 = True

    def decode(self, data: bytes, final: bool = False) -> str:
        if self._utf8:
            pending = self._inner.getstate()[0]
            try:
                return self._inner.decode(data, final)
            except UnicodeDecodeError:
                self._utf8 = False
                data = pending + data
        return _windows_1252(data)


class _Windows:
    """Windows-1252, which has no state."""

    def decode(self, data: bytes, final: bool = False) -> str:  # noqa: ARG002
        return _windows_1252(data)


def _windows_1252(data: bytes) -> str:
    """Decode what is mostly Latin-1, which Python does ten times as fast."""
    if len(data.translate(None, _APART)) == len(data):
        return data.decode("latin-1")
    return data.decode("cp1252", "replace")
