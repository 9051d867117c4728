"""TLS as a server: contexts from files, their renewal, and one connection's layer.

TLS 1.2 and later with forward secrecy and authenticated encryption only. A client
that names its protocol by ALPN (RFC 7301) must name ``imap``: a browser that was
sent here by somebody else's page is refused before it says a word (ALPACA, 2021).
"""

from __future__ import annotations

from collections.abc import Callable
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

PROTOCOLS = (b"imap",)
HANDSHAKE_SECONDS = 30.0

# RFC 9325 §4.2: ephemeral keys, authenticated encryption. TLS 1.3 has no others.
_CIPHERS = b"ECDHE+AESGCM:ECDHE+CHACHA20"
_NO_RENEGOTIATION = 0x40000000  # SSL_OP_NO_RENEGOTIATION of OpenSSL, for TLS 1.2


class CertificateError(Exception):
    """Certificate or key cannot be used; the text says which, and why."""


class _ForeignProtocol(SSL.Error):
    """The client speaks something else (it gets alert 120, RFC 7301 §3.2)."""


def _choose_protocol(_: SSL.Connection, offered: list[bytes]) -> Any:  # noqa: ANN401 - pyOpenSSL's
    for name in PROTOCOLS:
        if name in offered:
            return name
    # pyOpenSSL ends the handshake with the alert when the callback raises.
    raise _ForeignProtocol([("ALPN", "", "no application protocol in common")])


def load_context(certificate: Path, key: Path) -> SSL.Context:
    """Make a server context from PEM files. Raises `CertificateError`."""
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.set_min_proto_version(SSL.TLS1_2_VERSION)
    context.set_cipher_list(_CIPHERS)
    context.set_options(
        SSL.OP_NO_COMPRESSION | _NO_RENEGOTIATION | SSL.OP_CIPHER_SERVER_PREFERENCE
    )
    # Resumption is by tickets: no memory of clients here.
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    context.set_alpn_select_callback(_choose_protocol)
    context.set_passwd_cb(lambda *_: b"")  # never ask on a terminal
    _use(context.use_certificate_chain_file, certificate, "certificate")
    _use(context.use_privatekey_file, key, "key")
    try:
        context.check_privatekey()
    except SSL.Error as error:
        raise CertificateError(f"{key} is not the key of {certificate}") from error
    return context


def _use(load: Callable[[bytes], object], path: Path, what: str) -> None:
    try:
        with path.open("rb"):  # OpenSSL's own error for this says nothing
            pass
    except OSError as error:
        raise CertificateError(
            f"{what} {path} cannot be read: {error.strerror}"
        ) from error
    try:
        load(bytes(path))
    except SSL.Error as error:
        raise CertificateError(f"{what} {path} is no usable PEM file") from error


@implementer(IOpenSSLServerConnectionCreator)
class Certificates:
    """The certificate in use. Connections keep the one that they began with.

    ``clock`` is the loop; without it Twisted would install a reactor of its own.
    """

    def __init__(self, certificate: Path, key: Path, clock: object) -> None:
        self.certificate = certificate
        self.key = key
        self._context = load_context(certificate, key)
        factory: Any = TLSMemoryBIOFactory
        self.factory = factory(self, False, None, clock)

    def reload(self) -> None:
        """Read the files again; raises `CertificateError` and keeps the old one."""
        self._context = load_context(self.certificate, self.key)

    def use(self, certificate: Path, key: Path) -> None:
        """Change the files; raises `CertificateError` and keeps the old ones."""
        self._context = load_context(certificate, key)
        self.certificate, self.key = certificate, key

    def serverConnectionForTLS(self, _: Any) -> SSL.Connection:  # noqa: ANN401 - Twisted's
        """Make the OpenSSL side of one connection."""
        connection = SSL.Connection(self._context, None)
        connection.set_accept_state()
        return connection


@implementer(IHandshakeListener)
class _Inside(Protocol):
    """What TLS delivers to: the plain side."""

    def __init__(
        self, received: Callable[[bytes], None], ready: Callable[[], None]
    ) -> None:
        self._received = received
        self._ready = ready

    def dataReceived(self, data: bytes) -> None:
        self._received(data)

    def handshakeCompleted(self) -> None:
        self._ready()


class TlsLayer:
    """TLS between one socket and one session.

    ``received`` takes what the client said, ``ready`` is called after the
    handshake.
    """

    def __init__(
        self,
        certificates: Certificates,
        received: Callable[[bytes], None],
        ready: Callable[[], None],
    ) -> None:
        self.done = False
        self._ready = ready
        # Plain, not Twisted's gathering kind: the session has gathered already, and
        # gathering again costs a turn of the loop.
        layer: Any = TLSMemoryBIOProtocol
        self._bio = layer(certificates.factory, _Inside(received, self._shaken))

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
