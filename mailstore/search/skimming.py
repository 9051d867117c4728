"""Tells without reading a text that it has no such string.

Most of what it costs to look through a text is to bring it into the form in which it is
compared; of a page of HTML, to take its text out of it. Letters and digits that stand
beside each other for a reader stand so in the octets of most charsets, but for
characters that become such letters when they are folded; in a page also but for what is
within tags, which are dropped (block tags leave a line end), and for character
references. Where none of that can help, a look at the octets decides. Example::

    Skimmer("lunch").may_be_in(b"<p>din<b>ner", "utf-8", is_page=True) is False
"""

from __future__ import annotations

import re
from collections.abc import Callable

from mailstore.mime.charset import (
    UTF_8,
    decoder,
    guessed,
    is_transparent,
    octet_meanings,
)
from mailstore.mime.folding import decode, encode, fold, folded
from mailstore.mime.html import references, unescape
from mailstore.search.roles import Roles

_WORD = re.compile(rb"[0-9a-z]++")
_MAY_BE_LETTERS = re.compile(rb"&(?!(?:[lg]t|amp|nbsp|quot);)")
_SHORTEST = 2
_FEW = 8  # characters that are replaced one after the other
_MOST_REFERENCES = 10_000
_UTF_8 = "utf-8"
_LOWER = bytes(range(256)).lower()
_BEYOND = range(0x80, 0x100)
_TWO_OCTETS = "ªº²³¹¼½¾ßĲĳŉſǄǅǆǇǈǉǊǋǌǱǲǳʰʲʳʷʸˡˢˣ"
"""Of the characters that UTF-8 has two octets for, those whose folding has a letter or
digit of ASCII and is not that with accents behind it."""
_LONGER = {
    b"\xe1": rb"(?:[\xb4-\xb6]|\xba\x9e)",
    b"\xe2": rb"(?:[\x81\x84\x85\x91-\x93\xb1]|\x82[\x80-\x9c\xa8]|\x86[\x80-\x89])",
    b"\xe3": rb"[\x89-\x8f]",
    b"\xea": rb"\x9f",
    b"\xef": rb"(?:\xac[\x80-\x86]|[\xbc\xbd])",
    b"\xf0": rb"(?:\x90\x9e|\x9d[\x90-\x9f]|\x9f[\x84-\x86\xaf])",
}
"""What the UTF-8 of all such characters begins with that have more."""
_Odd = list[tuple[bytes, Callable[[bytes], object]]]


class _References(dict[bytes, bool]):
    """Whether a character reference may give a letter of a word."""

    def __init__(self, word: str) -> None:
        super().__init__()
        self._word = word

    def __missing__(self, octets: bytes) -> bool:
        reference = octets.decode("latin-1")
        text = unescape(reference)
        # What is none stays as it stands. Numbers of some controls are nothing at all:
        # what is around them is side by side.
        gives = text != reference and (
            not text or any(one in self._word for one in fold(text))
        )
        if len(self) < _MOST_REFERENCES:
            self[octets] = gives
        return gives


class Skimmer:
    """One string, looked for in the octets of many texts; for one thread at a time.

    Of the string it takes the longest word: without that there is no string.
    """

    def __init__(self, needle: str) -> None:
        words: list[bytes] = _WORD.findall(folded(needle))
        self._word = max(words, key=len, default=b"")
        # The last letter may have an accent, which is folded to stand behind it.
        self._beginning = self._word[:-1]
        self._roles = Roles(decode(self._word))
        self._references = _References(decode(self._word))
        self._meanings: dict[str, list[tuple[bytes, bytes]]] = {}
        self._odd: _Odd | None = None
        # Two neighbours, with tags between them.
        before, behind = self._beginning or b"0", self._word[1:] or b"0"
        self._joined = re.compile(
            rb"<(?<=[%b]<)[^<>]*+>(?:<[^<>]*+>)*+[%b]" % (before, behind)
        )

    @property
    def is_any(self) -> bool:
        """Whether there is a word that can be missed."""
        return len(self._word) >= _SHORTEST

    def may_be_in(self, octets: bytes, codec: str, *, is_page: bool) -> bool:
        """Tell whether a whole text may have the string.

        ``codec`` is what decodes it, if it can, as `mailstore.mime.charset.decoder`
        does. It is a page of HTML, or else what a reader sees as it stands.
        """
        if not (is_transparent(codec) if octets.isascii() else _is_direct(codec)):
            try:
                octets, codec = _as_utf_8(octets, codec), _UTF_8
            except UnicodeEncodeError:
                return True
        if octets.isascii():
            lower = octets.lower()
            if self._word in lower:
                return True
        else:
            of = self._of_utf_8 if codec in UTF_8 else self._of_octets
            found = of(octets, codec)
            if found is None:
                return True
            lower = found
        if not is_page:
            return False
        if _MAY_BE_LETTERS.search(lower) is not None and any(
            map(self._references.__getitem__, references(octets))
        ):
            return True
        return self._joined.search(lower) is not None

    def may_be_in_header(self, header: bytes) -> bool:
        """Tell whether a value of a raw header, or of a parameter, may have the string.

        Only encoded words, characters beyond ASCII, quoted pairs and
        extended parameters (RFC 2231) become what does not stand there.
        """
        if not header.isascii() or b"=?" in header or b"*" in header:
            return True
        lower = header.translate(_LOWER, b"\r\n")
        return b"\\" in lower or self._word in lower

    # These give a text with what is ASCII in lower case, in which the letters of the
    # word are those of the text, but for an accent on the last one; or None, where the
    # word may be in it as it stands.

    def _of_octets(self, octets: bytes, codec: str) -> bytes | None:
        if codec not in self._meanings:
            self._meanings[codec] = self._meanings_in(codec)
        lower = octets.lower()
        for octet, new in self._meanings[codec]:
            if octet in lower:
                lower = lower.replace(octet, new)
        return None if self._beginning in lower else lower

    def _of_utf_8(self, octets: bytes, codec: str) -> bytes | None:
        lower = octets.lower()
        if self._beginning in lower:
            return None
        if self._odd is None:
            self._odd = self._odd_octets()
        if not any(octet in lower and search(lower) for octet, search in self._odd):
            return lower
        known = guessed(octets, codec)
        if known is None:
            return None
        if known not in UTF_8:
            return self._of_octets(octets, known)
        roles = [role for role in self._roles.among(octets) if not role[1].last]
        if len(roles) > _FEW:
            return None
        for char, role in roles:
            lower = lower.replace(encode(char), role.new)
        return None if self._beginning in lower else lower

    def _odd_octets(self) -> _Odd:
        """Find what else than ASCII may be within the word, in what may be UTF-8.

        What is none is Windows-1252. There the word has a first letter that is not
        ASCII: it stands behind one that is, as no octet does in UTF-8 that has such a
        letter and goes on a character. Or else the word begins with it, and goes on.
        Gives octets, and what searches for that which such a one begins.
        """
        found: dict[bytes, list[bytes]] = {}
        for char in filter(self._is_within, _TWO_OCTETS):
            octets = encode(char)
            found.setdefault(octets[:1], []).append(octets[1:])
        for octet, behind in _LONGER.items():
            found[octet] = [behind]
        word = decode(self._word)
        for octet, new in self._meanings_in("cp1252"):
            letters = decode(new)
            edges = [b"(?<=[\\x00-\\x7f]%b)" % octet]
            if word in letters:
                edges = [b""]
            elif any(word.startswith(letters[at:]) for at in range(len(letters))):
                edges.append(b"(?=[<&%b\\x80-\\xff])" % self._word)
            found.setdefault(octet, []).extend(edges)
        return [
            (octet, re.compile(octet + b"(?:%b)" % b"|".join(behind)).search)
            for octet, behind in found.items()
        ]

    def _is_within(self, char: str) -> bool:
        role = self._roles[char]
        return bool(role.new) and not role.last

    def _meanings_in(self, codec: str) -> list[tuple[bytes, bytes]]:
        """Give the octets of a charset that may be within the word, and what they are.

        Each octet of it is a character.
        """
        characters = octet_meanings(codec)
        assert characters is not None
        roles = [(octet, self._roles[characters[octet]]) for octet in _BEYOND]
        return [(bytes([octet]), role.new) for octet, role in roles if not role.last]


def _is_direct(codec: str) -> bool:
    """Tell whether octets can be looked at as they are."""
    return codec in UTF_8 or octet_meanings(codec) is not None


def _as_utf_8(octets: bytes, codec: str) -> bytes:
    """Put a whole text into UTF-8. Raises `UnicodeEncodeError` for half characters."""
    source = decoder(codec)
    text = source.decode(octets)
    return (text + source.decode(b"", final=True)).encode()
