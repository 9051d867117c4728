"""Sketches hold every string of their texts, and few others."""

from __future__ import annotations

import random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mailstore.search import sketch
from mailstore.search.sketch import PIECE, RUN, Section, may_hold, sketches


def sections_of(texts: list[bytes]) -> tuple[list[Section], list[int]]:
    """Sketch a text; gives what is asked, and the pieces that were read."""
    read: list[int] = []
    sections = []
    for one in sketches(iter(texts), lambda: None):

        def piece(number: int, data: bytes = one) -> bytes:
            read.append(number)
            return data[number * PIECE : (number + 1) * PIECE]

        sections.append(Section(len(one) // PIECE, piece))
    return sections, read


octets = st.binary(max_size=40) | st.text("ab é\n", max_size=40).map(str.encode)


@given(st.lists(octets, max_size=8), st.integers(0, 400), st.integers(0, 80))
@example([b"abcd", b"efgh", b"ijkl"], 1, 9)
@example([b"a" * 30, b"b", b"c" * 30], 27, 8)
@example([], 0, 5)
def test_whatever_is_in_a_text_may_be(texts, start, size):
    whole = b"".join(texts)
    needle = whole[start : start + size]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sketch, "SECTION", 81)
        patch.setattr(sketch, "_STRETCH", 7)
        sections, _ = sections_of(texts)
    assert may_hold(needle, sections)


@pytest.mark.parametrize("edge", [1, 3, 5, 20])
def test_a_string_may_go_over_the_edge_of_sections(edge, monkeypatch):
    monkeypatch.setattr(sketch, "SECTION", 1_000)
    dice = random.Random(edge)
    texts = [dice.randbytes(1_000) for _ in range(3)]
    whole = b"".join(texts)
    sections, _ = sections_of(texts)
    assert len(sections) == 3
    for at in (1_000, 2_000):
        assert may_hold(whole[at - edge : at - edge + 24], sections)
    # Both halves are somewhere, but not side by side.
    assert not may_hold(whole[2_500:2_520] + whole[:20], sections)


def test_most_others_are_known_not_to_be_there():
    """And that is found out from a piece or two, whatever the size of the text."""
    dice = random.Random(1)
    alphabet = b"abcdefghijklmnopqrstuvwxyz0123456789 "
    sections, read = sections_of([bytes(dice.choices(alphabet, k=400_000))])
    words = [bytes(dice.choices(alphabet, k=8)) for _ in range(1_000)]
    wrong = sum(may_hold(word, sections) for word in words)
    assert wrong < 60
    assert len(read) < 2_000
    read.clear()
    # Of a long string some runs are asked for.
    assert not may_hold(bytes(dice.choices(alphabet, k=60_000)), sections)
    assert len(read) < 16


def test_what_is_shorter_than_a_run_is_unknown():
    sections, read = sections_of([b"some text"])
    assert may_hold(b"zzzz", sections)
    assert read == []
    assert not may_hold(b"zzzzz", sections)
    assert len(b"zzzzz") == RUN


def test_what_is_longer_than_a_section_is_unknown(monkeypatch):
    monkeypatch.setattr(sketch, "SECTION", 100)
    sections, read = sections_of([b"some text"])
    assert may_hold(b"z" * 100, sections)
    assert read == []


def test_hashes_stay_as_they_are():
    """They are on disk."""
    (one,) = sketches([b"quick brown fox"], lambda: None)
    assert len(one) == PIECE
    places = [4006, 5074, 5642, 9648, 10154, 11428, 12297, 14011, 14775, 15168, 15832]
    assert [at for at, octet in enumerate(one) if octet] == places


def test_a_sketch_grows_with_its_text_up_to_a_mebibyte():
    sizes = [len(one) for one in sketches([b"x" * 70_000], lambda: None)]
    assert sizes == [2 * PIECE]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sketch, "_slots", lambda octets, bits: ())
        texts = [b"x" * (1 << 20)] * 10
        sizes = [len(one) for one in sketches(texts, lambda: None)]
    assert sizes == [1 << 20, 1 << 20, 1 << 20, 1 << 18]
