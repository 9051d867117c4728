"""What a search asks of the store: a closed union, in the store's own terms.

Sequence numbers, saved results and time zones of the session are resolved before.
Text is compared as a substring of decoded text, without case (RFC 3501 §6.4.4) but for
other collations; ``needle`` is the decoded search string, not folded.
Days are counted from 1970-01-01 (``date.toordinal() - 719163``), in the zone that
the message itself states (RFC 3501: "disregarding time and timezone").
"""

from __future__ import annotations

import enum
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

from mailstore.model import AnnotationName, SpecialUse


class Compare(enum.Enum):
    """How a number or a day is compared with the message's."""

    LESS = "<"
    EQUAL = "="
    AT_LEAST = ">="
    GREATER = ">"


class Collation(enum.Enum):
    """How texts are compared (RFC 4790): the rules that RFC 5255 §4.4 lets us have.

    It asks for collations that find, order and tell equal; ``i;ascii-numeric``, which
    finds nothing, is none of them. The first is the default.
    """

    UNICODE_CASEMAP = "i;unicode-casemap"
    ASCII_CASEMAP = "i;ascii-casemap"
    OCTET = "i;octet"


@dataclass(frozen=True, slots=True)
class Comparator:
    """A collation, and whether its order is turned round (RFC 4790 §3.4)."""

    collation: Collation = Collation.UNICODE_CASEMAP
    descending: bool = False


DEFAULT_COMPARATOR = Comparator()


class SortKey(enum.Enum):
    """What messages are ordered by (RFC 5256 §3, RFC 5957 §4)."""

    ANNOTATION = "ANNOTATION"  # one that the criterion names (RFC 5257 §4.9)
    ARRIVAL = "ARRIVAL"
    CC = "CC"
    DATE = "DATE"
    DISPLAY_FROM = "DISPLAYFROM"
    DISPLAY_TO = "DISPLAYTO"
    FROM = "FROM"
    MODSEQ = "MODSEQ"
    RELEVANCY = "RELEVANCY"  # of a fuzzy search, the best first (RFC 6203 §6)
    SIZE = "SIZE"
    SUBJECT = "SUBJECT"
    TO = "TO"
    UID = "UID"


@dataclass(frozen=True, slots=True)
class Criterion:
    """One sort criterion, ascending unless reversed."""

    key: SortKey
    reverse: bool = False
    annotation: AnnotationName | None = None

    def __post_init__(self) -> None:
        if (self.key is SortKey.ANNOTATION) != (self.annotation is not None):
            raise ValueError("an annotation has a name, other keys have none")


class Threading(enum.Enum):
    """How messages are put into threads (RFC 5256 §3; REFS: draft-ietf-morg-inthread).

    REFS is REFERENCES without gathering by subject, and its threads are in the order
    of their latest INTERNALDATE.
    """

    ORDEREDSUBJECT = "ORDEREDSUBJECT"
    REFERENCES = "REFERENCES"
    REFS = "REFS"


@dataclass(frozen=True, slots=True)
class All:
    """Every message."""


@dataclass(frozen=True, slots=True)
class Nothing:
    """No message."""


@dataclass(frozen=True, slots=True)
class And:
    """All of these; an empty tuple is `All`."""

    terms: tuple[Predicate, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """Any of these; an empty tuple is `Nothing`."""

    terms: tuple[Predicate, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The others."""

    term: Predicate


@dataclass(frozen=True, slots=True)
class Uids:
    """Messages whose UID lies in one of the ascending, disjoint, closed ranges."""

    ranges: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class HasSystemFlag:
    """A system flag is set; ``bit`` is one of `mailstore.model`'s masks."""

    bit: int


@dataclass(frozen=True, slots=True)
class HasKeyword:
    """A keyword is set, compared without case; an unknown one matches nothing."""

    keyword: str


@dataclass(frozen=True, slots=True)
class Size:
    """RFC822.SIZE in octets; LARGER is GREATER, SMALLER is LESS."""

    compare: Compare
    octets: int


@dataclass(frozen=True, slots=True)
class ArrivedOn:
    """The day of INTERNALDATE."""

    compare: Compare
    day: int


@dataclass(frozen=True, slots=True)
class ArrivedAt:
    """The moment of INTERNALDATE, in seconds since the epoch."""

    compare: Compare
    epoch: int


@dataclass(frozen=True, slots=True)
class SentOn:
    """The day of the Date field; a message without a readable one never matches."""

    compare: Compare
    day: int


@dataclass(frozen=True, slots=True)
class MessageIn:
    """One of these messages, by the store's own numbers."""

    numbers: frozenset[int]


@dataclass(frozen=True, slots=True)
class EmailIdIs:
    """A message by the number of its EMAILID (RFC 8474 §6)."""

    number: int


@dataclass(frozen=True, slots=True)
class ThreadIs:
    """A message of a thread, by the thread's number (RFC 8474 §6)."""

    number: int


@dataclass(frozen=True, slots=True)
class SavedOn:
    """The day on which a message came into this mailbox, in UTC (RFC 8514 §4.3)."""

    compare: Compare
    day: int


@dataclass(frozen=True, slots=True)
class ModseqAtLeast:
    """Changed at or after this mod-sequence (RFC 7162 §3.1.5)."""

    modseq: int


@dataclass(frozen=True, slots=True)
class AlsoIn:
    """The message is in another mailbox as well; all are in their own.

    A mailbox by its name or its use; there may be none. With ``like`` names are
    compared without case, and a hyphen stands for a space or a delimiter too.
    """

    name: str | None = None
    use: SpecialUse | None = None
    like: bool = False


@dataclass(frozen=True, slots=True)
class HasAttachment:
    """A part of the message says that it is an attachment (RFC 2183)."""


@dataclass(frozen=True, slots=True)
class AnnotationContains:
    """An annotation holds the string (RFC 5257 §4.8); None: it has any value.

    ``entry`` may have the wildcards of `mailstore.patterns`. A value that is no text
    holds the string's octets in UTF-8.
    """

    entry: str
    needle: str | None
    private: bool = True
    shared: bool = True
    collation: Collation = Collation.UNICODE_CASEMAP


@dataclass(frozen=True, slots=True)
class HeaderContains:
    """A field of this name holds the string; an empty needle asks for the field."""

    name: str
    needle: str
    collation: Collation = Collation.UNICODE_CASEMAP


@dataclass(frozen=True, slots=True)
class BodyContains:
    """The body, without its header, holds the string."""

    needle: str
    collation: Collation = Collation.UNICODE_CASEMAP


@dataclass(frozen=True, slots=True)
class TextContains:
    """Header or body hold the string."""

    needle: str
    collation: Collation = Collation.UNICODE_CASEMAP


@dataclass(frozen=True, slots=True)
class Fuzzy:
    """Something like this string is there (RFC 6203 §3); see `fuzzy`."""

    term: HeaderContains | BodyContains | TextContains


Predicate = (
    All
    | Nothing
    | And
    | Or
    | Not
    | Uids
    | HasSystemFlag
    | HasKeyword
    | Size
    | ArrivedOn
    | ArrivedAt
    | SentOn
    | SavedOn
    | MessageIn
    | EmailIdIs
    | ThreadIs
    | ModseqAtLeast
    | AnnotationContains
    | AlsoIn
    | HasAttachment
    | HeaderContains
    | BodyContains
    | TextContains
    | Fuzzy
)


class Following(NamedTuple):
    """How somebody follows a search while it runs.

    ``cancelled`` is asked by another thread; ``progress`` is called on the event
    thread with (steps done, steps in all), now and then. ``seconds`` of a processor's
    time are the most that the search may take.
    """

    cancelled: Callable[[], bool] = bool  # bool() is False: never
    progress: Callable[[int, int], None] | None = None
    seconds: float = math.inf


def leaves(predicate: Predicate) -> list[Predicate]:
    """Give the terms that are no lists of others, in their order."""
    while isinstance(predicate, Not):
        predicate = predicate.term
    if isinstance(predicate, (And, Or)):
        return [leaf for term in predicate.terms for leaf in leaves(term)]
    return [predicate]


def kinds(predicate: Predicate) -> set[type[Predicate]]:
    """Give the types of its `leaves`."""
    return set(map(type, leaves(predicate)))


def collated(predicate: Predicate, collation: Collation) -> Predicate:
    """Have all strings of a predicate compared by a collation (RFC 5255 §4.2)."""
    match predicate:
        case And(terms):
            return And(tuple([collated(term, collation) for term in terms]))
        case Or(terms):
            return Or(tuple([collated(term, collation) for term in terms]))
        case Not(term):
            return Not(collated(term, collation))
        case (
            HeaderContains() | BodyContains() | TextContains() | AnnotationContains()
        ) if predicate.needle:
            return replace(predicate, collation=collation)
        case _:
            return predicate


def fuzzy(predicate: Predicate) -> Predicate:
    """Have all strings of a predicate matched fuzzily; other terms stay exact.

    RFC 6203 §5 lets a server decide for which keys it means something. A negated
    string stays exact too: what is merely alike should not hide a message.
    """
    match predicate:
        case And(terms):
            return And(tuple([fuzzy(term) for term in terms]))
        case Or(terms):
            return Or(tuple([fuzzy(term) for term in terms]))
        case HeaderContains() | BodyContains() | TextContains() if predicate.needle:
            return Fuzzy(predicate)
        case _:
            return predicate


UNFOLLOWED = Following()
