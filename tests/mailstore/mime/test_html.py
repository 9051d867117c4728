import html
import re
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mailstore.mime.html import HtmlText
from tests.mailstore.mime.growth import grows_linearly


def text(source: str) -> str:
    return HtmlText().feed(source, final=True)


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("<p>a &amp; <b>b</b></p>", "\na & b\n"),
        ("in<b>side</b> a word", "inside a word"),
        ("a<br>b<BR/>c", "a\nb\nc"),
        ("a<style>p { }</style>b<script src=x>var a = '<p>';</SCRIPT >c", "a b c"),
        ("a<!-- <p> -- > -->b", "a b"),
        ("a<!-- never closed", "a"),
        ("<script>never closed", ""),
        ("1 < 2 > 1 <3", "1 < 2 > 1 <3"),
        ("a <unfinished", "a <unfinished"),
        ("<p title='x>y'>", "\ny'>"),
        ("&eacute;&#233;&#xe9;&bogus;&", "ééé&bogus;&"),
        ("&#99999999999999999999;&#" + "9" * 5_000 + ";", "\ufffd\ufffd"),
        ("&#0;&notit;&NotIt;", "\ufffd¬it;&NotIt;"),
        ("<a href='find me'>here</a>", "here"),
    ],
)
def test_what_a_reader_sees(source: str, found: str):
    assert text(source) == found


_SOURCES = st.lists(
    st.sampled_from(
        ["<", ">", "p", "<p>", "<b>", "</b>", "<!--", "-->", "<script>", "</script>",
         "<style", "&amp;", "&", ";", "&#65", "x", " ", "é", "</style>"]
    ),
    max_size=12,
).map("".join)  # fmt: skip


@given(_SOURCES, st.lists(st.integers(0, 40), max_size=3))
@example("<x&>", [4])
@example("&#65</style>;", [12])
@example("<style<p>>", [7])
def test_pieces_give_the_same_as_the_whole(source: str, cuts: list[int]):
    page = HtmlText()
    edges = [0, *sorted(min(cut, len(source)) for cut in cuts)]
    pieces = [page.feed(source[first:last]) for first, last in pairwise(edges)]
    pieces.append(page.feed(source[edges[-1] :], final=True))
    assert "".join(pieces) == text(source)


def in_one_pass(source: str) -> str:
    """Say what is visible, tag and reference by tag and reference."""
    markup = re.compile(
        r"<(?:(/?(?:p|div|br|tr|td|th|li|ul|ol|dl|dt|dd|h[1-6]|table|hr|blockquote|pre"
        r"|title|section|article|center)\b)|[/!?a-z])[^<>]*+>"
        r"|&(?:#[0-9]++|#x[0-9a-f]++|[^\s<>&;#]{1,32}+);?",
        re.IGNORECASE,
    )

    def read(found: re.Match[str]) -> str:
        if found[0].startswith("<"):
            return "\n" if found[1] else ""
        return html.unescape(found[0])

    return markup.sub(read, source)


_VISIBLE = st.lists(
    st.sampled_from(
        ["<", ">", "p", "<p>", "<b>", "</B>", "</p x>", "<pr>", "< b>", "<3>", "&am",
         "amp;", "&amp;", "&", ";", "&#65", "&#x4", "x", " ", "é", "\u017f",
         "<d\u0130v>", "<3"]
    ),
    max_size=12,
).map("".join)  # fmt: skip


@given(_VISIBLE)
@example("&am<b>p;")
@example("&#6<b>5")
def test_neither_tags_nor_references_are_made_by_what_goes(source: str):
    assert text(source) == in_one_pass(source)


@given(st.text())
def test_any_text_can_be_read(source: str):
    assert len(text(source)) <= 2 * len(source) + 1


@pytest.mark.parametrize(
    "unit",
    ["<", "<p", "<script", "<script>", "<!--", "</script", "&", "&#", "&#1", "&a", " ",
     "<style></style", "<p>", "-", "--><!--"],
)  # fmt: skip
def test_the_work_is_linear(unit: str):
    assert grows_linearly(lambda n: text("<script>" + unit * n), 20_000)
    assert grows_linearly(lambda n: text(unit * n), 20_000)


def test_pieces_without_an_end_are_not_gathered():
    page = HtmlText()
    for _ in range(100):
        page.feed("<a b" * 10_000)
        assert len(page._rest) < 5_000
