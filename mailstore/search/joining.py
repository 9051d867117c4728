"""Makes one segment of some, or one without the messages that are dead.

Blocks of texts change hands where they are, all but small ones and those with dead
messages. Lists of words are read side by side and written anew, so that it takes the
memory of one block of each, and of what is written. Raises `Corrupt`.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import compress

from mailstore.search.segment import (
    BLOCK,
    TEXTS,
    WORDS,
    TextBlocks,
    body_of,
    decompress,
    sketch_blocks,
    word_blocks,
    words_in,
)
from mailstore.search.textdb import (
    PRINT,
    Block,
    Moved,
    NewSegment,
    Segment,
    TextDatabase,
)
from mailstore.search.words import WordList, merged, octets_of


@dataclass(frozen=True, slots=True)
class _Source:
    """A segment, and where its messages stand in the new one; -1: nowhere."""

    segment: Segment
    places: array[int]
    shift: int | None  # by so much each of them is behind; None: some are nowhere


def join(
    text: TextDatabase,
    segments: Sequence[Segment],
    dead: Mapping[int, frozenset[int]],
    pause: Callable[[], None],
) -> None:
    """Put one segment in the place of neighbours, without the dead ordinals of each."""
    sources, count = [], 0
    for segment in segments:
        gone = dead.get(segment.id, frozenset())
        shift = None if gone else count
        places = array("i", [-1]) * len(segment.ids)
        for ordinal in range(len(segment.ids)):
            if ordinal not in gone:
                places[ordinal] = count
                count += 1
        sources.append(_Source(segment, places, shift))
    made = _joined(text, sources, pause) if count else None
    with text.transaction():
        text.replace([segment.id for segment in segments], made)


def _joined(
    text: TextDatabase, sources: Sequence[_Source], pause: Callable[[], None]
) -> NewSegment:
    ids, days, prints = array("Q"), array("i"), []
    for source in sources:
        known_days, known = text.days(source.segment.id), text.prints(source.segment.id)
        for ordinal, place in enumerate(source.places):
            if place >= 0:
                ids.append(source.segment.ids[ordinal])
                days.append(known_days[ordinal])
                prints.append(known[ordinal * PRINT : (ordinal + 1) * PRINT])
    blocks: list[Block | Moved] = []
    for kind in TEXTS:
        blocks.extend(_texts(text, sources, kind, pause))
    blocks.extend(_sketches(text, sources, pause))
    size = 0
    for kind in WORDS:
        lists = [_words(text, source, kind) for source in sources]
        octets, found = word_blocks(kind, merged(lists), pause)
        blocks.extend(found)
        size += octets
    irregular, wordless = array("H"), array("H")
    for source in sources:
        irregular.extend(_moved(source.places, source.segment.irregular))
        wordless.extend(_moved(source.places, source.segment.wordless))
    return NewSegment(ids, b"".join(prints), days, size, irregular, wordless, blocks)


def _texts(
    text: TextDatabase,
    sources: Sequence[_Source],
    kind: int,
    pause: Callable[[], None],
) -> Sequence[Block | Moved]:
    texts = TextBlocks(kind)
    for source in sources:
        places = source.places
        for row, first, last in text.places(source.segment.id, kind):
            ends = text.ends(row)
            if ends[-1] > BLOCK // 2 and min(places[first : last + 1]) >= 0:
                texts.keep(row, places[first], places[last])
                continue
            data, start = decompress(text.contents(row)[1]), 0
            for place, end in zip(places[first : last + 1], ends, strict=True):
                if place >= 0:
                    texts.add(place, data[start:end])
                start = end
            pause()
    texts.flush()
    return texts.done


def _sketches(
    text: TextDatabase, sources: Sequence[_Source], pause: Callable[[], None]
) -> Sequence[Block | Moved]:
    """Take sketches of long bodies over, and make those that are lacking."""
    blocks: list[Block | Moved] = []
    for source in sources:
        segment, known = source.segment, text.sketches(source.segment.id)
        for ordinal in segment.wordless:
            place = source.places[ordinal]
            if place < 0:
                continue
            if ordinal not in known:
                body = body_of(text, segment.id, ordinal)
                blocks.extend(sketch_blocks(place, body, len(blocks), pause))
            for section in known.get(ordinal, ()):
                for row in section:
                    blocks.append(Moved(row, len(blocks), place, place))
    return blocks


def _words(text: TextDatabase, source: _Source, kind: int) -> Iterator[WordList]:
    for words, (ends, ordinals) in words_in(text, source.segment.id, kind).blocks():
        starts = [0, *ends[:-1]]
        if source.shift is None:
            every = [
                _moved(source.places, ordinals[start:end]).tobytes()
                for start, end in zip(starts, ends, strict=True)
            ]
            # A word that none has any more goes.
            yield list(compress(words, every)), list(filter(None, every))
            continue
        octets = memoryview(octets_of(map(source.shift.__add__, ordinals))).cast("H")
        yield (
            words,
            [
                octets[start:end].tobytes()
                for start, end in zip(starts, ends, strict=True)
            ],
        )


def _moved(places: array[int], ordinals: array[int]) -> array[int]:
    """Give where messages stand now, those that are left."""
    moved = [places[one] for one in ordinals]
    if -1 in moved:
        moved = [place for place in moved if place >= 0]
    return array("H", moved)
