"""TLS as a server: the certificate in use, and one connection's layer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from OpenSSL import SSL
from twisted.internet.interfaces import (
    IHandshakeListener,
    IOpenSSLServerConnectionCreator,
)
from twisted.internet.protocol import Protocol
from twisted.protocols.tls import TLSMemoryBIOFactory, TLSMemoryBIOProtocol
from zope.interface import implementer  # type: ignore[import-untyped]

from imapd.net.certificates import PROTOCOLS, Pair, load_contexts
from imapd.net.channel import channel_of
from imapd.session.credentials import NO_CHANNEL, Channel


@implementer(IOpenSSLServerConnectionCreator)
class Certificates:
    """The certificates in use. Connections keep the one that they began with.

    ``pairs`` and ``client_ca`` are those of `load_contexts`; ``clock`` is the loop:
    without it Twisted would install a reactor of its own.
    """

    def __init__(
        self, pairs: Sequence[Pair], clock: object, client_ca: Path | None = None
    ) -> None:
        self._contexts = load_contexts(pairs, client_ca)
        factory: Any = TLSMemoryBIOFactory
        self.factory = factory(self, False, None, clock)

    def use(self, pairs: Sequence[Pair], client_ca: Path | None = None) -> None:
        """Read files, those of before or others.

        Raises `CertificateError`; what held goes on holding then.
        """
        self._contexts = load_contexts(pairs, client_ca)

    def serverConnectionForTLS(self, _: Any) -> SSL.Connection:  # noqa: ANN401 - Twisted's
        """Make the OpenSSL side of one connection."""
        connection = SSL.Connection(self._contexts.default, None)
        connection.set_accept_state()
        return connection


@implementer(IHandshakeListener)
class _Inside(Protocol):
    """What TLS delivers to: the plain side."""

    def __init__(
        self,
        received: Callable[[bytes], None],
        ready: Callable[[], None],
        protocols: Sequence[bytes],
    ) -> None:
        self._received = received
        self._ready = ready
        self.protocols = protocols

    def dataReceived(self, data: bytes) -> None:
        self._received(data)

    def handshakeCompleted(self) -> None:
        self._ready()


class TlsLayer:
    """TLS between one socket and one session.

    ``received`` takes what the client said, ``ready`` is called after the
    handshake. ``protocols`` are those that the client may name (ALPN).
    """

    def __init__(
        self,
        certificates: Certificates,
        received: Callable[[bytes], None],
        ready: Callable[[], None],
        protocols: Sequence[bytes] = PROTOCOLS,
    ) -> None:
        self.done = False
        self._channel: Channel | None = None
        self._ready = ready
        # Plain, not Twisted's gathering kind: the session has gathered already, and
        # gathering again costs a turn of the loop.
        layer: Any = TLSMemoryBIOProtocol
        self._bio = layer(
            certificates.factory, _Inside(received, self._shaken, protocols)
        )

    def channel(self) -> Channel:
        """What is known of the connection; nothing before the handshake's end."""
        if not self.done:
            return NO_CHANNEL
        if self._channel is None:
            self._channel = channel_of(self._bio.getHandle())
        return self._channel

    @property
    def version(self) -> str | None:
        """The protocol's version, as ``TLSv1.3``; None before the handshake's end."""
        if not self.done:
            return None
        return str(self._bio.getHandle().get_protocol_version_name())

    def begin(self, tcp: Any) -> None:  # noqa: ANN401 - Twisted's
        """Wait for the client's hello on a connected transport."""
        self._bio.makeConnection(tcp)

    def _shaken(self) -> None:
        self.done = True
        self._ready()

    def write(self, data: bytes) -> None:
        """Encrypt and send."""
        self._bio.write(data)

    def received(self, data: bytes) -> None:
        """Take what came from the socket."""
        self._bio.dataReceived(data)

    def end(self) -> bool:
        """Say goodbye (RFC 8446 §6.1); False when the handshake isn't over."""
        if not self.done:
            return False
        self._bio.loseConnection()
        return True

    def lost(self, reason: Any) -> None:  # noqa: ANN401 - Twisted's
        """The socket is gone."""
        self._bio.connectionLost(reason)
