"""The search keys of RFC 3501 §6.4.4 that begin with a word.

Each is a frozen value with its grammar, its inverse and its meaning in the store's
terms. Sets and lists are in `imapd.session.search_program`. Example::

    OR SENTSINCE 1-Feb-1994 NOT HEADER Message-ID "x@y"
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from imapd.session.plugs import SearchEnvironment, SearchKey, SearchKeySpec
from imapd.session.registry import Registry
from imapd.session.search_program import NumberKey, parse_search_key
from imapd.syntax.sequence import UidSet
from imapd.wire.cursor import Cursor
from imapd.wire.dates import parse_date, unparse_date
from imapd.wire.encode import client_astring
from mailstore.model import ANSWERED, DELETED, DRAFT, FLAGGED, SEEN
from mailstore.query import (
    All,
    And,
    ArrivedOn,
    BodyContains,
    Compare,
    HasKeyword,
    HasSystemFlag,
    HeaderContains,
    Not,
    Nothing,
    Or,
    Predicate,
    SentOn,
    Size,
    TextContains,
    Uids,
)

# -- words alone

_FLAGS: Mapping[str, int] = {
    "ANSWERED": ANSWERED,
    "DELETED": DELETED,
    "DRAFT": DRAFT,
    "FLAGGED": FLAGGED,
    "SEEN": SEEN,
}
_WORDS: tuple[str, ...] = (
    "ALL",
    *_FLAGS,
    *(f"UN{name}" for name in _FLAGS),
    "NEW",
    "OLD",
    "RECENT",
)


@dataclass(frozen=True, slots=True)
class Word:
    """A key that is a word and nothing else, as UNSEEN."""

    name: str

    def __post_init__(self) -> None:
        if self.name not in _WORDS:
            raise ValueError("no such key")

    def unparse(self) -> bytes:
        """Write the key."""
        return self.name.encode("ascii")

    def lower(self, environment: SearchEnvironment) -> Predicate:
        """Say it in the store's terms; \\Recent is the session's own (§2.3.2)."""
        if self.name == "ALL":
            return All()
        if self.name in _FLAGS:
            return HasSystemFlag(_FLAGS[self.name])
        if self.name.startswith("UN"):
            return Not(HasSystemFlag(_FLAGS[self.name[2:]]))
        recent = Uids(tuple(environment.recent))
        if self.name == "RECENT":
            return recent
        if self.name == "OLD":
            return Not(recent)
        return And((recent, Not(HasSystemFlag(SEEN))))  # NEW


def _parse_word(name: str, _: Cursor, __: Registry) -> SearchKey:
    return Word(name)


# -- keywords


@dataclass(frozen=True, slots=True)
class KeywordKey:
    """KEYWORD, or UNKEYWORD: a keyword is set, or isn't."""

    keyword: str
    is_set: bool = True

    def unparse(self) -> bytes:
        """Write the key."""
        name = "KEYWORD" if self.is_set else "UNKEYWORD"
        return f"{name} {self.keyword}".encode("ascii")

    def lower(self, _: SearchEnvironment) -> Predicate:
        """Say it in the store's terms."""
        term = HasKeyword(self.keyword)
        return term if self.is_set else Not(term)


def _parse_keyword(is_set: bool, cursor: Cursor, _: Registry) -> SearchKey:
    cursor.sp()
    return KeywordKey(cursor.atom().decode("ascii"), is_set)


# -- strings

_FIELDS: Mapping[str, str] = {
    "BCC": "Bcc",
    "CC": "Cc",
    "FROM": "From",
    "SUBJECT": "Subject",
    "TO": "To",
}
# RFC 5322 §2.2: printable US-ASCII without the colon.
_FIELD_NAME = re.compile(rb"[!-9;-~]+")


@dataclass(frozen=True, slots=True)
class StringKey:
    """A string in an address field, the subject, the body or all of the message."""

    name: str
    needle: bytes

    def __post_init__(self) -> None:
        if self.name not in (*_FIELDS, "BODY", "TEXT"):
            raise ValueError("no such key")

    def unparse(self) -> bytes:
        """Write the key."""
        return self.name.encode("ascii") + b" " + client_astring(self.needle)

    def lower(self, environment: SearchEnvironment) -> Predicate:
        """Say it in the store's terms. Raises `Bad` for what can't be decoded."""
        needle = environment.decode(self.needle)
        if self.name in _FIELDS:
            return HeaderContains(_FIELDS[self.name], needle)
        if not needle:
            return All()  # the empty string is a part of every body
        return BodyContains(needle) if self.name == "BODY" else TextContains(needle)


def _parse_string(name: str, cursor: Cursor, _: Registry) -> SearchKey:
    cursor.sp()
    return StringKey(name, cursor.astring())


@dataclass(frozen=True, slots=True)
class HeaderKey:
    """A string in the header fields of a name; an empty one asks for the field."""

    field: bytes
    needle: bytes

    def unparse(self) -> bytes:
        """Write the key."""
        return b"HEADER %b %b" % (
            client_astring(self.field),
            client_astring(self.needle),
        )

    def lower(self, environment: SearchEnvironment) -> Predicate:
        """Say it in the store's terms. Raises `Bad` for what can't be decoded."""
        needle = environment.decode(self.needle)
        if _FIELD_NAME.fullmatch(self.field) is None:
            return Nothing()  # no header can have a field of this name
        return HeaderContains(self.field.decode("ascii"), needle)


def _parse_header(cursor: Cursor, _: Registry) -> SearchKey:
    cursor.sp()
    name = cursor.astring()
    cursor.sp()
    return HeaderKey(name, cursor.astring())


# -- dates and sizes

_DATES: Mapping[str, tuple[type[ArrivedOn | SentOn], Compare]] = {
    "BEFORE": (ArrivedOn, Compare.LESS),
    "ON": (ArrivedOn, Compare.EQUAL),
    "SINCE": (ArrivedOn, Compare.AT_LEAST),
    "SENTBEFORE": (SentOn, Compare.LESS),
    "SENTON": (SentOn, Compare.EQUAL),
    "SENTSINCE": (SentOn, Compare.AT_LEAST),
}
_SIZES: Mapping[str, Compare] = {"LARGER": Compare.GREATER, "SMALLER": Compare.LESS}


@dataclass(frozen=True, slots=True)
class DateKey:
    """A day that a message arrived or was sent on, as it says itself, not its time.

    ``day`` counts from 1970-01-01.
    """

    name: str
    day: int

    def __post_init__(self) -> None:
        if self.name not in _DATES:
            raise ValueError("no such key")

    def unparse(self) -> bytes:
        """Write the key."""
        return self.name.encode("ascii") + b" " + unparse_date(self.day)

    def lower(self, _: SearchEnvironment) -> Predicate:
        """Say it in the store's terms."""
        term, compare = _DATES[self.name]
        return term(compare, self.day)


def _parse_date_key(name: str, cursor: Cursor, _: Registry) -> SearchKey:
    cursor.sp()
    return DateKey(name, parse_date(cursor))


@dataclass(frozen=True, slots=True)
class SizeKey:
    """Larger or smaller than a number of octets."""

    name: str
    octets: int

    def __post_init__(self) -> None:
        if self.name not in _SIZES:
            raise ValueError("no such key")

    def unparse(self) -> bytes:
        """Write the key."""
        return b"%b %d" % (self.name.encode("ascii"), self.octets)

    def lower(self, _: SearchEnvironment) -> Predicate:
        """Say it in the store's terms."""
        return Size(_SIZES[self.name], self.octets)


def _parse_size(name: str, cursor: Cursor, _: Registry) -> SearchKey:
    cursor.sp()
    return SizeKey(name, cursor.number())


# -- keys of keys


@dataclass(frozen=True, slots=True)
class NotKey:
    """The other messages."""

    key: SearchKey

    def unparse(self) -> bytes:
        """Write the key."""
        return b"NOT " + self.key.unparse()

    def lower(self, environment: SearchEnvironment) -> Predicate:
        """Say it in the store's terms."""
        return Not(self.key.lower(environment))


def _parse_not(cursor: Cursor, registry: Registry) -> SearchKey:
    cursor.sp()
    return NotKey(parse_search_key(cursor, registry))


@dataclass(frozen=True, slots=True)
class OrKey:
    """One of the two, or both."""

    first: SearchKey
    second: SearchKey

    def unparse(self) -> bytes:
        """Write the key."""
        return b"OR %b %b" % (self.first.unparse(), self.second.unparse())

    def lower(self, environment: SearchEnvironment) -> Predicate:
        """Say it in the store's terms."""
        return Or((self.first.lower(environment), self.second.lower(environment)))


def _parse_or(cursor: Cursor, registry: Registry) -> SearchKey:
    cursor.sp()
    first = parse_search_key(cursor, registry)
    cursor.sp()
    return OrKey(first, parse_search_key(cursor, registry))


def _parse_uid(cursor: Cursor, _: Registry) -> SearchKey:
    cursor.sp()
    return NumberKey(UidSet.parse(cursor))


_PARSERS: Mapping[str, Callable[[Cursor, Registry], SearchKey]] = {
    **{name: partial(_parse_word, name) for name in _WORDS},
    **{name: partial(_parse_string, name) for name in (*_FIELDS, "BODY", "TEXT")},
    **{name: partial(_parse_date_key, name) for name in _DATES},
    **{name: partial(_parse_size, name) for name in _SIZES},
    "KEYWORD": partial(_parse_keyword, True),
    "UNKEYWORD": partial(_parse_keyword, False),
    "HEADER": _parse_header,
    "NOT": _parse_not,
    "OR": _parse_or,
    "UID": _parse_uid,
}
KEYS = tuple(
    SearchKeySpec(name, parse, "RFC 3501 §6.4.4") for name, parse in _PARSERS.items()
)
