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

from mailstore.mime.charset import UTF_8, guessed, is_transparent, octet_meanings
from mailstore.mime.folding import decode, fold, folded
from mailstore.mime.html import references, unescape
from mailstore.search.roles import Roles

_WORD = re.compile(rb"[0-9a-z]++")
_SHORTEST = 2
_MOST_REFERENCES = 10_000
_ASCII = bytes(range(128))
_BEYOND = range(0x80, 0x100)
_MAY_MATTER = frozenset(b"\xc2\xc3\xc4\xc5\xc6\xc7\xc8\xca\xcb\xe1\xe2\xe3\xea\xef\xf0")
"""What the UTF-8 of all characters begins with whose folding has a letter of ASCII."""
_NEVER_MATTERS = bytes([octet for octet in _BEYOND if octet not in _MAY_MATTER])


class _References(dict[str, bool]):
    """Whether a character reference may give a letter of a word."""

    def __init__(self, word: str) -> None:
        super().__init__()
        self._word = word

    def __missing__(self, reference: str) -> bool:
        text = unescape(reference)
        # What is none stays as it stands.
        gives = text != reference and any(one in self._word for one in fold(text))
        if len(self) < _MOST_REFERENCES:
            self[reference] = gives
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
        self._meanings: dict[str, list[tuple[bytes, bytes]] | None] = {}
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
        known = guessed(octets, codec)
        if known is None:
            return True
        lower = self._lower(octets, known)
        if lower is None:
            return True
        if not is_page:
            return False
        if b"&" in lower:
            source = octets.decode(known, "replace")
            if any(map(self._references.__getitem__, references(source))):
                return True
        return self._joined.search(lower) is not None

    def _lower(self, octets: bytes, codec: str) -> bytes | None:
        """Give a text with what is ASCII in lower case.

        None: the word may be there, as it stands. In what this gives its letters are
        those of the text, but for an accent on the last one.
        """
        if octets.isascii():
            if not is_transparent(codec):
                return None
            lower = octets.lower()
            return None if self._word in lower else lower
        lower = octets.lower()
        if codec in UTF_8:
            others = octets.translate(None, _ASCII)
            if others.translate(None, _NEVER_MATTERS):
                roles = self._roles.among(others)
                if not all(role.last for _, role in roles):
                    return None
        else:
            if codec not in self._meanings:
                self._meanings[codec] = self._meanings_in(codec)
            meanings = self._meanings[codec]
            if meanings is None:
                return None
            for octet, new in meanings:
                if octet in lower:
                    lower = lower.replace(octet, new)
        return None if self._beginning in lower else lower

    def _meanings_in(self, codec: str) -> list[tuple[bytes, bytes]] | None:
        """Give the octets of a charset that may be within the word, and what they are.

        None, where octets mean nothing by themselves.
        """
        characters = octet_meanings(codec)
        if characters is None:
            return None
        roles = [(octet, self._roles[characters[octet]]) for octet in _BEYOND]
        return [(bytes([octet]), role.new) for octet, role in roles if not role.last]
