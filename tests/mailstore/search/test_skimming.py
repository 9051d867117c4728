import re
import unicodedata
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mailstore.mime.charset import codec_for, decoder
from mailstore.mime.folding import fold
from mailstore.mime.html import HtmlText
from mailstore.mime.text import SEPARATOR
from mailstore.search import skimming
from mailstore.search.skimming import Skimmer
from tests.mailstore.mime.growth import grows_linearly

_SOURCES = st.lists(
    st.sampled_from(
        ["<", ">", "<p>", "<b>", "</B>", "<i x='a>", "<3>", "<!--", "-->", "<script>",
         "</script>", "&am", "amp;", "&amp;", "&", ";", "&#97", "&#x62;", "&Auml;", "#",
         "&notab;", "&ab;", "a", "b", "A", "ab", "c", " ", "\n", "é", "á", "ａ", "ﬁ",
         "\u0301", "\x00", "</style>", "ª", "º", "ß", "s", "™", "t", "m", "o", "ê",
         "&ordf;", "&trade", "&#1;", "&#x7F", "&#xfdd0;"]
    ),
    max_size=12,
).map("".join)  # fmt: skip
_NEEDLES = st.text(st.sampled_from("aAbcﬁáfi &<>;#p\nstmo"), min_size=1, max_size=4)


# What all of them decode is text of some kind.
_CHARSETS = (
    "utf-8", "us-ascii", "iso-8859-1", "windows-1252", "iso-8859-15", "koi8-r",
    "windows-1258", "macintosh", "cp437", "cp037", "gb2312", "shift_jis", "big5",
    "euc-kr", "iso-2022-jp", "hz-gb-2312", "utf-7", "utf-16", "bogus", None,
)  # fmt: skip
_OCTETS = st.lists(
    st.sampled_from([b"a", b"b", b"ab", b"A", b" ", b"<b>", b"\xc3", b"\xa9", b"\xe2",
                     b"\x84", b"\xaa", b"\x99", b"\xdf", b"\xff", b"+AGE-", b"~{",
                     b"~}", b"\x1b$B", b"\x1b(B", b"\x1b(J", b"\x00", b"\x81",
                     b"\xba", b"\xbe", b"\xf0\x9f", b"\xc2", b"s", b"t", b"m", b"o",
                     b"&ordf;"]),
    max_size=10,
).map(b"".join)  # fmt: skip


def check_skim(octets: bytes, charset: str | None, needle: str, *, is_page: bool):
    skimmer = Skimmer(needle)
    # As parts are read: their end comes behind all of their octets.
    source = decoder(charset)
    text, end = source.decode(octets), source.decode(b"", final=True)
    if is_page:
        page = HtmlText()
        text, end = page.feed(text), page.feed(end, final=True)
    text += end
    text = text.replace(SEPARATOR, "\ufffd")
    if skimmer.is_any and fold(needle) in fold(text):
        assert skimmer.may_be_in(octets, codec_for(charset), is_page=is_page)


@settings(max_examples=600)
@given(_SOURCES, _NEEDLES, st.booleans(), st.sampled_from(["utf-8", "windows-1258"]))
@example("a<b>b", "ab", True, "utf-8")
@example("<3>&#97b", "ab", True, "utf-8")
@example("a<i><b>b", "ab", True, "utf-8")
@example("a<!-- > -->b", "a b", True, "utf-8")
@example("a<3>b", "ab", True, "utf-8")
@example("&notab;", "ab", True, "utf-8")
@example("aｂ", "ab", True, "utf-8")
@example("ab<p>", "ab\n", True, "utf-8")
@example("b<b>á", "ba", True, "utf-8")
@example("c<b>b</b>á", "cba", True, "utf-8")
@example("a&#127;b", "ab", True, "utf-8")  # is nothing
def test_no_text_is_left_out_that_has_it(source, needle, is_page, charset):
    check_skim(source.encode(charset, "ignore"), charset, needle, is_page=is_page)


@settings(max_examples=600)
@given(_OCTETS, _NEEDLES, st.booleans(), st.sampled_from(_CHARSETS))
@example(b"\xc3a\xaab", "ab", False, "utf-8")  # UTF-8 without its ASCII alone
@example("ﬁa".encode() + b"\xc3", "fia", False, "utf-8")  # cut off
@example(b"a\xe2\x99", "atm", False, "utf-8")
@example(b"a\x99", "atm", False, "windows-1252")
@example(b"+AGEAYg-", "ab", False, "utf-7")
@example(b"\x81\x82", "ab", False, "cp037")
@example(b"a\x1b(Jb", "ab", False, "iso-2022-jp")
def test_whatever_its_octets_are(octets, needle, is_page, charset):
    check_skim(octets, charset, needle, is_page=is_page)


def _odd(letters: str) -> bool:
    """Tell whether a folded character has more of ASCII than letters in front."""
    plain = [one for one in letters if one.isascii()]
    if not any(one.isalnum() for one in plain):
        return False
    return len(plain) > 1 or len(letters) == 1 or letters[0] != plain[0]


def test_where_letters_may_come_from():
    longer = re.compile(b"|".join(map(b"".join, skimming._LONGER.items())))
    few = []
    blocks = [*range(0x80, 0x1000, 64), *range(0x1000, 0x110000, 0x1000)]
    for start, stop in pairwise(blocks):
        codes = [code for code in range(start, stop) if not 0xD800 <= code < 0xE000]
        text = unicodedata.normalize("NFKD", "".join(map(chr, codes))).casefold()
        if not re.search("[0-9a-z]", unicodedata.normalize("NFKD", text)):
            continue
        odd = [chr(code) for code in codes if _odd(fold(chr(code)))]
        if start < 0x800:
            few += odd
        else:
            assert all(longer.match(char.encode()) for char in odd), hex(start)
    assert sorted(few) == sorted(skimming._TWO_OCTETS)


def may_be_in(source: str, needle: str = "lunch", *, is_page: bool = True) -> bool:
    return Skimmer(needle).may_be_in(source.encode(), "utf-8", is_page=is_page)


@pytest.mark.parametrize(
    "source",
    ["<p>lun<b> ch", "lun<br> ch", "<a href=?a&lun>", "&nbsp;&ouml;&bogus;", "größer",
     "<i>l</i>", "lun<!-- x --> ch"],
)  # fmt: skip
def test_most_pages_that_lack_it_are_not_read(source):
    assert not may_be_in(source, "Lunch")


@pytest.mark.parametrize(
    ("source", "charset"),
    [("größer été ½", "windows-1252"), ("größer été – обед 昼食", "utf-8"),
     ("обед", "koi8-r"), ("obed", "shift_jis")],
)  # fmt: skip
def test_most_texts_that_lack_it_are_not_read(source, charset):
    skim = Skimmer("Lunch").may_be_in
    assert not skim(source.encode(charset), codec_for(charset), is_page=False)


def test_of_several_words_the_longest_counts():
    assert may_be_in("<p>lunch", "a lunch!")
    assert not may_be_in("<p>a", "a lunch!")
    assert not Skimmer("- a -").is_any
    assert not Skimmer("жé").is_any


@pytest.mark.parametrize("unit", ["<", "n<", "n<b>", "&a", "&#1", "n", "<>", "é", "ｎ"])
def test_the_work_is_linear(unit):
    assert grows_linearly(lambda n: may_be_in(unit * n), 20_000)


def test_what_is_remembered_of_references_is_bounded(monkeypatch):
    monkeypatch.setattr(skimming, "_MOST_REFERENCES", 5)
    skimmer = Skimmer("zz")
    page = b"".join([b"&#%d;" % n for n in range(1_000, 1_020)])
    assert not skimmer.may_be_in(page, "utf-8", is_page=True)
    assert len(skimmer._references) == 5
