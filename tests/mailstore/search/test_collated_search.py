"""SEARCH under other collations, with and without the text index (RFC 5255 §4.6)."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailstore.mime.scanner import scan
from mailstore.mime.text import all_header_text, body_texts, header_text
from mailstore.query import (
    And,
    BodyContains,
    Collation,
    HeaderContains,
    Not,
    TextContains,
    collated,
)
from tests.mailstore.stores import Home

MESSAGES = [
    "Subject: Apple pie\r\nX-Odd: PEAR\r\n\r\nred Fruit\r\n",
    "Subject: =?utf-8?q?=C3=84pfel?=\r\n\r\ngrün und Rot\r\n",
    "Subject: apple\r\n\r\nÉté e\u0301te\u0301 e\u0323\u0301\r\n",
    "Subject: APPLE\r\nContent-Type: text/html\r\n\r\n<p>Red <b>Wine</b>",
    "Content-Transfer-Encoding: base64\r\n\r\nUmVkIHJlZCBSRUQ=\r\n",
    "no header at all",
]
needles = st.sampled_from(
    ["red", "Red", "RED", "apple", "App", "Äpfel", "äpfel", "É", "e\u0301", "\u0301",
     "e wi", "Wine", "pear", "PEAR", "ü", "p", "zzz", "Subject: A", "\u0323\u0301"]
)  # fmt: skip


@pytest.fixture(scope="module", params=[True, False], ids=["indexed", "read"])
def stage(request, tmp_path_factory):
    home = Home(tmp_path_factory.mktemp("collated"))
    for text in MESSAGES:
        home.append("INBOX", text.encode())
    mailbox = home.open()
    if request.param:
        home.run(mailbox.search(BodyContains("anything")))
    yield home, mailbox
    home.close()


def form(text: str, collation: Collation) -> str:
    if collation is Collation.OCTET:
        return text
    return "".join([c.upper() if c.isascii() else c for c in text])


def holds(data: bytes, term: object, collation: Collation) -> bool:
    root = scan(data)
    header = data[root.header : root.body]
    match term:
        case HeaderContains(name, needle):
            texts = header_text(header, name.encode())
        case BodyContains(needle):
            texts = ["".join(body_texts(data, root))]
        case TextContains(needle):
            texts = [all_header_text(header), "".join(body_texts(data, root))]
        case _:
            raise TypeError(term)
    wanted = form(needle, collation)
    return any(wanted in form(text, collation) for text in texts)


@settings(deadline=None, max_examples=150)
@given(
    term=st.one_of(
        st.builds(HeaderContains, st.sampled_from(["Subject", "x-odd"]), needles),
        st.builds(BodyContains, needles),
        st.builds(TextContains, needles),
    ),
    collation=st.sampled_from([Collation.OCTET, Collation.ASCII_CASEMAP]),
)
def test_exactly_what_reading_all_gives(stage, term, collation):
    home, mailbox = stage
    wanted = [
        uid
        for uid, text in enumerate(MESSAGES, 1)
        if holds(text.encode(), term, collation)
    ]
    predicate = collated(term, collation)
    assert list(home.run(mailbox.search(predicate))) == wanted
    others = [uid for uid in mailbox.uids if uid not in wanted]
    both = And((Not(predicate), Not(Not(Not(predicate)))))
    assert list(home.run(mailbox.search(both))) == others
