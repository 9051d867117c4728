"""Recursive descent over one command: a position, and the terminals of RFC 3501 §9.

`Cursor` reads from the text of a `Frame`; where the text announces a literal, the
next of the frame's literals is taken. What doesn't fit raises `Malformed`, and the
position then stands before the terminal that was refused::

    cursor = Cursor(b'"a b" {3}\\r\\n', (Literal(3, b"c d"),))
    cursor.astring(), cursor.sp(), cursor.astring()     # b"a b", None, b"c d"
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterator
from contextlib import contextmanager
from typing import TypeVar

from imapd.wire import abnf
from imapd.wire.framing import Literal

T = TypeVar("T")
_ESCAPED = re.compile(rb"\\(.)")
MAX_NESTING = 64
MAX_NUMBER = 0xFFFF_FFFF
MAX_NUMBER_64 = 0x7FFF_FFFF_FFFF_FFFF


class Malformed(Exception):
    """The text isn't what the grammar wants: ``wanted`` names it, ``at`` says where."""

    def __init__(self, at: int, wanted: str, code: str | None = None) -> None:
        super().__init__(f"{wanted} wanted at octet {at}")
        self.at = at
        self.wanted = wanted
        self.code = code


class LiteralMissing(Malformed):
    """The text announces a literal here that has not come yet."""


class Cursor:
    """A position in a command's text.

    ``utf8`` permits UTF-8 in quoted strings; ``terminals`` are what extensions have
    added to the grammar that all commands share, as ``$``. Without ``charsets`` a
    search may name none.
    """

    __slots__ = (
        "_depth",
        "_literals",
        "_next_literal",
        "at",
        "charsets",
        "terminals",
        "text",
        "utf8",
    )

    def __init__(
        self, text: bytes, literals: tuple[Literal, ...] = (), *, utf8: bool = False
    ) -> None:
        self.text = text
        self.at = 0
        self.utf8 = utf8
        self.charsets = True
        self.terminals: Container[bytes] = ()
        self._literals = literals
        self._next_literal = 0
        self._depth = 0

    def fail(self, wanted: str, code: str | None = None) -> Malformed:
        """Give the error that ``wanted`` was expected here."""
        return Malformed(self.at, wanted, code)

    @property
    def literals_taken(self) -> int:
        """How many literals were taken so far."""
        return self._next_literal

    # -- tokens

    def peek(self, count: int = 1) -> bytes:
        """Give the next octets without taking them."""
        return self.text[self.at : self.at + count]

    def match(self, pattern: re.Pattern[bytes]) -> re.Match[bytes] | None:
        """Take what the pattern matches here, if it does."""
        found = pattern.match(self.text, self.at)
        if found is not None:
            self.at = found.end()
        return found

    def need(self, pattern: re.Pattern[bytes], wanted: str) -> re.Match[bytes]:
        """Take what the pattern matches here. Raises `Malformed`."""
        found = self.match(pattern)
        if found is None:
            raise self.fail(wanted)
        return found

    def accept(self, token: bytes) -> bool:
        """Take a token if it is next; letters match in any case."""
        end = self.at + len(token)
        if self.text[self.at : end].upper() == token.upper():
            self.at = end
            return True
        return False

    def expect(self, token: bytes) -> None:
        """Take a token. Raises `Malformed`."""
        if not self.accept(token):
            raise self.fail(repr(token.decode("ascii")))

    def sp(self) -> None:
        """Take one space; every other white space is malformed."""
        at = self.at
        if not self.text.startswith(b" ", at):
            raise self.fail("a space")
        self.at = at + 1

    def end(self) -> None:
        """Be at the end of the command."""
        if self.at != len(self.text):
            raise self.fail("the end of the command")

    # -- strings

    def atom(self) -> bytes:
        """Take an atom."""
        return self.need(abnf.atom, "an atom")[0]

    def tag(self) -> bytes:
        """Take a tag (§9: any ASTRING-CHAR except "+")."""
        return self.need(abnf.tag, "a tag")[0]

    def quoted(self) -> bytes:
        """Take a quoted string; gives it unescaped."""
        start = self.at
        pattern = abnf.quoted_utf8 if self.utf8 else abnf.quoted
        found = pattern.match(self.text, start)
        if found is None:
            raise self.fail("a quoted string")
        self.at = found.end()
        inner = found[1]
        if b"\\" in inner:
            inner = _ESCAPED.sub(rb"\1", inner)
        if self.utf8 and not inner.isascii():
            try:
                inner.decode("utf-8")
            except UnicodeDecodeError:
                self.at = start
                raise self.fail("UTF-8 text") from None
        return inner

    def literal(self) -> Literal:
        """Take a literal, in memory or not. Raises `LiteralMissing` before it came."""
        start = self.at
        announced = self.match(abnf.literal)
        if announced is None:
            raise self.fail("a literal")
        if self._next_literal >= len(self._literals):
            self.at = start
            raise LiteralMissing(start, "a literal")
        self._next_literal += 1
        return self._literals[self._next_literal - 1]

    def string(self) -> bytes:
        """Take a string: quoted, or a literal without NUL (§9: CHAR8)."""
        first = self.text[self.at : self.at + 1]
        if first == b'"':
            return self.quoted()
        if first != b"{":
            raise self.fail("a string")
        start = self.at
        data = self.literal().data
        # A literal that went to a sink is a message, no string.
        if data is None or b"\x00" in data:
            self.at = start
            self._next_literal -= 1
            raise self.fail("a string" if data is None else "a string without NUL")
        return data

    def astring(self) -> bytes:
        """Take an astring."""
        found = abnf.astring_atom.match(self.text, self.at)
        if found is None:
            return self.string()
        self.at = found.end()
        return found[0]

    def nstring(self) -> bytes | None:
        """Take a string or NIL."""
        if self.peek() in (b'"', b"{"):
            return self.string()
        start = self.at
        found = self.match(abnf.atom)
        if found is None or found[0].upper() != b"NIL":
            self.at = start
            raise self.fail("a string or NIL")
        return None

    def list_mailbox(self) -> bytes:
        """Take the pattern of LIST (§9: list-mailbox)."""
        pattern = abnf.list_mailbox_utf8 if self.utf8 else abnf.list_mailbox
        found = self.match(pattern)
        return found[0] if found is not None else self.string()

    # -- numbers

    def number(self, most: int = MAX_NUMBER) -> int:
        """Take a number from 0 to ``most``."""
        start = self.at
        value = int(self.need(abnf.number, "a number")[0])
        if value > most:
            self.at = start
            raise self.fail(f"a number up to {most}")
        return value

    def nz_number(self, most: int = MAX_NUMBER) -> int:
        """Take a number from 1 to ``most``."""
        start = self.at
        # §9: digit-nz first, so no zeros lead.
        value = int(self.need(abnf.nz_number, "a number above 0")[0])
        if value > most:
            self.at = start
            raise self.fail(f"a number up to {most}")
        return value

    def number64(self) -> int:
        """Take a number of 63 bits."""
        return self.number(MAX_NUMBER_64)

    # -- lists

    @contextmanager
    def nested(self) -> Iterator[None]:
        """Count one level of nesting; the depth is bounded."""
        if self._depth >= MAX_NESTING:
            raise self.fail(f"at most {MAX_NESTING} levels", "LIMIT")
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1

    def parenthesised(self, item: Callable[[], T], *, least: int = 0) -> tuple[T, ...]:
        """Take ``(item SP item …)`` with at least ``least`` items."""
        self.expect(b"(")
        with self.nested():
            items: list[T] = []
            if least or self.peek() != b")":
                items.append(item())
                while self.peek() == b" ":
                    self.sp()
                    items.append(item())
            if len(items) < least:
                raise self.fail("more items")
            self.expect(b")")
        return tuple(items)
