"""Mailbox names and LIST patterns (RFC 3501 §5.1, §6.3.8).

Inside, a name is text with ``/`` between its levels and ``INBOX`` in upper case; on
the wire it is modified UTF-7.
"""

from __future__ import annotations

import re
from functools import lru_cache

from imapd.wire import encode, utf7
from imapd.wire.cursor import Cursor

DELIMITER = "/"
MAX_LEVEL = 255
MAX_NAME = 1_000
MAX_DEPTH = 32
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class InvalidMailboxName(ValueError):
    """No mailbox can have this name."""


def canonical_inbox(name: str) -> str:
    """Spell INBOX, alone or as the first level, in upper case (§5.1)."""
    first, delimiter, rest = name.partition(DELIMITER)
    if first.upper() == "INBOX":
        return "INBOX" + delimiter + rest
    return name


def decode_name(octets: bytes, *, utf8: bool = False) -> str:
    """Read a name from the wire, without checking that a mailbox can have it.

    Raises `InvalidMailboxName` when it isn't modified UTF-7; with ``utf8`` (after
    ENABLE UTF8=ACCEPT, RFC 6855 §3) it is UTF-8 and ``&`` is an ordinary letter.
    """
    try:
        name = octets.decode("utf-8") if utf8 else utf7.decode(octets)
    except ValueError as error:
        raise InvalidMailboxName("the name is no modified UTF-7") from error
    return canonical_inbox(name)


def check_name(name: str) -> str:
    """Check that a mailbox may have this name. Raises `InvalidMailboxName`."""
    levels = name.split(DELIMITER)
    if "" in levels:
        raise InvalidMailboxName("a level of the name is empty")
    if _CONTROL.search(name):
        raise InvalidMailboxName("the name has control characters")
    if len(levels) > MAX_DEPTH:
        raise InvalidMailboxName(f"the name has more than {MAX_DEPTH} levels")
    if len(name.encode("utf-8")) > MAX_NAME:
        raise InvalidMailboxName(f"the name has more than {MAX_NAME} octets")
    if any(len(level.encode("utf-8")) > MAX_LEVEL for level in levels):
        raise InvalidMailboxName(f"a level has more than {MAX_LEVEL} octets")
    if "*" in name or "%" in name:
        # LIST could never name such a mailbox alone.
        raise InvalidMailboxName("the name has a wildcard")
    return name


def parse_mailbox(cursor: Cursor) -> bytes:
    """Take a mailbox name as octets; `decode_name` reads it."""
    return cursor.astring()


@lru_cache(maxsize=4096)
def render_name(name: str, *, utf8: bool = False) -> bytes:
    """Write a name as an astring for a response."""
    return encode.astring(name.encode("utf-8") if utf8 else utf7.encode(name))


def unparse_name(octets: bytes) -> bytes:
    """Write a name's octets as a client would."""
    return encode.client_astring(octets)


class ListPattern:
    """A reference and a pattern with ``*`` and ``%``, joined (§6.3.8).

    Matching simulates all states at once: its time is the product of the two
    lengths at worst, whatever the wildcards (no backtracking).
    """

    __slots__ = ("_tokens", "text")

    def __init__(self, reference: str, pattern: str) -> None:
        self.text = canonical_inbox(reference + pattern)
        self._tokens = re.sub(r"[*%]*\*[*%]*", "*", re.sub("%+", "%", self.text))

    def matches(self, name: str) -> bool:
        """Tell whether the pattern names this mailbox."""
        tokens, last = self._tokens, len(self._tokens)
        states = _skip_wildcards(tokens, {0})
        for letter in name:
            following = set()
            for state in states:
                if state == last:
                    continue
                token = tokens[state]
                if token == "*" or (token == "%" and letter != DELIMITER):
                    following.add(state)
                elif token == letter:
                    following.add(state + 1)
            if not following:
                return False
            states = _skip_wildcards(tokens, following)
        return last in states


def _skip_wildcards(tokens: str, states: set[int]) -> set[int]:
    """Add the states behind wildcards that match nothing."""
    found = set(states)
    for state in states:
        at = state
        while at < len(tokens) and tokens[at] in "*%":
            at += 1
            found.add(at)
    return found


def ancestors(name: str) -> list[str]:
    """Give the superior names of a name, the highest first."""
    levels = name.split(DELIMITER)
    return [DELIMITER.join(levels[:count]) for count in range(1, len(levels))]
