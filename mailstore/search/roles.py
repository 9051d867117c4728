"""What characters beyond ASCII can be within a string of ASCII, once they are folded.

Few can be anything: ligatures, wide letters, letters with accents, of which the base
is the last character of a string in which no accent follows. Example::

    Roles("fix")["ﬁ"].new == b"fi"; Roles("fix")["é"].new == b""
"""

from __future__ import annotations

from typing import NamedTuple

from mailstore.mime.folding import decode, encode, fold_character

_ASCII = bytes(range(128))
_MOST_ROLES = 20_000


class Role(NamedTuple):
    """What a character is within the string."""

    new: bytes  # its folding; empty: it is never within the string
    last: bool  # the last character alone, a letter in front of accents


_NONE = Role(b"", last=True)


class Roles(dict[str, Role]):
    """The roles of the characters that were met so far, in a folded string of ASCII."""

    def __init__(self, wanted: str) -> None:
        super().__init__()
        self._wanted = wanted
        self._nothing: set[str] = set()  # those of them that are never within it

    def __missing__(self, char: str) -> Role:
        role = self._role(fold_character(char))
        if len(self) < _MOST_ROLES:
            self[char] = role
        return role

    def _role(self, new: str) -> Role:
        plain = [one for one in new if one.isascii()]
        if not any(one in self._wanted for one in plain):
            return _NONE
        if len(plain) == len(new) and not _overlap(new, self._wanted):
            return _NONE
        last = len(plain) == 1 and len(new) > 1 and new[0] == plain[0]
        if last and not self._wanted.endswith(plain[0]):
            return _NONE
        return Role(encode(new), last=last)

    def among(self, octets: bytes) -> list[tuple[str, Role]]:
        """Give the characters of a text that can be something."""
        others = set(decode(octets.translate(None, _ASCII))) - self._nothing
        roles = [(char, self[char]) for char in others]
        self._nothing.update(
            [char for char, role in roles if not role.new and char in self]
        )
        return [(char, role) for char, role in roles if role.new]


def _overlap(one: str, other: str) -> bool:
    """Tell whether two texts that stand over each other have the same there."""
    if one in other or other in one:
        return True
    cuts = range(1, min(len(one), len(other)))
    return any(one.endswith(other[:cut]) or other.endswith(one[:cut]) for cut in cuts)
