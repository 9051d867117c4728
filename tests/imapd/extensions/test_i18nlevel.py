"""COMPARATOR, and what it does to SEARCH, SORT and THREAD (RFC 5255 §4)."""

from __future__ import annotations

import fnmatch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imapd.extensions.i18nlevel import FEATURE, UseComparator, _matches
from imapd.session.faults import Bad
from mailstore.query import (
    All,
    And,
    BodyContains,
    Collation,
    HeaderContains,
    Not,
    Or,
    TextContains,
    collated,
)
from tests.imapd.commands.peers import parsed, reparsed
from tests.support.responses import ComparatorLine, SearchResult, SortResult, Threads
from tests.support.session import Session, World


@pytest.fixture
def world(tmp_path):
    made = World(tmp_path)
    yield made
    made.close()


@pytest.fixture
def ann(world):
    subjects = ("a", "B", "A", "ä", "Ä", "b")
    world.deliver(*[f"Subject: {text}\r\n\r\n".encode() for text in subjects])
    return world.session("ann", b"INBOX")


# -- text


@pytest.mark.parametrize(
    ("text", "orders"),
    [
        (b"COMPARATOR", ()),
        (b"COMPARATOR default", (b"default",)),
        # RFC 5255 §4.7
        (b'COMPARATOR "cz;*" i;basic', (b"cz;*", b"i;basic")),
        (b'comparator "-i;octet" +i;octet', (b"-i;octet", b"+i;octet")),
        (b'COMPARATOR "*"', (b"*",)),
    ],
)
def test_known_answers(text, orders):
    node = parsed(text)
    assert node == UseComparator(orders)
    assert reparsed("COMPARATOR", node) == node


@given(
    st.lists(
        st.from_regex(
            rb"[+-]?(?:\*|[A-Za-z]\*?)(?:[A-Za-z0-9;=.-]\*?){0,9}", fullmatch=True
        )
    ).map(tuple)
)
def test_writing_is_the_inverse_of_reading(orders):
    node = UseComparator(orders)
    assert reparsed("COMPARATOR", node) == node


@pytest.mark.parametrize(
    "text",
    [
        b"COMPARATOR ",
        b'COMPARATOR ""',
        b"COMPARATOR 1",
        b'COMPARATOR "a b"',
        b'COMPARATOR "**"',
        b"COMPARATOR (default)",
        b"COMPARATOR a" + b"b" * 255,
    ],
)
def test_refusals(text):
    with pytest.raises(Bad):
        parsed(text)


# -- choosing


def comparator(session: Session, text: bytes) -> ComparatorLine:
    (line,) = session.ok(b"COMPARATOR" + text).of(ComparatorLine)
    return line


def test_the_default_is_unicode(ann):
    assert comparator(ann, b"") == ComparatorLine("i;unicode-casemap")


@pytest.mark.parametrize(
    ("text", "active", "several"),
    [
        (b" i;octet", "i;octet", ()),
        (b" I;OCTET", "i;octet", ()),
        (b" +i;octet", "i;octet", ()),
        (b" -i;octet", "-i;octet", ()),
        (b' "cz;*" i;octet', "i;octet", ()),
        (b" i;octet default", "i;octet", ("i;octet", "i;unicode-casemap")),
        (b' "i;*"', "i;unicode-casemap",
         ("i;unicode-casemap", "i;ascii-casemap", "i;octet")),
        (b' "i;*-casemap"', "i;unicode-casemap",
         ("i;unicode-casemap", "i;ascii-casemap")),
        (b' "*asc*"', "i;ascii-casemap", ()),
        (b" i;octet i;octet", "i;octet", ()),
    ],
)  # fmt: skip
def test_the_first_that_matches_is_used(ann, text, active, several):
    assert comparator(ann, text) == ComparatorLine(active, several)
    assert comparator(ann, b"") == ComparatorLine(active)
    assert comparator(ann, b" default") == ComparatorLine("i;unicode-casemap")


def test_what_is_not_there_changes_nothing(ann):
    """§4.9. i;ascii-numeric finds no substrings, so that §4.4 rules it out."""
    ann.ok(b"COMPARATOR i;octet")
    for text in (b"i;ascii-numeric", b"i;basic", b'"cz;*"', b"i;octe", b'"o*i;octet"'):
        ann.no(b"COMPARATOR " + text, "BADCOMPARATOR")
    assert comparator(ann, b"") == ComparatorLine("i;octet")


def test_it_is_each_sessions_own(world, ann):
    ann.ok(b"COMPARATOR i;octet")
    other = world.session("ann", b"INBOX")
    assert comparator(other, b"") == ComparatorLine("i;unicode-casemap")
    ann.ok(b"UNSELECT")
    assert comparator(ann, b"") == ComparatorLine("i;octet")


def test_before_login_there_is_none(world):
    world.connect().bad(b"COMPARATOR")


def test_both_levels_are_told():
    """§4.4: the second is more than the first."""
    assert [c.text for c in FEATURE.capabilities] == ["I18NLEVEL=1", "I18NLEVEL=2"]


@given(st.text("ab*", max_size=8), st.text("ab", max_size=8))
def test_patterns(pattern, name):
    assert _matches(pattern, name) == fnmatch.fnmatchcase(name, pattern)


# -- using


@pytest.mark.parametrize(
    ("order", "key", "found"),
    [
        (b"default", b"SUBJECT b", (2, 6)),
        (b"i;ascii-casemap", b"SUBJECT b", (2, 6)),
        (b"i;octet", b"SUBJECT b", (6,)),
        (b"default", "SUBJECT {2+}\r\nä".encode(), (4, 5)),
        (b"i;ascii-casemap", "SUBJECT {2+}\r\nä".encode(), (4,)),
        (b"i;octet", "TEXT {2+}\r\nÄ".encode(), (5,)),
        # an accent is a character of its own where characters are decomposed
        (b"default", b"SUBJECT a", (1, 3, 4, 5)),
        (b"i;ascii-casemap", b"SUBJECT a", (1, 3)),
        (b"i;octet", b"NOT HEADER Subject a", (2, 3, 4, 5, 6)),
        (b"i;octet", b"OR TEXT subject: BODY x", ()),
        (b"i;octet", b"OR TEXT Subject: BODY x", (1, 2, 3, 4, 5, 6)),
        (b"i;octet", b'HEADER Subject ""', (1, 2, 3, 4, 5, 6)),
    ],
)
def test_searching(ann, order, key, found):
    ann.ok(b"COMPARATOR " + order)
    answer = ann.ok(b"SEARCH CHARSET UTF-8 " + key)
    assert answer.of(SearchResult) == [SearchResult(found)]


@pytest.mark.parametrize(
    ("order", "sorted_", "reverse"),
    [
        (b"default", (1, 3, 4, 5, 2, 6), (2, 6, 4, 5, 1, 3)),
        (b"i;ascii-casemap", (1, 3, 2, 6, 5, 4), (4, 5, 2, 6, 1, 3)),
        (b"i;octet", (3, 2, 1, 6, 5, 4), (4, 5, 6, 1, 2, 3)),
        (b"-i;octet", (4, 5, 6, 1, 2, 3), (3, 2, 1, 6, 5, 4)),
    ],
)
def test_sorting(ann, order, sorted_, reverse):
    ann.ok(b"COMPARATOR " + order)
    answer = ann.ok(b"SORT (SUBJECT) UTF-8 ALL")
    assert answer.of(SortResult) == [SortResult(sorted_)]
    answer = ann.ok(b"SORT (REVERSE SUBJECT) UTF-8 ALL")
    assert answer.of(SortResult) == [SortResult(reverse)]


@pytest.mark.parametrize(
    ("order", "threads"),
    [
        (b"default", ((1, 3), (2, 6), (4, 5))),
        (b"i;ascii-casemap", ((1, 3), (2, 6), (4,), (5,))),
        (b"i;octet", ((1,), (2,), (3,), (4,), (5,), (6,))),
    ],
)
def test_threading_by_subject(ann, order, threads):
    ann.ok(b"COMPARATOR " + order)
    answer = ann.ok(b"THREAD ORDEREDSUBJECT UTF-8 ALL")
    assert answer.of(Threads) == [Threads(threads)]


def test_every_string_of_a_predicate_is_compared_so():
    octet = Collation.OCTET
    before = And(
        (
            Or((HeaderContains("a", "b"), BodyContains("c"))),
            Not(TextContains("d")),
            HeaderContains("e", ""),
            All(),
        )
    )
    assert collated(before, octet) == And(
        (
            Or((HeaderContains("a", "b", octet), BodyContains("c", octet))),
            Not(TextContains("d", octet)),
            HeaderContains("e", ""),
            All(),
        )
    )
