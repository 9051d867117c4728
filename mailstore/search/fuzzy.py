"""Texts that are nearly what was asked for: misspelt, bent, or part of a longer word.

A question is a few words. A text answers it as far as it has, for each of them, a
word that is like it: the same, one that contains it, or one that has enough trigrams
in common with it. What `contains` finds is always found here too. RFC 6203 §3 leaves
all of it to the server; it is deterministic here. Example::

    likeness(b"helo", b"hello")  ->  0.65

It knows no index: `mailstore.search.indexed` puts the same measure to lists of words.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from mailstore.errors import Corrupt, NotFound
from mailstore.mime.folding import fold, folded
from mailstore.mime.header import Buffer
from mailstore.mime.scanner import Part, scan
from mailstore.mime.text import (
    all_header_text,
    body_texts,
    contains,
    header_text,
)
from mailstore.mime.textual import Textual, textual
from mailstore.query import BodyContains, Fuzzy, HeaderContains, TextContains
from mailstore.search.texts import MessageText, Texts
from mailstore.search.words import joined, last_edge, with_clues, words_of

_ENOUGH = 0.5  # of the trigrams of two words, in common
_ALIKE = 0.9  # what is alike is never as good as what is the same
_SHORT = 3  # octets of a word that is only looked for as it is
_LONG = 64  # likewise: nobody types it, and its trigrams would cost too much
_MOST_WORDS = 32
_BODY = 0.7  # a word in a header tells more about a message than one in its text


def question(needle: str) -> tuple[bytes, ...]:
    """Give the words that are asked for, at most 32; none: only all of it counts."""
    return tuple(sorted(words_of(folded(needle)))[:_MOST_WORDS])


@lru_cache(maxsize=1 << 14)
def _trigrams(word: bytes) -> frozenset[bytes]:
    padded = b"\n\n%b\n" % word
    return frozenset([padded[at : at + 3] for at in range(len(padded) - 2)])


def likeness(asked: bytes, word: bytes) -> float:
    """Tell how like a word is to one that is asked for: 0 not at all, 1 the same."""
    if asked == word:
        return 1.0
    part = len(asked) / len(word) if word else 0.0
    if word.startswith(asked):
        return 0.6 + 0.35 * part
    alike = 0.5 + 0.35 * part if asked in word else 0.0
    if _SHORT <= len(asked) <= _LONG and len(word) <= _LONG:
        mine, theirs = _trigrams(asked), _trigrams(word)
        common = 2 * len(mine & theirs) / (len(mine) + len(theirs))
        if common >= _ENOUGH:
            alike = max(alike, common * _ALIKE)
    return alike


def clues(asked: bytes) -> tuple[tuple[bytes, ...], int]:
    """Give patterns, and how many of them a word has at least that is like another.

    See `mailstore.search.words`: a line feed stands for the edge of a word. They are
    the word's trigrams but for the one that needs two edges. With n trigrams in
    common, a and b of each: 2 n / (a + b) is half at least, and b is n at least, so
    that n is a third of a at least.
    """
    if not _SHORT <= len(asked) <= _LONG:
        return (asked,), 1
    padded = b"\n%b\n" % asked
    found = {padded[at : at + 3] for at in range(len(padded) - 2)}
    return tuple(sorted(found)), max(1, -(-(len(found) + 1) // 3) - 1)


def answer(best: Iterable[float]) -> float:
    """Put together how well each word is answered; 0: the text is no answer.

    Of three words and more a third may be missing.
    """
    found = list(best)
    missing = found.count(0.0)
    if missing and (missing == len(found) or missing * 3 > len(found)):
        return 0.0
    return sum(found) / len(found)


def of_words(asked: tuple[bytes, ...], words: Iterable[bytes]) -> float:
    """Tell how well some words answer a question."""
    have = words if isinstance(words, set) else set(words)
    octets = joined(have)
    best = []
    for one in asked:
        near = () if one in have else with_clues(octets, *clues(one))
        likely = max([likeness(one, word) for word in near], default=0.0)
        best.append(1.0 if one in have else likely)
    return answer(best)


def of_places(header: float, body: float) -> float:
    """Put together how well header and body answer."""
    return max(header, body * _BODY)


class FuzzyTest:
    """One fuzzy term, ready to be asked about messages as they are."""

    def __init__(self, term: Fuzzy, texts: Texts) -> None:
        self._term = term.term
        self._texts = texts
        self._asked = question(term.term.needle)
        self._needle = fold(term.term.needle)

    def __call__(self, message: MessageText) -> float:
        """Tell how well a message answers; 0: not at all."""
        try:
            with self._texts.content(message.blob) as data:
                return self._score(data, textual(message.parts, data) or scan(data))
        except (NotFound, Corrupt):
            return 0.0

    def _score(self, data: Buffer, root: Part | Textual) -> float:
        header = bytes(data[root.header : root.body])
        match self._term:
            case HeaderContains(name, _):
                values = header_text(header, name.encode("utf-8", "surrogatepass"))
                return max([self._of([text]) for text in values], default=0.0)
            case BodyContains():
                return of_places(0.0, self._of(body_texts(data, root)))
            case TextContains():
                first = self._of([all_header_text(header)])
                return of_places(first, self._of(body_texts(data, root)))

    def _of(self, pieces: Iterable[str]) -> float:
        if not self._asked:
            return 1.0 if contains(pieces, self._needle) else 0.0
        words: set[bytes] = set()
        rest = b""
        for piece in pieces:
            octets = rest + folded(piece)
            end = last_edge(octets)
            words |= words_of(octets[:end])
            rest = octets[end:]
        return of_words(self._asked, words | words_of(rest))


def scaled(score: float) -> int:
    """Give a score as RFC 6203 §4 has it: 1 to 100."""
    return max(1, min(100, round(score * 100)))
