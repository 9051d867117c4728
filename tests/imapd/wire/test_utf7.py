"""Modified UTF-7: the one canonical form, and nothing else (RFC 3501 §5.1.3)."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from imapd.wire import utf7

KNOWN = [
    ("", b""),
    ("INBOX", b"INBOX"),
    ("~peter/mail/台北/日本語", b"~peter/mail/&U,BTFw-/&ZeVnLIqe-"),
    ("&", b"&-"),
    ("&-", b"&--"),
    ("a&b&c", b"a&-b&-c"),
    ("&&", b"&-&-"),
    ("ø&", b"&APg-&-"),
    ("Entwürfe", b"Entw&APw-rfe"),
    ("über", b"&APw-ber"),
    ("été", b"&AOk-t&AOk-"),
    ("\x00\r\n", b"&AAAADQAK-"),
    ("\x7f", b"&AH8-"),
    ("😀", b"&2D3eAA-"),
    ("a😀-b", b"a&2D3eAA--b"),
    ("ÿÿÿ", b"&AP8A,wD,-"),
    (" ~", b" ~"),
]


@pytest.mark.parametrize(("text", "octets"), KNOWN)
def test_known_answers(text: str, octets: bytes):
    assert utf7.encode(text) == octets
    assert utf7.decode(octets) == text


REFUSED = [
    (b"&", "no end"),
    (b"a&b", "no end"),
    (b"&APw", "no end"),
    (b"&APw/", "no end"),
    (b"&AGE-", "an a in base64"),
    (b"&ACY-", "an ampersand in base64"),
    (b"&APwAYQ-", "an a at the end"),
    (b"&APw-&AOk-", "two shifts that are one"),
    (b"&APw=-", "padding"),
    (b"&APx-", "bits left over"),
    (b"&AP-", "one and a half octets"),
    (b"&A-", "less than an octet"),
    (b"&APwA-", "one and a half characters"),
    (b"&AP/-", "a slash instead of a comma"),
    (b"&2D0-", "half of a surrogate pair"),
    (b"&3gA-", "the other half"),
    (b"&3gDYPQ-", "halves in the wrong order"),
    (b"&APw -", "a space in base64"),
    (b"&U,BTFw-/&ZeVnLIqe", "an end that is missing later"),
    ("ü".encode(), "UTF-8"),
    (b"\xff", "8-bit"),
    (b"\x00", "NUL"),
    (b"a\r\nb", "a line end"),
    (b"\x7f", "DEL"),
]


@pytest.mark.parametrize(("octets", "why"), REFUSED)
def test_everything_else_is_refused(octets: bytes, why: str):
    with pytest.raises(utf7.InvalidUtf7):
        utf7.decode(octets)


@pytest.mark.parametrize("text", ["\ud83d", "a\ud83d", "\ude00\ud83d"])
def test_half_a_character_is_refused(text: str):
    with pytest.raises(utf7.InvalidUtf7):
        utf7.encode(text)


@given(st.text())
@example("\U0010ffff\uffff\ufeff")
def test_every_text_comes_back(text: str):
    octets = utf7.encode(text)
    assert set(octets) <= set(range(0x20, 0x7F))
    assert utf7.decode(octets) == text


@given(
    st.one_of(
        st.binary(max_size=30),
        st.text("&-,/+=AZaz09 ", max_size=20).map(str.encode),
    )
)
def test_octets_have_one_meaning_or_none(octets: bytes):
    try:
        text = utf7.decode(octets)
    except utf7.InvalidUtf7:
        return
    assert utf7.encode(text) == octets


@pytest.mark.parametrize("octets", [b"&" * 200_000, b"&" + b"A" * 200_000, b"&-" * 9])
def test_hostile_octets_are_read_once(octets: bytes):
    """Without an end each ``&`` is looked at alone, not with all that follows."""
    try:
        assert utf7.decode(octets) == "&" * 9
    except utf7.InvalidUtf7:
        assert len(octets) > 100_000
