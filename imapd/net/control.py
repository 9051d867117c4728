"""What a worker tells an administrator about its sessions, and does to them.

It speaks on a unix socket (`imapd.control`): one request in JSON on a line, then a
line for each session, then ``{"end": n}``. ``{"do": "list"}`` tells, ``{"do":
"kill"}`` tells and ends; ``ids``, ``users`` and ``networks`` say which.
"""

from __future__ import annotations

import json
import os
import socket
import struct
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

from twisted.internet.interfaces import IPullProducer
from twisted.internet.protocol import Factory, Protocol
from zope.interface import implementer  # type: ignore[import-untyped]

from imapd.net.door import SocketProtocol
from imapd.net.lanes import TwistedRuntime
from imapd.net.loop import Loop
from imapd.net.unix_port import UnixPort
from imapd.session.context import SessionLog
from imapd.session.facts import SessionFacts, Wanted

GOODBYE_SECONDS = 3.0
"""How long a client may take to close after it was told that it has to."""
_LONGEST = 1_048_576  # octets of a request
_SECONDS = 10.0  # for a request
_AT_ONCE = 64  # sessions told in one turn of the loop
_TEXT = "an administrator has ended this session"


class Control:
    """The control socket of one worker. ``live`` are its connections."""

    def __init__(
        self,
        loop: Loop,
        runtime: TwistedRuntime,
        live: set[SocketProtocol],
        log: SessionLog,
    ) -> None:
        self._loop = loop
        self._runtime = runtime
        self._live = live
        self._log = log
        self._port: UnixPort | None = None
        self._factory = _Factory(self)

    def listen(self, listening: socket.socket) -> None:
        """Answer on a listening unix socket, which stays its caller's to close."""
        self._port = UnixPort(self._loop, listening.fileno(), self._factory)

    def close(self) -> None:
        """Answer no more."""
        port, self._port = self._port, None
        if port is not None:
            port.stopListening()

    # -- answers

    def later(self, call: Callable[[], None]) -> Callable[[], None]:
        """End a conversation that takes too long; gives the call that spares it."""
        return self._runtime.later(_SECONDS, call).cancel

    def answer(self, request: Any) -> Iterator[bytes]:  # noqa: ANN401 - JSON's
        """Do what is asked. Raises `ValueError`, `TypeError`, `KeyError` at once."""
        wanted = Wanted(
            *(
                tuple(map(str, request.get(kind, ())))
                for kind in ("ids", "users", "networks")
            )
        )
        do = {"list": self._list, "kill": self._kill}[request["do"]]
        return _written(do(wanted))

    def _found(
        self, wanted: Wanted
    ) -> Iterator[tuple[SocketProtocol, SessionFacts | None]]:
        for protocol in tuple(self._live):
            facts = protocol.facts()
            if facts is not None and wanted.fits(facts):
                yield protocol, facts
            else:
                yield protocol, None

    def _list(self, wanted: Wanted) -> Iterator[SessionFacts | None]:
        return (facts for _, facts in self._found(wanted))

    def _kill(self, wanted: Wanted) -> Iterator[SessionFacts | None]:
        for protocol, facts in self._found(wanted):
            if facts is not None:
                self._end(protocol, facts)
            yield facts

    def _end(self, protocol: SocketProtocol, facts: SessionFacts) -> None:
        self._log.event(
            "session-killed", id=facts.id, user=facts.user, address=facts.address
        )
        protocol.shutdown(_TEXT)

        def insist() -> None:
            if protocol in self._live:
                protocol.abort()

        self._runtime.later(GOODBYE_SECONDS, insist)


def _written(found: Iterable[SessionFacts | None]) -> Iterator[bytes]:
    """Write each session as a line; nothing for those that are not meant."""
    count = 0
    for facts in found:
        if facts is None:
            yield b""
        else:
            count += 1
            yield json.dumps(facts.as_data()).encode("ascii") + b"\n"
    yield json.dumps({"end": count}).encode("ascii") + b"\n"


class _Factory(Factory):
    noisy = False

    def __init__(self, control: Control) -> None:
        self._control = control

    def buildProtocol(self, _: Any) -> Protocol:  # noqa: ANN401 - Twisted's
        return Conversation(self._control)


@implementer(IPullProducer)
class Conversation(Protocol):
    """One request and its answer, as fast as it is read."""

    transport: Any

    def __init__(self, control: Control) -> None:
        self._control = control
        self._read = bytearray()
        self._answer: Iterator[bytes] | None = None
        self._spare: Callable[[], None] = _nothing

    def connectionMade(self) -> None:
        """Somebody connects: it has to be the service's own user, or root."""
        if _peer_user(self.transport.socket) not in (0, os.geteuid()):
            self.transport.abortConnection()
            return
        self._spare = self._control.later(self.transport.abortConnection)

    def dataReceived(self, data: bytes) -> None:
        """Take the request."""
        if self._answer is not None:
            return
        self._read += data
        line, ended, _ = bytes(self._read).partition(b"\n")
        if not ended:
            if len(self._read) > _LONGEST:
                self.transport.abortConnection()
            return
        self._spare()
        try:
            self._answer = self._control.answer(json.loads(line))
        except (ValueError, TypeError, KeyError, AttributeError):
            self.transport.abortConnection()
            return
        self.transport.registerProducer(self, False)

    def resumeProducing(self) -> None:
        """Send the next piece of the answer."""
        assert self._answer is not None
        lines = list(islice(self._answer, _AT_ONCE))
        # Without an octet nobody would ask for more.
        self.transport.write(b"".join(lines) or b"\n")
        if len(lines) < _AT_ONCE:
            self.stopProducing()
            self.transport.unregisterProducer()
            self.transport.loseConnection()

    def stopProducing(self) -> None:
        """Nobody listens, or all was said."""
        self._answer = iter(())

    def connectionLost(self, _: Any = None) -> None:  # noqa: ANN401 - Twisted's
        """The conversation is over."""
        self._spare()


def _nothing() -> None:
    """Spare nobody."""


def _peer_user(connected: socket.socket) -> int:
    """Give the user id of the other end's process."""
    found = connected.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    _, user, _ = struct.unpack("iII", found)
    return int(user)
