"""FUZZY and RELEVANCY as text, and what they find (RFC 6203)."""

import re
from typing import cast

import pytest
from hypothesis import given

from imapd.commands.search.handler import Search
from imapd.commands.search.keys import NotKey, StringKey, Word
from imapd.extensions.search_fuzzy import FuzzyKey
from imapd.session.faults import Bad
from imapd.session.search_program import AllOf
from imapd.session.search_result import ReturnOption
from tests.imapd.commands import strategies
from tests.imapd.commands.peers import parsed, reparsed
from tests.support.responses import Esearch, SearchResult
from tests.support.session import Session, World

BREAK = StringKey("SUBJECT", b"IMAP break")


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        (b'FUZZY (SUBJECT "IMAP break")', (FuzzyKey(AllOf((BREAK,))),)),
        (b'fuzzy SUBJECT "IMAP break" SEEN', (FuzzyKey(BREAK), Word("SEEN"))),
        (b'NOT FUZZY FUZZY SUBJECT "IMAP break"', (NotKey(FuzzyKey(FuzzyKey(BREAK))),)),
    ],
)
def test_the_key_is_known(text, keys):
    node = parsed(b"SEARCH " + text)
    assert node == Search(keys)
    assert reparsed("SEARCH", node) == node


def test_the_option_and_the_sort_key_are_known():
    node = parsed(b"SEARCH RETURN (relevancy ALL) FUZZY ALL")
    assert node.returns == (ReturnOption("RELEVANCY"), ReturnOption("ALL"))
    assert reparsed("SEARCH", node) == node
    node = parsed(b"SORT RETURN (RELEVANCY) (REVERSE RELEVANCY) UTF-8 FUZZY ALL")
    assert reparsed("SORT", node) == node


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"SEARCH FUZZY", "a space wanted"),
        (b"SEARCH FUZZY ", "a search key wanted"),
        (b"SEARCH RETURN (RELEVANCY 1) FUZZY ALL", "a return option wanted"),
    ],
)
def test_what_is_no_fuzzy_search_is_refused(text, reason):
    with pytest.raises(Bad, match=re.escape(reason)):
        parsed(text)


def test_nesting_is_bounded():
    with pytest.raises(Bad, match="levels"):
        parsed(b"SEARCH " + b"FUZZY " * 20_000 + b"ALL")


@given(strategies.search_keys)
def test_parse_is_the_inverse_of_unparse(key):
    node = Search((FuzzyKey(key),))
    assert reparsed("SEARCH", node) == node


def message(
    subject: bytes, text: bytes = b"", sender: bytes = b"a@example.org"
) -> bytes:
    return b"From: %b\r\nSubject: %b\r\n\r\n%b\r\n" % (sender, subject, text)


@pytest.fixture
def ann(tmp_path):
    world = World(tmp_path)
    world.deliver(
        message(b"nothing of that", b"the invoices of May"),
        message(b"Invoice"),
        message(b"about cats"),
        message(b"invocie", sender=b"dave@example.org"),
        message(b"Invoices", b"invoice"),
    )
    yield world.session(mailbox=b"INBOX")
    world.close()


def esearch(session: Session, text: bytes) -> Esearch:
    (found,) = session.ok(text).of(Esearch)
    return found


def test_what_is_nearly_so_is_found(ann):
    exact = ann.ok(b"SEARCH SUBJECT invoice").of(SearchResult)[0].numbers
    alike = ann.ok(b"SEARCH FUZZY SUBJECT invoice").of(SearchResult)[0].numbers
    assert exact == (2, 5)
    assert set(exact) < set(alike)
    assert 3 not in alike


def test_a_key_beside_it_stays_exact(ann):
    """RFC 6203 §3, its second example."""
    text = b"SEARCH FUZZY SUBJECT invocie FROM dave@example.org"
    assert ann.ok(text).of(SearchResult)[0].numbers == (4,)
    assert ann.ok(b"SEARCH FUZZY SUBJECT invoice FROM dav3").of(SearchResult)[0] == (
        SearchResult(())
    )


def test_each_message_that_is_listed_has_a_score(ann):
    found = esearch(ann, b"SEARCH RETURN (RELEVANCY ALL) FUZZY TEXT invoice")
    numbers = cast("tuple[int, ...]", found["ALL"])
    scores = cast("tuple[int, ...]", found["RELEVANCY"])
    assert [name for name, _ in found.data] == ["ALL", "RELEVANCY"]
    assert len(scores) == len(numbers)
    by_number = dict(zip(numbers, scores, strict=True))
    assert by_number[2] > by_number[4]


def test_a_page_has_the_scores_of_its_messages(ann):
    """RFC 6203 §6: the most relevant ones come first when they are sorted so."""
    whole = esearch(
        ann, b"SORT RETURN (RELEVANCY ALL) (RELEVANCY) UTF-8 FUZZY TEXT invoice"
    )
    scores = cast("tuple[int, ...]", whole["RELEVANCY"])
    assert list(scores) == sorted(scores, reverse=True)
    page = esearch(
        ann, b"SORT RETURN (RELEVANCY PARTIAL 1:2) (RELEVANCY) UTF-8 FUZZY TEXT invoice"
    )
    listed = cast("tuple[int, ...]", whole["ALL"])
    assert page["PARTIAL"] == ("1:2", listed[:2])
    assert page["RELEVANCY"] == scores[:2]
    worst = esearch(
        ann, b"SORT RETURN (ALL) (REVERSE RELEVANCY UID) UTF-8 FUZZY TEXT invoice"
    )
    assert cast("tuple[int, ...]", worst["ALL"])[-1] == listed[0]


def test_nothing_found_has_no_scores(ann):
    found = esearch(ann, b"SEARCH RETURN (RELEVANCY) FUZZY TEXT zyzzyva")
    assert found.data == (("RELEVANCY", ()),)


@pytest.mark.parametrize("keys", [b"ALL", b"SUBJECT x", b"NOT (OR SEEN TEXT x)"])
def test_what_is_met_to_the_letter_is_not_ranked(ann, keys):
    """RFC 6203 §4."""
    ann.bad(b"SEARCH RETURN (RELEVANCY) " + keys)
    ann.ok(b"SEARCH RETURN (RELEVANCY) (OR FUZZY TEXT x %b)" % keys)


def test_it_goes_with_other_mailboxes_and_what_was_saved(ann):
    answers = ann.ok(
        b"ESEARCH IN (personal) RETURN (RELEVANCY COUNT) FUZZY SUBJECT invoice"
    ).of(Esearch)
    assert [one.mailbox for one in answers] == ["INBOX"]
    ann.ok(b"SEARCH RETURN (SAVE) 2:3")
    assert ann.ok(b"SEARCH FUZZY ($ SUBJECT invoice)").of(SearchResult)[0].numbers == (
        2,
    )
