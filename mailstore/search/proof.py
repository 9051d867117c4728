"""Proves a text index: that it says what the messages say, word for word.

For `imapd check`. It reads messages again, as many as it is given, and compares.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from mailstore.blobs import BlobStore
from mailstore.errors import Busy, Corrupt, NotFound, StoreError
from mailstore.index import textsource
from mailstore.index.database import Database
from mailstore.search.extract import message_texts
from mailstore.search.indexer import belongs
from mailstore.search.segment import (
    BODY,
    HEADER,
    TEXTS,
    body_of,
    decompress,
    words_in,
)
from mailstore.search.sketch import sketches
from mailstore.search.textdb import Segment, TextDatabase
from mailstore.search.words import words_of


def prove(
    folder: Path, index: Database, blobs: BlobStore, sample: int
) -> Iterator[str]:
    """Give what is wrong with the text index beside an index, in sentences.

    About ``sample`` messages are read again, evenly spread over all. An index that
    is missing, or in use by others in a form of theirs, is not wrong. The messages are
    those of the present, whatever state the caller's connection sees: the text index
    may have been filled since.
    """
    try:
        text = TextDatabase.open(folder, writer=False)
    except Busy:
        return
    except StoreError as error:
        yield f"the text index cannot be read: {error}"
        return
    if text is None:
        return
    try:
        with text.snapshot():
            text.progress()  # it is seen as it is now, and the index not earlier
            with (
                closing(Database.open(index.path, writer=False)) as now,
                now.snapshot(),
            ):
                yield from _prove(text, now, blobs, sample)
    except Corrupt as error:
        yield f"the text index is damaged: {error}"
    finally:
        text.close()


def _prove(
    text: TextDatabase, index: Database, blobs: BlobStore, sample: int
) -> Iterator[str]:
    for said in text.damages():
        yield f"the text index says: {said}"
    if not belongs(text, index):
        yield "the text index is of another index"
        return
    segments = text.segments()
    watermark, _ = text.progress()
    yield from _covered(segments, index, watermark)
    step = max(1, sum(len(one.ids) for one in segments) // max(sample, 1))
    place = 0
    for segment in segments:
        chosen = [at for at in range(len(segment.ids)) if (place + at) % step == 0]
        place += len(segment.ids)
        yield from _compare(text, segment, chosen, index, blobs)


def _covered(segments: list[Segment], index: Database, watermark: int) -> Iterator[str]:
    """Check that every message up to the watermark is in one segment."""
    seen = array("Q")
    for segment in segments:
        seen.extend(segment.ids)
    if list(seen) != sorted(set(seen)):
        yield "the text index has messages twice, or in no order"
    missing = textsource.digests(index, 1, watermark).keys() - set(seen)
    for message in sorted(missing)[:20]:
        yield f"message {message} is missing in the text index"


def _compare(
    text: TextDatabase,
    segment: Segment,
    chosen: list[int],
    index: Database,
    blobs: BlobStore,
) -> Iterator[str]:
    odd = frozenset(segment.irregular)
    wanted = [at for at in chosen if at not in odd]
    kept = {kind: _texts(text, segment, kind, wanted) for kind in TEXTS}
    words = {kind: _words(text, segment, kind, wanted) for kind in (HEADER, BODY)}
    wordless, sketched = frozenset(segment.wordless), text.sketches(segment.id)
    for at in wanted:
        id_ = segment.ids[at]
        found = textsource.after(index, id_ - 1, 1)
        if not found or found[0].id != id_:
            continue  # purged since
        said = _read(blobs, found[0].blob)
        if said is None:
            continue  # what is wrong with the message itself is told elsewhere
        if said != tuple(kept[kind].get(at, b"") for kind in TEXTS):
            yield f"message {id_}: the text index says something else"
        for kind in (HEADER, BODY):
            lacks_words = kind == BODY and at in wordless
            if not lacks_words and words[kind].get(at, set()) != words_of(said[kind]):
                yield f"message {id_}: the text index has other words"
        if at in sketched and _sketches(text, sketched[at]) != _made(text, segment, at):
            yield f"message {id_}: the text index has another sketch"


def _sketches(text: TextDatabase, sections: list[list[int]]) -> list[bytes]:
    return [
        b"".join([decompress(text.contents(row)[1]) for row in rows])
        for rows in sections
    ]


def _made(text: TextDatabase, segment: Segment, ordinal: int) -> list[bytes]:
    return list(sketches(body_of(text, segment.id, ordinal), lambda: None))


def _read(blobs: BlobStore, ref: str) -> tuple[bytes, ...] | None:
    try:
        with blobs.open(ref) as blob, blob.buffer() as data:
            header, body = message_texts(data)
            if header is None:
                return None
            return (*header.fields, header.whole, b"".join(body))
    except (NotFound, Corrupt):
        return None


def _texts(
    text: TextDatabase, segment: Segment, kind: int, wanted: list[int]
) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    ordinals = frozenset(wanted)
    for block in text.blocks(segment.id, kind):
        here = range(block.first, block.last + 1)
        if ordinals.isdisjoint(here):
            continue
        data, start = decompress(block.data), 0
        for at, end in zip(here, block.ends, strict=True):
            if at in ordinals:
                found[at] = found.get(at, b"") + data[start:end]
            start = end
    return found


def _words(
    text: TextDatabase, segment: Segment, kind: int, wanted: list[int]
) -> dict[int, set[bytes]]:
    found: dict[int, set[bytes]] = {at: set() for at in wanted}
    if not wanted:
        return found
    for word, ordinals in words_in(text, segment.id, kind).all():
        for at in ordinals:
            if at in found:
                found[at].add(word)
    return found
