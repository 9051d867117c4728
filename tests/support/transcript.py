r"""Conversations as text files, played to a server and compared with its answers.

A transcript is named after its section of an RFC and reads like the RFC's examples::

    # RFC 3501 §6.4.6: a silent STORE is told to the other client only.
    ! messages INBOX 2
    ! login C1 C2
    C1: a1 SELECT INBOX
    S1: {+}
    S1: * 2 EXISTS
    S1: a1 OK [READ-WRITE] {text}

Lines: ``C1:`` is sent by client 1 (with CRLF), ``S1:`` is what client 1 has to be
sent, in this order and nothing else. ``S1: {*}``: the untagged responses up to the
next tagged one may come in any order; ``S1: {+}``: and others beside them.
``S1: {end}``: the server ends the connection. ``#`` begins a comment.

In S lines ``{text}`` is any text, ``{any}`` too but perhaps nothing, ``{word}`` one
without spaces or parentheses, ``{date}`` a date-time, ``{more}`` at the end of FETCH
any other items; any other name is a number that stays the same wherever it is named
again, in C lines as well (``{uid}``). C lines know ``{user}``, ``{password}``,
``{other}``, ``{otherpassword}`` and ``{plain}`` (what AUTHENTICATE PLAIN sends).

Directives: ``! login C1 C2`` connects and logs in, ``! login C3 other`` as the other
account; ``! connect C1`` connects only and leaves the greeting to the transcript;
``! messages NAME COUNT`` appends plain messages.

The order of flags, of attributes in LIST and of items in FETCH is free in IMAP, and
free here. Every response has to pass the strict parser too. What is played to is a
port, `TranscriptPeer`: an object in memory, or a socket.
"""

from __future__ import annotations

import difflib
import re
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from tests.support.reader import Malformed
from tests.support.response_parser import ResponseParser
from tests.support.transcript_match import match


class TranscriptPeer(Protocol):
    """One connection to a server, however it is made."""

    def receive(self, data: bytes) -> None:
        """Take what a client sends."""

    def take_output(self) -> bytes:
        """Give what the server has sent since the last call.

        A peer that ``waits`` gives nothing only when the connection has ended, or
        when it has waited for long enough.
        """

    @property
    def waits(self) -> bool:
        """Whether `take_output` waits for output that is still to come."""

    @property
    def closed(self) -> bool:
        """Whether the server has ended the connection."""


MakeSession = Callable[[], TranscriptPeer]


class SocketPeer:
    """A connection over TCP."""

    waits = True

    def __init__(self, host: str, port: int, timeout: float = 10.0) -> None:
        self._socket = socket.create_connection((host, port), timeout)
        # Else what is sent in two pieces waits 40 ms for the first to be acknowledged.
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.closed = False

    def receive(self, data: bytes) -> None:
        self._socket.sendall(data)

    def take_output(self) -> bytes:
        try:
            data = self._socket.recv(1 << 16)
        except TimeoutError:
            return b""
        self.closed = not data
        return data

    def close(self) -> None:
        self._socket.close()


class Mismatch(AssertionError):
    """The server said something else; the text shows a diff."""


# -- reading


@dataclass(frozen=True, slots=True)
class Sent:
    """What a client sends at once."""

    line: int
    client: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Expected:
    """Responses that a client has to be sent, each with its CRLF."""

    line: int
    client: int
    responses: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Directive:
    line: int
    words: tuple[str, ...]


Step = Sent | Expected | Directive
_LINE = re.compile(r"([CS])([1-9]): ?(.*)")


def parse_transcript(text: str, name: str = "transcript") -> tuple[Step, ...]:
    """Read a transcript. Raises `ValueError` with name and line number."""
    rows: list[tuple[int, str, int, str]] = []
    steps: list[Step] = []

    def end_block() -> None:
        if rows:
            steps.append(_block(rows, name))
            rows.clear()

    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        if line.startswith("!"):
            end_block()
            steps.append(Directive(number, tuple(line[1:].split())))
            continue
        found = _LINE.fullmatch(line)
        if found is None:
            raise ValueError(f"{name}:{number}: neither C1:, S1:, ! nor #")
        side, client = found[1], int(found[2])
        if rows and rows[-1][1:3] != (side, client):
            end_block()
        rows.append((number, side, client, found[3]))
    end_block()
    return tuple(steps)


def _block(rows: Sequence[tuple[int, str, int, str]], name: str) -> Step:
    number, side, client, _ = rows[0]
    data = b"".join(row[3].encode("utf-8") + b"\r\n" for row in rows)
    if side == "C":
        return Sent(number, client, data)
    parser = ResponseParser()
    parser.feed(data)
    responses = tuple(iter(parser.next_raw, None))
    if parser.pending:
        raise ValueError(f"{name}:{number}: a literal is longer than its lines")
    return Expected(number, client, responses)


# -- playing

_IN_CLIENT_LINE = re.compile(rb"\{([a-z][a-z_]*)\}")

MESSAGE = """\
From: Alice <alice@example.org>\r
To: Bob <bob@example.org>\r
Subject: message {0}\r
Date: Tue, 24 Nov 2026 12:00:0{0} +0000\r
Message-ID: <{0}@example.org>\r
\r
body {0}\r
"""
"""What ``! messages`` appends, with the message's number from 1 to 9."""


@dataclass
class _Line:
    """One client's connection."""

    peer: TranscriptPeer
    parser: ResponseParser = field(default_factory=ResponseParser)

    def next(self) -> bytes | None:
        """Give the next response; None if the server has nothing to say."""
        while (raw := self.parser.next_raw()) is None:
            data = self.peer.take_output()
            if not data:
                return None
            self.parser.feed(data)
        return raw

    def here(self) -> list[bytes]:
        """Give the responses that have arrived already."""
        if not self.peer.waits:
            self.parser.feed(self.peer.take_output())
        return list(iter(self.parser.next_raw, None))


def run_transcript(
    source: Path | str, make_session: MakeSession, names: Mapping[str, str]
) -> None:
    """Play a transcript (a file, or its text) to sessions of a fresh server.

    ``names``: user, password, other, otherpassword. Raises `Mismatch`.
    """
    if isinstance(source, Path):
        text, title = source.read_text(encoding="utf-8"), source.name
    else:
        text, title = source, "transcript"
    steps = parse_transcript(text, title)
    _Player(title, make_session, names).play(steps)


class _Player:
    def __init__(
        self, title: str, make_session: MakeSession, names: Mapping[str, str]
    ) -> None:
        self._title = title
        self._make_session = make_session
        self._names = {key: value.encode() for key, value in names.items()}
        self._numbers: dict[str, bytes] = {}
        self._lines: dict[int, _Line] = {}

    def play(self, steps: Sequence[Step]) -> None:
        for step in steps:
            match step:
                case Directive():
                    self._direct(step)
                case Sent():
                    self._send(step)
                case Expected():
                    self._expect(step)
        for client in self._lines:
            self._nothing_more(len(steps) and steps[-1].line, client)

    # -- directives

    def _direct(self, step: Directive) -> None:
        match step.words:
            case ("login", *clients, "other"):
                for client in clients:
                    self._connect(client)
                    self._log_in(self._lines[int(client[1:])], "other")
            case ("login", *clients):
                for client in clients:
                    self._connect(client)
                    self._log_in(self._lines[int(client[1:])], "user")
            case ("connect", *clients):
                for client in clients:
                    self._connect(client)
            case ("messages", name, count):
                self._append(name, int(count))
            case _:
                raise ValueError(f"{self._title}:{step.line}: unknown directive")

    def _connect(self, client: str) -> None:
        self._lines[int(client[1:])] = _Line(self._make_session())

    def _log_in(self, line: _Line, who: str) -> None:
        line.next()
        secret = "password" if who == "user" else "otherpassword"
        user, password = self._names[who], self._names[secret]
        self._quietly(line, b'LOGIN "%s" "%s"' % (user, password))

    def _quietly(self, line: _Line, command: bytes) -> None:
        """Run a command of the set-up: only that it ends OK matters."""
        line.peer.receive(b"setup %s\r\n" % command)
        while (raw := line.next()) is not None:
            if raw.startswith(b"setup "):
                assert raw.startswith(b"setup OK"), raw
                return
        raise Mismatch(f"{self._title}: no answer to {command!r}")

    def _append(self, name: str, count: int) -> None:
        line = _Line(self._make_session())
        self._log_in(line, "user")
        for number in range(1, count + 1):
            data = MESSAGE.format(number).encode("ascii")
            line.peer.receive(
                b'setup APPEND "%s" {%d}\r\n' % (name.encode(), len(data))
            )
            go = line.next()
            assert go is not None
            assert go.startswith(b"+"), go
            line.peer.receive(data)
            self._quietly_end(line)
        self._quietly(line, b"LOGOUT")

    def _quietly_end(self, line: _Line) -> None:
        line.peer.receive(b"\r\n")
        while (raw := line.next()) is not None:
            if raw.startswith(b"setup "):
                assert raw.startswith(b"setup OK"), raw
                return
        raise Mismatch(f"{self._title}: no answer to an APPEND")

    # -- lines

    def _send(self, step: Sent) -> None:
        self._nothing_more(step.line, step.client)
        known = {**self._names, **self._numbers}

        def value(found: re.Match[bytes]) -> bytes:
            name = found[1].decode("ascii")
            if name not in known:
                raise ValueError(f"{self._title}:{step.line}: what is {{{name}}}?")
            return known[name]

        data = _IN_CLIENT_LINE.sub(value, step.data)
        self._lines[step.client].peer.receive(data)

    def _nothing_more(self, line: int, client: int) -> None:
        extra = self._lines[client].here()
        if extra:
            raise self._mismatch(line, client, (), extra)

    def _expect(self, step: Expected) -> None:
        waiting = list(step.responses)
        while waiting:
            first = waiting[0].strip()
            if first in (b"{*}", b"{+}"):
                waiting.pop(0)
                self._any_order(step, waiting, others=first == b"{+}")
            elif first == b"{end}":
                waiting.pop(0)
                self._end(step)
            else:
                actual = self._read(step, waiting)
                if not self._agree(waiting[0], actual):
                    here = [actual, *self._lines[step.client].here()]
                    raise self._mismatch(step.line, step.client, waiting, here)
                waiting.pop(0)

    def _end(self, step: Expected) -> None:
        line = self._lines[step.client]
        rest = line.next()
        if rest is not None or not line.peer.closed:
            here = [rest] if rest is not None else [b"(still open)\r\n"]
            raise self._mismatch(step.line, step.client, [b"{end}\r\n"], here)

    def _any_order(self, step: Expected, waiting: list[bytes], *, others: bool) -> None:
        """Match the untagged lines at the head of ``waiting``, and take them out."""
        wanted = []
        while waiting and waiting[0].startswith(b"* "):
            wanted.append(waiting.pop(0))
        unknown: list[bytes] = []
        while wanted or (others and waiting):
            actual = self._read(step, [*wanted, *waiting])
            found = next((w for w in wanted if self._agree(w, actual)), None)
            if found is not None:
                wanted.remove(found)
            elif not wanted and self._agree(waiting[0], actual):
                waiting.pop(0)
                break
            elif others and actual.startswith(b"* "):
                unknown.append(actual)
            else:
                here = [*unknown, actual, *self._lines[step.client].here()]
                raise self._mismatch(step.line, step.client, [*wanted, *waiting], here)

    def _read(self, step: Expected, waiting: Sequence[bytes]) -> bytes:
        actual = self._lines[step.client].next()
        if actual is None:
            raise self._mismatch(step.line, step.client, waiting, ())
        try:
            self._lines[step.client].parser.parse(actual)
        except Malformed as error:
            raise Mismatch(f"{self._title}:{step.line}: {error}") from error
        return actual

    def _agree(self, expected: bytes, actual: bytes) -> bool:
        found = match(expected, actual, self._numbers)
        if found is None:
            return False
        self._numbers.update(found)
        return True

    def _mismatch(
        self,
        line: int,
        client: int,
        expected: Sequence[bytes],
        actual: Sequence[bytes],
    ) -> Mismatch:
        diff = difflib.unified_diff(
            _shown(expected, client),
            _shown(actual, client),
            f"{self._title} (line {line} on)",
            "server",
            lineterm="",
        )
        known = {name: int(value) for name, value in self._numbers.items()}
        return Mismatch("\n".join(["the server differs", *diff, f"where {known}"]))


def _shown(responses: Sequence[bytes], client: int) -> list[str]:
    return [
        f"S{client}: {line}"
        for response in responses
        for line in response.decode("utf-8", "backslashreplace").splitlines()
    ]
