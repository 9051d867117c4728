"""Terminals one by one: what is taken, what is refused, and where (RFC 3501 §9)."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from imapd.wire.cursor import MAX_NESTING, Cursor, Malformed
from imapd.wire.framing import Literal

TAKEN = [
    ("atom", b"NOOP", b"NOOP", b""),
    ("atom", b"a+b}c[d rest", b"a+b}c[d", b" rest"),
    ("atom", b"a]b", b"a", b"]b"),
    ("atom", b"a%b", b"a", b"%b"),
    ("tag", b"A-1.2]x y", b"A-1.2]x", b" y"),
    ("tag", b"a+b", b"a", b"+b"),
    ("quoted", b'""', b"", b""),
    ("quoted", b'"a b"', b"a b", b""),
    ("quoted", b'"a\\"b\\\\c" x', b'a"b\\c', b" x"),
    ("quoted", b'"\\\\" "', b"\\", b' "'),
    ("quoted", b'"\x01\t\x7f%*(){5}]"', b"\x01\t\x7f%*(){5}]", b""),
    ("string", b'"x"', b"x", b""),
    ("string", b"{3}\r\n)", b"abc", b")"),
    ("string", b"{3+}\r\n", b"abc", b""),
    ("astring", b"a]b+c d", b"a]b+c", b" d"),
    ("astring", b"NIL", b"NIL", b""),
    ("astring", b"~ x", b"~", b" x"),
    ("astring", b'"x"', b"x", b""),
    ("astring", b"{3}\r\n", b"abc", b""),
    ("nstring", b"NIL", None, b""),
    ("nstring", b"nil)", None, b")"),
    ("nstring", b'"NIL"', b"NIL", b""),
    ("nstring", b"{3}\r\n", b"abc", b""),
    ("list_mailbox", b"a/*%]+ x", b"a/*%]+", b" x"),
    ("list_mailbox", b'"a b*"', b"a b*", b""),
    ("list_mailbox", b"{3}\r\n", b"abc", b""),
    ("number", b"0", 0, b""),
    ("number", b"0017,", 17, b","),
    ("number", b"4294967295", 4294967295, b""),
    ("nz_number", b"1", 1, b""),
    ("nz_number", b"4294967295 ", 4294967295, b" "),
    ("number64", b"9223372036854775807", 9223372036854775807, b""),
    ("sp", b" a", None, b"a"),
    ("end", b"", None, b""),
]


@pytest.mark.parametrize(("rule", "wire", "value", "rest"), TAKEN)
def test_a_terminal_is_taken(rule: str, wire: bytes, value: object, rest: bytes):
    cursor = Cursor(wire, (Literal(3, b"abc"),))
    assert getattr(cursor, rule)() == value
    assert cursor.text[cursor.at :] == rest


REFUSED = [
    ("atom", b"", "an atom"),
    ("atom", b"(", "an atom"),
    ("atom", b"\xc3\xb8", "an atom"),
    ("tag", b"+", "a tag"),
    ("tag", b" a", "a tag"),
    ("quoted", b"a", "a quoted string"),
    ("quoted", b'"', "a quoted string"),
    ("quoted", b'"a', "a quoted string"),
    ("quoted", b'"a\\"', "a quoted string"),
    ("quoted", b'"a\\b"', "a quoted string"),
    ("quoted", b'"\x00"', "a quoted string"),
    ("quoted", b'"a\rb"', "a quoted string"),
    ("quoted", b'"a\r\nb"', "a quoted string"),
    ("quoted", b'"\xc3\xb8"', "a quoted string"),
    ("quoted", b'"{3}\r\n', "a quoted string"),
    ("literal", b"{3}", "a literal"),
    ("literal", b"{3}\n", "a literal"),
    ("literal", b"{}\r\n", "a literal"),
    ("literal", b"{-1}\r\n", "a literal"),
    ("literal", b"{3 }\r\n", "a literal"),
    ("literal", b"{3++}\r\n", "a literal"),
    ("string", b"abc", "a string"),
    ("string", b"", "a string"),
    ("string", b"~{3}\r\n", "a string"),
    ("astring", b"", "a string"),
    ("astring", b"(", "a string"),
    ("astring", b"%", "a string"),
    ("nstring", b"NILL", "a string or NIL"),
    ("nstring", b"", "a string or NIL"),
    ("nstring", b"(", "a string or NIL"),
    ("list_mailbox", b"(", "a string"),
    ("number", b"", "a number"),
    ("number", b"-1", "a number"),
    ("number", b"+1", "a number"),
    ("number", b"*", "a number"),
    ("number", b"4294967296", "a number up to 4294967295"),
    ("number", b"9" * 5_000, "a number up to 4294967295"),
    ("nz_number", b"0", "a number above 0"),
    ("nz_number", b"01", "a number above 0"),
    ("nz_number", b"4294967296", "a number up to 4294967295"),
    ("number64", b"9223372036854775808", "a number up to 9223372036854775807"),
    ("sp", b"", "a space"),
    ("sp", b"\t", "a space"),
    ("end", b" ", "the end of the command"),
]


@pytest.mark.parametrize(("rule", "wire", "wanted"), REFUSED)
def test_a_terminal_is_refused_where_it_stands(rule: str, wire: bytes, wanted: str):
    cursor = Cursor(b"xy" + wire, (Literal(3, b"abc"),))
    cursor.at = 2
    with pytest.raises(Malformed) as refusal:
        getattr(cursor, rule)()
    assert (refusal.value.wanted, refusal.value.at) == (wanted, 2)
    assert refusal.value.code is None
    assert str(refusal.value) == f"{wanted} wanted at octet 2"
    assert cursor.at == 2


class Sink:
    """A sink that takes nothing."""

    def write(self, chunk: bytes) -> None:
        raise AssertionError(chunk)

    def finish(self) -> None:
        """Nothing was taken."""

    def abort(self) -> None:
        """Nothing was taken."""


@pytest.mark.parametrize(
    ("literal", "wanted"),
    [
        (Literal(3, b"a\x00b"), "a string without NUL"),
        (Literal(3, sink=Sink()), "a string"),
    ],
)
@pytest.mark.parametrize("rule", ["string", "astring", "nstring", "list_mailbox"])
def test_a_literal_that_is_no_string_is_refused(
    rule: str, literal: Literal, wanted: str
):
    cursor = Cursor(b"{3}\r\n", (literal,))
    with pytest.raises(Malformed, match=f"^{wanted} wanted at octet 0$"):
        getattr(cursor, rule)()
    assert cursor.literal() is literal  # it was put back


def test_literals_are_taken_in_order():
    first, second = Literal(1, b"1"), Literal(0, b"", binary=True)
    cursor = Cursor(b"{1}\r\n ~{0+}\r\n {2}\r\n", (first, second))
    assert cursor.literal() is first
    cursor.sp()
    assert cursor.literal() is second
    cursor.sp()
    with pytest.raises(Malformed, match="a literal wanted at octet 14"):
        cursor.literal()


class TestUtf8:
    """RFC 6855 §3: quoted strings may be UTF-8 after ENABLE UTF8=ACCEPT."""

    def test_it_is_taken(self):
        text = "Entwürfe 日本".encode()
        assert Cursor(b'"%b"' % text, utf8=True).quoted() == text
        assert Cursor('a/ü* "x"'.encode(), utf8=True).list_mailbox() == "a/ü*".encode()

    @pytest.mark.parametrize("octets", [b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xc0\xaf"])
    def test_other_octets_are_refused(self, octets: bytes):
        cursor = Cursor(b' "a%b"' % octets, utf8=True)
        cursor.sp()
        with pytest.raises(Malformed, match="UTF-8 text wanted at octet 1"):
            cursor.quoted()

    def test_an_atom_stays_ascii(self):
        with pytest.raises(Malformed):
            Cursor("ü".encode(), utf8=True).atom()


class TestTokens:
    def test_letters_match_in_any_case(self):
        cursor = Cursor(b"(FlAgS)")
        cursor.expect(b"(fLaGs")
        assert not cursor.accept(b"]")
        assert cursor.accept(b")")
        cursor.end()

    def test_what_was_expected_is_told(self):
        cursor = Cursor(b"(FLAG)")
        with pytest.raises(Malformed, match=r"'\(FLAGS' wanted at octet 0"):
            cursor.expect(b"(FLAGS")
        assert cursor.at == 0

    def test_only_ascii_letters_have_two_cases(self):
        assert not Cursor(b"\xe4").accept(b"\xc4")

    def test_peeking_takes_nothing(self):
        cursor = Cursor(b"abc")
        assert (cursor.peek(), cursor.peek(2), cursor.peek(9)) == (b"a", b"ab", b"abc")
        assert cursor.at == 0

    def test_a_pattern_is_matched_here_and_nowhere_else(self):
        cursor = Cursor(b"ab1")
        digits = re.compile(rb"[0-9]")
        assert cursor.match(digits) is None
        with pytest.raises(Malformed, match="a digit wanted at octet 0"):
            cursor.need(digits, "a digit")
        cursor.at = 2
        assert cursor.need(digits, "a digit")[0] == b"1"


class TestLists:
    @pytest.mark.parametrize(
        ("wire", "items"),
        [(b"()", ()), (b"(a)", (b"a",)), (b"(a b c)", (b"a", b"b", b"c"))],
    )
    def test_items_stand_between_single_spaces(self, wire: bytes, items: object):
        cursor = Cursor(wire)
        assert cursor.parenthesised(cursor.atom) == items
        cursor.end()

    @pytest.mark.parametrize(
        ("wire", "least", "at"),
        [
            (b"a", 0, 0),
            (b"", 0, 0),
            (b"(", 0, 1),
            (b"(a", 0, 2),
            (b"( a)", 0, 1),
            (b"(a )", 0, 3),
            (b"(a  b)", 0, 3),
            (b"()", 1, 1),
            (b"(a)", 2, 2),
        ],
    )
    def test_anything_else_is_refused(self, wire: bytes, least: int, at: int):
        cursor = Cursor(wire)
        with pytest.raises(Malformed) as refusal:
            cursor.parenthesised(cursor.atom, least=least)
        assert refusal.value.at == at

    @staticmethod
    def nest(cursor: Cursor) -> Callable[[], Any]:
        def item() -> Any:
            return cursor.parenthesised(item)

        return item

    def test_nesting_has_a_limit(self):
        deepest = b"(" * MAX_NESTING + b")" * MAX_NESTING
        cursor = Cursor(deepest)
        self.nest(cursor)()
        cursor.end()

        cursor = Cursor(b"(" * 100_000)
        with pytest.raises(Malformed) as refusal:
            self.nest(cursor)()
        assert refusal.value.code == "LIMIT"
        assert refusal.value.at == MAX_NESTING + 1

    def test_nesting_ends_with_its_list(self):
        cursor = Cursor(b"()" * (MAX_NESTING + 1))
        for _ in range(MAX_NESTING + 1):
            cursor.parenthesised(cursor.atom)
        cursor.end()
