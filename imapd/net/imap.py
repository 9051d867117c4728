"""IMAP over TCP: what comes from a socket goes to a session, and back.

One `ImapProtocol` per socket. It counts the connection, sets the socket up, puts
TLS in between when the listener or the client asks for it, and ends. It knows no
command; timeouts other than the handshake's are the session's.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.protocol import Protocol
from zope.interface import implementer  # type: ignore[import-untyped]

from imapd.net.output import Output
from imapd.net.tls import HANDSHAKE_SECONDS, Certificates, TlsLayer
from imapd.session.admission import ConnectionAdmission, Ticket
from imapd.session.connection import Connection
from imapd.session.context import Services
from imapd.session.responses import status
from imapd.session.state import Peer
from mailstore.lanes import Timer


@dataclass(frozen=True, slots=True)
class Door:
    """What all connections of one listening address share.

    ``tls`` is ``none``, ``starttls`` or ``implicit``; the latter two want
    ``certificates``. ``live`` holds the connections there are, for the end.
    """

    services: Services
    admission: ConnectionAdmission
    tls: str = "none"
    certificates: Certificates | None = field(default=None, repr=False)
    plaintext_login: bool = False
    live: set[ImapProtocol] = field(default_factory=set, repr=False)

    def __post_init__(self) -> None:
        if self.tls not in ("none", "starttls", "implicit"):
            raise ValueError(f"tls is none, starttls or implicit, not {self.tls}")
        if self.tls != "none" and self.certificates is None:
            raise ValueError("TLS needs a certificate")


@implementer(IHalfCloseableProtocol)
class ImapProtocol(Protocol):
    """One socket and its session."""

    transport: Any

    def __init__(self, door: Door) -> None:
        self._door = door
        self._output: Output
        self._tls: TlsLayer | None = None
        self._connection: Connection | None = None
        self._ticket: Ticket | None = None
        self._handshake: Timer | None = None

    # -- called by Twisted

    def connectionMade(self) -> None:
        """A client is there."""
        door = self._door
        # Answers are whole when they are written; waiting for more to send along
        # costs clients 40 ms on most commands.
        self.transport.setTcpNoDelay(1)
        self.transport.setTcpKeepAlive(1)  # else IDLE from a dead network stays
        runtime, limits = door.services.runtime, door.services.limits
        self._output = Output(self.transport, runtime, limits, self._new_tls)
        admitted = door.admission.connect(
            self._address, self._output.abort, self._is_stranger
        )
        if not isinstance(admitted, Ticket):
            self._refuse(admitted)
            return
        self._ticket = admitted
        door.live.add(self)
        if door.tls == "implicit":
            self._output.start_tls()
        else:
            self._begin()

    def dataReceived(self, data: bytes) -> None:
        """Take bytes from the socket."""
        if self._tls is not None:
            self._tls.received(data)
        elif self._connection is not None:
            self._connection.receive(data)

    def readConnectionLost(self) -> None:
        """The client sends no more (and may still read)."""
        if self._connection is not None:
            self._connection.closed()
        self._output.peer_finished()

    def writeConnectionLost(self) -> None:
        """Our last byte is on its way."""
        self._output.write_closed()

    def connectionLost(self, reason: Any = None) -> None:  # noqa: ANN401 - Twisted's
        """The socket is gone."""
        # First of all: whatever fails below, the connection counts no more.
        if self._ticket is not None:
            self._door.admission.disconnect(self._ticket)
        self._door.live.discard(self)
        self._stop_handshake_timer()
        self._output.lost()
        if self._connection is not None:
            self._connection.closed()
        if self._tls is not None:
            self._tls.lost(reason)

    # -- called by the server

    def shutdown(self, text: str) -> None:
        """Say BYE and close, as the server wishes to end."""
        if self._connection is not None:
            self._connection.shutdown(text)
        else:
            self._output.abort()

    def abort(self) -> None:
        """Close at once."""
        self._output.abort()

    # -- inside

    @property
    def _address(self) -> str:
        return str(self.transport.getPeer().host)

    def _is_stranger(self) -> bool:
        return self._connection is None or self._connection.session.account is None

    def _refuse(self, text: str) -> None:
        self._door.services.log.event("refused", address=self._address, reason=text)
        if self._door.tls == "implicit":
            self._output.abort()  # a handshake would cost more than a word is worth
            return
        self._output.write(b"* %b\r\n" % status(b"BYE", text, "UNAVAILABLE"))
        self._output.close()

    def _begin(self) -> None:
        door = self._door
        self._connection = Connection(
            door.services,
            self._output,
            Peer(self._address, str(self.transport.getHost().host)),
            secure=door.tls == "implicit",
            starttls=door.tls == "starttls",
            plaintext_login=door.plaintext_login,
        )
        self._connection.start()

    def _new_tls(self) -> TlsLayer:
        assert self._door.certificates is not None
        self._handshake = self._door.services.runtime.later(
            HANDSHAKE_SECONDS, self._output.abort
        )
        self._tls = TlsLayer(self._door.certificates, self._decrypted, self._shaken)
        return self._tls

    def _shaken(self) -> None:
        self._stop_handshake_timer()
        if self._connection is None:
            self._begin()

    def _decrypted(self, data: bytes) -> None:
        if self._connection is not None:
            self._connection.receive(data)

    def _stop_handshake_timer(self) -> None:
        timer, self._handshake = self._handshake, None
        if timer is not None:
            timer.cancel()
