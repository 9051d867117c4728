"""Words: which messages of a segment have a word that contains some octets.

A word is a run of letters and digits: of octets that are such in ASCII, or not ASCII
at all. A needle of such octets alone lies within a word wherever it is found, so that
the words answer for the texts. Any other needle has the edges of words in it, which
leaves few candidates::

    patterns(b"eeting")     ->  [b"eeting"], exact
    patterns(b"re: lunch")  ->  [b"\\nlunch", b"re\\n"], not exact

Words are kept sorted, joined by line feeds, with one in front and one behind. Where
each occurs (ordinals of messages in the segment) is kept in blocks of 512 words. While
a list is made the ordinals of a word are octets, two for each in the machine's order:
to join octets is the quickest that Python can do with many short lists.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, islice, pairwise

_PER_BLOCK = 512
_EACH = array("H").itemsize  # octets of an ordinal
_STRETCH = 1 << 18  # octets that are looked through at a time, a tenth of a millisecond
_WORD = frozenset(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
_BLANKED = bytes([at if at in _WORD or at > 127 else 32 for at in range(256)])

Entry = tuple[bytes, bytes]
"""A word, and the ordinals of the messages that have it, ascending, as octets."""

WordList = tuple[list[bytes], list[bytes]]
"""A block of a list: words in order, and for each where it is, as in an `Entry`."""

Postings = tuple["array[int]", "array[int]"]
"""Of one block: where each word's ordinals end, and all ordinals."""


def words_of(text: bytes) -> set[bytes]:
    """Give the different words of a text."""
    return set(text.translate(_BLANKED).split())


def last_edge(text: bytes) -> int:
    """Give where the last word of a text begins, if it may go on behind it."""
    return text.translate(_BLANKED).rfind(b" ") + 1


@dataclass(frozen=True, slots=True)
class Patterns:
    """What has to be among the words of a text that contains a needle.

    ``exact``: a text that has all of it contains the needle.
    """

    pieces: tuple[bytes, ...]
    exact: bool


def patterns(needle: bytes) -> Patterns:
    """Say a needle in terms of words, the most telling first."""
    blanked = needle.translate(_BLANKED)
    parts = blanked.split()
    if parts and len(parts[0]) == len(needle):
        return Patterns((needle,), exact=True)
    pieces = []
    for at, part in enumerate(parts):
        open_left = at == 0 and not blanked.startswith(b" ")
        open_right = at == len(parts) - 1 and not blanked.endswith(b" ")
        left, right = b"" if open_left else b"\n", b"" if open_right else b"\n"
        pieces.append(left + part + right)
    return Patterns(tuple(sorted(set(pieces), key=len, reverse=True)), exact=False)


def joined(words: Iterable[bytes]) -> bytes:
    """Give words as they are looked through: a line feed around each."""
    return b"\n%b\n" % b"\n".join(words)


def places(words: bytes, pattern: bytes) -> Iterator[int]:
    """Give where in joined words a pattern is found, once for each word."""
    led = pattern[:1] == b"\n"
    at = _find(words, pattern, 0)
    while at >= 0:
        at += led
        yield at
        at = _find(words, pattern, words.find(b"\n", at))


def _find(words: bytes, pattern: bytes, start: int) -> int:
    """Find a pattern by stretches: one look keeps all other threads waiting."""
    for begin in range(start, len(words), _STRETCH):
        at = words.find(pattern, begin, begin + _STRETCH + len(pattern) - 1)
        if at >= 0:
            return at
    return -1


def is_frequent(words: bytes, needle: bytes, most: int) -> bool:
    """Tell whether a needle is found more often than that."""
    count = 0
    for begin in range(0, len(words), _STRETCH):
        count += words.count(needle, begin, begin + _STRETCH + len(needle) - 1)
        if count > most:
            return True
    return False


def with_clues(words: bytes, clues: Iterable[bytes], least: int) -> dict[bytes, int]:
    """Give the words that some patterns are found in, ``least`` of them at least.

    With the places where they begin in the joined words.
    """
    hits = Counter(
        [words.rfind(b"\n", 0, at) + 1 for clue in clues for at in places(words, clue)]
    )
    return {
        words[start : words.find(b"\n", start)]: start
        for start, count in hits.items()
        if count >= least
    }


class Gathering:
    """Collects the words of a segment's messages: of a few hundred at most.

    For each message that has a word all that is known of it is copied.
    """

    def __init__(self) -> None:
        self._places: dict[bytes, bytes] = {}

    def add(self, ordinal: int, words: Iterable[bytes]) -> None:
        """Note a message's words; ordinals ascend."""
        known, get = self._places, self._places.get
        place = octets_of((ordinal,))
        for word in words:
            known[word] = get(word, b"") + place

    def entries(self) -> Iterator[Entry]:
        """Give the words, in order."""
        words = sorted(self._places)
        return zip(words, map(self._places.__getitem__, words), strict=True)


def octets_of(ordinals: Iterable[int]) -> bytes:
    """Give ordinals as octets."""
    return array("H", ordinals).tobytes()


def merged(lists: Sequence[Iterator[WordList]]) -> Iterator[Entry]:
    """Make one list of words of some; the messages of each stand behind the former's.

    They are read side by side: of none is more than a block in memory.
    """
    heads = [_Head(one) for one in lists]
    while heads := [head for head in heads if head.filled()]:
        # What comes behind these blocks is greater.
        edge = min([head.words[-1] for head in heads])
        found: dict[bytes, bytes] = {}
        for head in heads:
            for word, places in head.take(edge):
                found[word] = found.get(word, b"") + places
        for word in sorted(found):
            yield word, found[word]


class _Head:
    """Where the reading of one list is."""

    def __init__(self, blocks: Iterator[WordList]) -> None:
        self._blocks = blocks
        self._places: list[bytes] = []
        self._at = 0
        self.words: list[bytes] = []

    def filled(self) -> bool:
        """Read on if need be; tell whether there is more."""
        while self._at == len(self.words):
            block = next(self._blocks, None)
            if block is None:
                return False
            self.words, self._places = block
            self._at = 0
        return True

    def take(self, edge: bytes) -> Iterator[Entry]:
        """Give the words up to one."""
        start = self._at
        stop = self._at = bisect_right(self.words, edge, start)
        return zip(self.words[start:stop], self._places[start:stop], strict=True)


def blocks_of(entries: Iterator[Entry]) -> Iterator[tuple[bytes, Postings]]:
    """Give a list by blocks: the words, each ended by a line feed, and the messages."""
    while some := list(islice(entries, _PER_BLOCK)):
        places = [one for _, one in some]
        yield (
            b"\n".join([word for word, _ in some]) + b"\n",
            (
                array("I", [end // _EACH for end in accumulate(map(len, places))]),
                array("H", b"".join(places)),
            ),
        )


class Words:
    """The words of a segment, ready to be asked."""

    def __init__(
        self, words: bytes, starts: array[int], load: Callable[[int], Postings]
    ) -> None:
        self.octets = words
        self._starts = starts
        self._load = load

    def having(self, pattern: bytes) -> Iterator[int]:
        """Give the numbers of the words that a pattern is found in, ascending."""
        for at in places(self.octets, pattern):
            yield self._number(at)

    def _number(self, at: int) -> int:
        """Give the number of the word at an octet."""
        block = bisect_right(self._starts, at) - 1
        return block * _PER_BLOCK + self.octets.count(b"\n", self._starts[block], at)

    def of_word(self, start: int) -> array[int]:
        """Give the ordinals of the messages that have a word, by its place."""
        number = self._number(start)
        ends, ordinals = self._load(number // _PER_BLOCK)
        at = number % _PER_BLOCK
        return ordinals[ends[at - 1] if at else 0 : ends[at]]

    def messages(self, numbers: Iterable[int], most: int) -> set[int]:
        """Give the ordinals of messages that have one of these words (ascending).

        It stops when it has ``most``: all there are.
        """
        found: set[int] = set()
        block, ends, ordinals = -1, array("I"), array("H")
        for number in numbers:
            if number // _PER_BLOCK != block:
                block = number // _PER_BLOCK
                ends, ordinals = self._load(block)
            at = number % _PER_BLOCK
            found.update(ordinals[ends[at - 1] if at else 0 : ends[at]])
            if len(found) >= most:
                break
        return found

    def candidates(self, wanted: Patterns, most: int) -> set[int]:
        """Give the messages whose words have all that is wanted."""
        found: set[int] | None = None
        for pattern in wanted.pieces:
            some = self.messages(self.having(pattern), most)
            found = some if found is None else found & some
            if not found:
                break
        return found or set()

    def blocks(self) -> Iterator[tuple[list[bytes], Postings]]:
        """Give all words and where they are, in order, block by block."""
        bounds = pairwise((*self._starts, len(self.octets)))
        for block, (start, stop) in enumerate(bounds):
            yield self.octets[start:stop].split(), self._load(block)

    def all(self) -> Iterator[tuple[bytes, array[int]]]:
        """Give each word and the ordinals of its messages, in order."""
        for words, (ends, ordinals) in self.blocks():
            begin = 0
            for word, end in zip(words, ends, strict=True):
                yield word, ordinals[begin:end]
                begin = end
