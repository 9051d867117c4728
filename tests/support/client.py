r"""A blocking IMAP client for tests: it sends text and gives back values.

It parses strictly (`tests.support.response_parser`) and asserts what every session
owes: a greeting first, an answer for each tag. It knows nothing of our server::

    with Client.connect("127.0.0.1", 1143) as client:
        client.login("alice", "password")
        client.ok("APPEND INBOX (\\Seen) {}", message)     # {} is a literal
        (fetch,) = client.ok("SELECT INBOX") and client.ok("FETCH 1 UID").of(Fetch)

RFC 3501 §2.2, §5.5; RFC 7888 (`literal_plus`); RFC 2177 (`idle`).
"""

from __future__ import annotations

import base64
import socket
import ssl
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, TypeVar

from tests.support.response_parser import ResponseParser
from tests.support.responses import (
    Capabilities,
    Continuation,
    Exists,
    Response,
    Status,
    Untagged,
)

T = TypeVar("T")

TIMEOUT = 30.0
"""Seconds to wait for any answer: more than any healthy server needs."""


class Refused(AssertionError):
    """A command that had to end OK did not."""


class Disconnected(Exception):
    """The server ended the connection."""


@dataclass(frozen=True, slots=True)
class Answer:
    """All that came between a command and its tagged status, and that status.

    ``status`` is an untagged BYE if the connection ended instead.
    """

    status: Status
    untagged: tuple[Untagged, ...] = ()
    continuations: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        """OK, NO, BAD (or BYE)."""
        return self.status.kind

    @property
    def code(self) -> str | None:
        """The name of the tagged status's response code."""
        return self.status.code_name

    def of(self, kind: type[T]) -> list[T]:
        """List the untagged responses of one class."""
        return [one for one in self.untagged if isinstance(one, kind)]

    def one(self, kind: type[T]) -> T:
        """Give the only untagged response of a class."""
        found = self.of(kind)
        assert len(found) == 1, f"one {kind.__name__} wanted, not {found}"
        return found[0]

    def code_value(self, name: str, kind: type[T]) -> T:
        """Give the argument of a response code, tagged or untagged."""
        for status in (self.status, *self.of(Status)):
            if status.code is not None and status.code.name == name:
                assert isinstance(status.code.value, kind)
                return status.code.value
        raise AssertionError(f"no [{name}] in {self}")


class Client:
    """One connection. ``literal_plus``: send literals without waiting."""

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        self._parser = ResponseParser()
        self._tags = 0
        self._early: list[Response] = []
        self.literal_plus = False
        self._deflater: Any = None
        self._inflater: Any = None
        greeting = self.read()
        assert isinstance(greeting, Status), f"no greeting: {greeting}"
        assert greeting.tag is None
        self.greeting = greeting

    @classmethod
    def connect(
        cls,
        host: str,
        port: int,
        *,
        tls: ssl.SSLContext | None = None,
        timeout: float = TIMEOUT,
    ) -> Self:
        """Connect and read the greeting; with ``tls`` from the first octet."""
        connected = socket.create_connection((host, port), timeout)
        # Else what is sent in two pieces waits 40 ms for the first to be acknowledged.
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls is not None:
            connected = tls.wrap_socket(connected, server_hostname=host)
        try:
            return cls(connected)
        except BaseException:
            connected.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    # -- commands

    def command(self, text: str, *literals: bytes) -> Answer:
        """Send a command and wait for its end. Each ``{}`` takes a literal."""
        tag = self.send(text, *literals)
        return self.wait(tag)

    def ok(self, text: str, *literals: bytes) -> Answer:
        """Send a command that has to end OK. Raises `Refused`."""
        answer = self.command(text, *literals)
        if answer.kind != "OK":
            raise Refused(f"{text!r}: {answer.status}")
        return answer

    def send(self, text: str, *literals: bytes) -> str:
        """Send a command without waiting for its end; give its tag.

        With a synchronizing literal this waits for each ``+``; if the server ends
        the command instead, the rest is not sent.
        """
        self._tags += 1
        tag = f"t{self._tags}"
        pieces = text.encode("utf-8").split(b"{}")
        assert len(pieces) == len(literals) + 1, "a {} for each literal"
        data = tag.encode("ascii") + b" " + pieces[0]
        for literal, piece in zip(literals, pieces[1:], strict=True):
            plus = b"+" if self.literal_plus else b""
            data += b"{%d%s}\r\n" % (len(literal), plus)
            if not self.literal_plus:
                self.raw(data)
                data = b""
                if not self._wait_for_go(tag):
                    return tag
            data += literal + piece
        self.raw(data + b"\r\n")
        return tag

    def wait(self, tag: str) -> Answer:
        """Read until the tagged status of ``tag``, or BYE and the connection's end."""
        untagged: list[Untagged] = []
        continuations: list[str] = []
        while True:
            try:
                response = self.read()
            except Disconnected:
                byes = [u for u in untagged if isinstance(u, Status)]
                if byes and byes[-1].kind == "BYE":
                    return Answer(byes[-1], tuple(untagged), tuple(continuations))
                raise
            if isinstance(response, Continuation):
                continuations.append(response.text)
            elif isinstance(response, Status) and response.tag is not None:
                assert response.tag == tag, f"{response} answers before {tag}"
                return Answer(response, tuple(untagged), tuple(continuations))
            else:
                untagged.append(response)

    def _wait_for_go(self, tag: str) -> bool:
        early: list[Response] = []
        while True:
            response = self.read()
            if isinstance(response, Continuation):
                self._early = early + self._early
                return True
            early.append(response)
            if isinstance(response, Status) and response.tag == tag:
                self._early = early + self._early
                return False

    # -- frequent commands

    def login(self, user: str, password: str) -> Answer:
        """LOGIN with literals: any user name and password can be sent."""
        return self.ok("LOGIN {} {}", user.encode(), password.encode())

    def capabilities(self) -> frozenset[str]:
        return self.ok("CAPABILITY").one(Capabilities).names

    def select(self, name: str = "INBOX", *, examine: bool = False) -> Answer:
        """SELECT or EXAMINE a mailbox whose name needs no encoding."""
        return self.ok(f'{"EXAMINE" if examine else "SELECT"} "{name}"')

    def append(
        self, message: bytes, name: str = "INBOX", flags: str = "", date: str = ""
    ) -> tuple[int, int]:
        """APPEND one message; give its UIDVALIDITY and UID (RFC 4315)."""
        options = f" ({flags})" if flags else ""
        options += f' "{date}"' if date else ""
        answer = self.ok(f'APPEND "{name}"{options} {{}}', message)
        validity, uids = answer.code_value("APPENDUID", tuple)
        (uid,) = uids
        return validity, uid

    def exists(self, name: str = "INBOX") -> int:
        """SELECT a mailbox and give the number of its messages."""
        return self.select(name).one(Exists).number

    def authenticate(
        self, mechanism: str, *responses: bytes, initial: bool = False
    ) -> Answer:
        """AUTHENTICATE; with ``initial`` the first response goes along (RFC 4959)."""
        encoded = [base64.b64encode(one).decode("ascii") for one in responses]
        text = f"AUTHENTICATE {mechanism}"
        if initial:
            first = encoded.pop(0)
            text += f" {first or '='}"
        tag = self.send(text)
        for one in encoded:
            if not self._wait_for_go(tag):
                break
            self.raw(one.encode("ascii") + b"\r\n")
        return self.wait(tag)

    def starttls(self, context: ssl.SSLContext, host: str = "localhost") -> Answer:
        """STARTTLS and the handshake; the answer is the one before it."""
        answer = self.ok("STARTTLS")
        assert not self._parser.pending, "octets between STARTTLS and TLS"
        self._socket = context.wrap_socket(self._socket, server_hostname=host)
        return answer

    def compress(self, bits: int = -15) -> Answer:
        """COMPRESS; ``bits`` is the window of what this side sends (RFC 4978)."""
        answer = self.ok("COMPRESS DEFLATE")
        assert not self._parser.pending, "plain octets behind COMPRESS's OK"
        self._deflater = zlib.compressobj(6, zlib.DEFLATED, bits)
        self._inflater = zlib.decompressobj(-15)
        return answer

    @property
    def deflater(self) -> Any:
        """What compresses this side, for tests of the wire."""
        return self._deflater

    @contextmanager
    def idle(self) -> Iterator[Idle]:
        """IDLE for the length of a ``with`` block; then DONE, which has to end OK."""
        tag = self.send("IDLE")
        assert self._wait_for_go(tag), "IDLE was refused"
        idle = Idle(self)
        yield idle
        self.raw(b"DONE\r\n")
        idle.answer = self.wait(tag)
        if idle.answer.kind != "OK":
            raise Refused(f"IDLE: {idle.answer.status}")

    # -- octets

    def raw(self, data: bytes) -> None:
        """Send octets as they are, compressed if that was agreed on."""
        if self._deflater is not None:
            data = self._deflater.compress(data)
            data += self._deflater.flush(zlib.Z_SYNC_FLUSH)
        self._socket.sendall(data)

    def read(self) -> Response:
        """Read one response. Raises `Disconnected`, `Malformed`, `TimeoutError`."""
        if self._early:
            return self._early.pop(0)
        while (found := self._parser.next()) is None:
            try:
                data = self._socket.recv(1 << 18)
            except (ConnectionError, ssl.SSLEOFError) as error:
                raise Disconnected(str(error)) from error
            if not data:
                raise Disconnected(f"with {self._parser.pending!r} unfinished")
            if self._inflater is not None:
                stream = self._inflater
                data = stream.decompress(data)
                if stream.eof:  # RFC 8437 §4.1: plain again, in both directions
                    self._deflater = self._inflater = None
                    data += stream.unused_data
            self._parser.feed(data)
        return found

    def read_to_end(self) -> Sequence[Response]:
        """Read until the server ends the connection."""
        found = []
        try:
            while True:
                found.append(self.read())
        except Disconnected:
            return found

    @property
    def socket(self) -> socket.socket:
        """The connection itself, for tests of the wire."""
        return self._socket

    def close(self) -> None:
        """End the connection without a word, as a crashed client does."""
        self._socket.close()


class Idle:
    """What arrives while IDLE runs; ``answer`` is there after the block."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.answer: Answer | None = None

    def next(self) -> Response:
        """Wait for the next untagged response that is no `OK` heartbeat."""
        while True:
            response = self._client.read()
            if not (isinstance(response, Status) and response.kind == "OK"):
                return response
