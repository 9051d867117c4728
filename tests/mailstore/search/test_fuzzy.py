"""Fuzzy terms: they forgive, they never hide what exact ones find, and they rank."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailstore.query import (
    All,
    And,
    BodyContains,
    Following,
    Fuzzy,
    HasSystemFlag,
    HeaderContains,
    Not,
    Or,
    TextContains,
    fuzzy,
)
from mailstore.search import segment
from mailstore.search.fuzzy import answer, clues, likeness, of_words, question, scaled
from tests.mailstore.mime import corpus
from tests.mailstore.search.said import Said, fill, found
from tests.mailstore.search.test_text_index import a_needle, odd_messages
from tests.mailstore.stores import Home

MAIL = [
    b"Subject: Hello Anna\r\nFrom: Zoe\r\n\r\nnothing much",  # 1
    b"Subject: news\r\n\r\nI said hello to her",  # 2
    b"Subject: help wanted\r\n\r\nplease",  # 3
    b"Subject: meetings\r\nFrom: Anne\r\n\r\nthe meeting of the meeters",  # 4
    "Subject: Müller & Söhne\r\n\r\n会議の予定".encode(),  # 5
    b"Subject: other\r\n\r\n" + b"x" * 3_000 + b" hello " + b"y" * 300,  # 6
]


@pytest.fixture
def home(tmp_path):
    made = Home(tmp_path)
    made.append("INBOX", *MAIL)
    yield made
    made.close()


@pytest.fixture(params=["read", "indexed", "half"])
def mailbox(home, request):
    if request.param == "half":
        for data in MAIL:
            home.append("INBOX", data)
    if request.param != "read":
        fill(home)
    if request.param == "half":
        home.append("INBOX", MAIL[0])
    return home.open()


def ask(home, mailbox, term):
    return [uid for uid in found(home, mailbox, fuzzy(term)) if uid <= len(MAIL)]


def test_misspelt_words_are_found(home, mailbox):
    assert ask(home, mailbox, TextContains("Helo")) == [1, 2, 3, 6]
    assert ask(home, mailbox, HeaderContains("subject", "Helo")) == [1, 3]
    assert ask(home, mailbox, BodyContains("helo")) == [2, 6]
    assert ask(home, mailbox, HeaderContains("subject", "metings")) == [4]
    assert ask(home, mailbox, TextContains("xylophone")) == []


def test_forms_of_words_are_found(home, mailbox):
    assert ask(home, mailbox, TextContains("meet")) == [4]
    assert ask(home, mailbox, TextContains("meetings")) == [4]
    assert ask(home, mailbox, HeaderContains("from", "ann")) == [4]
    assert ask(home, mailbox, TextContains("Muller")) == [5]
    assert ask(home, mailbox, TextContains("会議")) == [5]


def test_other_terms_stay_exact(home, mailbox):
    term = And((TextContains("helo"), Not(TextContains("anna"))))
    assert fuzzy(term) == And((Fuzzy(TextContains("helo")), Not(TextContains("anna"))))
    assert ask(home, mailbox, term) == [2, 3, 6]
    assert ask(home, mailbox, Or((HasSystemFlag(8), All()))) == [1, 2, 3, 4, 5, 6]
    assert fuzzy(HeaderContains("subject", "")) == HeaderContains("subject", "")


def test_what_has_no_word_is_looked_for_as_it_is(home, mailbox):
    assert ask(home, mailbox, HeaderContains("subject", "&")) == [5]
    assert ask(home, mailbox, BodyContains("...")) == []


def test_of_many_words_some_may_be_missing(home, mailbox):
    assert ask(home, mailbox, BodyContains("said hello nowhere")) == [2]
    assert ask(home, mailbox, BodyContains("said nowhere")) == []


def test_scores_rank(home, mailbox):
    term = fuzzy(TextContains("hello"))
    scores = dict(
        zip([1, 2, 3, 4], home.run(mailbox.relevancy(term, [1, 2, 3, 4])), strict=True)
    )
    assert scores[1] == 100  # in the subject
    assert scores[2] == 70  # in the body
    assert scores[1] > scores[2] > scores[3] > scores[4] == 1
    back = list(home.run(mailbox.relevancy(term, [3, 1])))
    assert back == [scores[3], scores[1]]


def test_scores_of_several_terms(home, mailbox):
    hello, anna = Fuzzy(TextContains("hello")), Fuzzy(TextContains("anna"))
    both = list(home.run(mailbox.relevancy(And((hello, anna, All())), [1, 2])))
    assert both == [100, 35]
    any_ = list(home.run(mailbox.relevancy(Or((hello, anna)), [1, 2])))
    assert any_ == [100, 70]
    assert list(home.run(mailbox.relevancy(All(), [2, 1]))) == [100, 100]
    gone = Following(lambda: True)
    assert list(home.run(mailbox.relevancy(hello, [1, 99]))) == [100, 1]
    assert set(home.run(mailbox.relevancy(hello, [1, 2], gone))) == {1}


words = st.text(alphabet="abcé", max_size=7).map(str.encode)


@given(words.filter(bool), words.filter(bool))
def test_likeness_is_a_share(asked, word):
    alike = likeness(asked, word)
    assert 0 <= alike <= 1
    assert (alike == 1) == (asked == word)
    assert alike or asked not in word
    if alike:
        edged = b"\n%b\n" % word
        patterns, least = clues(asked)
        assert sum(clue in edged for clue in patterns) >= least


def test_endless_words_are_only_compared_as_they_are():
    assert likeness(b"a" * 100, b"a" * 101) > 0
    assert likeness(b"a" * 100 + b"b", b"a" * 101) == 0
    assert likeness(b"ab", b"xaby") > 0
    assert likeness(b"ab", b"ac") == 0


def test_answers():
    assert answer([1.0, 0.5]) == 0.75
    assert answer([1.0, 0.0]) == 0
    assert answer([1.0, 1.0, 0.0]) == pytest.approx(2 / 3)
    assert answer([0.0]) == 0
    assert of_words((b"a", b"b"), [b"b", b"a"]) == 1
    assert of_words((b"a",), []) == 0
    assert question("Ä b, B!") == (b"a\xcc\x88", b"b")
    assert len(question(" ".join(map(str, range(99))))) == 32
    assert [scaled(one) for one in (0, 0.001, 0.5, 1, 1.5)] == [1, 1, 50, 100, 100]


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    """Mail in two stores, the texts of one in an index; and what it says."""
    datas = odd_messages() + [path.read_bytes() for path in corpus.OWN]
    datas = [data.replace(b"\0", b"") for data in datas]
    read, indexed = (
        Home(tmp_path_factory.mktemp(name)) for name in ("read", "indexed")
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(segment, "_MOST_WORDS", 2_000)
        for home in (read, indexed):
            home.append("INBOX", *datas)
        fill(indexed)
        yield read, indexed, [Said(data) for data in datas]
    read.close()
    indexed.close()


@given(seed=st.integers(0, 2**64))
def test_the_index_says_what_messages_say(stage, seed):
    read, indexed, saids = stage
    dice = random.Random(seed)
    name = dice.choice(["subject", "from", "x-odd", "list-id"])
    needle = a_needle(dice, saids)[:200] or "x"
    inners: list[HeaderContains | BodyContains | TextContains] = [
        BodyContains(needle),
        TextContains(needle),
        HeaderContains(name, needle),
    ]
    inner = dice.choice(inners)
    term, mailbox = Fuzzy(inner), read.open()
    uids = found(read, mailbox, term)
    assert found(indexed, indexed.open(), term) == uids
    assert set(uids) >= {uid for uid, one in enumerate(saids, 1) if one.has(inner)}
    everyone = list(range(1, len(saids) + 1))
    assert list(indexed.run(indexed.open().relevancy(term, everyone))) == list(
        read.run(mailbox.relevancy(term, everyone))
    )
