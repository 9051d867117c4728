from __future__ import annotations

import pytest

from mailstore.mime.downgraded_field import (
    addresses_in_ascii,
    disposition_in_ascii,
    text_in_ascii,
)
from mailstore.mime.header import decode_words, parameter_text, parameters

INVALID = b"<invalid@internationalized-address.invalid>"


def flat(value: bytes) -> bytes:
    return value.replace(b"\r\n", b"")


@pytest.mark.parametrize(
    ("addresses", "expected"),
    [
        ("Zoë <a@b.c>", b"=?utf-8?b?Wm/Dqw==?= <a@b.c>"),
        ("a@b.c, Zoë <d@e>", b"a@b.c, =?utf-8?b?Wm/Dqw==?= <d@e>"),
        ("josé@b.c", b"=?utf-8?q?jos=C3=A9=40b=2Ec?= " + INVALID),
        ("J <ü@b>", b"=?utf-8?b?SiA8w7xAYj4=?= " + INVALID),
        ("a@exämple.com", b"a@xn--exmple-cua.com"),
        ("a@straße.DE", b"a@xn--strae-oqa.DE"),
        ("a@b☃c", b"=?utf-8?b?YUBi4piDYw==?= " + INVALID),
        ("ü: a@b, c@d;, e@f", b"=?utf-8?b?w7w=?=: a@b, c@d;, e@f"),
        ('"x, y" <"o k"@b>, é <a@b>', b'"x, y" <"o k"@b>, =?utf-8?b?w6k=?= <a@b>'),
        ("(é) a@b", b"=?utf-8?b?w6k=?= <a@b>"),
    ],
)
def test_addresses(addresses: str, expected: bytes):
    """RFC 6858 §2.1: who can't be answered is shown, not answered."""
    assert flat(addresses_in_ascii(addresses.encode())) == expected


def test_an_address_without_ascii_is_shown_whole():
    shown = flat(addresses_in_ascii("José <josé@exämple.com>".encode()))
    assert decode_words(shown) == "José <josé@exämple.com> " + INVALID.decode()


def test_a_long_text_is_told_in_words_that_are_read_alone():
    """RFC 2047 §2 and §5: 75 characters a word, 76 a line, no character is split."""
    text = "日本語 äöü x " * 40
    result = text_in_ascii(text.encode())
    lines = result.split(b"\r\n")
    assert len(lines[0]) < 60
    assert max(map(len, lines)) <= 76
    assert decode_words(b"".join(lines)) == text.strip()
    for word in result.split():
        decode_words(word).encode("utf-8")


def test_a_long_file_name_is_cut_into_pieces():
    name = "日本語" * 20 + ".txt"
    text = flat(disposition_in_ascii(f'attachment; filename="{name}"'.encode()))
    assert parameter_text(parameters(text), b"filename") == name
