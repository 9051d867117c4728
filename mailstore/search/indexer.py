"""Fills the text index: a batch of messages at a time, in the order of their ids.

Each batch becomes a segment, in one transaction with the watermark: whenever it is
killed, what was committed holds, and what was not is done again. Small segments are
joined as they become many, so that both one message a minute and a hundred thousand
at once cost about the same for each message. It works on a thread beside a server:
``pause`` is called every millisecond or so of work, and may raise to end it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from mailstore.blobs import BlobStore
from mailstore.errors import Corrupt, NotFound
from mailstore.index import textsource, upkeep
from mailstore.index.database import Database
from mailstore.search.extract import message_texts
from mailstore.search.joining import join
from mailstore.search.segment import MOST_MESSAGES, SegmentWriter
from mailstore.search.textdb import PRINT, Segment, TextDatabase

_DAY = 86_400
BATCH = 256  # messages, at most
_BATCH_SIZE = 4 << 20  # octets of texts, about
_STEPS = (16, 128, 1_024, 8_192)  # messages below which a segment is small
_MANY = 8  # segments of a kind that become one
_MOST_WORDS = 32 << 20  # octets of the words of those that become one
_LARGE = 8 << 20  # octets of words: a segment with more is never small


class Done(NamedTuple):
    """What a step has done; ``more`` tells that there is more to do."""

    messages: int
    more: bool


def belongs(text: TextDatabase, index: Database) -> bool:
    """Tell whether a text index was made from this index.

    Not so when the index was brought back from a backup: the same id may be another
    message's now.
    """
    watermark, _ = text.progress()
    if textsource.last_message(index) < watermark:
        return False
    for segment in reversed(text.segments()):
        prints = text.prints(segment.id)
        known = textsource.digests(index, segment.ids[0], segment.ids[-1])
        compared = 0
        for at, id_ in enumerate(segment.ids):
            if id_ in known:
                compared += 1
                if known[id_][:PRINT] != prints[at * PRINT : (at + 1) * PRINT]:
                    return False
        if compared:
            return True
    return True


def step(
    text: TextDatabase,
    index: Database,
    blobs: BlobStore,
    pause: Callable[[], None],
) -> Done:
    """Do the next piece of work: take messages in, or tidy up."""
    if _join(text, pause):
        return Done(0, more=True)
    watermark, purged = text.progress()
    sources = textsource.after(index, watermark, BATCH)
    if sources:
        return Done(_take_in(text, blobs, sources, pause), more=True)
    purged_now = upkeep.purged_at(index)
    if purged_now != purged:
        _drop_dead(text, index, pause)
        with text.transaction():
            text.set_purged(purged_now)
        text.give_back()
    return Done(0, more=_sketch(text, pause))


def _take_in(
    text: TextDatabase,
    blobs: BlobStore,
    sources: Sequence[textsource.Source],
    pause: Callable[[], None],
) -> int:
    writer = SegmentWriter(pause)
    for source in sources:
        day = None
        if source.sent is not None:
            day = (source.sent + source.zone * 60) // _DAY
        writer.begin(source.id, source.digest, day)
        try:
            with blobs.open(source.blob) as blob, blob.buffer() as data:
                header, body = message_texts(data, source.parts)
                if header is None:
                    writer.nothing()
                else:
                    writer.header(header)
                    writer.body(body)
        except (NotFound, Corrupt):
            # Bytes that are damaged today may be brought back tomorrow.
            writer.nothing()
        pause()
        if writer.size >= _BATCH_SIZE:
            break
    last = sources[writer.count - 1].id
    segment = writer.finish()
    with text.transaction():
        text.add(segment)
        text.set_watermark(last)
    return writer.count


def _join(text: TextDatabase, pause: Callable[[], None]) -> bool:
    """Make one segment of many of a size, and of smaller ones among them.

    It tells whether there were. A segment of each size has many of the one below, so
    that a message's words are written a few times, and there are fewer than `_MANY`
    of each size but the largest. What a search asks grows slowly with an account.
    """
    segments = text.segments()
    sizes = list(map(_size, segments))
    for size in range(len(_STEPS)):
        for start, stop in _runs(sizes, size):
            if sizes[start:stop].count(size) >= _MANY:
                join(text, _fitting(segments[start:stop]), {}, pause)
                return True
    return False


def _size(segment: Segment) -> int:
    """Give the step of a segment's size; the number of steps for the largest."""
    if segment.words >= _LARGE:
        return len(_STEPS)
    return bisect_right(_STEPS, len(segment.ids))


def _runs(sizes: Sequence[int], size: int) -> Iterator[tuple[int, int]]:
    """Give where neighbours begin and end that are of a size, or of smaller ones."""
    at = 0
    for fits, some in groupby(sizes, key=size.__ge__):
        start, at = at, at + len(list(some))
        if fits:
            yield start, at


def _fitting(segments: Sequence[Segment]) -> Sequence[Segment]:
    """Give as many of the first segments as become one: of small ones, two at least."""
    messages = words = 0
    for at, segment in enumerate(segments):
        messages += len(segment.ids)
        words += segment.words
        if messages > MOST_MESSAGES or words > _MOST_WORDS:
            return segments[:at]
    return segments


def _sketch(text: TextDatabase, pause: Callable[[], None]) -> bool:
    """Write a segment anew whose long bodies have no sketches; tell if there was one.

    Those of former versions have none.
    """
    for segment in text.segments():
        long = set(segment.wordless)
        if long and not text.sketched(segment.id) >= long:
            join(text, [segment], {}, pause)
            return True
    return False


def _drop_dead(text: TextDatabase, index: Database, pause: Callable[[], None]) -> None:
    """Forget what the messages said that the index has purged."""
    for segment in text.segments():
        alive = textsource.digests(index, segment.ids[0], segment.ids[-1])
        dead = frozenset([at for at, id_ in enumerate(segment.ids) if id_ not in alive])
        if dead:
            join(text, [segment], {segment.id: dead}, pause)
        pause()
