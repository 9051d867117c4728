"""Every text that people may read exists in every language (RFC 5255 §3.2)."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imapd.session.languages import (
    DEFAULT,
    TRANSLATED,
    Catalogue,
    catalogue,
    translated,
)
from imapd.session.responses import response_text
from tests.support.texts import texts

VALUE = re.compile(r"\{([0-9]?)\}")


@pytest.mark.parametrize("language", TRANSLATED)
def test_every_text_is_there(language):
    """Who adds a text adds it to each of imapd/session/languages/*.txt."""
    known = catalogue(language)
    missing = [text for text in sorted(texts()) if known.translate(text) is None]
    assert missing == []


@pytest.mark.parametrize("language", TRANSLATED)
def test_every_value_is_told_once(language):
    for english, other in catalogue(language).texts.items():
        values = VALUE.findall(other)
        count = english.count("{}")
        assert len(values) == count, english
        if any(values):
            assert sorted(map(int, values)) == list(range(count)), english
        assert other, english
        assert other.isprintable(), english
        assert not other.startswith("["), english


@pytest.mark.parametrize("language", TRANSLATED)
def test_all_have_the_same_texts_in_the_same_order(language):
    assert list(catalogue(language).texts) == list(catalogue("de").texts)


def test_texts_are_found_in_the_source():
    """The search itself works."""
    found = texts()
    assert len(found) > 200
    assert {"no such mailbox", "{}: {} wanted at octet {}", "a search key"} <= found


def test_values_are_put_where_the_language_has_them():
    known = Catalogue(
        "{} of {}\n\t{1}: {0}\n{} more {}\n\t{}+{}\na b\n\tb\n{}, {}\n\t{}; {}"
    )
    assert known.translate("x of a b") == "b: x"
    assert known.translate("x, a b") == "x; b"
    assert known.translate("1 more 2") == "1+2"
    assert known.translate(" of ") is None
    assert known.translate("x of ") is None
    assert known.translate("") is None


def test_what_is_not_known_is_english():
    assert translated("no such text", "de") == "no such text"
    assert translated("no such mailbox", DEFAULT) == "no such mailbox"
    assert translated("no such mailbox", "tlh") == "no such mailbox"


@given(st.text(), st.sampled_from(TRANSLATED))
def test_no_text_breaks_a_line(text, language):
    for wrapped in (text, f"unknown command {text}", f"{text}: log in first"):
        line = response_text(wrapped, None, language)
        assert line
        assert not line.startswith(b"[")
        assert not set(line) & {*range(32), 127}
        line.decode("utf-8")
