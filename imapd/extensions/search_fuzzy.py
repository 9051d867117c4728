"""SEARCH=FUZZY: what is nearly so, and how well it answers (RFC 6203).

::

    search-key         =/ "FUZZY" SP search-key
    search-return-opt  =/ "RELEVANCY"
    sort-key           =/ "RELEVANCY"

    B1 SEARCH RETURN (RELEVANCY ALL) FUZZY TEXT "Helo"
    * ESEARCH (TAG "B1") ALL 1,5,10 RELEVANCY (4 99 42)
    C1 SORT (RELEVANCY) UTF-8 FUZZY SUBJECT "Helo"
    * SORT 5 10 1

What is alike is the store's business: strings are matched fuzzily, all other keys as
they are (§5).
"""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from imapd.session.faults import Bad
from imapd.session.plugs import (
    SearchEnvironment,
    SearchKey,
    SearchKeySpec,
    SearchReturnSpec,
    SortKeySpec,
)
from imapd.session.registry import Capability, Feature, Registry
from imapd.session.search_program import parse_search_key
from imapd.session.search_result import SLICE, Searching, SearchResult, following
from imapd.session.search_returns import LIST
from imapd.wire.cursor import Cursor
from mailstore.query import Predicate, SortKey, fuzzy


@dataclass(frozen=True, slots=True)
class FuzzyKey:
    """A key that need not be met to the letter."""

    key: SearchKey

    def unparse(self) -> bytes:
        """Write the key."""
        return b"FUZZY " + self.key.unparse()

    def lower(self, environment: SearchEnvironment) -> Predicate:
        """Say it in the store's terms."""
        return fuzzy(self.key.lower(environment))


def _parse(cursor: Cursor, registry: Registry) -> SearchKey:
    cursor.sp()
    return FuzzyKey(parse_search_key(cursor, registry))


def _is_fuzzy(value: object) -> bool:
    """Tell whether FUZZY is anywhere in a key; the grammar bounds the depth."""
    if isinstance(value, FuzzyKey):
        return True
    if isinstance(value, tuple):
        return any(map(_is_fuzzy, value))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return any(_is_fuzzy(getattr(value, f.name)) for f in dataclasses.fields(value))
    return False


def _begin(searching: Searching, _: object) -> None:
    """Refuse to rank what is met to the letter (§4)."""
    if not _is_fuzzy(searching.keys):
        raise Bad("RELEVANCY is for a search with FUZZY")


async def _data(result: SearchResult, _: object) -> AsyncIterator[bytes]:
    """Give a score for each message that is listed, in the order of the list."""
    searching = result.searching
    scores = await result.mailbox.relevancy(
        result.predicate,
        _listed(result),
        following(searching.context, searching.progress),
    )
    yield b"RELEVANCY ("
    for at in range(0, len(scores), SLICE):
        text = b" ".join([b"%d" % score for score in scores[at : at + SLICE]])
        yield b" " + text if at else text
    yield b")"


def _listed(result: SearchResult) -> Sequence[int]:
    """Give the messages of the option that lists some, all without one."""
    for spec, argument in result.searching.options():
        if spec.group == LIST and spec.chooses is not None:
            chosen = spec.chooses(result, argument)
            if chosen is not None:
                return chosen
    return result.uids


RELEVANCY = SearchReturnSpec("RELEVANCY", "RFC 6203 §4", data=_data, begin=_begin)

FEATURE = Feature(
    name="SEARCH=FUZZY",
    rfc=("6203",),
    capabilities=(Capability("SEARCH=FUZZY"),),
    search_keys=(SearchKeySpec("FUZZY", _parse, "RFC 6203 §3"),),
    search_returns=(RELEVANCY,),
    sort_returns=(RELEVANCY,),
    sort_keys=(SortKeySpec("RELEVANCY", SortKey.RELEVANCY, "RFC 6203 §6"),),
    requires=("ESEARCH",),
)
