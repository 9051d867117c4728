"""Bytes in, whole commands out: where a command ends, without knowing its grammar.

A command is a line whose end may announce a literal, followed by that many octets
and another line, and so on (RFC 3501 §2.2, §4.3, RFC 7888)::

    a1 LOGIN {5}\\r\\n          LiteralAnnounced, then accept()
    alice {3+}\\r\\n            LiteralAnnounced, then accept()
    pw!\\r\\n                   Frame(b"a1 LOGIN {5}\\r\\n {3+}\\r\\n", 2 literals)

Invariants: octets of a literal are never read as a command, whatever becomes of the
command that they belong to; memory is bounded by the limits plus what was fed; the
work is linear in the octets, however they are cut.

A brace group at the very end of a line announces a literal even inside what looks
like an unfinished quoted string. A quoted string can't hold a line end, so such a
line is malformed either way; reading the announcement is what keeps the two sides
in step when the client meant it, and a client that meant text sent no valid command.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Protocol

_ANNOUNCED = re.compile(rb"(~?)\{([0-9]*)(\+?)\}\Z")
_KEPT_OF_A_LONG_LINE = 64


class LiteralSink(Protocol):
    """Takes a literal's octets as they arrive."""

    def write(self, chunk: bytes) -> None:
        """Take the next octets. Must not raise."""
        ...

    def finish(self) -> None:
        """All octets are here."""
        ...

    def abort(self) -> None:
        """The octets are not wanted. May be called more than once."""
        ...


@dataclass(frozen=True, slots=True)
class FrameLimits:
    """Bounds of one command, in octets."""

    line: int = 65_536
    literal_discard: int = 134_217_728
    digits: int = 10

    def __post_init__(self) -> None:
        if min(self.line, self.literal_discard, self.digits) < 1:
            raise ValueError("a frame limit is at least 1")


@dataclass(frozen=True, slots=True)
class Literal:
    """One literal of a command: its octets in memory, or the sink that has them."""

    size: int
    data: bytes | None = None
    sink: LiteralSink | None = None
    binary: bool = False
    synchronizing: bool = True

    def __post_init__(self) -> None:
        if (self.data is None) == (self.sink is None):
            raise ValueError("a literal is in memory or in a sink")
        if self.data is not None and len(self.data) != self.size:
            raise ValueError("a literal's size is its octets")


@dataclass(frozen=True, slots=True)
class Poison:
    """Why a frame must not be run. ``cause`` is the refuser's own business."""

    text: str
    code: str | None = None
    fatal: bool = False
    cause: object | None = None


@dataclass(frozen=True, slots=True)
class Frame:
    """One whole command, without the line end that closes it.

    In ``text`` each literal is only its announcement with its line end; the octets
    are in ``literals``, in order.
    """

    text: bytes
    literals: tuple[Literal, ...] = ()
    poison: Poison | None = None


@dataclass(frozen=True, slots=True)
class LiteralAnnounced:
    """A literal is coming; `Framer.accept` or `Framer.refuse` must be called."""

    text: bytes
    literals: tuple[Literal, ...]
    size: int
    synchronizing: bool
    binary: bool


class Framer:
    """Cuts a connection's octets into frames; pull events with `next`."""

    def __init__(self, limits: FrameLimits) -> None:
        self.limits = limits
        self._buffer = bytearray()
        self._scanned = 0  # octets of the buffer known to hold no line end
        self._text = bytearray()
        self._literals: list[Literal] = []
        self._poison: Poison | None = None
        self._announced: LiteralAnnounced | None = None
        self._left = 0  # octets of the open literal that are still to come
        self._sink: LiteralSink | None = None
        self._memory: bytearray | None = None

    @property
    def buffered(self) -> int:
        """Octets that were fed and not yet taken."""
        return len(self._buffer)

    def feed(self, data: bytes) -> None:
        """Take octets from the client."""
        self._buffer += data

    def drain(self) -> bytes:
        """Take away and give all unread octets."""
        data = bytes(self._buffer)
        self._buffer.clear()
        self._scanned = 0
        return data

    def close(self) -> None:
        """The connection is over: abort what the unfinished command holds."""
        for literal in self._literals:
            if literal.sink is not None:
                literal.sink.abort()
        if self._sink is not None:
            self._sink.abort()
        self._start_over()
        self._buffer.clear()
        self._scanned = self._left = 0
        self._sink = self._memory = self._announced = None

    def next(self) -> Frame | LiteralAnnounced | None:
        """Give the next event, or None when more octets are needed."""
        if self._announced is not None:
            return self._announced
        while True:
            if (self._left or self._literal_open()) and not self._take_literal():
                return None
            line = self._take_line()
            if line is None:
                return None
            event = self._end_of_line(line)
            if event is not None:
                return event

    def accept(self, sink: LiteralSink | None = None) -> None:
        """Take the announced literal into memory, or into ``sink``."""
        announced = self._expect_announced()
        self._left = announced.size
        self._sink = sink
        self._memory = bytearray() if sink is None else None
        self._current = announced
        if announced.size == 0:
            self._finish_literal()

    def refuse(self, poison: Poison) -> None:
        """Don't take the announced literal.

        The client of a synchronizing literal waits and sends nothing more of this
        command, so the poisoned frame comes at once. Otherwise the octets are on
        their way: they and the rest of the command are consumed first.
        """
        announced = self._expect_announced()
        for literal in self._literals:
            if literal.sink is not None:
                literal.sink.abort()
        self._poison = self._poison or poison
        if announced.synchronizing:
            self._ended = True
        else:
            self._discard(announced.size)

    # -- inside

    _current: LiteralAnnounced
    _ended = False

    def _expect_announced(self) -> LiteralAnnounced:
        announced, self._announced = self._announced, None
        if announced is None:
            raise RuntimeError("no literal was announced")
        return announced

    def _literal_open(self) -> bool:
        return self._sink is not None or self._memory is not None

    def _discard(self, size: int) -> None:
        self._left = size
        self._sink = None
        self._memory = None

    def _take_literal(self) -> bool:
        """Move octets of the open literal; tells whether it is complete."""
        count = min(self._left, len(self._buffer))
        if count:
            if self._sink is not None:
                with memoryview(self._buffer) as view:
                    self._sink.write(bytes(view[:count]))
            elif self._memory is not None:
                self._memory += self._buffer[:count]
            del self._buffer[:count]
            self._scanned = 0
            self._left -= count
        if self._left:
            return False
        if self._literal_open():
            self._finish_literal()
        return True

    def _finish_literal(self) -> None:
        announced = self._current
        if self._sink is not None:
            self._sink.finish()
        self._literals.append(
            Literal(
                size=announced.size,
                data=None if self._memory is None else bytes(self._memory),
                sink=self._sink,
                binary=announced.binary,
                synchronizing=announced.synchronizing,
            )
        )
        self._sink = self._memory = None

    def _take_line(self) -> bytes | None:
        """Take octets up to a line end; an overlong line is cut and poisoned."""
        if self._ended:
            self._ended = False
            return b""
        at = self._buffer.find(b"\n", self._scanned)
        room = self.limits.line - len(self._text)
        if at < 0:
            if len(self._buffer) > room:
                self._poison_long_line(bytes(self._buffer[:_KEPT_OF_A_LONG_LINE]))
                # Enough of the end is kept to see a literal announced there.
                del self._buffer[:-_KEPT_OF_A_LONG_LINE]
            self._scanned = len(self._buffer)
            return None
        line = bytes(self._buffer[:at])
        del self._buffer[: at + 1]
        self._scanned = 0
        if line.endswith(b"\r"):
            line = line[:-1]
        if len(line) > room:
            self._poison_long_line(line[:_KEPT_OF_A_LONG_LINE])
        return line if self._poison is None else line[-_KEPT_OF_A_LONG_LINE:]

    def _poison_long_line(self, start: bytes) -> None:
        if self._poison is None:
            if not self._text:
                self._text += start  # the answer needs the tag
            self._poison = Poison(
                f"a command line may have {self.limits.line} octets at most", "LIMIT"
            )

    def _end_of_line(self, line: bytes) -> Frame | LiteralAnnounced | None:
        found = _ANNOUNCED.search(line)
        if found is None or self._was_refused(line):
            if self._poison is None:
                self._text += line
            return self._frame()
        if self._poison is None:
            self._text += line + b"\r\n"
        return self._announce(found)

    def _was_refused(self, line: bytes) -> bool:
        return not line and self._poison is not None

    def _announce(self, found: re.Match[bytes]) -> Frame | LiteralAnnounced | None:
        binary, digits, plus = found.groups()
        synchronizing = not plus
        if not digits or len(digits) > self.limits.digits:
            # RFC 3501 §9: number. A size that nobody can mean: what follows could
            # be data or commands, so with "+" the connection can't go on.
            self._poison = self._poison or Poison(
                "a literal's size has 1 to 10 digits", fatal=not synchronizing
            )
            return self._frame()
        size = int(digits)
        if self._poison is not None:
            if synchronizing:
                return self._frame()
            if size > self.limits.literal_discard:
                self._poison = Poison(self._poison.text, self._poison.code, fatal=True)
                return self._frame()
            self._discard(size)
            return None
        if not synchronizing and size > self.limits.literal_discard:
            self._poison = Poison("that literal is too big", "TOOBIG", fatal=True)
            return self._frame()
        self._announced = LiteralAnnounced(
            bytes(self._text), tuple(self._literals), size, synchronizing, bool(binary)
        )
        return self._announced

    def _frame(self) -> Frame:
        text = bytes(self._text)
        frame = Frame(text, tuple(self._literals), self._poison)
        self._start_over()
        return frame

    def _start_over(self) -> None:
        self._text = bytearray()
        self._literals = []
        self._poison = None
