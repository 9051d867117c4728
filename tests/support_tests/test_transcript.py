"""The transcript runner against peers that say what the test wants."""

from __future__ import annotations

import pytest

from tests.support.transcript import (
    Directive,
    Expected,
    Mismatch,
    Sent,
    parse_transcript,
    run_transcript,
)
from tests.support.transcript_match import canonical, match

NAMES = {"user": "u", "password": "p", "other": "o", "otherpassword": "q"}


class Echo:
    """A peer in memory: each line that it receives is looked up in a table."""

    waits = False
    closed = False

    def __init__(self, table: dict[bytes, bytes]) -> None:
        self._table = table
        self._output = b"* OK hello\r\n"

    def receive(self, data: bytes) -> None:
        for line in data.splitlines():
            self._output += self._table[line]

    def take_output(self) -> bytes:
        output, self._output = self._output, b""
        return output


def play(text: str, table: dict[bytes, bytes]) -> None:
    greet = "! connect C1\nS1: * OK {text}\n"
    run_transcript(greet + text, lambda: Echo(table), NAMES)


def test_a_transcript_is_read_as_blocks():
    text = "# why\n! login C1\nC1: a {3}\nC1: bc)\nS1: * 1 EXISTS\nS1: + {3}\n"
    assert parse_transcript(text) == (
        Directive(2, ("login", "C1")),
        Sent(3, 1, b"a {3}\r\nbc)\r\n"),
        Expected(5, 1, (b"* 1 EXISTS\r\n", b"+ {3}\r\n")),
    )


@pytest.mark.parametrize("text", ["X1: what", "S1: * 1 FETCH (BODY[] {300}\nS1: x"])
def test_what_is_no_transcript_is_refused(text: str):
    with pytest.raises(ValueError, match="file:1"):
        parse_transcript(text, "file")


@pytest.mark.parametrize(
    ("expected", "actual"),
    [
        (b"a OK {text}\r\n", b"a OK [CODE] all is well\r\n"),
        (
            b"* 1 FETCH (UID {u} FLAGS (\\A \\B))\r\n",
            b"* 1 FETCH (FLAGS (\\B \\A) UID 5)\r\n",
        ),
        (b"* LIST (\\B \\A) NIL x\r\n", b"* LIST (\\A \\B) NIL x\r\n"),
        (
            b"* 1 FETCH (BODY[X (A B)] {3}\r\n) ( UID {u})\r\n",
            b"* 1 FETCH (UID 7 BODY[X (A B)] {3}\r\n) ()\r\n",
        ),
        (b"* 1 FETCH (FLAGS () {more})\r\n", b"* 1 FETCH (UID 3 FLAGS ())\r\n"),
        (b"* 1 FETCH (FLAGS () {more})\r\n", b"* 1 FETCH (FLAGS ())\r\n"),
        (b"* LIST ({any}) NIL x\r\n", b"* LIST () NIL x\r\n"),
    ],
)
def test_free_order_and_placeholders_match(expected: bytes, actual: bytes):
    assert match(expected, actual, {}) is not None


@pytest.mark.parametrize(
    ("expected", "actual"),
    [
        (b"a OK {text}\r\n", b"a NO text\r\n"),
        (b"* 1 FETCH (UID {u} FLAGS (\\A))\r\n", b"* 1 FETCH (FLAGS (\\B) UID 5)\r\n"),
        (b"* 1 FETCH (FLAGS ())\r\n", b"* 1 FETCH (UID 3 FLAGS ())\r\n"),
        (b"* 1 FETCH (FLAGS () {more})\r\n", b"* 1 FETCH (UID 3)\r\n"),
        (b"a {n} {n}\r\n", b"a 1 2\r\n"),
        (b"a {known}\r\n", b"a 2\r\n"),
        (b"* SEARCH 1 2\r\n", b"* SEARCH 2 1\r\n"),
    ],
)
def test_what_differs_does_not_match(expected: bytes, actual: bytes):
    assert match(expected, actual, {"known": b"1"}) is None


def test_quoted_strings_and_literals_are_not_split():
    response = b'* 1 FETCH (B "a (b \\" c" A {5}\r\n) ( \r\n)\r\n'
    assert canonical(response) == b'* 1 FETCH (A {5}\r\n) ( \r\n B "a (b \\" c")\r\n'


def test_numbers_stay_the_same_and_are_sent_again():
    play(
        "C1: a\nS1: a OK [UIDNEXT {n}] x\nC1: b {n} {user}\nS1: b OK [UIDNEXT {n}] x\n",
        {b"a": b"a OK [UIDNEXT 7] x\r\n", b"b 7 u": b"b OK [UIDNEXT 7] x\r\n"},
    )


def test_any_order_takes_any_order():
    table = {b"a": b"* 2 EXISTS\r\n* FLAGS ()\r\n* 1 RECENT\r\na OK x\r\n"}
    play(
        "C1: a\nS1: {*}\nS1: * 1 RECENT\nS1: * 2 EXISTS\nS1: * FLAGS ()\nS1: a OK x",
        table,
    )
    play("C1: a\nS1: {+}\nS1: * 1 RECENT\nS1: a OK x", table)
    play("C1: a\nS1: {+}\nS1: a OK x", table)


@pytest.mark.parametrize(
    "text",
    [
        "C1: a\nS1: {*}\nS1: * 1 RECENT\nS1: * 2 EXISTS\nS1: a OK x",
        "C1: a\nS1: {+}\nS1: * 9 EXISTS\nS1: a OK x",
        "C1: a\nS1: * 2 EXISTS\nS1: a OK x",
        "C1: a\nS1: {+}\nS1: a NO {text}",
        "C1: a\nS1: {+}\nS1: a OK x\nS1: * 1 EXISTS",
        "C1: a",
        "C1: a\nS1: {+}\nS1: a OK x\nS1: {end}",
    ],
)
def test_what_is_too_much_or_missing_is_shown(text: str):
    table = {b"a": b"* 2 EXISTS\r\n* FLAGS ()\r\n* 1 RECENT\r\na OK x\r\n"}
    with pytest.raises(Mismatch, match=r"(?m)^[+-]S1: "):
        play(text, table)


def test_a_malformed_response_is_a_mismatch():
    with pytest.raises(Mismatch, match="octet"):
        play("C1: a\nS1: a OK {any}", {b"a": b"a OK \xff\r\n"})
