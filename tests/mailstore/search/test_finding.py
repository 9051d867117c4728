from hypothesis import example, given, settings
from hypothesis import strategies as st

from mailstore.mime.folding import encode, fold
from mailstore.mime.text import SEPARATOR, contains
from mailstore.search import finding
from mailstore.search.finding import Finder

odd = st.sampled_from("aAbBéÉẹßﬁﬀİΣ\u0301\u0327\u0345ｂª\u212bⅧ…\u00a0½\ud800Бб 1\n")
texts = st.text(odd, max_size=14)


@settings(max_examples=400)
@given(st.lists(texts, min_size=1, max_size=3), texts)
@example(["xé"], "xe")
@example(["ﬁx"], "f")
@example(["oﬃce"], "office")
@example(["ｂ", "a"], "ba")
@example(["Stra", "ße"], "STRASSE")
@example([""], "")
@example(["½"], "1")
@example(["".join(map(chr, range(0x1D400, 0x1D700)))], "xyz")
@example(["a\u00a0b"], "A b")
def test_it_finds_what_the_folded_text_has(pieces, needle):
    # Pieces are cut in front of a character that is no mark.
    pieces = [pieces[0], *[f"a{piece}" for piece in pieces[1:]]]
    whole = "".join(pieces)
    assert Finder(needle).within(pieces) == (fold(needle) in fold(whole))


@given(st.lists(st.just(SEPARATOR) | st.just("") | texts, max_size=6), texts)
@example(["a", SEPARATOR, "b"], "ab")
@example([SEPARATOR], "")
@example([], "")
@example(["ab", "", "c"], "abc")
@example(["a", SEPARATOR], "a\x00")
def test_it_finds_what_the_plain_search_finds(pieces, needle):
    assert Finder(needle).within(pieces) == contains(pieces, fold(needle))


def test_a_text_is_folded_only_where_that_may_matter(monkeypatch):
    asked = []

    def folded(text):
        asked.append(text)
        return encode(fold(text))

    finder = Finder("rarest")
    monkeypatch.setattr(finding, "folded", folded)
    for text in ("plain", "naïve", "日本語", "RARESTé", "Привет, rares", "…"):
        finder.within([text, SEPARATOR])
    assert finder.within(["rares\u1e97"])  # t with diaeresis
    assert finder.within(["raﬅ ｒareﬆ"])
    assert not finder.within(["rarest"[:-1] + "é" * 100])
    assert asked == []
