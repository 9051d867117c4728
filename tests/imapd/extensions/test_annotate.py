"""Annotations of messages (RFC 5257)."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imapd.commands.append import Append
from imapd.commands.store import Store
from imapd.extensions.annotate import FEATURE
from imapd.extensions.annotate.changes import AppendAnnotation, StoreAnnotation
from imapd.extensions.annotate.fetch import FetchAnnotation
from imapd.extensions.annotate.finding import AnnotationKey, SortByAnnotation
from imapd.extensions.annotate.news import AnnotateParameter
from imapd.extensions.annotate.syntax import is_known
from imapd.extensions.sort import SortCriterion
from imapd.session.faults import Bad
from mailstore.model import AnnotationChange, AnnotationName
from tests.imapd.commands.peers import parsed, parsed_frame, reparsed

COMMENT = AnnotationName("/comment", private=True)
SHARED = AnnotationName("/comment", private=False)


def change(value: bytes | None, name: AnnotationName = COMMENT) -> AnnotationChange:
    return AnnotationChange(name, value)


# -- grammar

FETCHES = [
    (b"(/comment value)", ("/comment",), ("value",)),
    (b'("/comment" (VALUE.priv Size))', ("/comment",), ("value.priv", "size")),
    (b"((/comment /1.2/flags/seen) value)", ("/comment", "/1.2/flags/seen"), None),
    (b"(/* value)", ("/*",), None),
    (b"((* /%/comment) value)", ("*", "/%/comment"), None),
    (b"(/nobody/knows value)", ("/nobody/knows",), None),
]


@pytest.mark.parametrize(("text", "patterns", "attributes"), FETCHES)
def test_the_fetch_item_is_known(text, patterns, attributes):
    node = parsed(b"FETCH 1 (annotation %b)" % text)
    assert node.items == (FetchAnnotation(patterns, attributes or ("value",)),)
    assert reparsed("FETCH", node) == node


STORES = [
    (b'(/comment (value.priv "x"))', (change(b"x"),)),
    (b"(/comment (value.priv nil value.shared {2+}\r\nab))",
     (change(None), change(b"ab", SHARED))),
    (b"(/comment (value.priv ~{3+}\r\na\0b))", (change(b"a\0b"),)),
    (b'(/1/flags/seen (value.shared "1") /vendor/x/Y (value.priv ""))',
     (change(b"1", AnnotationName("/1/flags/seen", private=False)),
      change(b"", AnnotationName("/vendor/x/Y", private=True)))),
]  # fmt: skip


@pytest.mark.parametrize(("text", "changes"), STORES)
def test_the_store_item_is_known(text, changes):
    node = parsed_frame(b"STORE 1 ANNOTATION " + text)
    assert isinstance(node, Store)
    assert node.item == StoreAnnotation(changes)
    assert reparsed("STORE", node) == node
    node = parsed_frame(b"APPEND INBOX (\\Seen) ANNOTATION %b {1+}\r\nx" % text)
    assert isinstance(node, Append)
    assert node.messages[0].options == (AppendAnnotation(changes),)
    assert reparsed("APPEND", node) == node


def test_the_search_key_and_the_sort_key_are_known():
    node = parsed(b'SEARCH ANNOTATION * value.priv "IMAP4" ANNOTATION /% value NIL')
    assert node.keys == (
        AnnotationKey("*", "value.priv", b"IMAP4"),
        AnnotationKey("/%", "value", None),
    )
    assert reparsed("SEARCH", node) == node
    node = parsed(b"SORT (REVERSE ANNOTATION /comment value.shared DATE) UTF-8 ALL")
    by = SortCriterion("ANNOTATION", reverse=True, argument=SortByAnnotation(SHARED))
    assert node.criteria == (by, SortCriterion("DATE"))
    assert reparsed("SORT", node) == node


def test_the_parameter_of_select_is_known():
    node = parsed(b"SELECT INBOX (annotate)")
    assert node.parameters == (AnnotateParameter(),)
    assert reparsed("SELECT", node) == node


names = st.sampled_from(["/comment", "/1.2/comment", "/vendor/x/a b", "/vendor/x(y"])
changes = st.builds(
    AnnotationChange,
    st.builds(AnnotationName, names, st.booleans()),
    st.none() | st.binary(max_size=9),
)


@given(st.lists(changes, min_size=1, max_size=6, unique_by=lambda one: one.name))
def test_what_is_set_is_parsed_as_it_is_written(some):
    node = parsed_frame(b"STORE 1 " + StoreAnnotation(tuple(some)).unparse())
    assert node.item.changes == tuple(some)


NAMES = [
    b"comment", b"/", b"//comment", b"/comment/", b"/a//b", b'"/com\tment"',
    b"/0/comment", b"/1./comment", b"/1.0/comment", b"/4294967296/comment",
    b"/" + b"1." * 100 + b"1/comment", b"/" + b"x" * 255, b'""',
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_names_that_nothing_can_have_are_refused(name):
    """§3.2, §3.2.1."""
    for command in (
        b"FETCH 1 (ANNOTATION (%b value))",
        b'STORE 1 ANNOTATION (%b (value.priv "x"))',
        b'SEARCH ANNOTATION %b value "x"',
        b"SORT (ANNOTATION %b value.priv) UTF-8 ALL",
    ):
        with pytest.raises(Bad, match="the name of an entry"):
            parsed(command % name)


REFUSED = [
    (b"FETCH 1 (ANNOTATION (/comment content-type))", "value or"),
    (b"FETCH 1 (ANNOTATION (/comment val*))", "value or"),
    (b"FETCH 1 (ANNOTATION /comment)", "'('"),
    (b'STORE 1 ANNOTATION (/comment (value "x"))', "value.priv or value.shared"),
    (b'STORE 1 ANNOTATION (/comment (size.priv "1"))', "value.priv or value.shared"),
    (b'STORE 1 ANNOTATION ("/com%" (value.priv "1"))', "the name of an entry"),
    (b'STORE 1 ANNOTATION (/flags (value.priv "1"))', "/comment, /altsubject"),
    (b'STORE 1 ANNOTATION (/vendor (value.priv "1"))', "/comment, /altsubject"),
    (b'STORE 1 ANNOTATION (/1/flags/seen (value.priv "2"))', '"1", "0" or NIL'),
    (b"STORE 1 ANNOTATION ()", "a string wanted"),
    (b'STORE 1 ANNOTATION (/comment (value.priv "1" value.priv "2"))', "once"),
    (b'STORE 1 +ANNOTATION (/comment (value.priv "1"))', "FLAGS, +FLAGS"),
    (b'SEARCH ANNOTATION /comment size "1"', "value or"),
    (b"SORT (ANNOTATION /comment value) UTF-8 ALL", "value.priv or value.shared"),
    (b"SORT (ANNOTATION /comm% value.priv) UTF-8 ALL", "a space wanted"),
    (b"FETCH 1 (ANNOTATION ((%b) value))" % b" ".join([b"/x"] * 101), "at most 100"),
    (b"STORE 1 ANNOTATION (%b)"
     % b" ".join(b"/vendor/x/%d (value.priv NIL)" % at for at in range(101)),
     "at most 100"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "reason"), REFUSED)
def test_what_cannot_be_is_refused(text, reason):
    with pytest.raises(Bad, match=re.escape(reason)):
        parsed(text)


def test_some_entries_exist():
    for name in ("/comment", "/altsubject", "/vendor/a", "/1.2/flags/forwarded"):
        assert is_known(name)
    for name in ("/flags/seen", "/1/flags/deleted", "/1", "/1/altsubject", "/x"):
        assert not is_known(name)


def test_the_feature_has_its_capability():
    assert [c.text for c in FEATURE.capabilities] == ["ANNOTATE-EXPERIMENT-1"]
