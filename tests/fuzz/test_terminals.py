"""Any octets: every rule gives a value, or `Malformed` at an octet of the command."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imapd.syntax.flags import parse_flag, parse_flag_list, parse_flags
from imapd.syntax.mailbox import parse_mailbox
from imapd.syntax.section import Partial, Section
from imapd.syntax.sequence import SAVED, NumberSet, SequenceSet, UidSet
from imapd.wire.cursor import Cursor, Malformed
from imapd.wire.dates import parse_date, parse_date_time
from imapd.wire.framing import Literal
from tests.support import strategies


def with_saved(kind: type[NumberSet], cursor: Cursor) -> NumberSet:
    """Take a set where ``$`` is one (RFC 5182 §3)."""
    cursor.terminals = (SAVED,)
    return kind.parse(cursor)


RULES: dict[str, Callable[[Cursor], object]] = {
    "atom": Cursor.atom,
    "tag": Cursor.tag,
    "astring": Cursor.astring,
    "string": Cursor.string,
    "nstring": Cursor.nstring,
    "quoted": Cursor.quoted,
    "literal": Cursor.literal,
    "list-mailbox": Cursor.list_mailbox,
    "number": Cursor.number,
    "nz-number": Cursor.nz_number,
    "number64": Cursor.number64,
    "list": lambda cursor: cursor.parenthesised(cursor.nstring),
    "sequence-set": SequenceSet.parse,
    "uid-set": UidSet.parse,
    "seq-last-command": lambda cursor: with_saved(SequenceSet, cursor),
    "section": Section.parse,
    "partial": Partial.parse,
    "flag": parse_flag,
    "flag-list": parse_flag_list,
    "flags": parse_flags,
    "mailbox": parse_mailbox,
    "date": parse_date,
    "date-time": parse_date_time,
}

_FRAGMENTS = st.sampled_from(
    [
        b"(", b")", b"[", b"]", b"<", b">", b".", b":", b",", b"*", b"%", b"\\", b'"',
        b" ", b"NIL", b"HEADER", b".FIELDS", b".NOT", b"TEXT", b"MIME", b"0", b"1",
        b"4294967295", b"4294967296", b"9" * 30, b"\\Seen", b"\\Recent", b"$", b"a",
        b"1-Jan-2026", b'" 1-Jan-2026 00:00:00 +0000"', b"31-Feb-2026", b"{3}\r\n",
        b"~{3}\r\n", b"{3+}\r\n", b"{3}", b"\r\n", b"\x00", b"\xff", b"\xc3\xbc",
    ]
)  # fmt: skip
soup = st.lists(st.one_of(_FRAGMENTS, st.binary(max_size=3)), max_size=10).map(b"".join)
literals = st.lists(
    st.builds(
        lambda data, binary: Literal(len(data), data, binary=binary),
        st.one_of(st.sampled_from([b"abc", b"a\x00b", b"\xff", b"\r\n"])),
        st.booleans(),
    ),
    max_size=3,
).map(tuple)


@pytest.mark.parametrize("rule", RULES)
@given(text=soup, found=literals, start=st.integers(0, 3), utf8=st.booleans())
def test_a_rule_takes_something_or_says_where_not(
    rule: str, text: bytes, found: tuple[Literal, ...], start: int, utf8: bool
):
    cursor = Cursor(text, found, utf8=utf8)
    cursor.at = min(start, len(text))
    before = cursor.at
    refused: Malformed | None = None
    try:
        RULES[rule](cursor)
    except Malformed as error:
        refused = error
    assert before <= cursor.at <= len(text)
    if refused is not None:
        assert before <= refused.at <= len(text)
        assert refused.wanted
        assert refused.code in (None, "LIMIT")


@given(st.lists(strategies.octets_of(strategies.ASTRING_CHAR), max_size=5), soup)
def test_a_list_takes_no_more_than_itself(items: list[bytes], rest: bytes):
    cursor = Cursor(b"(" + b" ".join(items) + b")" + rest)
    assert cursor.parenthesised(cursor.astring) == tuple(items)
    assert cursor.text[cursor.at :] == rest
