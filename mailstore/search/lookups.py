"""Terms that the index answers with UIDs, before anything else is looked at.

What they ask for is no column in memory and no text: it is found by one statement
for the whole mailbox. Afterwards a predicate has `Uids` in their place.
"""

from __future__ import annotations

from array import array
from typing import assert_never

from mailstore.index import entries
from mailstore.index.database import Database
from mailstore.model import MailboxId
from mailstore.query import And, Compare, Not, Or, Predicate, SavedOn, Uids
from mailstore.runs import ranges_of

Lookup = SavedOn
LOOKUPS = (SavedOn,)
_DAY = 86_400
_EVER = 2**62


def needs_lookup(predicate: Predicate) -> bool:
    """Tell whether a predicate has such a term."""
    match predicate:
        case And(terms) | Or(terms):
            return any(map(needs_lookup, terms))
        case Not(term):
            return needs_lookup(term)
        case _:
            return isinstance(predicate, LOOKUPS)


def look_up(database: Database, mailbox: MailboxId, predicate: Predicate) -> Predicate:
    """Give the predicate with all such terms answered."""
    match predicate:
        case And(terms):
            return And(tuple([look_up(database, mailbox, term) for term in terms]))
        case Or(terms):
            return Or(tuple([look_up(database, mailbox, term) for term in terms]))
        case Not(term):
            return Not(look_up(database, mailbox, term))
        case SavedOn():
            return Uids(ranges_of(_find(database, mailbox, predicate)))
        case _:
            return predicate


def _find(database: Database, mailbox: MailboxId, term: Lookup) -> array[int]:
    match term:
        case SavedOn(compare, day):
            since, before = _seconds(compare, day)
            return entries.saved_between(database, mailbox, since, before)
        case _:
            assert_never(term)


def _seconds(compare: Compare, day: int) -> tuple[int, int]:
    start, end = day * _DAY, (day + 1) * _DAY
    match compare:
        case Compare.LESS:
            return -_EVER, start
        case Compare.EQUAL:
            return start, end
        case Compare.AT_LEAST:
            return start, _EVER
        case Compare.GREATER:
            return end, _EVER
