"""Server contexts from certificate files; OpenSSL, without Twisted.

TLS 1.2 and later with forward secrecy and authenticated encryption only. A client
that names its protocol by ALPN (RFC 7301) must name ``imap``: a browser that was
sent here by somebody else's page is refused before it says a word (ALPACA, 2021).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from OpenSSL import SSL

PROTOCOLS = (b"imap",)

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
    return context


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
