import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mailstore.mime.folding import fold
from mailstore.mime.html import HtmlText
from mailstore.mime.scanner import scan
from mailstore.mime.text import SEPARATOR, body_texts
from mailstore.search import skimming
from mailstore.search.skimming import Skimmer
from tests.mailstore.mime.growth import grows_linearly

_SOURCES = st.lists(
    st.sampled_from(
        ["<", ">", "<p>", "<b>", "</B>", "<i x='a>", "<3>", "<!--", "-->", "<script>",
         "</script>", "&am", "amp;", "&amp;", "&", ";", "&#97", "&#x62;", "&Auml;", "#",
         "&notab;", "&ab;", "a", "b", "A", "ab", "c", " ", "\n", "é", "á", "ａ", "ﬁ",
         "\u0301", "\x00", "</style>"]
    ),
    max_size=12,
).map("".join)  # fmt: skip
_NEEDLES = st.text(st.sampled_from("aAbcﬁáfi &<>;#p\n"), min_size=1, max_size=4)


@settings(max_examples=600)
@given(_SOURCES, _NEEDLES)
@example("a<b>b", "ab")
@example("<3>&#97b", "ab")
@example("a<i><b>b", "ab")
@example("a<!-- > -->b", "a b")
@example("a<3>b", "ab")
@example("&notab;", "ab")
@example("aｂ", "ab")
@example("ab<p>", "ab\n")
def test_no_page_is_left_out_that_has_it(source, needle):
    skimmer = Skimmer(needle)
    text = HtmlText().feed(source, final=True).replace(SEPARATOR, "\ufffd")
    if skimmer.is_any and fold(needle) in fold(text):
        assert skimmer.may_be_in(source)


@pytest.mark.parametrize(
    "source",
    ["<p>lun<b> ch", "lun<br> ch", "<a href=?a&lun>", "&nbsp;&ouml;&bogus;", "größer",
     "<i>l</i>", "lun<!-- x --> ch"],
)  # fmt: skip
def test_most_pages_that_lack_it_are_not_read(source):
    assert not Skimmer("Lunch").may_be_in(source)


def test_of_several_words_the_longest_counts():
    assert Skimmer("a lunch!").may_be_in("<p>lunch")
    assert not Skimmer("a lunch!").may_be_in("<p>a")
    assert not Skimmer("- a -").is_any
    assert not Skimmer("жé").is_any


@pytest.mark.parametrize("unit", ["<", "n<", "n<b>", "&a", "&#1", "n", "<>", "é", "ｎ"])
def test_the_work_is_linear(unit):
    skim = Skimmer("lunch").may_be_in
    assert grows_linearly(lambda n: skim(unit * n), 20_000)


def test_what_is_remembered_of_references_is_bounded(monkeypatch):
    monkeypatch.setattr(skimming, "_MOST_REFERENCES", 5)
    skimmer = Skimmer("zz")
    assert not skimmer.may_be_in("".join([f"&#{n};" for n in range(1_000, 1_020)]))
    assert len(skimmer._references) == 5


def test_a_page_is_left_out_and_nothing_else():
    data = (
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
        b"--b\r\nContent-Type: text/html\r\n\r\n<p>page</p>\r\n"
        b"--b\r\n\r\nplain\r\n--b--\r\n"
    )
    root = scan(data)
    whole = list(body_texts(data, root))
    assert list(body_texts(data, root, "<p>page</p>".__eq__)) == whole
    rest = [text.replace("\npage\n", "") for text in whole]
    assert list(body_texts(data, root, "".__eq__)) == rest
