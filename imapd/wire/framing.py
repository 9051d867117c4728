"""Bytes in, whole commands out: where a command ends, without knowing its grammar.

A command is a line whose end may announce a literal, followed by that many octets
and another line, and so on (RFC 3501 §2.2, §4.3, RFC 7888)::

    a1 LOGIN {5}\\r\\n          LiteralAnnounced, then accept()
    alice {3+}\\r\\n            LiteralAnnounced, then accept()
    pw!\\r\\n                   Frame(b"a1 LOGIN {5}\\r\\n {3+}\\r\\n", 2 literals)

Invariants:

- Octets of a literal are never read as a command, whatever becomes of the command
  that they belong to. Where that can't be known, the frame is fatal and nothing
  that follows it is read at all.
- Events depend on the octets only, never on how they were cut.
- Memory is bounded by the limits, what was accepted into memory, and one feed.
- The work is linear in the octets, however they are cut.

A line ends in LF; the CR before it may be missing, as people type at servers. A
brace group at the very end of a line announces a literal even inside what looks
like an unfinished quoted string. A quoted string can't hold a line end, so such a
line is malformed either way; reading the announcement is what keeps the two sides
in step when the client meant it, and a client that meant text sent no valid command.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol

_ANNOUNCED = re.compile(rb"(~?)\{([0-9]*)(\+?)\}\Z")
# What is left of a non-synchronizing announcement whose brace was dropped with the
# rest of an overlong line.
_CUT_ANNOUNCEMENT = re.compile(rb"[0-9]{20}\+\}")
_ANNOUNCING = (b"}", b"}\r")  # what such a line ends with
_KEPT_OF_A_LONG_LINE = 64
_MAX_DIGITS = 19


class LiteralSink(Protocol):
    """Takes a literal's octets as they arrive. No method may raise."""

    def write(self, chunk: bytes) -> None:
        """Take the next octets."""
        ...

    def finish(self) -> None:
        """All octets are here."""
        ...

    def abort(self) -> None:
        """The octets are not wanted. May be called more than once, and at any time."""
        ...


@dataclass(frozen=True, slots=True)
class FrameLimits:
    """Bounds of one command.

    ``line`` counts the octets of all its lines without literals; ``literals`` are
    so many; a non-synchronizing literal above ``literal_discard`` octets ends the
    connection (RFC 7888 §4); ``digits`` are those of a literal's size.
    """

    line: int = 65_536
    literal_discard: int = 134_217_728
    digits: int = 10
    literals: int = 1_000

    def __post_init__(self) -> None:
        if min(self.line, self.literal_discard, self.digits, self.literals) < 1:
            raise ValueError("a frame limit is at least 1")
        if self.digits > _MAX_DIGITS:
            raise ValueError(f"a size has at most {_MAX_DIGITS} digits")


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
    """Why a frame must not be run. ``cause`` is the refuser's own business.

    After a ``fatal`` one the framer reads nothing more: nobody can know whether
    what follows is a command.
    """

    text: str
    code: str | None = None
    fatal: bool = False
    cause: object | None = None


class Frame(NamedTuple):
    """One whole command, without the line end that closes it.

    In ``text`` each literal is only its announcement with its line end; the octets
    are in ``literals``, in order. With a ``poison``, ``text`` is the beginning of
    the command and the sinks of ``literals`` are aborted.
    """

    text: bytes
    literals: tuple[Literal, ...] = ()
    poison: Poison | None = None


class LiteralAnnounced(NamedTuple):
    """A literal is coming; `Framer.accept` or `Framer.refuse` must be called.

    ``text`` is the command so far and ends in the announcement; ``literals`` are
    those before this one, complete.
    """

    text: bytes
    literals: tuple[Literal, ...]
    size: int
    synchronizing: bool
    binary: bool


class Framer:
    """Cuts a connection's octets into frames; pull events with `next`.

    ``limits`` may be replaced at any time.
    """

    def __init__(self, limits: FrameLimits) -> None:
        self.limits = limits
        self._buffer = bytearray()
        self._scanned = 0  # octets of the buffer known to hold no LF
        # The command that is being read; most begin and end with one line, at once.
        self._begun = False
        self._text = bytearray()
        self._literals: list[Literal] = []
        self._poison: Poison | None = None
        self._complete = False  # the poisoned command has no more octets
        # The literal that is being decided about, or else the one that is being
        # read: `_left` octets of it are to come, for the sink, for memory, or,
        # with `_open` None, for nobody.
        self._announced: LiteralAnnounced | None = None
        self._open: LiteralAnnounced | None = None
        self._left = 0
        self._sink: LiteralSink | None = None
        self._memory = bytearray()
        self._over = False

    @property
    def buffered(self) -> int:
        """Octets that were fed and not yet taken."""
        return len(self._buffer)

    @property
    def resting(self) -> bool:
        """Whether nothing is here of a next command."""
        return not (self._begun or self._buffer)

    @property
    def literal_left(self) -> int:
        """Octets still to come of the literal that is being taken or dropped."""
        return self._left

    def peek(self, most: int) -> bytes:
        """Give octets that were not yet taken, without taking them; ``most`` of them.

        They may be lines, or parts of them or of literals.
        """
        with memoryview(self._buffer) as view:
            return bytes(view[:most])

    def feed(self, data: bytes) -> int:
        """Take octets from the client; gives how many are `buffered` then."""
        if self._over:
            return 0
        if self._left and not self._buffer:
            # The bulk of a big literal goes to its sink without a stay here.
            count = min(self._left, len(data))
            self._take_octets(data[:count])
            data = data[count:]
        self._buffer += data
        return len(self._buffer)

    def drain(self) -> bytes:
        """Take away and give all octets that are buffered."""
        data = bytes(self._buffer)
        self._buffer.clear()
        self._scanned = 0
        return data

    def close(self) -> None:
        """The connection is over: abort the sinks of the unfinished command."""
        self._abort_sinks()
        if self._sink is not None:
            self._sink.abort()
        self._start_over()
        self.drain()
        self._announced = self._open = self._sink = None
        self._memory.clear()
        self._left = 0
        self._over = True

    def next(self) -> Frame | LiteralAnnounced | None:
        """Give the next event, or None when more octets are needed.

        An announced literal is given again until it is accepted or refused.
        """
        if not self._begun:
            buffer = self._buffer
            at = buffer.find(b"\n", self._scanned)
            if at >= 0:
                # One that announces a literal is not copied to find that out.
                if not buffer.endswith(_ANNOUNCING, 0, at):
                    text = bytes(buffer[:at]).removesuffix(b"\r")
                    if len(text) <= self.limits.line:  # a whole command
                        del buffer[: at + 1]
                        self._scanned = 0
                        return Frame(text)
                self._scanned = at
            elif len(buffer) <= self.limits.line:
                self._scanned = len(buffer)
                return None
            self._begun = True
        if self._announced is not None:
            return self._announced
        if self._complete:
            return self._frame()
        while self._take_literal() and (line := self._take_line()) is not None:
            event = self._end_of_line(line)
            if event is not None:
                return event
        return None

    def accept(self, sink: LiteralSink | None = None) -> None:
        """Take the announced literal into ``sink``, or into memory.

        Raises `RuntimeError` when none was announced.
        """
        self._open = self._decide()
        self._left = self._open.size
        self._sink = sink
        if not self._left:
            self._finish_literal()

    def refuse(self, poison: Poison) -> None:
        """Don't take the announced literal; the command's frame will be poisoned.

        The client of a synchronizing literal waits and sends nothing more of this
        command (RFC 3501 §7.5), so its frame comes at once. Otherwise the octets
        are on their way: they and the rest of the command are consumed first.
        Raises `RuntimeError` when none was announced.
        """
        announced = self._decide()
        self._spoil(poison)
        if announced.synchronizing or poison.fatal:
            self._complete = True
        else:
            self._left = announced.size

    # -- literals

    def _decide(self) -> LiteralAnnounced:
        announced, self._announced = self._announced, None
        if announced is None:
            raise RuntimeError("no literal was announced")
        return announced

    def _take_literal(self) -> bool:
        """Move buffered octets of the open literal; tell whether none is open."""
        if self._left:
            count = min(self._left, len(self._buffer))
            with memoryview(self._buffer) as view:
                octets = bytes(view[:count])
            del self._buffer[:count]
            self._scanned = 0
            self._take_octets(octets)
        return not self._left

    def _take_octets(self, octets: bytes) -> None:
        if self._open is not None and octets:
            if self._sink is not None:
                self._sink.write(octets)
            else:
                self._memory += octets
        self._left -= len(octets)
        if not self._left and self._open is not None:
            self._finish_literal()

    def _finish_literal(self) -> None:
        literal, self._open = self._open, None
        assert literal is not None
        sink, self._sink = self._sink, None
        data = None
        if sink is not None:
            sink.finish()
        else:
            data = bytes(self._memory)
            self._memory.clear()
        self._literals.append(
            Literal(literal.size, data, sink, literal.binary, literal.synchronizing)
        )

    # -- lines

    def _take_line(self) -> bytes | None:
        """Take octets up to a line end, without it; None when it isn't here.

        Of an overlong line the end is given, which may announce a literal.
        """
        at = self._buffer.find(b"\n", self._scanned)
        room = max(self.limits.line - len(self._text), 0)
        if at < 0:
            # One more for a CR, so that a line's fate doesn't hang on how it is cut.
            if len(self._buffer) > room + 1:
                self._spoil_long_line(self._buffer)
                del self._buffer[:-_KEPT_OF_A_LONG_LINE]
            self._scanned = len(self._buffer)
            return None
        line = bytes(self._buffer[:at]).removesuffix(b"\r")
        del self._buffer[: at + 1]
        self._scanned = 0
        if len(line) > room:
            self._spoil_long_line(line)
        return line

    def _end_of_line(self, line: bytes) -> Frame | LiteralAnnounced | None:
        found = _ANNOUNCED.search(line) if line.endswith(b"}") else None
        if self._poison is None:
            self._text += line if found is None else line + b"\r\n"
        if found is not None:
            return self._announce(found)
        if self._poison is not None and _CUT_ANNOUNCEMENT.fullmatch(line[-22:]):
            self._poison = replace(self._poison, fatal=True)
        return self._frame()

    def _announce(self, found: re.Match[bytes]) -> Frame | LiteralAnnounced | None:
        binary, digits, plus = found.groups()
        if not 1 <= len(digits) <= self.limits.digits:
            # RFC 3501 §9: number. Nobody can mean such a size, so what follows "+"
            # could be data or commands.
            most = self.limits.digits
            self._spoil(Poison(f"a literal's size has 1 to {most} digits"))
            return self._frame(fatal=bool(plus))
        size = int(digits)
        if plus and size > self.limits.literal_discard:
            # RFC 7888 §4: reading on to the end of it isn't worth it.
            self._spoil(Poison("that literal is too big", "TOOBIG"))
            return self._frame(fatal=True)
        if len(self._literals) >= self.limits.literals:
            most = self.limits.literals
            self._spoil(Poison(f"a command may have {most} literals at most", "LIMIT"))
        if self._poison is None:
            self._announced = LiteralAnnounced(
                bytes(self._text), tuple(self._literals), size, not plus, bool(binary)
            )
            return self._announced
        if not plus:
            return self._frame()
        self._left = size
        return None

    # -- the command as a whole

    def _spoil(self, poison: Poison) -> None:
        """Poison the command; the first reason stays."""
        if self._poison is None:
            self._poison = poison
            self._abort_sinks()

    def _spoil_long_line(self, line: bytes | bytearray) -> None:
        most = self.limits.line
        if self._poison is None and not self._text:
            # The answer needs the tag. No more than has come for certain.
            self._text += line[: min(most, _KEPT_OF_A_LONG_LINE)]
        self._spoil(Poison(f"a command line may have {most} octets at most", "LIMIT"))

    def _abort_sinks(self) -> None:
        for literal in self._literals:
            if literal.sink is not None:
                literal.sink.abort()

    def _frame(self, *, fatal: bool = False) -> Frame:
        poison = self._poison
        if poison is not None and fatal:
            poison = replace(poison, fatal=True)
        frame = Frame(bytes(self._text), tuple(self._literals), poison)
        self._start_over()
        if poison is not None and poison.fatal:
            self.drain()
            self._over = True
        return frame

    def _start_over(self) -> None:
        self._begun = False
        self._text = bytearray()
        self._literals = []
        self._poison = None
        self._complete = False
