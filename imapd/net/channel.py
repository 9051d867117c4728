"""What a TLS connection can say of itself: channel bindings, the client's certificate.

RFC 9266 (tls-exporter) and RFC 5929 §4 (tls-server-end-point). There is no tls-unique:
TLS 1.3 has none, and that of TLS 1.2 was broken (the triple handshake).
"""

from __future__ import annotations

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import Certificate
from OpenSSL import SSL

from imapd.session.credentials import Channel

_LABEL = b"EXPORTER-Channel-Binding"
_LENGTH = 32


def channel_of(connection: SSL.Connection) -> Channel:
    """Read what is known after the handshake."""
    bindings: dict[str, bytes] = {}
    # Before TLS 1.3 the exporter binds only with the extended master secret, and
    # OpenSSL doesn't tell us whether it was used (RFC 9266 §4).
    if connection.get_protocol_version_name() == "TLSv1.3":
        exported = connection.export_keying_material(_LABEL, _LENGTH, b"")
        bindings["tls-exporter"] = bytes(exported)
    own = connection.get_certificate()
    end_point = None if own is None else _end_point(own.to_cryptography())
    if end_point is not None:
        bindings["tls-server-end-point"] = end_point
    peer = connection.get_peer_certificate()
    certificate = None
    if peer is not None:
        certificate = peer.to_cryptography().public_bytes(Encoding.DER)
    return Channel(bindings, certificate)


def _end_point(certificate: Certificate) -> bytes | None:
    """Hash the server's certificate by the hash of its signature (RFC 5929 §4.1)."""
    algorithm = certificate.signature_hash_algorithm
    if algorithm is None:
        return None  # Ed25519 and the like: the RFC names no hash
    if isinstance(algorithm, hashes.MD5 | hashes.SHA1):
        algorithm = hashes.SHA256()
    return certificate.fingerprint(algorithm)
