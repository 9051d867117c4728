"""Flags that clients may set, and those they may not (RFC 3501 §2.3.2, §9: flag)."""

from __future__ import annotations

import pytest
from hypothesis import given

from imapd.syntax.flags import (
    MAX_KEYWORD,
    parse_flag,
    parse_flag_list,
    parse_flags,
    unique,
    unparse_flags,
)
from imapd.wire.cursor import Cursor, Malformed
from tests.support import strategies

MANY = tuple([f"a{n}" for n in range(99)])  # longer than lists that are remembered


@pytest.mark.parametrize(
    ("wire", "flag"),
    [
        (b"\\Answered", "\\Answered"),
        (b"\\FLAGGED", "\\Flagged"),
        (b"\\deleted", "\\Deleted"),
        (b"\\sEEN", "\\Seen"),
        (b"\\draft", "\\Draft"),
        (b"$Forwarded", "$Forwarded"),
        (b"NonJunk", "NonJunk"),
        (b"nonjunk", "nonjunk"),
        (b"Seen", "Seen"),
        (b"a+b}c[", "a+b}c["),
        (b"k" * MAX_KEYWORD, "k" * MAX_KEYWORD),
    ],
)
def test_a_flag(wire: bytes, flag: str):
    cursor = Cursor(wire)
    assert parse_flag(cursor) == flag
    cursor.end()


MAY_SET = "a flag that a client may set"


@pytest.mark.parametrize(
    ("wire", "wanted", "at"),
    [
        (b"\\Recent", MAY_SET + ", not \\Recent,", 1),
        (b"\\RECENT", MAY_SET + ", not \\Recent,", 1),
        (b"\\Foo", MAY_SET, 1),
        (b"\\SeenX", MAY_SET, 1),
        (b"\\*", "an atom", 2),
        (b"\\", "an atom", 2),
        (b"\\\\Seen", "an atom", 2),
        (b"", "an atom", 1),
        (b'"Seen"', "an atom", 1),
        (b"]", "an atom", 1),
        (b"k" * (MAX_KEYWORD + 1), "a keyword of 64 octets at most", 1),
        ("schön".encode()[3:], "an atom", 1),
    ],
)
def test_what_no_client_may_set_is_refused(wire: bytes, wanted: str, at: int):
    cursor = Cursor(b" " + wire)
    cursor.sp()
    with pytest.raises(Malformed) as refusal:
        parse_flag(cursor)
    assert (refusal.value.wanted, refusal.value.at) == (wanted, at)


@pytest.mark.parametrize(
    ("wire", "flags"),
    [
        (b"()", ()),
        (b"(\\Seen)", ("\\Seen",)),
        (b"(\\seen $Junk \\SEEN $junk)", ("\\Seen", "$Junk")),
        (b"(" + b" ".join([b"a%d" % n for n in range(99)]) + b")", MANY),
    ],
)
def test_a_flag_list(wire: bytes, flags: tuple[str, ...]):
    for rule in (parse_flag_list, parse_flags):
        for before in (b"", b"x "):
            cursor = Cursor(before + wire)
            cursor.at = len(before)
            assert rule(cursor) == flags
            cursor.end()


def test_a_list_that_is_refused_says_where():
    for _ in range(2):
        cursor = Cursor(b"a (\\Seen \\Recent) (b)")
        cursor.at = 2
        with pytest.raises(Malformed) as refused:
            parse_flag_list(cursor)
        assert refused.value.at == 9


def test_store_takes_flags_without_parentheses():
    cursor = Cursor(b"\\Seen $Junk \\seen")
    assert parse_flags(cursor) == ("\\Seen", "$Junk")
    cursor.end()


@pytest.mark.parametrize("wire", [b"", b" ", b"\\Seen ", b"\\Seen  a", b"(\\Seen"])
def test_flags_that_break_off_are_refused(wire: bytes):
    cursor = Cursor(wire)
    with pytest.raises(Malformed):
        parse_flags(cursor)


@pytest.mark.parametrize("wire", [b"\\Seen", b"(\\Seen ", b"( )"])
def test_a_list_needs_its_parentheses(wire: bytes):
    with pytest.raises(Malformed):
        parse_flag_list(Cursor(wire))


def test_the_first_spelling_keeps_its_place():
    assert unique(["a", "B", "A", "b", "c"]) == ("a", "B", "c")


@given(strategies.flag_list)
def test_a_list_comes_back(flags: tuple[str, ...]):
    cursor = Cursor(unparse_flags(flags))
    assert parse_flag_list(cursor) == flags
    cursor.end()
