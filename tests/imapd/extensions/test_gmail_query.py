"""Gmail's query language in the store's terms."""

from __future__ import annotations

import contextlib
import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imapd.extensions.gmail.query import (
    MAX_GROUPS,
    Moment,
    NoQuery,
    NotPossible,
    read_query,
)
from mailstore.model import FLAGGED, INBOX, SEEN, SpecialUse
from mailstore.query import (
    All,
    AlsoIn,
    And,
    ArrivedAt,
    ArrivedOn,
    Compare,
    HasAttachment,
    HasKeyword,
    HasSystemFlag,
    HeaderContains,
    Not,
    Or,
    Size,
    TextContains,
)

NOW = dt.datetime(2026, 3, 31, 12, tzinfo=dt.UTC).timestamp()
DAY = dt.date(2004, 4, 16).toordinal() - dt.date(1970, 1, 1).toordinal()


def text(needle: str) -> TextContains:
    return TextContains(needle)


def field(name: str, needle: str) -> HeaderContains:
    return HeaderContains(name, needle)


AMY, DINNER = field("From", "amy"), field("Subject", "dinner")
QUERIES = [
    ("", And(())),
    ("hello", text("hello")),
    ("hello  world", And((text("hello"), text("world")))),
    ('"hello world"', text("hello world")),
    ("from:amy", AMY),
    ("from: amy", AMY),
    ("FROM:amy subject:dinner", And((AMY, DINNER))),
    ('from:"Amy B"', field("From", "Amy B")),
    ("from:amy OR from:david", Or((AMY, field("From", "david")))),
    ("a from:amy OR b c", And((text("a"), Or((AMY, text("b"))), text("c")))),
    ("a AND b", And((text("a"), All(), text("b")))),
    ("{from:amy subject:dinner}", Or((AMY, DINNER))),
    ("(from:amy subject:dinner)", And((AMY, DINNER))),
    ("subject:(dinner film)", And((DINNER, field("Subject", "film")))),
    ("subject:{dinner film}", Or((DINNER, field("Subject", "film")))),
    ("subject:(dinner OR -film)", Or((DINNER, Not(field("Subject", "film"))))),
    ("-from:amy", Not(AMY)),
    ("-(a b)", Not(And((text("a"), text("b"))))),
    ("--a", Not(Not(text("a")))),
    ("a-b a - b", And((text("a-b"), text("a"), text("-"), text("b")))),
    ("to:a cc:b bcc:c", And((field("To", "a"), field("Cc", "b"), field("Bcc", "c")))),
    ("rfc822msgid:1@x.org", field("Message-ID", "1@x.org")),
    ("list:info@x.org", field("List-ID", "info@x.org")),
    ("deliveredto:a@x.org", field("Delivered-To", "a@x.org")),
    ("has:attachment", HasAttachment()),
    ("is:unread", Not(HasSystemFlag(SEEN))),
    ("in:unread is:read", And((Not(HasSystemFlag(SEEN)), HasSystemFlag(SEEN)))),
    ("is:Starred", HasSystemFlag(FLAGGED)),
    ("is:important",
     Or((HasKeyword("$Important"), AlsoIn(use=SpecialUse.IMPORTANT)))),
    ("in:inbox", AlsoIn(name=INBOX)),
    ("in:sent label:trash", And((AlsoIn(use=SpecialUse.SENT),
                                 AlsoIn(use=SpecialUse.TRASH)))),
    ("in:anywhere", All()),
    ("label:my-work", AlsoIn(name="my-work", like=True)),
    ("after:2004/04/16", ArrivedOn(Compare.AT_LEAST, DAY)),
    ("newer:2004-4-16", ArrivedOn(Compare.AT_LEAST, DAY)),
    ("before:2004/04/16", ArrivedOn(Compare.LESS, DAY)),
    ("older:2004/04/16", ArrivedOn(Compare.LESS, DAY)),
    ("after:1388552400", ArrivedAt(Compare.GREATER, 1_388_552_400)),
    ("before:1388552400", ArrivedAt(Compare.LESS, 1_388_552_400)),
    ("older_than:2d", ArrivedAt(Compare.LESS, int(NOW) - 172_800)),
    ("larger:10M", Size(Compare.GREATER, 10 << 20)),
    ("size:1000000", Size(Compare.GREATER, 1_000_000)),
    ("smaller:2KB", Size(Compare.LESS, 2_048)),
    ("http://x.org/a:b", text("http://x.org/a:b")),
    ("note: x", And((text("note:"), text("x")))),
]  # fmt: skip


@pytest.mark.parametrize(("query", "predicate"), QUERIES)
def test_what_is_meant(query, predicate):
    assert read_query(query, NOW) == predicate


def test_months_end_where_they_end():
    def day(value: str) -> dt.date:
        return dt.datetime.fromtimestamp(Moment(NOW).back(value), dt.UTC).date()

    assert day("1m") == dt.date(2026, 2, 28)
    assert day("3m") == dt.date(2025, 12, 31)
    assert day("2y") == dt.date(2024, 3, 31)


@pytest.mark.parametrize(
    "query",
    [
        '"open', "(a", "a)", "{a", "(a}", "()", "subject:()", "OR a", "a OR",
        "a OR OR b", "after:yesterday", "after:2004/02/30", "larger:big",
        "older_than:2w", "older_than:9999y", "from:(subject:x)",
        "(" * (MAX_GROUPS + 1) + "a", "-" * (MAX_GROUPS + 1) + "a", "from:",
        "has:(attachment", "after:99999999999999", "from:from:a", "from:OR",
    ],
)  # fmt: skip
def test_what_is_no_query(query):
    with pytest.raises((NoQuery, NotPossible)):
        read_query(query, NOW)


@pytest.mark.parametrize(
    "query",
    ["has:drive", "is:muted", "filename:pdf", "category:social", "a AROUND 3 b",
     "from:me", "larger:(1 2)", "has:yellow-star"],
)  # fmt: skip
def test_what_cannot_be_found_exactly(query):
    with pytest.raises(NotPossible):
        read_query(query, NOW)


@given(st.text('ab:(){}"- \u00e4', max_size=12) | st.text(max_size=12))
def test_any_text_is_a_query_or_refused(query):
    with contextlib.suppress(NoQuery, NotPossible):
        read_query(query, NOW)
