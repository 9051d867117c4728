"""Client certificates as DER, signed by nobody in particular."""

from __future__ import annotations

import datetime as dt
import functools

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

KEY = ec.generate_private_key(ec.SECP256R1())
NAME = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "cn@example.org")])


def email(name: str) -> x509.GeneralName:
    return x509.RFC822Name(name)


def other(oid: str, value: bytes) -> x509.GeneralName:
    return x509.OtherName(x509.ObjectIdentifier(oid), value)


def utf8(text: str) -> bytes:
    octets = text.encode()
    assert len(octets) < 128
    return bytes([12, len(octets)]) + octets


def principal(name: str) -> x509.GeneralName:
    return other("1.3.6.1.4.1.311.20.2.3", utf8(name))


def smtp_utf8(name: str) -> x509.GeneralName:
    return other("1.3.6.1.5.5.7.8.9", utf8(name))


@functools.cache
def certificate(*names: x509.GeneralName) -> bytes:
    """Make a certificate with these names in subjectAltName; none: without it."""
    builder = (
        x509.CertificateBuilder()
        .subject_name(NAME)
        .issuer_name(NAME)
        .public_key(KEY.public_key())
        .serial_number(7)
        .not_valid_before(dt.datetime(2020, 1, 1, tzinfo=dt.UTC))
        .not_valid_after(dt.datetime(2120, 1, 1, tzinfo=dt.UTC))
    )
    if names:
        builder = builder.add_extension(
            x509.SubjectAlternativeName(names), critical=False
        )
    return builder.sign(KEY, hashes.SHA256()).public_bytes(Encoding.DER)
