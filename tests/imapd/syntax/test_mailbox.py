"""Mailbox names from the wire to text and back (RFC 3501 §5.1)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imapd.syntax.mailbox import (
    MAX_DEPTH,
    MAX_LEVEL,
    MAX_NAME,
    InvalidMailboxName,
    ancestors,
    canonical_inbox,
    check_name,
    decode_name,
    parse_mailbox,
    render_name,
    unparse_name,
)
from imapd.wire.cursor import Cursor
from imapd.wire.framing import Literal
from tests.support import strategies


@pytest.mark.parametrize(
    ("octets", "name"),
    [
        (b"INBOX", "INBOX"),
        (b"inBox", "INBOX"),
        (b"inbox/x", "INBOX/x"),
        (b"inbox/", "INBOX/"),
        (b"inbox/inbox", "INBOX/inbox"),
        (b"inboxes", "inboxes"),
        (b"x/inbox", "x/inbox"),
        (b"Entw&APw-rfe", "Entwürfe"),
        (b"&-", "&"),
        (b"a &- b", "a & b"),
        (b"&AOk-t&AOk-/&ZeVnLIqe-", "été/日本語"),
        (b"", ""),
        (b"..", ".."),
    ],
)
def test_a_name_is_read(octets: bytes, name: str):
    assert decode_name(octets) == name


@pytest.mark.parametrize("octets", [b"&", b"a&b", b"&AGE-", b"\xc3\xbc", b"\x00"])
def test_what_is_not_encoded_is_refused(octets: bytes):
    with pytest.raises(InvalidMailboxName, match="no modified UTF-7"):
        decode_name(octets)


def test_utf8_is_read_after_it_was_enabled():
    """RFC 6855 §3: an ampersand is then an ordinary letter."""
    assert decode_name("inbox/ü & &-".encode(), utf8=True) == "INBOX/ü & &-"
    with pytest.raises(InvalidMailboxName, match="no UTF-8"):
        decode_name(b"\xff", utf8=True)


@pytest.mark.parametrize("name", ["ınbox", "ınbox/x", "INBOX\u0130", "İNBOX"])
def test_only_ascii_letters_of_inbox_have_two_cases(name: str):
    """`str.upper` makes INBOX of a word with a dotless i: another's mail box."""
    assert canonical_inbox(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "INBOX", "a/b", "a b", " ", "..", ".", "../..", "~", "#news.x", "&", '"', "\\",
        "{5}", "日本語", "😀", "e\u0301", "a" * MAX_LEVEL, "/".join("a" * MAX_DEPTH),
        "/".join(["a" * 249] * 4),
    ],
)  # fmt: skip
def test_a_name_that_a_mailbox_may_have(name: str):
    assert check_name(name) == name
    assert check_name(name + "/", trailing=True) == name


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("", "a level of the name is empty"),
        ("/", "a level of the name is empty"),
        ("/a", "a level of the name is empty"),
        ("a/", "a level of the name is empty"),
        ("a//b", "a level of the name is empty"),
        ("a\x00", "control"),
        ("a\r\nb", "control"),
        ("\x7f", "control"),
        ("a\x85", "control"),
        ("a\u2028b", "control"),
        ("\ud83d", "half a character"),
        ("a*", "wildcard"),
        ("%", "wildcard"),
        ("a" * (MAX_LEVEL + 1), "a level has more than 255 octets"),
        ("ü" * 128, "a level has more than 255 octets"),
        ("/".join("a" * (MAX_DEPTH + 1)), "more than 32 levels"),
        ("/".join(["a" * 250] * 3 + ["a" * 248]), "more than 1000 octets"),
    ],
)
def test_a_name_that_no_mailbox_may_have(name: str, reason: str):
    with pytest.raises(InvalidMailboxName, match=reason):
        check_name(name)


@pytest.mark.parametrize("name", ["", "/", "//", "a//"])
def test_only_one_delimiter_may_trail(name: str):
    with pytest.raises(InvalidMailboxName):
        check_name(name, trailing=True)


def test_the_longest_name_is_fine():
    name = "/".join(["a" * 249] * 4)
    assert len(name) == MAX_NAME - 1
    assert check_name(name + "a") == name + "a"


@pytest.mark.parametrize(
    ("name", "wire", "utf8"),
    [
        ("INBOX", b"INBOX", b"INBOX"),
        ("a b", b'"a b"', b'"a b"'),
        ("NIL", b'"NIL"', b'"NIL"'),
        ("a&b", b"a&-b", b"a&b"),
        ("Entwürfe", b"Entw&APw-rfe", '"Entwürfe"'.encode()),
        ('ü"\\', b'"&APw-\\"\\\\"', '"ü\\"\\\\"'.encode()),
        ("a]", b"a]", b"a]"),
        ("(", b'"("', b'"("'),
    ],
)
def test_a_name_is_written(name: str, wire: bytes, utf8: bytes):
    assert render_name(name) == wire
    assert render_name(name, utf8=True) == utf8


@given(strategies.mailbox, st.booleans())
def test_a_name_comes_back(name: str, utf8: bool):
    cursor = Cursor(render_name(name, utf8=utf8), utf8=utf8)
    assert decode_name(parse_mailbox(cursor), utf8=utf8) == name
    cursor.end()


@given(strategies.string)
def test_octets_of_a_client_come_back(octets: bytes):
    wire = unparse_name(octets)
    head, announced, rest = wire.partition(b"+}\r\n")
    literals: tuple[Literal, ...] = ()
    if announced and head == b"{%d" % len(octets):
        wire, literals = head + announced, (Literal(len(octets), rest),)
    cursor = Cursor(wire, literals)
    assert parse_mailbox(cursor) == octets
    cursor.end()


@given(st.binary(max_size=30), st.booleans())
def test_any_octets_are_a_name_or_refused(octets: bytes, utf8: bool):
    try:
        name = check_name(decode_name(octets, utf8=utf8), trailing=True)
    except InvalidMailboxName:
        return
    assert canonical_inbox(name) == name
    assert len(name.encode()) <= MAX_NAME


@pytest.mark.parametrize(
    ("name", "superiors"), [("a", []), ("a/b", ["a"]), ("a/b/c", ["a", "a/b"])]
)
def test_ancestors_are_told_from_the_top(name: str, superiors: list[str]):
    assert ancestors(name) == superiors
