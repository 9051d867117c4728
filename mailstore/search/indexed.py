"""Text terms answered from the text index: exactly what the messages would answer.

`IndexedTexts` is one search's view of it, in one snapshot. It names messages by their
ids, whatever mailbox they are in, and says which ones it does not speak for. Words
are asked first; where they do not decide, the texts of the candidates are.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence

from mailstore.errors import Corrupt
from mailstore.mime.folding import folded
from mailstore.query import BodyContains, Fuzzy, HeaderContains, SentOn, TextContains
from mailstore.search import fuzzy
from mailstore.search.extract import FIELDS
from mailstore.search.kept import Kept
from mailstore.search.planes import test
from mailstore.search.segment import (
    BODY,
    HEADER,
    UNKNOWN_DAY,
    decompress,
    words_in,
)
from mailstore.search.sketch import RUN, Section, may_hold
from mailstore.search.textdb import Segment, TextDatabase
from mailstore.search.texts import TextTerm
from mailstore.search.words import Words, is_frequent, patterns, with_clues, words_of

_FEW = 8  # messages whose texts are read without asking the words
_SHORT = 2  # octets of a needle that may be in very many words,
_FREQUENT = 16_384  # in more than which the texts are looked through instead
_SPARSE = 8  # of so many messages one is looked for: its place, not all of them
_ALL = -1  # kinds of what is kept of a segment besides its blocks: what it is,
_DAYS = -2  # the days of its messages,
_PLACES = -1  # and of a kind of blocks: where they are,
_PLACE = 150  # in so many octets for each
_SKETCHES = -3  # where the sketches of its long bodies are,
_ROW = 50  # in so many octets for each piece


Chosen = set[int] | range
"""Ordinals that are asked about, and no others: texts of strangers cost as much."""


class IndexedTexts:
    """The text index during one search; ``pause`` is called between its steps."""

    def __init__(
        self,
        text: TextDatabase,
        kept: Kept,
        pause: Callable[[], None],
        last_message: int,
    ) -> None:
        self._text = text
        self._kept = kept
        self._pause = pause
        self._segments = [self._segment(id_) for id_ in text.segment_ids()]
        self.watermark, _ = text.progress()
        self.complete = last_message <= self.watermark
        """Whether it has all messages that there were when ``last_message`` was."""
        self.irregular = frozenset(
            [seg.ids[at] for seg in self._segments for at in seg.irregular]
        )
        """Ids up to the watermark that must be asked themselves."""
        self.wordless = frozenset(
            [seg.ids[at] for seg in self._segments for at in seg.wordless]
        )
        """Ids of messages whose bodies have too many words for a list of them."""

    def _segment(self, id_: int) -> Segment:
        def read() -> tuple[Segment, int]:
            segment = self._text.segment(id_)
            return segment, 8 * len(segment.ids)

        return self._kept.get((id_, _ALL, 0), read)

    def find(self, term: TextTerm, wanted: Sequence[int]) -> set[int]:
        """Give the ids of messages that match, of those wanted (ascending).

        Irregular ones are left out.
        """
        found: set[int] = set()
        for segment, chosen in self._asked_about(wanted):
            matched = self._find(segment, term, chosen)
            matched.difference_update(segment.irregular)
            found.update([segment.ids[at] for at in matched])
            self._pause()
        return found

    def _asked_about(self, wanted: Sequence[int]) -> Iterator[tuple[Segment, Chosen]]:
        """Give the segments with messages that are wanted, and which those are."""
        for segment in self._segments:
            ids = segment.ids
            low, high = bisect_left(wanted, ids[0]), bisect_right(wanted, ids[-1])
            if low < high and (chosen := _ordinals(ids, wanted[low:high])):
                yield segment, chosen

    def _find(self, segment: Segment, term: TextTerm, chosen: Chosen) -> set[int]:
        match term:
            case SentOn(compare, day):
                days, is_such = self._days(segment), test(compare, day)
                return {
                    at for at in chosen if is_such(days[at]) and days[at] != UNKNOWN_DAY
                }
            case HeaderContains(name, needle):
                return self._in_field(segment, name, folded(needle), chosen)
            case BodyContains(needle):
                return self._in_text(segment, BODY, folded(needle), chosen)
            case TextContains(needle):
                octets = folded(needle)
                found = self._in_text(segment, HEADER, octets, chosen)
                rest = set(chosen) - found if found else chosen
                return found | self._in_text(segment, BODY, octets, rest)

    def _days(self, segment: Segment) -> array[int]:
        def read() -> tuple[array[int], int]:
            days = self._text.days(segment.id)
            return days, 4 * len(days)

        return self._kept.get((segment.id, _DAYS, 0), read)

    # -- what is nearly so

    def like(self, term: Fuzzy, wanted: Sequence[int]) -> dict[int, float]:
        """Give how well messages answer, by their ids, as `find`.

        Left out are, beside the irregular, those with a body without words.
        """
        asked = fuzzy.question(term.term.needle)
        found: dict[int, float] = {}
        for segment, chosen in self._asked_about(wanted):
            scores = self._like(segment, term, asked, chosen)
            for at in (*segment.irregular, *segment.wordless):
                scores.pop(at, None)
            found.update([(segment.ids[at], score) for at, score in scores.items()])
            self._pause()
        return found

    def _like(
        self, segment: Segment, term: Fuzzy, asked: tuple[bytes, ...], chosen: Chosen
    ) -> dict[int, float]:
        if not asked:
            return self._like_exactly(segment, term.term, chosen)
        match term.term:
            case HeaderContains(name, _):
                return self._like_field(segment, name, asked, chosen)
            case BodyContains():
                scores = self._like_text(segment, BODY, asked, chosen)
                return {at: fuzzy.of_places(0, one) for at, one in scores.items()}
            case TextContains():
                header = self._like_text(segment, HEADER, asked, chosen)
                body = self._like_text(segment, BODY, asked, chosen)
                return {
                    at: fuzzy.of_places(header.get(at, 0.0), body.get(at, 0.0))
                    for at in header.keys() | body.keys()
                }

    def _like_exactly(
        self,
        segment: Segment,
        term: HeaderContains | BodyContains | TextContains,
        chosen: Chosen,
    ) -> dict[int, float]:
        """Score what has no words by whether it is there."""
        if isinstance(term, HeaderContains):
            return dict.fromkeys(self._find(segment, term, chosen), 1.0)
        octets = folded(term.needle)
        body = self._in_text(segment, BODY, octets, chosen)
        scores = dict.fromkeys(body, fuzzy.of_places(0.0, 1.0))
        if isinstance(term, TextContains):
            header = self._in_text(segment, HEADER, octets, chosen)
            scores.update(dict.fromkeys(header, 1.0))
        return scores

    def _like_text(
        self, segment: Segment, kind: int, asked: tuple[bytes, ...], chosen: Chosen
    ) -> dict[int, float]:
        """Ask the words alone: they tell all that counts."""
        words = self._words_of(segment, kind)
        best: dict[int, list[float]] = {}
        for at, one in enumerate(asked):
            alike_words = with_clues(words.octets, *fuzzy.clues(one))
            for word, start in alike_words.items():
                alike = fuzzy.likeness(one, word)
                for ordinal in words.of_word(start) if alike else ():
                    row = best.get(ordinal)
                    if row is None:
                        row = best[ordinal] = [0.0] * len(asked)
                    row[at] = max(row[at], alike)
            self._pause()
        scores = {at: fuzzy.answer(row) for at, row in best.items() if at in chosen}
        return {at: score for at, score in scores.items() if score}

    def _like_field(
        self, segment: Segment, name: str, asked: tuple[bytes, ...], chosen: Chosen
    ) -> dict[int, float]:
        likely = set(self._like_text(segment, HEADER, asked, chosen))
        scores: dict[int, float] = {}
        for at, values in self._values(segment, name, likely):
            score = max([fuzzy.of_words(asked, words_of(one)) for one in values])
            if score:
                scores[at] = score
        return scores

    def _values(
        self, segment: Segment, name: str, chosen: Chosen
    ) -> Iterator[tuple[int, list[bytes]]]:
        """Give the values of the fields of a name, of messages that have one."""
        lower = name.lower().encode("utf-8", "surrogatepass")
        if lower in FIELDS:
            for at, text in self._each(segment, FIELDS.index(lower), chosen):
                if text:
                    yield at, text[:-1].split(b"\x00")
            return
        begin = lower + b": "
        for at, text in self._each(segment, HEADER, chosen):
            lines = text[:-1].split(b"\x00")
            values = [line[len(begin) :] for line in lines if line.startswith(begin)]
            if values:
                yield at, values

    # -- fields

    def _in_field(
        self, segment: Segment, name: str, needle: bytes, chosen: Chosen
    ) -> set[int]:
        lower = name.lower().encode("utf-8", "surrogatepass")
        if b"\x00" in needle:
            return set()
        if lower in FIELDS:
            if needle:
                return self._scan(segment, FIELDS.index(lower), needle, chosen)
            return {
                at
                for at, text in self._each(segment, FIELDS.index(lower), chosen)
                if text
            }
        if not lower.isascii():
            return set()
        chosen = self._narrowed(segment, HEADER, needle, chosen)[0]
        chosen = self._narrowed(segment, HEADER, lower + b": ", chosen)[0]
        begin = b"\x00" + lower + b": "
        return {
            at
            for at, text in self._each(segment, HEADER, chosen)
            if _field_has(b"\x00" + text, begin, needle)
        }

    # -- texts

    def _in_text(
        self, segment: Segment, kind: int, needle: bytes, chosen: Chosen
    ) -> set[int]:
        if not needle:
            return set(chosen)
        candidates, exact = self._narrowed(segment, kind, needle, chosen)
        if kind == BODY and segment.wordless:
            wordless = {at for at in segment.wordless if at in candidates}
            likely = self._likely(segment, needle, wordless)
        else:
            wordless = likely = set()
        if exact:
            certain = set(candidates) - wordless
            return certain | self._scan(segment, kind, needle, likely)
        if len(likely) < len(wordless):
            candidates = set(candidates) - (wordless - likely)
        return self._scan(segment, kind, needle, candidates)

    def _likely(self, segment: Segment, needle: bytes, wordless: set[int]) -> set[int]:
        """Leave out the bodies whose sketches tell that they have no such string."""
        if len(needle) < RUN or not wordless:
            return wordless
        sketched = self._sketches(segment)
        likely = set()
        for ordinal in sorted(wordless):
            sections = [self._section(rows) for rows in sketched.get(ordinal, ())]
            if not sections or may_hold(needle, sections):
                likely.add(ordinal)
            self._pause()
        return likely

    def _sketches(self, segment: Segment) -> dict[int, list[list[int]]]:
        def read() -> tuple[dict[int, list[list[int]]], int]:
            found = self._text.sketches(segment.id)
            rows = sum(len(rows) for each in found.values() for rows in each)
            return found, _ROW * rows + _PLACE * len(found)

        return self._kept.get((segment.id, _SKETCHES, 0), read)

    def _section(self, rows: Sequence[int]) -> Section:
        known: dict[int, bytes] = {}

        def read(piece: int) -> bytes:
            if piece not in known:
                known[piece] = decompress(self._text.contents(rows[piece])[1])
            return known[piece]

        if len(rows).bit_count() != 1:
            raise Corrupt(detail="the text index lacks a piece of a sketch")
        return Section(len(rows), read)

    def _narrowed(
        self, segment: Segment, kind: int, needle: bytes, chosen: Chosen
    ) -> tuple[Chosen, bool]:
        """Give the candidates among those chosen, and whether they are the answer.

        Bodies without words are always candidates.
        """
        wanted = patterns(needle)
        if not wanted.pieces or len(chosen) <= _FEW:
            return chosen, False
        words = self._words_of(segment, kind)
        if len(needle) <= _SHORT and is_frequent(words.octets, needle, _FREQUENT):
            return chosen, False  # most texts have it, and near their beginning
        found = words.candidates(wanted, len(segment.ids))
        self._pause()
        if kind == BODY:
            found.update(segment.wordless)
        if len(chosen) < len(segment.ids):
            found = {at for at in found if at in chosen}
        return found, wanted.exact

    def _words_of(self, segment: Segment, kind: int) -> Words:
        return words_in(self._text, segment.id, kind, self._kept)

    def _scan(
        self, segment: Segment, kind: int, needle: bytes, chosen: Chosen
    ) -> set[int]:
        """Look through the texts of the chosen messages."""
        found: set[int] = set()
        if not chosen or (kind == HEADER and b"\x00" in needle):
            return found
        spread = kind == HEADER and b"\n" in needle
        carry, before = b"", -1
        for first, last, ends, data in self._read(segment, kind, chosen):
            text = data.replace(b"\x00", b"\n") if spread else data
            # The rest of a long body: a match may have begun in front of it.
            rest = first == before and first in chosen
            if rest and needle in carry + text[: min(ends[0], len(needle) - 1)]:
                found.add(first)
            _scan_block(text, first, ends, needle, chosen, found)
            start = ends[-2] if len(ends) > 1 else 0
            carry = (carry if first == before == last else b"") + text[start : ends[-1]]
            carry, before = carry[max(len(carry) - len(needle) + 1, 0) :], last
            self._pause()
        return found

    def _read(
        self, segment: Segment, kind: int, chosen: Chosen
    ) -> Iterator[tuple[int, int, array[int], bytes]]:
        """Give the blocks that have a chosen message: first, last, ends, texts."""
        places = self._places(segment, kind)
        if len(chosen) < len(segment.ids):
            order = sorted(chosen)
            places = [
                (row, first, last)
                for row, first, last in places
                if bisect_left(order, first) < bisect_right(order, last)
            ]
        for row, first, last in places:
            ends, data = self._contents(segment, kind, row)
            yield first, last, ends, data

    def _places(self, segment: Segment, kind: int) -> list[tuple[int, int, int]]:
        def read() -> tuple[list[tuple[int, int, int]], int]:
            places = self._text.places(segment.id, kind)
            return places, _PLACE * len(places)

        return self._kept.get((segment.id, kind, _PLACES), read)

    def _contents(
        self, segment: Segment, kind: int, row: int
    ) -> tuple[array[int], bytes]:
        """Give a block. Fields are kept, they are short; whole texts would fill it."""

        def read() -> tuple[tuple[array[int], bytes], int]:
            ends, data = self._text.contents(row)
            text = decompress(data)
            return (ends, text), 4 * len(ends) + len(text)

        if kind < HEADER:
            return self._kept.get((segment.id, kind, row), read)
        return read()[0]

    def _each(
        self, segment: Segment, kind: int, chosen: Chosen
    ) -> Iterator[tuple[int, bytes]]:
        """Give the texts of the chosen messages."""
        for first, last, ends, data in self._read(segment, kind, chosen):
            for at in range(first, last + 1):
                if at in chosen:
                    start = ends[at - first - 1] if at > first else 0
                    yield at, data[start : ends[at - first]]
            self._pause()


def _ordinals(ids: Sequence[int], wanted: Sequence[int]) -> Chosen:
    """Give where some ids are among all; those that are there. Both ascend."""
    whole = ids[-1] - ids[0] == len(ids) - 1  # without a gap
    if whole and wanted[-1] - wanted[0] == len(wanted) - 1:
        return range(wanted[0] - ids[0], wanted[-1] - ids[0] + 1)
    if whole:
        return {one - ids[0] for one in wanted}
    if len(wanted) * _SPARSE < len(ids):
        places = [(bisect_left(ids, one), one) for one in wanted]
        return {at for at, one in places if ids[at] == one}
    among = frozenset(wanted)
    if among.issuperset(ids):
        return range(len(ids))
    return {at for at, one in enumerate(ids) if one in among}


def _field_has(header: bytes, begin: bytes, needle: bytes) -> bool:
    """Tell whether a field with this beginning holds a needle."""
    at = header.find(begin)
    while at >= 0:
        start = at + len(begin)
        end = header.index(b"\x00", start)
        if header.find(needle, start, end) >= 0:
            return True
        at = header.find(begin, end)
    return False


def _scan_block(
    data: bytes,
    first: int,
    ends: array[int],
    needle: bytes,
    chosen: Chosen,
    found: set[int],
) -> None:
    """Find the chosen messages of a block whose text holds a needle."""
    at = data.find(needle)
    while at >= 0:
        place = bisect_right(ends, at)
        end = ends[place]
        if at + len(needle) > end:
            at = data.find(needle, at + 1)  # in two messages, half in each
            continue
        if first + place in chosen:
            found.add(first + place)
        at = data.find(needle, end)
