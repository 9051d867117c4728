"""Mailbox names and LIST patterns (RFC 3501 §5.1, §6.3.8).

Inside, a name is text with ``/`` between its levels and ``INBOX`` in upper case; on
the wire it is modified UTF-7: ``inbox/Entw&APw-rfe`` is ``INBOX/Entwürfe``. Names
never become paths, so ``..`` is a level like every other.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from imapd.wire import encode, utf7
from imapd.wire.cursor import Cursor

DELIMITER = "/"
MAX_LEVEL = 255
MAX_NAME = 1_000
MAX_DEPTH = 32
MAX_PATTERNS = 20_000
# C0, DEL, C1, and the line ends of Unicode (RFC 5198 §2).
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_WILDCARDS = "*%"
# Nearly all names: of octets of which none may be wrong, on few levels.
_LEVEL = r"[ !-$&-)+-.0-~]+"
_PLAIN = re.compile(f"{_LEVEL}(?:/{_LEVEL}){{0,{MAX_DEPTH - 1}}}")


class InvalidMailboxName(ValueError):
    """No mailbox can have this name."""


def canonical_inbox(name: str) -> str:
    """Spell INBOX, alone or as the first level, in upper case (§5.1).

    Only ASCII letters have two cases here: ``ınbox`` with a dotless i is another
    mailbox, though `str.upper` makes INBOX of it.
    """
    first, delimiter, rest = name.partition(DELIMITER)
    if first.isascii() and first.upper() == "INBOX":
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
        raise InvalidMailboxName(
            f"the name is no {'UTF-8' if utf8 else 'modified UTF-7'}"
        ) from error
    return canonical_inbox(name)


def normalized(name: str) -> str:
    """Give a name in the form of Net-Unicode, NFC (RFC 5198 §3, RFC 9051 §5.1)."""
    return name if name.isascii() else unicodedata.normalize("NFC", name)


def check_name(name: str, *, trailing: bool = False) -> str:
    """Check that a mailbox may have this name; gives it.

    With ``trailing`` a delimiter at the end, by which a client says that it will
    make names below this one, is dropped: CREATE may have it (§6.3.3), Thunderbird
    sends it in SUBSCRIBE too. Raises `InvalidMailboxName`.
    """
    if trailing:
        name = name.removesuffix(DELIMITER)
    if len(name) <= MAX_LEVEL and _PLAIN.fullmatch(name):
        return name
    try:
        levels = [level.encode("utf-8") for level in name.split(DELIMITER)]
    except UnicodeEncodeError as error:
        raise InvalidMailboxName("the name has half a character") from error
    if b"" in levels:
        raise InvalidMailboxName("a level of the name is empty")
    if _CONTROL.search(name):
        raise InvalidMailboxName("the name has control characters")
    if len(levels) > MAX_DEPTH:
        raise InvalidMailboxName(f"the name has more than {MAX_DEPTH} levels")
    if sum(map(len, levels)) + len(levels) - 1 > MAX_NAME:
        raise InvalidMailboxName(f"the name has more than {MAX_NAME} octets")
    if max(map(len, levels)) > MAX_LEVEL:
        raise InvalidMailboxName(f"a level has more than {MAX_LEVEL} octets")
    if "*" in name or "%" in name:
        # LIST could never name such a mailbox alone.
        raise InvalidMailboxName("the name has a wildcard")
    return name


def parse_mailbox(cursor: Cursor) -> bytes:
    """Take a mailbox name as octets; `decode_name` reads it. Raises `Malformed`."""
    return cursor.astring()


@lru_cache(maxsize=4096)
def render_name(name: str, *, utf8: bool = False) -> bytes:
    """Write a name as an astring for a response.

    With ``utf8`` (RFC 6855 §3) it is UTF-8, quoted as soon as it isn't ASCII.
    """
    if not utf8:
        return encode.astring(utf7.encode(name))
    octets = name.encode("utf-8")
    if name.isascii() or _CONTROL.search(name):
        return encode.astring(octets)
    return b'"%b"' % octets.replace(b"\\", b"\\\\").replace(b'"', b'\\"')


def unparse_name(octets: bytes) -> bytes:
    """Write a name's octets as a client would."""
    return encode.client_astring(octets)


class ListPattern:
    """A reference and patterns with ``*`` and ``%``, each joined to it (§6.3.8).

    All states of all patterns are followed at once, as the bits of one number: the
    time is the name's length times the patterns' length over the size of a machine
    word, whatever the wildcards. A pattern has no use for more letters than a name
    may have, and all together have `MAX_PATTERNS` letters at most, so that both are
    bounded. One pattern with one wildcard, as nearly all are, is a beginning and an end
    that are compared. Whether a superior of a name matches, as ``%`` wants to know, is
    asked with each of `ancestors`. Raises `InvalidMailboxName` for patterns beyond.
    """

    __slots__ = (
        "_all",
        "_begins",
        "_ends",
        "_inbox",
        "_simple",
        "_stars",
        "_steps",
        "_wildcards",
        "texts",
    )

    def __init__(self, reference: str, *patterns: str) -> None:
        self.texts = tuple([canonical_inbox(reference + text) for text in patterns])
        # Wildcards that stand together match what their most general one does.
        each = [re.sub(r"[*%]+", _widest, text) for text in dict.fromkeys(self.texts)]
        each = [tokens for tokens in each if _letters(tokens) <= MAX_NAME]
        if sum(map(len, each)) > MAX_PATTERNS:
            raise InvalidMailboxName("the patterns are too long together")
        self._all = "*" in each
        self._simple = _simple(each[0]) if len(each) == 1 else None
        self._steps: dict[str, int] = {}  # letter: the tokens that are this letter
        self._inbox: dict[str, int] = {}  # the same, in either case
        self._wildcards = self._stars = self._begins = self._ends = 0
        place = 0
        for tokens in each:
            self._begins |= 1 << place
            for token in tokens:
                self._add(token, 1 << place)
                place += 1
            self._ends |= 1 << place
            place += 1  # between two patterns: nothing leads from one to the next

    @property
    def quick(self) -> bool:
        """Whether its time for a name hardly depends on the name's length."""
        return self._all or self._simple is not None

    def _add(self, token: str, bit: int) -> None:
        if token in _WILDCARDS:
            self._wildcards |= bit
            self._stars |= bit if token == "*" else 0
        else:
            self._steps[token] = self._steps.get(token, 0) | bit
            upper = token.upper() if token.isascii() else token
            self._inbox[upper] = self._inbox.get(upper, 0) | bit

    def begins(self, first: str) -> bool:
        """Tell whether one of the patterns has a first level as it is written."""
        inside = first + DELIMITER
        return any(text == first or text.startswith(inside) for text in self.texts)

    def matches(self, name: str) -> bool:
        """Tell whether one of the patterns names this mailbox.

        The name's INBOX, alone or as first level, matches in any case (§5.1).
        """
        if self._all:
            return True
        if self._simple is not None and not name.startswith("INBOX"):
            begin, wildcard, end = self._simple
            return name.startswith(begin) and _ends(name, len(begin), wildcard, end)
        # Bit n: the name so far may be what the tokens before the n-th matched.
        states = self._begins | (self._begins & self._wildcards) << 1
        any_case = len("INBOX") if name.partition(DELIMITER)[0] == "INBOX" else 0
        for at, letter in enumerate(name):
            steps = (self._inbox if at < any_case else self._steps).get(letter, 0)
            stays = self._stars if letter == DELIMITER else self._wildcards
            states = (states & steps) << 1 | (states & stays)
            # A wildcard may match nothing; no two of them stand together.
            states |= (states & self._wildcards) << 1
            if not states:
                return False
        return bool(states & self._ends)


def _simple(tokens: str) -> tuple[str, str, str] | None:
    """Give the beginning, the wildcard and the end of a pattern that has only one."""
    found = re.fullmatch(r"([^*%]*)([*%]?)([^*%]*)", tokens)
    return None if found is None else (found[1], found[2], found[3])


def _ends(name: str, start: int, wildcard: str, end: str) -> bool:
    """Tell whether a name goes on behind its beginning as a simple pattern says."""
    rest = len(name) - len(end)
    if not wildcard:
        return rest == start and not end
    if rest < start or not name.endswith(end):
        return False
    return wildcard == "*" or name.find(DELIMITER, start, rest) < 0


def _letters(tokens: str) -> int:
    return sum(token not in _WILDCARDS for token in tokens)


def _widest(found: re.Match[str]) -> str:
    return "*" if "*" in found[0] else "%"


def ancestors(name: str) -> list[str]:
    """Give the superior names of a name, the highest first."""
    levels = name.split(DELIMITER)
    return [DELIMITER.join(levels[:count]) for count in range(1, len(levels))]
