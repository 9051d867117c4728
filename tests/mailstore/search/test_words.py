"""Words answer for texts: nothing that contains a needle is ever left out."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from typing import Any, ClassVar

from hypothesis import given
from hypothesis import strategies as st

from mailstore.search import words
from mailstore.search.words import (
    Entry,
    Gathering,
    Patterns,
    Postings,
    WordList,
    Words,
    octets_of,
    patterns,
    words_of,
)

alphabet = st.sampled_from(["a", "b", "ab", "B", "1", " ", ".", "\n", "\0", "é", "会"])
texts = st.lists(alphabet, max_size=12).map("".join).map(str.encode)


def gathered(said: list[bytes]) -> Words:
    gathering = Gathering()
    for ordinal, text in enumerate(said):
        gathering.add(ordinal, words_of(text))
    return listed(gathering.entries())


def listed(entries: Iterator[Entry]) -> Words:
    """Put a list of words together as a segment has it."""
    octets, starts = b"\n", array("I")
    blocks: list[Postings] = []
    for some, block in words.blocks_of(entries):
        starts.append(len(octets))
        octets += some
        blocks.append(block)
    return Words(octets, starts, blocks.__getitem__)


@given(st.lists(texts, min_size=1, max_size=8), texts.filter(bool))
def test_candidates_are_those_that_contain_it_and_more_only_where_said(said, needle):
    wanted = patterns(needle)
    truth = {at for at, text in enumerate(said) if needle in text}
    if wanted.pieces:
        found = gathered(said).candidates(wanted, len(said))
        assert truth <= found
        assert found == truth or not wanted.exact
    else:
        assert not words_of(needle)


def test_what_a_needle_says_of_words():
    assert patterns(b"eeting") == Patterns((b"eeting",), exact=True)
    assert patterns(b"re: lunch") == Patterns((b"\nlunch", b"re\n"), exact=False)
    assert patterns(b" two.three ") == Patterns((b"\nthree\n", b"\ntwo\n"), exact=False)
    assert patterns(b"-.-") == Patterns((), exact=False)
    assert patterns("会議".encode()).exact


@given(st.lists(st.binary(min_size=1, max_size=3), min_size=1, max_size=30))
def test_blocks_hide_nothing(said):
    whole = gathered(said)
    pairs = [(word, list(places)) for word, places in whole.all()]
    size, words._PER_BLOCK = words._PER_BLOCK, 2
    try:
        parted = gathered(said)
        assert [(word, list(places)) for word, places in parted.all()] == pairs
        for word, places in pairs:
            assert list(parted.having(b"\n%b\n" % word)) == [
                [one for one, _ in pairs].index(word)
            ]
            assert parted.messages(parted.having(word), 99) >= set(places)
    finally:
        words._PER_BLOCK = size


class Spied(bytes):
    """Octets that note how many of them each look goes through."""

    looks: ClassVar[list[int]] = []

    def find(self, *args: Any) -> int:
        found = super().find(*args)
        start = args[1] if len(args) > 1 else 0
        end = found if found >= 0 else min(len(self), *args[2:], len(self))
        self.looks.append(end - start)
        return found

    def count(self, *args: Any) -> int:
        self.looks.append(min(len(self), args[2]) - args[1])
        return super().count(*args)


@given(st.lists(texts, min_size=1, max_size=8), texts.filter(bool), st.integers(1, 9))
def test_stretches_hide_nothing(said, needle, stretch):
    octets = gathered(said).octets
    whole = [list(words.places(octets, one)) for one in patterns(needle).pieces]
    often = octets.count(needle)
    kept, words._STRETCH = words._STRETCH, stretch
    try:
        assert whole == [
            list(words.places(octets, one)) for one in patterns(needle).pieces
        ]
        # About so often: at the edges "aa" may be counted in "aaa" twice.
        assert len(needle) > 1 or not words.is_frequent(octets, needle, often)
        assert words.is_frequent(octets, needle, often - 1)
    finally:
        words._STRETCH = kept


def test_no_look_is_long():
    """Whoever finds something holds the interpreter: the event thread waits for it."""
    octets = Spied(words.joined([b"%06d" % n for n in range(100_000)]))
    assert list(words.places(octets, b"x")) == []
    assert list(words.places(octets, b"\n099999")) == [699_994]
    assert not words.is_frequent(octets, b"ab", 5)
    assert max(Spied.looks) <= words._STRETCH + 8
    Spied.looks.clear()
    assert words.is_frequent(octets, b"0", 5)
    assert len(Spied.looks) == 1


def test_merged_words_are_those_of_all():
    said = [b"one two", b"two three", b"", b"three one"]
    together = listed(words.merged([in_blocks(said[:2], 0), in_blocks(said[2:], 2)]))
    assert together.octets == gathered(said).octets
    assert together.messages(together.having(b"thre"), 4) == {1, 3}
    assert together.messages(together.having(b"t"), 4) == {0, 1, 3}
    assert together.messages(together.having(b"t"), 1) == {1, 3}


@given(st.lists(st.lists(texts, max_size=4), max_size=4), st.integers(1, 4))
def test_words_are_merged_whatever_their_blocks(parts, size):
    whole = [text for part in parts for text in part]
    kept, words._PER_BLOCK = words._PER_BLOCK, size
    try:
        lists = [
            in_blocks(part, sum(map(len, parts[:at]))) for at, part in enumerate(parts)
        ]
        together = listed(words.merged(lists))
        assert list(together.all()) == list(gathered(whole).all())
    finally:
        words._PER_BLOCK = kept


def in_blocks(said: list[bytes], first: int) -> Iterator[WordList]:
    """Give the words of texts as they are merged; ordinals begin with the first."""
    for some, (ends, ordinals) in gathered(said).blocks():
        starts = [0, *ends[:-1]]
        moved = [
            octets_of([first + one for one in ordinals[start:end]])
            for start, end in zip(starts, ends, strict=True)
        ]
        yield some, moved


def test_no_words_at_all():
    nothing = gathered([b"...", b""])
    assert nothing.octets == b"\n"
    assert list(nothing.having(b"a")) == []
    assert list(nothing.all()) == []
