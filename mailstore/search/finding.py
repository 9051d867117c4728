"""Finds a string in texts as they are, with the answer that their folding would give.

Folding is most of what it costs to look through a text. Where the string is ASCII
little of it is needed: no character of ASCII becomes anything but ASCII, and few others
become such. What is found in a text whose ASCII is in lower case is there; what is not
found there can be in the folded text only with the help of a character that becomes
ASCII. Example::

    Finder("STRASSE").within(["Stra", "ße"]) is True
"""

from __future__ import annotations

from collections.abc import Iterable

from mailstore.mime.folding import decode, encode, folded
from mailstore.mime.text import SEPARATOR
from mailstore.search.roles import Roles
from mailstore.search.skimming import Skimmer

_FEW = 32  # characters that are replaced one after the other


class Finder:
    """One string, looked for in many texts; used by one thread at a time."""

    def __init__(self, needle: str) -> None:
        self._wanted = folded(needle)
        self._is_ascii = self._wanted.isascii()
        self._roles = Roles(decode(self._wanted))
        self._parted = SEPARATOR not in needle
        skimmer = Skimmer(needle)
        self.skimmer = skimmer if skimmer.is_any and self._parted else None
        """Tells which texts need not be read; None: it would be none."""

    def within(self, pieces: Iterable[str]) -> bool:
        """Tell whether a text has the string; pieces are cut as `body_texts` does.

        The empty string is in any text, if there is one.
        """
        keep = len(self._wanted) - 1
        tail, before = b"", ""
        for piece in pieces:
            if piece == SEPARATOR and self._parted and keep >= 0:
                tail, before = b"", ""
                continue
            if before and keep > 0:
                tail = (tail + folded(before))[-keep:]
            if self._is_in(piece, tail):
                return True
            before = piece
        return False

    def _is_in(self, piece: str, tail: bytes) -> bool:
        if tail or not self._is_ascii:
            if not tail and piece.isascii():
                return False
            return self._wanted in tail + folded(piece)
        octets = encode(piece).lower()
        if self._wanted in octets:
            return True
        return not piece.isascii() and self._becomes(piece, octets)

    def _becomes(self, piece: str, octets: bytes) -> bool:
        """Tell whether folding makes the string of what else there is."""
        roles = self._roles.among(octets)
        if all(role.last for _, role in roles) and self._wanted[:-1] not in octets:
            return False
        if len(roles) > _FEW:
            return self._wanted in folded(piece)
        # The others are no part of the string, whether they are folded or not.
        for char, role in roles:
            octets = octets.replace(encode(char), role.new)
        return self._wanted in octets
