"""The character sets of the patterns are those of RFC 3501 §9, octet by octet."""

from __future__ import annotations

import base64 as stdlib_base64
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imapd.wire import abnf
from tests.support import strategies

SETS = {
    "atom": (abnf.atom, strategies.ATOM_CHAR),
    "astring": (abnf.astring_atom, strategies.ASTRING_CHAR),
    "tag": (abnf.tag, strategies.TAG_CHAR),
    "list_mailbox": (abnf.list_mailbox, strategies.LIST_CHAR),
    "list_mailbox_utf8": (
        abnf.list_mailbox_utf8,
        strategies.LIST_CHAR | frozenset(range(0x80, 0x100)),
    ),
}


@pytest.mark.parametrize("rule", SETS)
def test_a_rule_has_exactly_its_octets(rule: str):
    pattern, wanted = SETS[rule]
    found = {octet for octet in range(256) if pattern.fullmatch(bytes([octet]))}
    assert found == wanted


@pytest.mark.parametrize(
    ("pattern", "more"),
    [(abnf.quoted, frozenset()), (abnf.quoted_utf8, frozenset(range(0x80, 0x100)))],
)
def test_a_quoted_string_has_exactly_its_octets(
    pattern: re.Pattern[bytes], more: frozenset[int]
):
    plain = {n for n in range(256) if pattern.fullmatch(b'"%c"' % n)}
    escaped = {n for n in range(256) if pattern.fullmatch(b'"\\%c"' % n)}
    assert plain == (strategies.TEXT_CHAR - strategies.QUOTED_SPECIALS) | more
    assert escaped == strategies.QUOTED_SPECIALS


@pytest.mark.parametrize(
    "pattern",
    [abnf.atom, abnf.astring_atom, abnf.tag, abnf.list_mailbox, abnf.number],
)
def test_no_rule_matches_nothing(pattern: re.Pattern[bytes]):
    assert pattern.fullmatch(b"") is None


@given(st.binary(max_size=40))
def test_base64_is_padded_to_its_end(data: bytes):
    text = stdlib_base64.b64encode(data)
    assert abnf.base64.fullmatch(text)
    if text:
        assert not abnf.base64.fullmatch(text[:-1])
        assert not abnf.base64.fullmatch(text[:-1] + b"*")
