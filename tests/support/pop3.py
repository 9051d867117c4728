"""POP3 sessions on a real store, without sockets.

::

    ann = Pop3Client(world).login("ann")
    assert ann.ok(b"STAT") == "0 0"
    assert ann.lines(b"LIST") == []
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any, Self

from imapd.doors.pop3.delays import LoginDelays
from imapd.doors.pop3.options import Pop3Options, Pop3Service
from imapd.doors.pop3.session import Pop3
from imapd.session.credentials import NO_CHANNEL, Channel
from imapd.session.state import Peer
from tests.support.session import PASSWORD, World
from tests.support.transport import MemoryTransport


class Pop3Client(MemoryTransport):
    """One client; its transport keeps what the server writes."""

    def __init__(
        self,
        world: World,
        *,
        secure: bool = True,
        stls: bool = False,
        plaintext_login: bool = False,
        address: str = "192.0.2.9",
        channel: Channel = NO_CHANNEL,
        delays: LoginDelays | None = None,
        **options: Any,
    ) -> None:
        super().__init__(world.runtime, secure=secure, channel=channel)
        self.world = world
        self.slow = False  # takes nothing until `hungry`
        self.largest = 0
        self._waiting: list[Any] = []
        self.talk = Pop3(
            world.services,
            self,
            Peer(address),
            Pop3Service(
                Pop3Options(host="mail.example.org", **options),
                delays or LoginDelays(world.runtime.monotonic),
            ),
            secure=secure,
            stls=stls,
            plaintext_login=plaintext_login,
        )
        self.talk.start()
        world.sessions.append(self)
        self.greeting = self.one()

    # -- the transport

    def write(self, data: bytes) -> None:
        super().write(data)
        self.largest = max(self.largest, len(data))

    def room(self) -> Awaitable[None]:
        future = self.world.runtime.future()
        if self.slow:
            self._waiting.append(future)
        else:
            future.succeed(None)
        return future

    def crowded(self) -> bool:
        return self.slow

    def hungry(self) -> None:
        """Take one more piece."""
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            future.succeed(None)

    # -- the client

    def feed(self, data: bytes) -> None:
        """Send octets."""
        self.talk.receive(data)

    def one(self) -> str:
        """Take one line of what came."""
        line, end, self.raw = self.raw.partition(b"\r\n")
        assert end, line
        return line.decode()

    def say(self, line: bytes) -> str:
        """Send a line; gives the one line that is answered."""
        self.feed(line + b"\r\n")
        answer = self.one()
        assert not self.raw, self.raw
        return answer

    def ok(self, line: bytes) -> str:
        """Send a line; gives the text of +OK."""
        answer = self.say(line)
        assert answer.startswith("+OK"), answer
        return answer[4:]

    def err(self, line: bytes) -> str:
        """Send a line; gives the text of -ERR."""
        answer = self.say(line)
        assert answer.startswith("-ERR "), answer
        return answer[5:]

    def content(self, line: bytes) -> bytes:
        """Send a line; gives the octets behind +OK, strictly read by CRLF."""
        self.feed(line + b"\r\n")
        answer = self.one()
        assert answer.startswith("+OK"), answer
        return self.rest()

    def rest(self) -> bytes:
        """Take the octets of an answer of several lines, the dots undone."""
        octets = b"\r\n" + self.raw
        end = octets.index(b"\r\n.\r\n")
        self.raw = octets[end + 5 :]
        assert not self.raw, self.raw
        return octets[: end + 2].replace(b"\r\n.", b"\r\n")[2:]

    def lines(self, line: bytes) -> list[str]:
        """Send a line; gives the lines behind +OK."""
        return self.content(line).decode().splitlines()

    def login(self, name: str = "ann") -> Self:
        """Log in."""
        self.ok(b"USER " + name.encode())
        self.ok(b"PASS " + PASSWORD)
        return self

    def drop(self) -> None:
        """The connection breaks."""
        self.talk.closed()
