"""Tells without reading a page of HTML that what a reader sees has no such string.

Most of what it costs to look through a page is to take its text out of it. Letters and
digits that stand beside each other for a reader stand so in the source, but for what
is within tags, which are dropped (block tags leave a line end), for character
references, and for characters that become such letters when they are folded. Where
none of that can help, a look at the octets decides. Example::

    Skimmer("lunch").may_be_in("<p>din<b>ner") is False
"""

from __future__ import annotations

import re

from mailstore.mime.folding import decode, encode, fold, folded
from mailstore.mime.html import references, unescape
from mailstore.search.roles import Roles

_WORD = re.compile(rb"[0-9a-z]++")
_SHORTEST = 2
_MOST_REFERENCES = 10_000


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
    """One string, looked for in the source of many pages; for one thread at a time.

    Of the string it takes the longest word: without that there is no string.
    """

    def __init__(self, needle: str) -> None:
        words: list[bytes] = _WORD.findall(folded(needle))
        self._word = max(words, key=len, default=b"")
        self._roles = Roles(decode(self._word))
        self._references = _References(decode(self._word))
        # Two neighbours, with tags between them.
        before, behind = self._word[:-1] or b"0", self._word[1:] or b"0"
        self._joined = re.compile(
            rb"<(?<=[%b]<)[^<>]*+>(?:<[^<>]*+>)*+[%b]" % (before, behind)
        )

    @property
    def is_any(self) -> bool:
        """Whether there is a word that can be missed."""
        return len(self._word) >= _SHORTEST

    def may_be_in(self, source: str) -> bool:
        """Tell whether a whole page may have the string."""
        octets = encode(source).lower()
        if self._word in octets:
            return True
        if any(map(self._references.__getitem__, references(source))):
            return True
        if not source.isascii() and self._roles.among(octets):
            return True
        return self._joined.search(octets) is not None
