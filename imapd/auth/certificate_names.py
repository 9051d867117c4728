"""The names in a client's certificate: its subjectAltName, read with pyasn1.

The subject's common name and e-mail attribute are not looked at: authorities check
what stands in subjectAltName (RFC 5280 §4.1.2.6 calls the e-mail attribute
deprecated), and a common name is free text.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pyasn1.codec.der import decoder
from pyasn1.error import PyAsn1Error
from pyasn1.type.char import UTF8String
from pyasn1_modules import rfc5280

_MOST = 16_384  # octets of a certificate
_DEEPEST = 16  # constructed values in each other; a certificate has about ten
_SUBJECT_ALT_NAME = "2.5.29.17"
_UPN = "1.3.6.1.4.1.311.20.2.3"  # MS-WCCE: userPrincipalName
_SMTP_UTF8 = "1.3.6.1.5.5.7.8.9"  # RFC 9598 §3: id-on-SmtpUTF8Mailbox


class CertificateUnreadable(ValueError):
    """It is no certificate, or one that nobody honest makes."""


@dataclass(frozen=True, slots=True)
class CertificateNames:
    """``fingerprint``: SHA-256 of the DER in hexadecimal; names in their order."""

    fingerprint: str
    emails: tuple[str, ...] = ()
    upns: tuple[str, ...] = ()


def certificate_names(der: bytes) -> CertificateNames:
    """Read the names of one certificate.

    A name that cannot be one (control characters, no domain) is left out. Raises
    `CertificateUnreadable`.
    """
    if len(der) > _MOST:
        raise CertificateUnreadable("too long")
    # pyasn1 recurses; what is nested deeper than any certificate stays outside.
    if _depth(der) > _DEEPEST:
        raise CertificateUnreadable("nested too deep")
    certificate = _decoded(der, rfc5280.Certificate())
    emails: dict[str, None] = {}
    upns: dict[str, None] = {}
    for name in _general_names(certificate):
        kind = name.getName()
        if kind == "rfc822Name":
            emails.update(_kept(_email(str(name["rfc822Name"]), ascii_only=True)))
        elif kind == "otherName":
            type_id = str(name["otherName"]["type-id"])
            if type_id == _SMTP_UTF8:
                emails.update(_kept(_email(_text(name), ascii_only=False)))
            elif type_id == _UPN:
                upns.update(_kept(_principal(_text(name))))
    fingerprint = hashlib.sha256(der).hexdigest()
    return CertificateNames(fingerprint, tuple(emails), tuple(upns))


def _depth(data: bytes) -> int:
    """Give how deep constructed values lie in each other; refuses what is not DER.

    One pass, without recursion: ends of open values on a stack.
    """
    ends: list[int] = []
    deepest = at = 0
    while at < len(data):
        while ends and at >= ends[-1]:
            ends.pop()
        tag = data[at]
        if tag & 0x1F == 0x1F:
            raise CertificateUnreadable("a tag of several octets")
        length, at = _length(data, at + 1)
        end = at + length
        if end > (ends[-1] if ends else len(data)):
            raise CertificateUnreadable("a value is cut off")
        if tag & 0x20:
            ends.append(end)
            deepest = max(deepest, len(ends))
        else:
            at = end
    return deepest


def _length(data: bytes, at: int) -> tuple[int, int]:
    if at >= len(data):
        raise CertificateUnreadable("a length is cut off")
    first = data[at]
    if first < 0x80:
        return first, at + 1
    count = first & 0x7F
    if not 1 <= count <= 3 or at + 1 + count > len(data):  # 0: indefinite, not DER
        raise CertificateUnreadable("a length is not DER's")
    return int.from_bytes(data[at + 1 : at + 1 + count], "big"), at + 1 + count


def _decoded(octets: bytes, spec: Any) -> Any:  # noqa: ANN401 - pyasn1's objects
    try:
        value, rest = decoder.decode(octets, asn1Spec=spec)
    except (PyAsn1Error, ValueError, IndexError, KeyError, RecursionError) as error:
        # pyasn1 lets errors of Python escape for some malformed numbers and texts.
        raise CertificateUnreadable("not DER of that kind") from error
    if rest:
        raise CertificateUnreadable("octets behind its end")
    return value


def _general_names(certificate: Any) -> Iterable[Any]:  # noqa: ANN401 - pyasn1's
    extensions = certificate["tbsCertificate"]["extensions"]
    if not extensions.hasValue():
        return ()
    found = [
        extension["extnValue"].asOctets()
        for extension in extensions
        if str(extension["extnID"]) == _SUBJECT_ALT_NAME
    ]
    if len(found) > 1:
        raise CertificateUnreadable("an extension is there twice")  # RFC 5280 §4.2
    return _decoded(found[0], rfc5280.SubjectAltName()) if found else ()


def _text(name: Any) -> str:  # noqa: ANN401 - pyasn1's
    """Give the text of an otherName; empty when it is of another kind."""
    try:
        value = _decoded(name["otherName"]["value"].asOctets(), UTF8String())
        return str(value)
    except (CertificateUnreadable, UnicodeDecodeError, PyAsn1Error):
        return ""


def _kept(name: str) -> dict[str, None]:
    return {name: None} if name else {}


def _principal(name: str) -> str:
    return name if _printable(name) else ""


def _email(name: str, *, ascii_only: bool) -> str:
    """Give an address with its domain in lower case; empty when it is none."""
    local, at, domain = name.partition("@")
    if not at or not local or not domain or "@" in domain or not _printable(name):
        return ""
    # RFC 9598 §3: who has an ASCII local part must use rfc822Name, and only it.
    if local.isascii() != ascii_only or (ascii_only and not domain.isascii()):
        return ""
    return f"{local}@{domain.lower()}"


def _printable(name: str) -> bool:
    return bool(name) and not any(
        unicodedata.category(char) in ("Cc", "Cf", "Cs", "Cn", "Co", "Zl", "Zp", "Zs")
        for char in name
    )
