"""LMTP and SMTP conversations on a real store, without sockets.

::

    mta = Mta(world)
    assert mta.say(b"LHLO mta") == [250]
    mta.send(b"ann", message=b"Subject: hi\\r\\n\\r\\nhi\\r\\n")
"""

from __future__ import annotations

import re
from typing import Any

from imapd.doors.conversation import Conversation
from imapd.doors.names import mailbox_of
from imapd.doors.transfer import House, Transfer
from imapd.session.state import Peer
from mailstore.delivery import Delivery
from tests.support.responses import Fetch
from tests.support.session import PASSWORD, World
from tests.support.transport import MemoryTransport

_LINE = re.compile(rb"(\d{3})([ -])([^\r\n]*)\r\n")


class Mta(MemoryTransport):
    """One client; its transport keeps what the server writes."""

    def __init__(
        self,
        world: World,
        *,
        lmtp: bool = True,
        address: str = "192.0.2.7",
        secure: bool = False,
        starttls: bool = False,
        **house: Any,
    ) -> None:
        super().__init__(world.runtime, secure=secure)
        self.world = world
        self.delivery = Delivery(world.store, world.runtime, mailbox_of)
        self.house = House(self.delivery, "mail.example.org", lmtp, **house)
        self.writes = 0
        self.talk: Conversation = Transfer(
            world.services,
            self.house,
            self,
            Peer(address),
            secure=secure,
            starttls=starttls,
        )
        self.talk.start()
        self.greeting = self.read()

    # -- the transport

    def write(self, data: bytes) -> None:
        super().write(data)
        self.writes += 1

    # -- the client

    def read(self) -> list[tuple[int, str]]:
        """Give the answers that are there, several lines as one, strictly read."""
        found: list[tuple[int, str]] = []
        at = 0
        lines: list[str] = []
        for match in _LINE.finditer(self.raw):
            assert match.start() == at, self.raw[at:]
            at = match.end()
            lines.append(match[3].decode())
            if match[2] == b" ":
                found.append((int(match[1]), "\n".join(lines)))
                lines = []
        assert at == len(self.raw)
        assert not lines
        self.raw = b""
        return found

    def feed(self, data: bytes) -> list[tuple[int, str]]:
        """Send octets; gives what the server says then."""
        self.talk.receive(data)
        return self.read()

    def say(self, *lines: bytes) -> list[int]:
        """Send lines at once; gives the codes."""
        return [
            code for code, _ in self.feed(b"".join(line + b"\r\n" for line in lines))
        ]

    def hello(self) -> str:
        """Say hello; gives what is offered."""
        word = b"LHLO" if self.house.lmtp else b"EHLO"
        ((code, text),) = self.feed(word + b" client.example.net\r\n")
        assert code == 250
        return text

    def send(
        self, *recipients: bytes, message: bytes, sender: bytes = b"bob@example.net"
    ) -> list[str]:
        """Bring a message, pipelined; gives the answers to its end."""
        lines = [b"MAIL FROM:<%b>" % sender]
        lines += [b"RCPT TO:<%b>" % one for one in recipients]
        assert self.say(*lines, b"DATA")[-1] == 354
        stuffed = (b"\r\n" + message).replace(b"\r\n.", b"\r\n..")[2:]
        answers = self.feed(stuffed + b".\r\n")
        return [f"{code} {text}" for code, text in answers]

    def drop(self) -> None:
        """The connection breaks."""
        self.talk.closed()


def stored(world: World, name: str = "ann", mailbox: bytes = b"INBOX") -> list[bytes]:
    """Give the messages of a mailbox, as IMAP gives them."""
    session = world.connect()
    login = b"LOGIN {%d+}\r\n%b {%d+}\r\n%b"
    user = name.encode()
    session.ok(login % (len(user), user, len(PASSWORD), PASSWORD))
    session.ok(b"ENABLE UTF8=ACCEPT")  # else headers come in ASCII
    session.ok(b"EXAMINE " + mailbox)
    rows = session.run(b"UID FETCH 1:* BODY.PEEK[]").of(Fetch)
    session.ok(b"LOGOUT")
    found = [row.items["BODY[]"] for row in rows]
    assert all(isinstance(one, bytes) for one in found)
    return found  # type: ignore[return-value]


def without_way(message: bytes) -> bytes:
    """Take the fields of its way off a message."""
    match = re.match(
        rb"Return-Path: [^\r]*\r\nDelivered-To: [^\r]*\r\n"
        rb"Received: [^\r]*\r\n\tby [^\r]*\r\n\tfor [^\r]*\r\n",
        message,
    )
    assert match is not None, message[:300]
    return message[match.end() :]
