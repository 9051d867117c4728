"""The arguments of MAIL and RCPT: known answers, refusals, and no way into a header."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imapd.doors.paths import (
    PathError,
    read_address,
    read_recipient,
    read_sender,
    write_address,
)


@pytest.mark.parametrize(
    ("argument", "address", "parameters"),
    [
        (b"FROM:<>", "", {}),
        (b"from:<ann@example.org>", "ann@example.org", {}),
        (b"FROM: <ann@example.org>", "ann@example.org", {}),
        (
            b"FROM:<ann@example.org> SIZE=5 body=8BITMIME  SMTPUTF8",
            "ann@example.org",
            {"SIZE": "5", "BODY": "8BITMIME", "SMTPUTF8": None},
        ),
        (b"FROM:<@a.example,@b.example:ann@example.org>", "ann@example.org", {}),
        (b'FROM:<"ann"@example.org>', "ann@example.org", {}),
        (b'FROM:<"a b>c"@example.org>', "a b>c@example.org", {}),
        (b'FROM:<"a\\"b"@example.org>', 'a"b@example.org', {}),
        (b"FROM:<ann@[192.0.2.1]>", "ann@[192.0.2.1]", {}),
        (b"FROM:<ann@[IPv6:2001:db8::1]>", "ann@[IPv6:2001:db8::1]", {}),
        (b"FROM:<postmaster>", "postmaster", {}),
        (b"FROM:<ann@example.org.>", "ann@example.org", {}),
        ("FROM:<jürgen@exämple.org>".encode(), "jürgen@exämple.org", {}),
    ],
)
def test_senders(argument: bytes, address: str, parameters: dict[str, str | None]):
    found = read_sender(argument)
    assert (found.address, dict(found.parameters)) == (address, parameters)


@pytest.mark.parametrize(
    "argument",
    [
        b"",
        b"<ann@example.org>",
        b"FROM:ann@example.org",
        b"FROM <ann@example.org>",
        b"TO:<ann@example.org>",
        b"FROM:<ann@example.org",
        b"FROM:<ann@@example.org>",
        b"FROM:<ann example.org>",
        b"FROM:<ann@-example.org>",
        b"FROM:<ann@example..org>",
        b"FROM:<.ann@example.org>",
        b"FROM:<@example.org>",
        b"FROM:<ann@>",
        b"FROM:<a\x01b@example.org>",
        b'FROM:<"a\x0bb"@example.org>',
        b"FROM:<a\xff@example.org>",
        "FROM:<a\u2028b@example.org>".encode(),
        "FROM:<a\x85b@example.org>".encode(),
        b"FROM:<" + b"a" * 1_100 + b"@example.org>",
        b"FROM:<ann@example.org>SIZE=5",
        b"FROM:<ann@example.org> SIZE=5 SIZE=6",
        b"FROM:<ann@example.org> =5",
        b"FROM:<ann@example.org> A=b=c",
    ],
)
def test_what_is_no_sender(argument: bytes):
    with pytest.raises(PathError):
        read_sender(argument)


def test_a_recipient_has_an_address():
    assert read_recipient(b"TO:<ann@example.org>").address == "ann@example.org"
    with pytest.raises(PathError):
        read_recipient(b"TO:<>")


@pytest.mark.parametrize(
    ("address", "written"),
    [
        ("ann@example.org", "<ann@example.org>"),
        ("a b@example.org", '<"a b"@example.org>'),
        ('a"b@example.org', '<"a\\"b"@example.org>'),
        ("postmaster", "<postmaster>"),
        ("a@b@example.org", '<"a@b"@example.org>'),
    ],
)
def test_addresses_are_written_so_that_they_can_be_read(address: str, written: str):
    assert write_address(address) == written
    assert read_address(written[1:-1]) == address


@given(st.binary(max_size=60))
def test_no_address_ends_a_line_or_a_path(octets: bytes):
    try:
        found = read_sender(b"FROM:<" + octets + b">")
    except PathError:
        return
    written = write_address(found.address) if found.address else "<>"
    assert written.isprintable() or not written.isascii()
    assert not any(char < " " or "\x7f" <= char < "\xa0" for char in written)
    assert len(written.splitlines()) == 1
    assert read_sender(f"FROM:{written}".encode()).address == found.address
