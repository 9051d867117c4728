import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mailstore.mime import folding
from mailstore.mime.folding import decode, encode, fold, folded
from tests.mailstore.mime.growth import grows_linearly


def by_the_book(text: str) -> str:
    """Fold a text as a whole."""
    plain = unicodedata.normalize("NFKD", text).casefold()
    return unicodedata.normalize("NFKD", plain)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Straße", "STRASSE"),
        ("CAFÉ", "cafe\u0301"),
        ("ﬁne", "FINE"),
        ("ＡＢＣ", "abc"),
        ("İ", "i\u0307"),
        ("ΣΑΣ", "σας"),
        ("Å", "\u212b"),
        ("a\u0327\u0301", "a\u0301\u0327"),
    ],
)
def test_texts_that_fold_alike(one: str, other: str):
    assert fold(one) == fold(other)


def test_accents_are_not_lost():
    assert fold("é") != fold("e")
    assert fold("cafe") in fold("Café")


@given(st.text())
def test_folding_is_complete(text: str):
    assert fold(fold(text)) == fold(text)
    if text.isascii():
        assert fold(text) == text.lower()


@given(st.text(), st.text(st.characters(codec="ascii"), min_size=1), st.text())
def test_pieces_cut_in_front_of_a_base_fold_alone(left: str, middle: str, right: str):
    assert fold(left + middle + right) == fold(left) + fold(middle + right)


@given(st.lists(st.sampled_from("\u0301\u0327\u0f73\u0f71\u0345\u093c"), max_size=200))
def test_long_runs_of_marks_are_ordered_as_unicode_says(marks: list[str]):
    text = "a" + "".join(marks)
    plain = unicodedata.normalize("NFKD", text).casefold()
    assert fold(text) == unicodedata.normalize("NFKD", plain)


@pytest.mark.parametrize("unit", ["\u0301\u0327", "\u0f73", "é\u0327", "가", "İ"])
def test_folding_is_linear(unit: str):
    fold("é")  # builds its table
    assert grows_linearly(lambda n: fold("a" + unit * n), 5_000)


odd = st.sampled_from("aAéÉßﬁİΣς\u0301\u0327\u0345ᾳ각が，ª\u212b\ud800Ⅷ\u00a0🙂")


@given(st.text(odd, max_size=60) | st.text())
@example("".join(map(chr, range(0xA0, 0x370))))  # more of them than are replaced
@example("".join(map(chr, range(0xAC00, 0xAD00))))
@example("e\u0301\u0327" + "x" * 90)
def test_whatever_way_a_text_is_folded_it_says_the_same(text: str):
    assert folded(text) == encode(by_the_book(text))
    assert fold(text) == by_the_book(text)
    assert decode(encode(text)) == text


def test_what_is_remembered_of_characters_is_bounded(monkeypatch):
    monkeypatch.setattr(folding, "_FOLDINGS", folding._Foldings())
    monkeypatch.setattr(folding, "_MOST_FOLDINGS", 10)
    text = "".join(map(chr, range(0xC0, 0x180)))
    assert folded(text) == encode(by_the_book(text))
    assert 0 < len(folding._FOLDINGS) <= 10


def test_each_character_of_a_text_is_folded_once(monkeypatch):
    """However full the memory is of what others sent."""
    met = []

    def fold_one(text):
        met.append(text)
        return by_the_book(text)

    monkeypatch.setattr(folding, "_fold", fold_one)
    monkeypatch.setattr(folding, "_FOLDINGS", folding._Foldings())
    monkeypatch.setattr(folding, "_MOST_FOLDINGS", 10)
    syllables = "".join(map(chr, range(0xAC00, 0xAC80)))
    assert folded(f"Ab{syllables * 3}") == encode(by_the_book(f"ab{syllables * 3}"))
    assert sorted(met) == list(syllables)
