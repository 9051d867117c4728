"""The terminals of IMAP as a strict client reads them, from bytes that are whole.

It knows no response and no item. Literals stand in the bytes with their CRLF.
RFC 3501 §9: atom, astring, string, nstring, number, date-time.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import NoReturn

BASE64 = re.compile(
    rb"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?\Z"
)
_TEXT = re.compile(rb"[\x01-\x09\x0b\x0c\x0e-\x7f]+\Z")
_LOCALIZED_TEXT = re.compile(rb"[\x20-\x5a\x5c-\x7e\x80-\xff][\x20-\x7e\x80-\xff]*\Z")
_ATOM = re.compile(rb'[^\x00-\x20\x7f-\xff(){%*"\\\]]+')
_ASTRING = re.compile(rb'[^\x00-\x20\x7f-\xff(){%*"\\]+')
_QUOTED = re.compile(
    rb'"((?:[\x01-\x09\x0b\x0c\x0e-\x21\x23-\x5b\x5d-\x7f]|\\["\\])*)"'
)
_QUOTED_UTF8 = re.compile(
    rb'"((?:[\x01-\x09\x0b\x0c\x0e-\x21\x23-\x5b\x5d-\x7f\x80-\xff]|\\["\\])*)"'
)
_ESCAPED = re.compile(rb'\\(["\\])')
_LITERAL = re.compile(rb"\{([0-9]{1,10})\}\r\n")
_LITERAL8 = re.compile(rb"~\{([0-9]{1,10})\}\r\n")
_NUMBER = re.compile(rb"[0-9]+")
_DATE_TIME = re.compile(
    rb'"([ 0-3][0-9])-([A-Z][a-z]{2})-([0-9]{4}) '
    rb'([0-9]{2}):([0-9]{2}):([0-9]{2}) ([+-])([0-9]{2})([0-9]{2})"'
)
_MONTHS = b"Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()


class Malformed(Exception):
    """The server said what the grammar doesn't allow."""

    def __init__(self, wanted: str, at: int, data: bytes) -> None:
        near = data[max(at - 60, 0) : at + 60]
        super().__init__(f"{wanted} wanted at octet {at}, near {near!r}")
        self.wanted = wanted
        self.at = at


class Reader:
    """A place in one response."""

    def __init__(self, data: bytes, *, utf8: bool = False, texts: bool = False) -> None:
        self.data = data
        self.at = 0
        self.utf8 = utf8
        self.localized = texts  # those for people are UTF-8

    def refuse(self, wanted: str) -> NoReturn:
        """Raise `Malformed` at this place."""
        raise Malformed(wanted, self.at, self.data)

    def end(self) -> None:
        if self.at != len(self.data):
            self.refuse("the end")

    def peek(self, text: bytes) -> bool:
        return self.data.startswith(text, self.at)

    def peek_digit(self) -> bool:
        return self.data[self.at : self.at + 1].isdigit()

    def accept(self, text: bytes) -> bool:
        if not self.peek(text):
            return False
        self.at += len(text)
        return True

    def accept_word(self, word: bytes) -> bool:
        """Take a word in any case, if it is next."""
        if self.data[self.at : self.at + len(word)].upper() != word:
            return False
        self.at += len(word)
        return True

    def take(self, text: bytes) -> None:
        if not self.accept(text):
            self.refuse(repr(text))

    def match(self, pattern: re.Pattern[bytes], wanted: str) -> bytes:
        found = pattern.match(self.data, self.at)
        if found is None:
            self.refuse(wanted)
        self.at = found.end()
        return found[0]

    def text(self) -> str:
        """Take the rest of a response, that people may read (RFC 5255 §3.5)."""
        wanted = _LOCALIZED_TEXT if self.localized else _TEXT
        return self.match(wanted, "text").decode("utf-8")

    def atom(self) -> str:
        return self.match(_ATOM, "atom").decode("ascii")

    def astring(self) -> bytes:
        if self.peek(b'"') or self.peek(b"{"):
            return self.string()
        return self.match(_ASTRING, "astring")

    def string(self) -> bytes:
        quoted = (_QUOTED_UTF8 if self.utf8 else _QUOTED).match(self.data, self.at)
        if quoted is not None:
            try:
                quoted[1].decode("utf-8" if self.utf8 else "ascii")
            except UnicodeDecodeError:
                self.refuse("UTF-8 in a quoted string")
            self.at = quoted.end()
            return _ESCAPED.sub(rb"\1", quoted[1])
        literal = _LITERAL.match(self.data, self.at)
        if literal is None:
            self.refuse("string")
        start, size = literal.end(), int(literal[1])
        found = self.data[start : start + size]
        if len(found) != size or b"\0" in found:
            self.refuse("a whole literal of CHAR8")
        self.at = start + size
        return found

    def strings(self) -> tuple[bytes, ...]:
        """One or more strings in parentheses."""
        self.take(b"(")
        found = [self.string()]
        while self.accept(b" "):
            found.append(self.string())
        self.take(b")")
        return tuple(found)

    def nstring(self) -> bytes | None:
        return None if self.accept_word(b"NIL") else self.string()

    def nstring8(self) -> bytes | None:
        """``nstring`` or ``literal8`` (RFC 3516 §7); the latter has a NUL here."""
        literal = _LITERAL8.match(self.data, self.at)
        if literal is None:
            return self.nstring()
        start, size = literal.end(), int(literal[1])
        found = self.data[start : start + size]
        if len(found) != size or b"\0" not in found:
            self.refuse("a whole literal8 with a NUL")
        self.at = start + size
        return found

    def name(self) -> str:
        """A string that names something in ASCII, in upper case."""
        found = self.string()
        if not found or not found.isascii():
            self.refuse("a name in ASCII")
        return found.decode("ascii").upper()

    def mailbox(self) -> str:
        found = self.astring()
        if not (found.isascii() or self.utf8):
            self.refuse("a mailbox name in ASCII")
        name = found.decode("utf-8")
        return "INBOX" if name.upper() == "INBOX" else name

    def number(self) -> int:
        return self._number(1 << 32)

    def number64(self) -> int:
        return self._number(1 << 63)

    def nz_number(self) -> int:
        if self.peek(b"0"):
            self.refuse("nz-number")
        return self.number()

    def _number(self, limit: int) -> int:
        start = self.at
        text = self.match(_NUMBER, "number")
        if len(text) > 20 or int(text) >= limit:
            self.at = start
            self.refuse(f"a number below {limit}")
        return int(text)

    def uid_set(self) -> tuple[int, ...]:
        """``uid-set`` in its order (RFC 4315 §4), spelt out."""
        found: list[int] = []
        while True:
            first = self.nz_number()
            last = self.nz_number() if self.accept(b":") else first
            step = 1 if last >= first else -1
            if abs(last - first) > 1_000_000:
                self.refuse("a set of bounded size")
            found += range(first, last + step, step)
            if not self.accept(b","):
                return tuple(found)

    def date_time(self) -> dt.datetime:
        found = _DATE_TIME.match(self.data, self.at)
        if found is None or found[2] not in _MONTHS:
            self.refuse("date-time")
        day, month, year, hour, minute, second, sign, east, minutes = found.groups()
        offset = dt.timedelta(hours=int(east), minutes=int(minutes))
        try:
            zone = dt.timezone(-offset if sign == b"-" else offset)
            when = dt.datetime(
                int(year),
                _MONTHS.index(month) + 1,
                int(day),
                int(hour),
                int(minute),
                int(second),
                tzinfo=zone,
            )
        except ValueError:
            self.refuse("a date that exists")
        self.at = found.end()
        return when
