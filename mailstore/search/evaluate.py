"""A predicate over a mailbox: cheap terms on planes first, texts on what is left.

Exact by the words of `mailstore.query`. It must not know SQL, threads or numbers of
messages. Example::

    evaluate(And((HasSystemFlag(SEEN), BodyContains("x"))), columns, texts, Watch())
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import assert_never

from mailstore.found import Found, Plane, chosen, indexes
from mailstore.query import (
    All,
    And,
    ArrivedAt,
    ArrivedOn,
    BodyContains,
    Collation,
    Fuzzy,
    HasKeyword,
    HasSystemFlag,
    HeaderContains,
    MessageIn,
    ModseqAtLeast,
    Not,
    Nothing,
    Or,
    Predicate,
    SentOn,
    Size,
    TextContains,
    Uids,
    kinds,
    leaves,
)
from mailstore.search import planes
from mailstore.search.fuzzy import FuzzyTest, scaled
from mailstore.search.indexed import IndexedTexts
from mailstore.search.planes import Columns
from mailstore.search.texts import Texts, TextTerm, TextTest
from mailstore.search.watch import Watch

QUICK = frozenset({All, Nothing, HasSystemFlag, HasKeyword, Uids})
"""Terms that cost nothing for each message, or nearly so."""

TEXTS: Mapping[type[Predicate], int] = {
    SentOn: 1,
    HeaderContains: 2,
    BodyContains: 3,
    TextContains: 3,
    Fuzzy: 3,
}
"""Terms that look at texts, with their `cost`."""


def cost(predicate: Predicate) -> int:
    """Rank terms by what one message costs: 0 memory, 1 index, 2 and 3 its bytes."""
    return max([TEXTS.get(kind, 0) for kind in kinds(predicate)], default=0)


def evaluate(
    predicate: Predicate,
    columns: Columns,
    texts: Texts | None,
    watch: Watch,
    index: IndexedTexts | None = None,
) -> Found:
    """Give the UIDs that match, ascending.

    ``texts`` may be None when `cost` is 0; with an ``index`` they are asked about
    messages alone that it doesn't speak for. Raises `Cancelled`, `TooMany`, and
    `Corrupt` when the index is damaged.
    """
    search = _Search(columns, texts, watch, index)
    search.plan(predicate)
    found = search.run(predicate, search.everything)
    return Found(columns.uids, bytes(found))


def relevancy(
    predicate: Predicate,
    columns: Columns,
    texts: Texts | None,
    watch: Watch,
    index: IndexedTexts | None = None,
) -> array[int]:
    """Give each message's score, 1 to 100 (RFC 6203 §4), in the order of ``columns``.

    Of terms that are all to hold the scores are averaged, of others the best counts.
    A message that matches by exact terms alone has 100 if there are no fuzzy ones,
    else 1. Raises as `evaluate`.
    """
    search = _Search(columns, texts, watch, index)
    search.plan(predicate)
    scores = _relevancy(search, predicate, search.everything)
    if scores is None:
        return array("B", [100]) * len(columns.uids)
    return array("B", [scaled(scores.get(at, 0.0)) for at in range(len(columns.uids))])


def _relevancy(
    search: _Search, predicate: Predicate, among: Plane
) -> dict[int, float] | None:
    """Give scores by place; None: the predicate has no fuzzy term."""
    match predicate:
        case Fuzzy():
            return search.scores(predicate, among)
        case And(terms) | Or(terms):
            each = [_relevancy(search, term, among) for term in terms]
            known = [one for one in each if one is not None]
            if not known:
                return None
            places = set().union(*known)
            if isinstance(predicate, Or):
                return {at: max(one.get(at, 0.0) for one in known) for at in places}
            return {
                at: sum(one.get(at, 0.0) for one in known) / len(known) for at in places
            }
        case _:
            return None


class _Search:
    def __init__(
        self,
        columns: Columns,
        texts: Texts | None,
        watch: Watch,
        index: IndexedTexts | None,
    ) -> None:
        self._columns = columns
        self._texts = texts
        self._watch = watch
        self._index = index
        self._unindexed = None if index is None else _beyond(columns.messages, index)
        self._terms = 0  # of text, looked at
        self.everything = planes.everything(len(columns.uids))

    def plan(self, predicate: Predicate) -> None:
        """Say how many steps there will be: looks at texts alone count."""
        if self._texts is not None:
            looks = [leaf for leaf in leaves(predicate) if type(leaf) in TEXTS]
            self._watch.plan(len(looks) * len(self.everything))

    def _within(self, among: Plane, found: Plane) -> Plane:
        """Give what is in both; of everything nothing has to be taken away."""
        return found if among is self.everything else planes.both(among, found)

    def run(self, predicate: Predicate, among: Plane) -> Plane:
        """Give those of ``among`` that match."""
        if 1 not in among:
            return among
        match predicate:
            case Not(term):
                return self._within(among, planes.inverse(self.run(term, among)))
            case (
                HasSystemFlag()  # which is asked for the most
                | HasKeyword()
                | Uids()
                | Size()
                | ArrivedOn()
                | ArrivedAt()
                | MessageIn()
                | ModseqAtLeast()
            ):
                return self._within(among, self._by_columns(predicate))
            case All():
                return among
            case Nothing():
                return bytes(len(among))
            case And(terms):
                for term in sorted(terms, key=cost):
                    among = self.run(term, among)
                return among
            case Or(terms):
                return self._any(terms, among)
            case SentOn() | HeaderContains() | BodyContains() | TextContains():
                wider = _wider(predicate)
                if wider is not None:
                    among = self.run(wider, among)
                return self._by_text(predicate, among)
            case Fuzzy():
                return planes.of_indexes(
                    len(among), list(self.scores(predicate, among))
                )
            case _:
                raise ValueError("`lookups` answers this term before")

    def _any(self, terms: Sequence[Predicate], among: Plane) -> Plane:
        found: Plane | None = None
        rest = among
        for term in sorted(terms, key=cost):
            matched = self.run(term, rest)
            found = matched if found is None else planes.either(found, matched)
            rest = self._within(rest, planes.inverse(matched))
        return bytes(len(among)) if found is None else found

    def _by_columns(
        self,
        term: Uids
        | HasSystemFlag
        | HasKeyword
        | Size
        | ArrivedOn
        | ArrivedAt
        | MessageIn
        | ModseqAtLeast,
    ) -> Plane:
        columns = self._columns
        match term:
            case HasSystemFlag(bit):
                return planes.with_system_flag(columns, bit)
            case Uids(ranges):
                return planes.with_uids(columns, ranges)
            case HasKeyword(keyword):
                return planes.with_keyword(columns, keyword)
            case Size(compare, octets):
                return planes.with_size(columns, compare, octets)
            case ArrivedAt(compare, epoch):
                return planes.arrived_at(columns, compare, epoch)
            case ArrivedOn(compare, day):
                return planes.arrived_on(columns, compare, day)
            case MessageIn(numbers):
                return planes.among_messages(columns, numbers)
            case ModseqAtLeast(modseq):
                return planes.changed_since(columns, modseq)
            case _:
                assert_never(term)

    def _by_text(self, term: TextTerm, among: Plane) -> Plane:
        if self._index is None or not _is_folded(term):
            found = self._by_reading(term, among)
        else:
            found = self._by_index(self._index, term, among)
            if self._unindexed is not None:
                rest = planes.both(among, self._unindexed)
                if 1 in rest:
                    found = planes.either(found, self._by_reading(term, rest))
        self._terms += 1
        self._watch.jump(self._terms * len(among))
        return found

    def scores(self, term: Fuzzy, among: Plane) -> dict[int, float]:
        """Give how well messages answer, by their places; others are left out."""
        rest, scores = among, {}
        if self._index is not None:
            known = self._index.like(term, self._ids(among))
            odd = self._index.wordless
            places = [(at, self._columns.messages[at]) for at in indexes(among)]
            scores = {at: known[id_] for at, id_ in places if id_ in known}
            rest = planes.of_indexes(
                len(among), [at for at, id_ in places if id_ in odd]
            )
            if self._unindexed is not None:
                rest = planes.either(rest, planes.both(among, self._unindexed))
        if 1 in rest:
            scores.update(self._scores_by_reading(term, rest))
        self._terms += 1
        self._watch.jump(self._terms * len(among))
        return scores

    def _scores_by_reading(self, term: Fuzzy, among: Plane) -> dict[int, float]:
        if self._texts is None:
            raise ValueError("a text term needs the messages' texts")
        test = FuzzyTest(term, self._texts)
        scores = {}
        for message in self._texts.messages(indexes(among)):
            self._watch.step()
            score = test(message)
            if score:
                scores[message.at] = score
        return scores

    def _by_index(self, index: IndexedTexts, term: TextTerm, among: Plane) -> Plane:
        found = index.find(term, self._ids(among))
        return self._within(among, planes.with_messages(self._columns, found))

    def _ids(self, among: Plane) -> Sequence[int]:
        """Give the ids of messages, ascending."""
        columns = self._columns
        ids = chosen(columns.messages, among)
        return ids if columns.ordered else sorted(set(ids))

    def _by_reading(self, term: TextTerm, among: Plane) -> Plane:
        if self._texts is None:
            raise ValueError("a text term needs the messages' texts")
        test = TextTest(term, self._texts)
        messages = self._texts.messages(indexes(among))
        found = test.among(messages, self._watch.step)
        return planes.of_indexes(len(among), found)


def _is_folded(term: TextTerm) -> bool:
    return isinstance(term, SentOn) or term.collation is Collation.UNICODE_CASEMAP


def _wider(term: TextTerm) -> TextTerm | None:
    """Give a term that the index answers, and that holds wherever this one does.

    ASCII is folded character by character, and nothing is composed with what stands
    before it, so that a string of it is found again in the folded text.
    """
    if isinstance(term, SentOn) or _is_folded(term) or not term.needle.isascii():
        return None
    return replace(term, collation=Collation.UNICODE_CASEMAP)


def _beyond(messages: array[int], index: IndexedTexts) -> Plane | None:
    """Give the messages that an index doesn't speak for; None: it does for all."""
    if index.complete and not index.irregular:
        return None
    late = bytes(map(index.watermark.__lt__, messages))
    if index.irregular:
        late = bytes(
            planes.either(late, bytes(map(index.irregular.__contains__, messages)))
        )
    return late if 1 in late else None
