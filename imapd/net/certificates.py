"""Server contexts from certificate files; OpenSSL, without Twisted.

TLS 1.2 and later with forward secrecy and authenticated encryption only. A client
that names its protocol by ALPN (RFC 7301) must name that of the door: a browser that
was sent here by somebody else's page is refused before it says a word (ALPACA, 2021).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from OpenSSL import SSL

PROTOCOLS = (b"imap",)
"""What may be named where a connection says nothing else of itself."""

# RFC 9325 §4.2: ephemeral keys, authenticated encryption. TLS 1.3 has no others.
_CIPHERS = b"ECDHE+AESGCM:ECDHE+CHACHA20"
_NO_RENEGOTIATION = 0x40000000  # SSL_OP_NO_RENEGOTIATION of OpenSSL, for TLS 1.2


class CertificateError(Exception):
    """Certificate or key cannot be used; the text says which, and why."""


class _ForeignProtocol(SSL.Error):
    """The client speaks something else (it gets alert 120, RFC 7301 §3.2)."""


def _choose_protocol(connection: SSL.Connection, offered: list[bytes]) -> Any:  # noqa: ANN401 - pyOpenSSL's
    # Twisted's layer over the connection, and what it delivers to.
    inside = getattr(connection.get_app_data(), "wrappedProtocol", None)
    for name in getattr(inside, "protocols", PROTOCOLS):
        if name in offered:
            return name
    # pyOpenSSL ends the handshake with the alert when the callback raises.
    raise _ForeignProtocol([("ALPN", "", "no application protocol in common")])


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate with its chain, and its key: two PEM files."""

    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True)
class Contexts:
    """The server's contexts: one for everybody, others for names (RFC 6066 §3)."""

    default: SSL.Context
    by_name: Mapping[str, SSL.Context] = field(default_factory=dict)

    def choose(self, name: str) -> SSL.Context:
        """Give the context for a server name, the default for one that is unknown."""
        asked = name.lower().rstrip(".")
        found = self.by_name.get(asked)
        if found is None:
            _, dot, parent = asked.partition(".")
            found = self.by_name.get(f"*.{parent}") if dot else None
        return found or self.default


def load_contexts(pairs: Sequence[Pair], client_ca: Path | None = None) -> Contexts:
    """Make contexts from files; the first pair is the default.

    The names of a certificate are those of its subjectAltName; of two certificates
    with one name the first counts. With ``client_ca``, PEM certificates of those who
    vouch for clients, a client is asked for a certificate; one that is not theirs
    ends the handshake. Raises `CertificateError`.
    """
    by_name: dict[str, SSL.Context] = {}
    made = []
    for pair in pairs:
        context = load_context(pair.certificate, pair.key, client_ca)
        made.append(context)
        for name in _names(pair.certificate):
            by_name.setdefault(name, context)
    contexts = Contexts(made[0], by_name)

    def by_server_name(connection: SSL.Connection) -> None:
        asked = connection.get_servername()
        if asked is not None:
            chosen = contexts.choose(asked.decode("ascii", "replace"))
            if chosen is not contexts.default:
                connection.set_context(chosen)

    contexts.default.set_tlsext_servername_callback(by_server_name)
    return contexts


def _names(path: Path) -> list[str]:
    try:
        certificate = x509.load_pem_x509_certificates(_read(path, "certificate"))[0]
        names = certificate.extensions.get_extension_for_class(
            x509.SubjectAlternativeName
        )
    except x509.ExtensionNotFound:
        return []
    except ValueError as error:
        raise CertificateError(f"certificate {path} is no usable PEM file") from error
    return [name.lower() for name in names.value.get_values_for_type(x509.DNSName)]


def load_context(
    certificate: Path, key: Path, client_ca: Path | None = None
) -> SSL.Context:
    """Make a server context from PEM files. Raises `CertificateError`."""
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.set_min_proto_version(SSL.TLS1_2_VERSION)
    context.set_cipher_list(_CIPHERS)
    context.set_options(
        SSL.OP_NO_COMPRESSION | _NO_RENEGOTIATION | SSL.OP_CIPHER_SERVER_PREFERENCE
    )
    # Resumption is by tickets: no memory of clients here.
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    context.set_session_id(b"imapd")  # a ticket with a client's certificate wants one
    context.set_alpn_select_callback(_choose_protocol)
    _read(certificate, "certificate")  # OpenSSL's own error for a missing file is empty
    try:
        context.use_certificate_chain_file(bytes(certificate))
    except SSL.Error as error:
        raise CertificateError(
            f"certificate {certificate} is no usable PEM file"
        ) from error
    _check_key(key)  # OpenSSL would ask on the terminal for a passphrase
    try:
        context.use_privatekey_file(bytes(key))
        context.check_privatekey()
    except SSL.Error as error:
        raise CertificateError(f"{key} is not the key of {certificate}") from error
    if client_ca is not None:
        _ask_clients(context, client_ca)
    return context


def _ask_clients(context: SSL.Context, authorities: Path) -> None:
    """Have clients show a certificate, if they have one."""
    _read(authorities, "client_ca")
    try:
        context.load_verify_locations(str(authorities))
        context.load_client_ca(bytes(authorities))
    except SSL.Error as error:
        raise CertificateError(
            f"client_ca {authorities} is no usable PEM file"
        ) from error
    context.set_verify(SSL.VERIFY_PEER, _as_openssl_says)


def _as_openssl_says(*facts: Any) -> bool:  # noqa: ANN401 - pyOpenSSL's
    return bool(facts[-1])


def _check_key(path: Path) -> None:
    try:
        key = serialization.load_pem_private_key(_read(path, "key"), None)
    except TypeError as error:
        raise CertificateError(f"key {path} is encrypted") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise CertificateError(f"key {path} is no usable PEM file") from error
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise CertificateError(f"key {path} is neither RSA nor ECDSA")


def _read(path: Path, what: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CertificateError(
            f"{what} {path} cannot be read: {error.strerror}"
        ) from error
