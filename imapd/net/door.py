"""A door: what comes from a socket goes to a session, and back.

One `SocketProtocol` per socket. It counts the connection, puts TLS in between when the
listener or the client asks for it, and ends. It knows no command, nor which protocol is
spoken; that is its subclasses'. Timeouts other than the handshake's are the session's.
"""

from __future__ import annotations

import abc
import ipaddress
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar
from typing import Protocol as Port

from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.protocol import Protocol
from zope.interface import implementer  # type: ignore[import-untyped]

from imapd.net.certificates import PROTOCOLS
from imapd.net.output import Output
from imapd.net.proxy_header import ProxyHeader, ProxyHeaderError, read_header
from imapd.net.tcp import Connected
from imapd.net.tls import Certificates, TlsLayer
from imapd.session.admission import ConnectionAdmission, Ticket
from imapd.session.context import Services
from imapd.session.facts import SessionFacts
from imapd.session.state import Peer
from mailstore.lanes import Timer

UNIX = "unix"
"""The address of who connects on a unix socket: this machine."""


@dataclass(frozen=True, slots=True)
class Door:
    """What all connections of one listening address share.

    ``tls`` is ``none``, ``starttls`` or ``implicit``; the latter two want
    ``certificates``. ``live`` holds the connections there are, for the end;
    ``shaking`` those in a TLS handshake, the oldest first. Who connects from the
    networks ``proxy_from`` must say first for whom (the PROXY protocol), and nobody
    else may connect. With ``allow_from`` only clients from there are served.
    """

    services: Services
    admission: ConnectionAdmission
    tls: str = "none"
    certificates: Certificates | None = field(default=None, repr=False)
    plaintext_login: bool = False
    proxy_from: tuple[str, ...] = ()
    allow_from: tuple[str, ...] = ()
    shaking: dict[SocketProtocol, None] = field(default_factory=dict, repr=False)
    live: set[SocketProtocol] = field(default_factory=set, repr=False)

    def __post_init__(self) -> None:
        if self.tls not in ("none", "starttls", "implicit"):
            raise ValueError(f"tls is none, starttls or implicit, not {self.tls}")
        if self.tls != "none" and self.certificates is None:
            raise ValueError("TLS needs a certificate")

    def trusts(self, address: str) -> bool:
        """Tell whether a proxy at that address is believed."""
        return _is_in(address, self.proxy_from)

    def serves(self, address: str) -> bool:
        """Tell whether clients at that address are served."""
        # Who may use a unix socket is its permissions' affair.
        if address == UNIX or not self.allow_from:
            return True
        return _is_in(address, self.allow_from)


def _is_in(address: str, networks: Iterable[str]) -> bool:
    try:
        host = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(host, ipaddress.IPv6Address) and host.ipv4_mapped is not None:
        host = host.ipv4_mapped
    return any(host in ipaddress.ip_network(one) for one in networks)


class Talk(Port):
    """A session without its socket, as this module sees it."""

    def start(self) -> None:
        """Greet the client and begin."""
        ...

    def receive(self, data: bytes) -> None:
        """Take bytes from the client."""
        ...

    def closed(self) -> None:
        """The connection is gone."""
        ...

    def shutdown(self, text: str) -> None:
        """Say goodbye and close, as the server wishes to end."""
        ...

    def facts(self) -> SessionFacts:
        """Tell an administrator what there is to know."""
        ...


@implementer(IHalfCloseableProtocol)
class SocketProtocol(Protocol, abc.ABC):
    """One socket and its session."""

    transport: Any
    alpn: ClassVar[tuple[bytes, ...]] = PROTOCOLS
    """What a client may call it in its TLS handshake (RFC 7301)."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._output: Output
        self._tls: TlsLayer | None = None
        self._talk: Talk | None = None
        self._ticket: Ticket | None = None
        self._handshake: Timer | None = None
        self._proxied: ProxyHeader | None = None
        self._connected_from: str | None = None
        self._header: bytearray | None = None  # of a proxy, as far as it is here
        self._taker: Callable[[bytes], None] = self.decrypted  # of the socket's octets

    # -- what is spoken

    @abc.abstractmethod
    def new_talk(self, peer: Peer, *, secure: bool) -> Talk:
        """Make the session; ``secure``: TLS protects it already."""

    @abc.abstractmethod
    def refusal(self, text: str) -> bytes:
        """Say in place of a greeting why there will be none."""

    @abc.abstractmethod
    def is_stranger(self) -> bool:
        """Tell whether nobody is logged in."""

    def new_output(self) -> Output:
        """Make the way out."""
        services = self._door.services
        return Output(self.transport, services.runtime, services.limits, self._new_tls)

    def decrypted(self, data: bytes) -> None:
        """Take what the client said, TLS taken off."""
        if self._talk is not None:
            self._talk.receive(data)

    # -- called by Twisted

    def connectionMade(self) -> None:
        """A client is there."""
        door = self._door
        self._output = self.new_output()
        if not door.proxy_from:
            self._admit()
        elif door.trusts(self._address):
            door.live.add(self)
            self._header, self._taker = bytearray(), self._take_header
            self._start_handshake_timer()
        else:
            door.services.log.event(
                "refused", address=self._address, reason="no trusted proxy"
            )
            self._output.abort()

    def dataReceived(self, data: bytes) -> None:
        """Take bytes from the socket."""
        self._taker(data)

    def readConnectionLost(self) -> None:
        """The client sends no more (and may still read)."""
        if self._talk is not None:
            self._talk.closed()
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
        self._door.shaking.pop(self, None)
        self._stop_handshake_timer()
        self._output.lost()
        if self._talk is not None:
            self._talk.closed()
        if self._tls is not None:
            self._tls.lost(reason)

    # -- called by the server

    def shutdown(self, text: str) -> None:
        """Say BYE and close, as the server wishes to end."""
        if self._talk is not None:
            self._talk.shutdown(text)
        else:
            self._output.abort()

    def facts(self) -> SessionFacts | None:
        """Tell an administrator of the session; None while there is none yet."""
        if self._talk is None:
            return None
        version = None if self._tls is None else self._tls.version
        return replace(self._talk.facts(), tls=version, pid=os.getpid())

    def abort(self) -> None:
        """Close at once."""
        self._output.abort()

    # -- inside

    def _take_header(self, data: bytes) -> None:
        """Learn from a proxy who connects; the rest is the client's."""
        assert self._header is not None
        self._header += data
        try:
            found = read_header(bytes(self._header))
        except ProxyHeaderError as error:
            self._door.services.log.event(
                "refused", address=self._address, reason=f"PROXY: {error}"
            )
            self._output.abort()
            return
        if found is None:
            return
        self._proxied, taken = found
        rest, self._header = bytes(self._header[taken:]), None
        self._taker = self.decrypted
        self._stop_handshake_timer()
        self._admit()
        if rest:
            self.dataReceived(rest)

    def _admit(self) -> None:
        door, address = self._door, self._address
        if not door.serves(address):
            self._refuse("your address is not served here")
            return
        admitted = door.admission.connect(
            address,
            self._output.abort,
            self.is_stranger,
            # Who is no stranger before a word was said never will be one.
            trusted=not self.is_stranger(),
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

    @property
    def _address(self) -> str:
        if self._proxied is not None and self._proxied.source is not None:
            return self._proxied.source[0]
        if self._connected_from is None:
            if isinstance(self.transport, Connected):
                host = self.transport.hostname  # without an object for it
            else:
                # What Twisted calls so of a unix socket is a name that its client
                # has chosen, and may look like the address of anybody.
                host = getattr(self.transport.getPeer(), "host", UNIX)
            self._connected_from = str(host)
        return self._connected_from

    def _refuse(self, text: str) -> None:
        self._door.services.log.event("refused", address=self._address, reason=text)
        if self._door.tls == "implicit":
            self._output.abort()  # a handshake would cost more than a word is worth
            return
        self._output.write(self.refusal(text))
        self._output.close()

    def _begin(self) -> None:
        self._talk = self.new_talk(
            Peer(self._address),
            # A balancer may have taken TLS off.
            secure=self._door.tls == "implicit"
            or (self._proxied is not None and self._proxied.tls),
        )
        if self._tls is None:
            self._taker = self._talk.receive  # without a detour, from here on
        self._talk.start()

    def _new_tls(self) -> TlsLayer:
        door = self._door
        assert door.certificates is not None
        if len(door.shaking) >= door.services.limits().handshakes:
            next(iter(door.shaking)).abort()
        door.shaking[self] = None
        self._start_handshake_timer()
        self._tls = TlsLayer(door.certificates, self.decrypted, self._shaken, self.alpn)
        self._taker = self._tls.received
        return self._tls

    def _shaken(self) -> None:
        self._door.shaking.pop(self, None)
        self._stop_handshake_timer()
        if self._talk is None:
            self._begin()

    def _start_handshake_timer(self) -> None:
        services = self._door.services
        self._handshake = services.runtime.later(
            services.limits().handshake_seconds, self._output.abort
        )

    def _stop_handshake_timer(self) -> None:
        timer, self._handshake = self._handshake, None
        if timer is not None:
            timer.cancel()
