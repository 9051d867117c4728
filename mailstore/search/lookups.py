"""Terms that the index answers, before anything else is looked at.

What they ask for is no column in memory and no text: it is found by one statement
for the whole mailbox. Afterwards a predicate has in their place what memory knows.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable
from dataclasses import dataclass, field

from mailstore.index import annotate, labels, mailboxes, threads, unloaded
from mailstore.index.database import Database
from mailstore.index.records import MailboxRow
from mailstore.mime.bodystructure import has_attachment
from mailstore.mime.folding import fold
from mailstore.model import MailboxId
from mailstore.patterns import EntryPattern
from mailstore.query import (
    All,
    AlsoIn,
    And,
    AnnotationContains,
    Compare,
    EmailIdIs,
    HasAttachment,
    MessageIn,
    Not,
    Or,
    Predicate,
    SavedOn,
    ThreadIs,
    Uids,
    kinds,
)
from mailstore.runs import ranges_of
from mailstore.search.texts import FORMS
from mailstore.search.watch import Watch

LOOKUPS = frozenset(
    {SavedOn, EmailIdIs, ThreadIs, AnnotationContains, AlsoIn, HasAttachment}
)
"""What needs an answer from here."""

_HYPHENS = {ord(" "): "-", ord("/"): "-"}
_DAY = 86_400
_EVER = 2**62


def needs_lookup(predicate: Predicate) -> bool:
    """Tell whether a predicate has such a term."""
    return not LOOKUPS.isdisjoint(kinds(predicate))


@dataclass(frozen=True, slots=True)
class Lookups:
    """Answers such terms about one mailbox, for one login, on a thread.

    Raises `Cancelled` and `TooMany` by its watch.
    """

    database: Database
    mailbox: MailboxId
    me: str = ""
    watch: Watch = field(default_factory=Watch)

    def answer(self, predicate: Predicate) -> Predicate:
        """Give the predicate with all such terms answered."""
        match predicate:
            case And(terms):
                return And(tuple([self.answer(term) for term in terms]))
            case Or(terms):
                return Or(tuple([self.answer(term) for term in terms]))
            case Not(term):
                return Not(self.answer(term))
            case SavedOn(compare, day):
                since, before = _seconds(compare, day)
                found = unloaded.saved_between(
                    self.database, self.mailbox, since, before
                )
                return Uids(ranges_of(found))
            case EmailIdIs(number):
                return self._with_emailid(number)
            case ThreadIs(number):
                return MessageIn(frozenset(threads.messages_of(self.database, number)))
            case AnnotationContains():
                return Uids(ranges_of(self._annotated(predicate)))
            case AlsoIn():
                return self._placed(predicate)
            case HasAttachment():
                return Uids(ranges_of(self._with_attachments()))
            case _:
                return predicate

    def _with_emailid(self, number: int) -> Predicate:
        own = unloaded.having_emailid(self.database, self.mailbox, number)
        if own:
            return Uids(ranges_of(own))  # no message has the number
        others = unloaded.emailid_apart(self.database, self.mailbox, number)
        same = MessageIn(frozenset({number}))
        return And((same, Not(Uids(ranges_of(others))))) if others else same

    def _placed(self, term: AlsoIn) -> Predicate:
        chosen = [
            row.id
            for row in mailboxes.mailboxes(self.database)
            if row.selectable and _is_meant(row, term)
        ]
        if self.mailbox in chosen:
            return All()
        return MessageIn(labels.messages_in(self.database, chosen))

    def _with_attachments(self) -> array[int]:
        found = array("I")
        with unloaded.structures(self.database, self.mailbox) as rows:
            for uid, structure in rows:
                self.watch.pause()
                if has_attachment(structure):
                    found.append(uid)
        return found

    def _annotated(self, term: AnnotationContains) -> array[int]:
        owners = [
            *([annotate.SHARED] if term.shared else []),
            *([self.me] if term.private else []),
        ]
        pattern = EntryPattern(term.entry)

        def is_entry(name: str) -> bool:
            self.watch.pause()
            return pattern.matches(name)

        is_value = None
        if term.needle is not None:
            is_value = _holds(term.needle, FORMS[term.collation], self.watch)
        return annotate.matching(
            self.database, self.mailbox, owners, is_entry, is_value
        )


def _is_meant(row: MailboxRow, term: AlsoIn) -> bool:
    if term.use is not None:
        return row.special_use is term.use
    if term.like:
        return _alike(row.name) == _alike(term.name or "")
    return row.name == term.name


def _alike(name: str) -> str:
    return fold(name).translate(_HYPHENS)


def _holds(
    needle: str, form: Callable[[str], str], watch: Watch
) -> Callable[[bytes], bool]:
    wanted, octets = form(needle), needle.encode()

    def is_value(value: bytes) -> bool:
        watch.pause()
        try:
            return wanted in form(value.decode())
        except UnicodeDecodeError:
            return octets in value

    return is_value


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
