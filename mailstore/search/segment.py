"""Segments of the text index: how they are written and read back.

It knows the kinds of blocks and their forms; what is looked for in them is
`mailstore.search.indexed`'s business. Raises `Corrupt` for what nobody has written.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import zstandard

from mailstore.errors import Corrupt
from mailstore.search.extract import FIELDS, HeaderTexts
from mailstore.search.kept import Kept
from mailstore.search.sketch import PIECE, sketches
from mailstore.search.textdb import (
    PRINT,
    SKETCHES,
    Block,
    Moved,
    NewSegment,
    TextDatabase,
)
from mailstore.search.words import (
    Entry,
    Gathering,
    Postings,
    Words,
    blocks_of,
    last_edge,
    words_of,
)

HEADER = len(FIELDS)  # kinds of blocks: first the listed fields, by their number
BODY = HEADER + 1
TEXTS = range(BODY + 1)
WORDS = {HEADER: BODY + 1, BODY: BODY + 3}
"""By the kind of a text: that of its words. The next one is where they are."""

UNKNOWN_DAY = -(2**31)
MOST_MESSAGES = 1 << 15
_LEVEL = 3
_WORDS_LEVEL = -20  # words are read whole by every search: hardly compressed at all
_MOST = 1 << 28  # octets of a block; none of ours comes near
BLOCK = 1 << 18  # octets of texts
_MOST_WORDS = 1 << 20  # octets of a body's different words; with more it is sketched


def decompress(data: bytes) -> bytes:
    """Undo a block's compression. Raises `Corrupt`."""
    try:
        if zstandard.frame_content_size(data) <= _MOST:
            return zstandard.ZstdDecompressor().decompress(data)
    except zstandard.ZstdError as error:
        raise Corrupt(detail=f"the text index: {error}") from error
    raise Corrupt(detail="the text index has a block of an impossible size")


def _compress(data: bytes, level: int = _LEVEL) -> bytes:
    return zstandard.ZstdCompressor(level=level, write_checksum=True).compress(data)


def _compress_text(text: bytes) -> bytes:
    """Compress text; what hardly becomes shorter is left to be read the faster.

    Such are bodies of noise, which have too many words for a list and are looked
    through more often than others.
    """
    data = _compress(text)
    if len(data) * 8 > len(text) * 5:
        return _compress(text, _WORDS_LEVEL)
    return data


@dataclass(slots=True)
class TextBlocks:
    """Gathers texts of one kind to blocks."""

    kind: int
    done: list[Block | Moved] = field(default_factory=list)
    _waiting: list[bytes] = field(default_factory=list)
    _ends: array[int] = field(default_factory=lambda: array("I"))
    _first: int = 0

    def add(self, ordinal: int, text: bytes) -> None:
        """Add the next message's text, or the next slice of it."""
        size = self._ends[-1] if self._ends else 0
        # The ordinals of a block have no gap, and each is there once.
        broken = bool(self._ends) and ordinal != self._first + len(self._ends)
        if broken or (size and size + len(text) > BLOCK):
            self.flush()
            size = 0
        if not self._ends:
            self._first = ordinal
        self._waiting.append(text)
        self._ends.append(size + len(text))

    def keep(self, row: int, first: int, last: int) -> None:
        """Take a whole block over, as it is; its messages get these ordinals."""
        self.flush()
        self.done.append(Moved(row, len(self.done), first, last))

    def of(self, ordinal: int) -> Iterator[bytes]:
        """Give what was added of a message; none of it was taken over."""
        self.flush()
        for block in self.done:
            if isinstance(block, Block) and block.first <= ordinal <= block.last:
                yield _cut(decompress(block.data), block.first, block.ends, ordinal)

    def flush(self) -> None:
        """End the block."""
        if not self._ends:
            return
        last = self._first + len(self._ends) - 1
        data = _compress_text(b"".join(self._waiting))
        self.done.append(
            Block(self.kind, len(self.done), self._first, last, self._ends, data)
        )
        self._waiting, self._ends = [], array("I")


def _cut(data: bytes, first: int, ends: array[int], ordinal: int) -> bytes:
    start = ends[ordinal - first - 1] if ordinal > first else 0
    return data[start : ends[ordinal - first]]


def body_of(text: TextDatabase, segment: int, ordinal: int) -> Iterator[bytes]:
    """Read the text of a body, slice by slice. Raises `Corrupt`."""
    for row, first, last in text.places(segment, BODY):
        if first <= ordinal <= last:
            ends, data = text.contents(row)
            yield _cut(decompress(data), first, ends, ordinal)


def sketch_blocks(
    ordinal: int, texts: Iterator[bytes], number: int, pause: Callable[[], None]
) -> list[Block]:
    """Sketch a body in blocks with these numbers from ``number``."""
    blocks: list[Block] = []
    for section, sketch in enumerate(sketches(texts, pause)):
        ends = array("I", [section])
        for at in range(0, len(sketch), PIECE):
            data = _compress(sketch[at : at + PIECE], _WORDS_LEVEL)
            place = number + len(blocks)
            blocks.append(Block(SKETCHES, place, ordinal, ordinal, ends, data))
    return blocks


def word_blocks(
    kind: int, entries: Iterator[Entry], pause: Callable[[], None]
) -> tuple[int, list[Block]]:
    """Give the octets of a list of words, and the blocks that hold it."""
    pieces, starts, at = [b"\n"], array("I"), 1
    where: list[Block] = []
    for number, (words, (ends, ordinals)) in enumerate(blocks_of(entries)):
        starts.append(at)
        at += len(words)
        pieces.append(words)
        data = _compress(ordinals.tobytes())
        where.append(Block(WORDS[kind] + 1, number, 0, 0, ends, data))
        pause()
    data = _compress(b"".join(pieces), _WORDS_LEVEL)
    return at, [Block(WORDS[kind], 0, 0, 0, starts, data), *where]


def _octets(words: set[bytes]) -> int:
    """Give the length of words, one behind the other."""
    return sum(map(len, words)) + len(words)


class SegmentWriter:
    """Puts a segment together, message by message, ids ascending."""

    def __init__(self, pause: Callable[[], None]) -> None:
        self._pause = pause
        self._ids = array("Q")
        self._prints: list[bytes] = []
        self._days = array("i")
        self._irregular = array("H")
        self._wordless = array("H")
        self._texts = [TextBlocks(kind) for kind in TEXTS]
        self._words = {kind: Gathering() for kind in WORDS}
        self._sketches: list[Block] = []
        self.size = 0

    @property
    def count(self) -> int:
        """How many messages there are."""
        return len(self._ids)

    def begin(self, message: int, digest: bytes, day: int | None) -> None:
        """Begin the next message."""
        self._ids.append(message)
        self._prints.append(digest[:PRINT])
        self._days.append(UNKNOWN_DAY if day is None else day)

    def header(self, header: HeaderTexts) -> None:
        """Add the message's header."""
        ordinal = self.count - 1
        for kind, text in enumerate(header.fields):
            self._texts[kind].add(ordinal, text)
        self._texts[HEADER].add(ordinal, header.whole)
        self._words[HEADER].add(ordinal, words_of(header.whole))
        self.size += len(header.whole)

    def body(self, slices: Iterator[bytes]) -> None:
        """Add the message's body, slice by slice."""
        ordinal = self.count - 1
        words: set[bytes] = set()
        rest, size, many = b"", 0, False
        for text in slices:
            self._texts[BODY].add(ordinal, text)
            size += len(text)
            if rest and not many:  # the last word may go on here
                edge = last_edge(rest)
                words |= words_of(rest[:edge])
                rest = rest[edge:]
                many = _octets(words) + len(rest) > _MOST_WORDS
            rest = b"" if many else rest + text
            self._pause()
        self.size += size
        if not many:
            words |= words_of(rest)
            many = size > _MOST_WORDS and _octets(words) > _MOST_WORDS
        if many:
            self._wordless.append(ordinal)
            texts = self._texts[BODY].of(ordinal)
            self._sketches += sketch_blocks(
                ordinal, texts, len(self._sketches), self._pause
            )
        else:
            self._words[BODY].add(ordinal, words)

    def nothing(self) -> None:
        """Leave the message to who reads it itself."""
        self._irregular.append(self.count - 1)

    def finish(self) -> NewSegment:
        """Give the segment."""
        blocks: list[Block | Moved] = []
        for texts in self._texts:
            texts.flush()
            blocks.extend(texts.done)
        blocks.extend(self._sketches)
        size = 0
        for kind, gathering in self._words.items():
            octets, found = word_blocks(kind, gathering.entries(), self._pause)
            blocks.extend(found)
            size += octets
        return NewSegment(
            self._ids,
            b"".join(self._prints),
            self._days,
            size,
            self._irregular,
            self._wordless,
            blocks,
        )


def words_in(
    text: TextDatabase, segment: int, kind: int, kept: Kept | None = None
) -> Words:
    """Read the words of a segment's texts of a kind; from what is kept if possible.

    Raises `Corrupt`.
    """
    kept = Kept(0) if kept is None else kept

    def read_words() -> tuple[tuple[bytes, array[int]], int]:
        block = text.block(segment, WORDS[kind], 0)
        if block is None:
            raise Corrupt(detail="a segment of the text index has no words")
        octets = decompress(block.data)
        return (octets, block.ends), len(octets) + 4 * len(block.ends)

    def load(number: int) -> Postings:
        def read() -> tuple[Postings, int]:
            found = text.block(segment, WORDS[kind] + 1, number)
            if found is None:
                raise Corrupt(detail="the text index lacks where words are")
            ordinals = array("H", decompress(found.data))
            return (found.ends, ordinals), 4 * len(found.ends) + 2 * len(ordinals)

        return kept.get((segment, WORDS[kind] + 1, number), read)

    octets, starts = kept.get((segment, WORDS[kind], 0), read_words)
    return Words(octets, starts, load)
