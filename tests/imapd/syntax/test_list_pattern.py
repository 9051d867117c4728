"""LIST patterns against a slow, obvious reading (RFC 3501 §6.3.8)."""

from __future__ import annotations

import itertools
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from imapd.syntax.mailbox import MAX_NAME, ListPattern
from tests.support import strategies


@pytest.mark.parametrize(
    ("reference", "pattern", "matching", "others"),
    [
        ("", "*", ["a", "a/b", "INBOX", "INBOX/a", "日本/語"], []),
        ("", "%", ["a", "INBOX"], ["a/b", "INBOX/a"]),
        ("", "a", ["a"], ["A", "a/b", "ab"]),
        ("", "a*", ["a", "ab", "a/b", "a/b/c"], ["b", "b/a"]),
        ("", "a%", ["a", "ab"], ["a/b", "ab/c"]),
        ("", "a/%", ["a/b"], ["a", "a/b/c"]),
        ("a/", "%", ["a/b"], ["a", "b", "a/b/c"]),
        ("a", "/%", ["a/b"], ["a", "a/b/c"]),
        ("a", "%", ["a", "ab"], ["a/b"]),  # §6.3.8: joined as they stand
        ("", "%/%", ["a/b"], ["a", "a/b/c"]),
        ("", "%/b", ["a/b"], ["b", "a/a/b"]),
        ("", "*/b", ["a/b", "a/c/b"], ["b", "ab"]),
        ("", "*b", ["b", "ab", "a/b"], ["ba"]),
        ("", "a%b*c", ["abc", "axbyc", "axb/c", "ab/c"], ["a/bc", "abcd"]),
        ("", "%*", ["a", "a/b"], []),
        ("", "*%", ["a", "a/b"], []),
        ("", "%%%", ["a"], ["a/b"]),
        ("", "[a].+", ["[a].+"], ["a.+"]),
        ("", "", [], ["a"]),
        ("", "/", [], ["a", "INBOX"]),
        # §5.1: INBOX in any case, alone and as a parent.
        ("", "inbox", ["INBOX"], ["INBOX/a"]),
        ("", "inb%", ["INBOX"], ["INBOX/a", "x"]),
        ("", "InB*", ["INBOX", "INBOX/a"], ["x"]),
        ("", "%nbox", ["INBOX"], []),
        ("", "inbox/A", ["INBOX/A"], ["INBOX/a"]),
        ("INBOX/", "%", ["INBOX/a"], ["INBOX"]),
        ("inbox", "/%", ["INBOX/a"], ["INBOX"]),
        ("", "inboxes", ["inboxes"], ["INBOXes", "INBOX"]),
        ("", "*/inbox", ["a/inbox"], ["a/INBOX"]),
        ("", "ınbox", ["ınbox"], ["INBOX"]),
    ],
)
def test_names_match(
    reference: str, pattern: str, matching: list[str], others: list[str]
):
    asked = ListPattern(reference, pattern)
    assert [name for name in matching if not asked.matches(name)] == []
    assert [name for name in others if asked.matches(name)] == []


def reads_obviously(pattern: str, name: str) -> bool:
    """Match with a backtracking expression, once per spelling of INBOX."""
    expression = "".join(
        {"*": ".*", "%": "[^/]*"}.get(letter, re.escape(letter)) for letter in pattern
    )
    first, delimiter, rest = name.partition("/")
    spellings = [first]
    if first == "INBOX":
        cases = [(letter, letter.lower()) for letter in first]
        spellings = ["".join(spelling) for spelling in itertools.product(*cases)]
    return any(
        re.fullmatch(expression, spelling + delimiter + rest, re.DOTALL)
        for spelling in spellings
    )


small_names = st.one_of(
    st.lists(st.text("ab", min_size=1, max_size=3), min_size=1, max_size=4).map(
        "/".join
    ),
    st.sampled_from(["INBOX", "INBOX/a", "INBOX/INBOX", "INBOXa", "a/INBOX", "aINBOX"]),
)


@given(strategies.list_mailbox, st.lists(small_names, min_size=1, max_size=8))
@example("%a%/%b*a%", ["a/b", "aa/bba", "a/b/a"])
@example("iNb*X/*", ["INBOX/a", "INBOX/INBOX"])
def test_they_match_as_they_obviously_should(pattern: str, names: list[str]):
    asked = ListPattern("", pattern)
    for name in names:
        assert asked.matches(name) == reads_obviously(asked.texts[0], name), name


class CountedName(str):
    """Counts how often it is read, letter by letter."""

    __slots__ = ("letters",)

    def __iter__(self):
        self.letters = 0
        for letter in str(self):
            self.letters += 1
            yield letter


@pytest.mark.parametrize(
    "pattern",
    [
        "*a" * 400 + "b",
        "%a" * 400 + "b",
        "*a%a" * 200 + "/b",
        "*%" * 400 + "b",
        "*" * 50_000 + "b",
        "%" * 50_000 + "b",
        "*a" * 50_000,
        "a" * 50_000,
        "*aa%" * 300 + "*",
    ],
)
def test_hostile_wildcards_cost_one_reading_of_the_name(pattern: str):
    """Each letter is one step on a number of at most two bits a letter of a name."""
    asked = ListPattern("", pattern)
    name = CountedName("a" * MAX_NAME)
    name.letters = 0
    asked.matches(name)
    assert name.letters <= MAX_NAME
    assert asked._wildcards.bit_length() <= 2 * MAX_NAME + 1
    assert sum(bits.bit_count() for bits in asked._steps.values()) <= MAX_NAME


def test_a_pattern_longer_than_every_name_matches_none():
    assert not ListPattern("", "*a" * (MAX_NAME + 1)).matches("a" * MAX_NAME)
    assert ListPattern("", "*a" * MAX_NAME).matches("a" * MAX_NAME)
