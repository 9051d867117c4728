"""Names of client certificates: what is read, what is left out, any octets at all."""

from __future__ import annotations

import hashlib

import pytest
from cryptography import x509
from hypothesis import given, settings
from hypothesis import strategies as st

from imapd.auth.certificate_names import (
    CertificateNames,
    CertificateUnreadable,
    certificate_names,
)
from tests.imapd.auth.certificates import (
    certificate,
    email,
    other,
    principal,
    smtp_utf8,
    utf8,
)

UPN = "1.3.6.1.4.1.311.20.2.3"
FULL = certificate(
    email("Ann@EXAMPLE.org"),
    x509.DNSName("client.example.org"),
    smtp_utf8("köhler@bücher.example"),
    principal("ann@CORP"),
    email("ann2@example.org"),
)


def test_every_kind_of_name():
    assert certificate_names(FULL) == CertificateNames(
        hashlib.sha256(FULL).hexdigest(),
        ("Ann@example.org", "köhler@bücher.example", "ann2@example.org"),
        ("ann@CORP",),
    )


def test_the_subject_is_not_looked_at():
    names = certificate_names(certificate())
    assert (names.emails, names.upns) == ((), ())


@pytest.mark.parametrize(
    "name",
    [
        smtp_utf8("ann@example.org"),  # RFC 9598 §3: ASCII belongs into rfc822Name
        smtp_utf8("kö\x00hler@example.org"),
        smtp_utf8("kö hler@example.org"),
        smtp_utf8("köhler"),
        smtp_utf8("köhler@"),
        smtp_utf8("kö@hler@example.org"),
        other("1.3.6.1.5.5.7.8.9", b"\x0c\x02\xff\xfe"),  # no UTF-8
        other("1.3.6.1.5.5.7.8.9", b"\x02\x01\x05"),  # an INTEGER
        principal("ann\x00@corp"),
        principal("ann\u200b@corp"),
        other(UPN, b"\x04\x03ann"),  # an OCTET STRING
        other("1.2.3.4", utf8("ann@example.org")),
        x509.UniformResourceIdentifier("mailto:ann@example.org"),
    ],
)
def test_what_is_no_name_is_left_out(name):
    names = certificate_names(certificate(name, email("bob@example.org")))
    assert (names.emails, names.upns) == (("bob@example.org",), ())


def test_a_name_counts_once():
    names = certificate_names(certificate(email("a@b.c"), email("a@B.C")))
    assert names.emails == ("a@b.c",)


@pytest.mark.parametrize(
    "der",
    [
        b"",
        b"\x30",
        b"\x30\x80\x00\x00",  # indefinite: BER, not DER
        b"\x30\x84\xff\xff\xff\xff",
        FULL + b"\x00",
        FULL[:-1],
        FULL + b"\x05\x00" * 9_000,
        b"\x30\x02\x30\x00",
        b"\x1f\x81\x01\x00",
    ],
)
def test_what_is_no_certificate(der):
    with pytest.raises(CertificateUnreadable):
        certificate_names(der)


def test_nesting_is_refused_before_anything_recurses():
    der = b""
    while len(der) < 12_000:
        length = len(der)
        head = b"\x30" + (
            bytes([length]) if length < 128 else b"\x82" + length.to_bytes(2, "big")
        )
        der = head + der
    with pytest.raises(CertificateUnreadable, match="nested too deep"):
        certificate_names(der)


@given(st.binary(max_size=300))
def test_any_octets_give_names_or_a_refusal(data):
    try:
        certificate_names(data)
    except CertificateUnreadable:
        return


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_any_change_gives_names_or_a_refusal(data):
    der = bytearray(FULL)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(der) - 1))
        kind = data.draw(st.sampled_from(["set", "insert", "delete"]))
        if kind == "set":
            der[at] = data.draw(st.integers(0, 255))
        elif kind == "insert":
            der.insert(at, data.draw(st.integers(0, 255)))
        else:
            del der[at]
    try:
        names = certificate_names(bytes(der))
    except CertificateUnreadable:
        return
    assert all(name.isprintable() for name in (*names.emails, *names.upns))


@given(st.integers(0, len(FULL) - 1))
def test_cut_anywhere_it_is_refused(at):
    with pytest.raises(CertificateUnreadable):
        certificate_names(FULL[:at])
