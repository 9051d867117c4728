"""A sink that remembers, a driver for a `Framer`, and a slow, obvious framer.

`read_slowly` sees all octets at once and follows RFC 3501 §2.2 by cutting them; it
says nothing about memory or time. `drive` runs the real one over pieces. Both
give the same events in the same words, so that they can be compared.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from imapd.wire.framing import (
    Frame,
    FrameLimits,
    Framer,
    Literal,
    LiteralAnnounced,
    Poison,
)

REFUSAL = Poison("not wanted", "TRYCREATE", cause="policy")


def read_frame(wire: bytes) -> Frame:
    """Frame one command, without its CRLF, and keep its literals."""
    framer = Framer(FrameLimits())
    framer.feed(wire + b"\r\n")
    while isinstance(event := framer.next(), LiteralAnnounced):
        framer.accept()
    assert event is not None
    assert event.poison is None
    assert framer.buffered == 0
    return event


@dataclass(slots=True)
class RecordingSink:
    """Keeps what was written, and how it ended."""

    chunks: list[bytes] = field(default_factory=list)
    finished: bool = False
    aborted: int = 0

    @property
    def data(self) -> bytes:
        """All octets so far."""
        return b"".join(self.chunks)

    def write(self, chunk: bytes) -> None:
        assert chunk
        assert not self.finished
        self.chunks.append(chunk)

    def finish(self) -> None:
        assert not self.finished
        self.finished = True

    def abort(self) -> None:
        self.aborted += 1


@dataclass(frozen=True, slots=True)
class Taken:
    """What a literal was, wherever its octets went."""

    data: bytes
    binary: bool
    synchronizing: bool

    @classmethod
    def of(cls, literal: Literal) -> Taken:
        """Read a literal back from memory or from its sink."""
        if isinstance(literal.sink, RecordingSink):
            assert literal.sink.finished
            data = literal.sink.data
        else:
            assert literal.data is not None
            data = literal.data
        assert len(data) == literal.size
        return cls(data, literal.binary, literal.synchronizing)


@dataclass(frozen=True, slots=True)
class Told:
    """A frame as it can be compared: only how a poisoned one begins is promised."""

    text: bytes
    literals: tuple[Taken, ...]
    why: str | None = None
    fatal: bool = False


Decide = Callable[[LiteralAnnounced], str]


def by_size(announced: LiteralAnnounced) -> str:
    """Keep, sink or refuse a literal, each now and then, by its size alone."""
    return ("memory", "sink", "refuse")[announced.size % 3]


def told(frame: Frame) -> Told:
    """Put a frame in comparable words."""
    literals = tuple(map(Taken.of, frame.literals))
    if frame.poison is None:
        return Told(frame.text, literals)
    for literal in frame.literals:
        assert not isinstance(literal.sink, RecordingSink) or literal.sink.aborted
    return Told(frame.text, literals, frame.poison.text, frame.poison.fatal)


def pull(framer: Framer, decide: Decide = by_size) -> list[Told]:
    """Take all events that are there, deciding about literals."""
    events: list[Told] = []
    while (event := framer.next()) is not None:
        if isinstance(event, Frame):
            events.append(told(event))
            continue
        match decide(event):
            case "memory":
                framer.accept()
            case "sink":
                framer.accept(RecordingSink())
            case _:
                framer.refuse(REFUSAL)
    return events


def drive(
    pieces: Iterable[bytes], limits: FrameLimits, decide: Decide = by_size
) -> list[Told]:
    """Feed pieces one after the other; give all frames."""
    framer = Framer(limits)
    events: list[Told] = []
    for piece in pieces:
        framer.feed(piece)
        events += pull(framer, decide)
    return events


def read_slowly(
    data: bytes, limits: FrameLimits, decide: Decide = by_size
) -> list[Told]:
    """Cut all octets of a connection into frames, the obvious way."""
    events: list[Told] = []
    while not (events and events[-1].fatal):
        event, data = _read_command(data, limits, decide)
        if event is None:
            break
        events.append(event)
    return events


def _read_command(
    data: bytes, limits: FrameLimits, decide: Decide
) -> tuple[Told | None, bytes]:
    """Give the first command and what follows it; None when it isn't complete."""
    text = b""
    literals: tuple[Taken, ...] = ()
    why: str | None = None
    while b"\n" in data:
        line, _, data = data.partition(b"\n")
        line = line.removesuffix(b"\r")
        if why is None and len(line) > max(limits.line - len(text), 0):
            why = f"a command line may have {limits.line} octets at most"
            text = text or line[: min(limits.line, 64)]
        found = re.search(rb"(~?)\{([0-9]*)(\+?)\}\Z", line)
        if why is None:
            text += line + (b"\r\n" if found else b"")
        if found is None:
            fatal = why is not None and re.search(rb"[0-9]{20}\+\}\Z", line)
            return Told(text, literals, why, bool(fatal)), data
        binary, digits, plus = found.groups()
        if not 1 <= len(digits) <= limits.digits:
            why = why or f"a literal's size has 1 to {limits.digits} digits"
            return Told(text, literals, why, bool(plus)), data
        size = int(digits)
        if plus and size > limits.literal_discard:
            return Told(text, literals, why or "that literal is too big", True), data
        if len(literals) == limits.literals:
            why = why or f"a command may have {limits.literals} literals at most"
        if why is None:
            announced = LiteralAnnounced(text, (), size, not plus, bool(binary))
            why = REFUSAL.text if decide(announced) == "refuse" else None
        if why is not None and not plus:
            return Told(text, literals, why), data
        if len(data) < size:
            break
        octets, data = data[:size], data[size:]
        if why is None:
            literals += (Taken(octets, bool(binary), not plus),)
    return None, b""
