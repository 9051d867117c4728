"""The collations that RFC 5255 asks for."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailstore.query import Collation
from mailstore.search.collation import casemap, order_key


@pytest.mark.parametrize(
    ("text", "mapped"),
    [
        ("abc XYZ 09", "ABC XYZ 09"),
        ("ä", "A\u0308"),
        ("Ä", "A\u0308"),
        # RFC 5051 §2: titlecase first, then its decomposition.
        ("\u01c4", "Dz\u030c"),
        ("\u01c6", "Dz\u030c"),
        # no simple titlecase: stays
        ("ß", "ß"),
        ("ŉ", "\u02bcn"),
        # compatibility mappings
        ("ﬁ", "fi"),
        ("Ａ", "A"),
        ("½", "1\u20442"),
        # all the way down
        ("ế", "E\u0302\u0301"),
        # Hangul syllables have no mapping in the table
        ("한", "한"),
        # nothing is put into another order
        ("a\u0301\u0323", "A\u0301\u0323"),
        ("ς", "Σ"),
        ("и", "И"),
        ("й", "И\u0306"),
        ("", ""),
    ],
)
def test_unicode_casemap(text, mapped):
    assert casemap(text) == mapped
    assert order_key(text.encode(), Collation.UNICODE_CASEMAP) == mapped.encode()


@given(st.text(), st.text())
def test_a_mapping_is_one_of_characters(a, b):
    assert casemap(a) + casemap(b) == casemap(a + b)


@given(st.text(st.characters(max_codepoint=127)))
def test_ascii_is_upper_case(text):
    assert casemap(text) == text.upper()


@given(st.characters(exclude_categories=["Cs"]))
def test_what_is_mapped_has_no_mapping_left(char):
    for left in casemap(char):
        assert unicodedata.decomposition(left) == ""


def test_the_other_collations():
    text = "aÄz".encode()
    assert order_key(text, Collation.OCTET) == text
    assert order_key(text, Collation.ASCII_CASEMAP) == "AÄZ".encode()


@pytest.mark.parametrize("collation", Collation)
def test_what_no_charset_explains_is_left_alone(collation):
    """RFC 5255 §4.6 (c): by octets, behind all others."""
    assert order_key(b"\xffaB", collation) == b"\xffaB"
    assert order_key("\U0010ffff".encode(), collation) < b"\xff"
