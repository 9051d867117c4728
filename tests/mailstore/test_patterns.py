"""Patterns of annotations' names against the words of RFC 5257 §4.3."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailstore.patterns import EntryPattern


@pytest.mark.parametrize(
    ("pattern", "name", "fits"),
    [
        ("/comment", "/comment", True),
        ("/comment", "/Comment", False),
        ("/%", "/altsubject", True),
        ("/%", "/1/comment", False),
        ("/*", "/1/comment", True),
        ("*", "/comment", True),
        ("*", "", False),
        ("/comment*", "/comment", False),
        ("/%/comment", "/1.2/comment", True),
        ("/%/comment", "/1.2/3/comment", False),
        ("%", "/comment", False),
    ],
)
def test_wildcards_stand_for_one_or_more(pattern, name, fits):
    assert EntryPattern(pattern).matches(name) is fits


@given(st.text("/ab*%", max_size=8), st.text("/ab", max_size=10))
def test_a_pattern_is_as_its_regular_expression(pattern, name):
    words = {"*": ".+", "%": "[^/]+"}
    expression = "".join([words.get(char, re.escape(char)) for char in pattern])
    wanted = re.fullmatch(expression, name) is not None
    found = EntryPattern(pattern)
    assert found.matches(name) is wanted
    assert found.matches(name) is wanted


def test_a_hostile_pattern_takes_no_longer_than_the_name():
    assert not EntryPattern("*" * 100 + "b").matches("a" * 255)
