"""Terms that the index answers, before anything else is looked at.

What they ask for is no column in memory and no text: it is found by one statement
for the whole mailbox. Afterwards a predicate has in their place what memory knows.
"""

from __future__ import annotations

from mailstore.index import entries, threads
from mailstore.index.database import Database
from mailstore.model import MailboxId
from mailstore.query import (
    And,
    Compare,
    MessageIn,
    Not,
    Or,
    Predicate,
    SavedOn,
    ThreadIs,
    Uids,
)
from mailstore.runs import ranges_of

LOOKUPS = (SavedOn, ThreadIs)
_DAY = 86_400
_EVER = 2**62


def needs_lookup(predicate: Predicate) -> bool:
    """Tell whether a predicate has such a term."""
    return _has(predicate, LOOKUPS)


def has_thread(predicate: Predicate) -> bool:
    """Tell whether a predicate asks for a thread: all messages need one then."""
    return _has(predicate, (ThreadIs,))


def _has(predicate: Predicate, kinds: tuple[type[Predicate], ...]) -> bool:
    match predicate:
        case And(terms) | Or(terms):
            return any(_has(term, kinds) for term in terms)
        case Not(term):
            return _has(term, kinds)
        case _:
            return isinstance(predicate, kinds)


def look_up(database: Database, mailbox: MailboxId, predicate: Predicate) -> Predicate:
    """Give the predicate with all such terms answered."""
    match predicate:
        case And(terms):
            return And(tuple([look_up(database, mailbox, term) for term in terms]))
        case Or(terms):
            return Or(tuple([look_up(database, mailbox, term) for term in terms]))
        case Not(term):
            return Not(look_up(database, mailbox, term))
        case SavedOn(compare, day):
            since, before = _seconds(compare, day)
            found = entries.saved_between(database, mailbox, since, before)
            return Uids(ranges_of(found))
        case ThreadIs(number):
            return MessageIn(frozenset(threads.messages_of(database, number)))
        case _:
            return predicate


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
