"""The language of Gmail's search box, as far as it can be said exactly here.

::

    query       = *term                     ; all of them hold
    term        = or-term *("OR" or-term)
    or-term     = ["-"] (word / phrase / operator / "(" query ")" / "{" query "}")
    operator    = name ":" (word / phrase / "(" query ")")

    from:amy (subject:dinner OR "going out") -has:attachment newer_than:7d

Braces hold alternatives. A word is found wherever its letters stand, as by TEXT: there
is no stemming. It knows text and predicates, no session. What Gmail can ask for and
this server cannot is `NotPossible`; what makes no sense is `NoQuery`.
"""

from __future__ import annotations

import calendar
import datetime as dt
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from mailstore.model import FLAGGED, INBOX, SEEN, SpecialUse
from mailstore.query import (
    All,
    AlsoIn,
    And,
    ArrivedAt,
    ArrivedOn,
    Compare,
    HasAttachment,
    HasKeyword,
    HasSystemFlag,
    HeaderContains,
    Not,
    Or,
    Predicate,
    Size,
    TextContains,
)

MAX_GROUPS = 32
_Make = Callable[[str, "Moment"], Predicate]
_EPOCH = dt.date(1970, 1, 1).toordinal()


class NoQuery(ValueError):
    """The text is no query."""


class NotPossible(ValueError):
    """The query asks for what cannot be found here exactly."""


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str  # one of ( ) { } - OR, or "word", "phrase", "operator"
    text: str = ""


_SPACE = re.compile(r"\s+")
_PHRASE = re.compile(r'"([^"]*)"')
_OPERATOR = re.compile(r"([A-Za-z][A-Za-z0-9_]*):")
_WORD = re.compile(r'[^\s(){}"]+')
_BRACKETS = "(){}"


def tokens(text: str) -> Iterator[_Token]:
    """Cut a query into tokens. Raises `NoQuery` for a phrase without end."""
    at = 0
    while at < len(text):
        space = _SPACE.match(text, at)
        if space is not None:
            at = space.end()
            continue
        if text[at] in _BRACKETS:
            yield _Token(text[at])
            at += 1
            continue
        if text[at] == "-" and at + 1 < len(text) and not text[at + 1].isspace():
            yield _Token("-")
            at += 1
            continue
        token, at = _long_token(text, at)
        yield token


def _long_token(text: str, at: int) -> tuple[_Token, int]:
    if text[at] == '"':
        phrase = _PHRASE.match(text, at)
        if phrase is None:
            raise NoQuery("a phrase has no end")
        return _Token("phrase", phrase[1]), phrase.end()
    operator = _OPERATOR.match(text, at)
    if operator is not None and operator[1].lower() in {*OPERATORS, *IMPOSSIBLE}:
        return _Token("operator", operator[1].lower()), operator.end()
    word = _WORD.match(text, at)
    if word is None:
        raise NoQuery("a word was wanted")
    if word[0] == "OR":
        return _Token("OR"), word.end()
    return _Token("word", word[0]), word.end()


# -- terms


@dataclass(frozen=True, slots=True)
class Moment:
    """When a search is asked: what ``newer_than`` counts back from."""

    epoch: float

    def back(self, value: str) -> int:
        """Give the moment some days, months or years ago. Raises `NoQuery`."""
        found = re.fullmatch(r"([0-9]{1,5})([dmy])", value, re.IGNORECASE)
        if found is None:
            raise NoQuery("a time is a number and d, m or y")
        count, unit = int(found[1]), found[2].lower()
        if unit == "d":
            return int(self.epoch) - count * 86_400
        now = dt.datetime.fromtimestamp(self.epoch, dt.UTC)
        months = now.year * 12 + now.month - 1 - count * (12 if unit == "y" else 1)
        year, month = divmod(months, 12)
        if year < 1:
            raise NoQuery("there was no such time")
        day = min(now.day, calendar.monthrange(year, month + 1)[1])
        return int(now.replace(year=year, month=month + 1, day=day).timestamp())


def _field(name: str) -> _Make:
    def make(value: str, _: Moment) -> Predicate:
        if value.lower() == "me" and name in ("From", "To", "Cc", "Bcc"):
            raise NotPossible("the server cannot know all of your addresses")
        return HeaderContains(name, value)

    return make


def _message_id(value: str, _: Moment) -> Predicate:
    return HeaderContains("Message-ID", value)


def _before(value: str, _: Moment) -> Predicate:
    if value.isdecimal() and len(value) > 4:
        return ArrivedAt(Compare.LESS, _number(value))
    return ArrivedOn(Compare.LESS, _day(value))


def _after(value: str, _: Moment) -> Predicate:
    if value.isdecimal() and len(value) > 4:
        return ArrivedAt(Compare.GREATER, _number(value))
    return ArrivedOn(Compare.AT_LEAST, _day(value))


def _day(value: str) -> int:
    found = re.fullmatch(r"([0-9]{4})[/-]([0-9]{1,2})[/-]([0-9]{1,2})", value)
    try:
        if found is None:
            raise ValueError
        return dt.date(*map(int, found.groups())).toordinal() - _EPOCH
    except ValueError:
        raise NoQuery("a day is written as 2026/11/25") from None


def _number(value: str) -> int:
    if not value.isascii() or not value.isdecimal() or len(value) > 12:
        raise NoQuery("a number was wanted")
    return int(value)


def _octets(value: str) -> int:
    found = re.fullmatch(r"([0-9]{1,12})([kmg]?)b?", value, re.IGNORECASE)
    if found is None:
        raise NoQuery("a size is a number, with K, M or G behind it")
    return int(found[1]) << {"": 0, "k": 10, "m": 20, "g": 30}[found[2].lower()]


def _has(value: str, _: Moment) -> Predicate:
    if value.lower() == "attachment":
        return HasAttachment()
    raise NotPossible(f"has:{value} cannot be searched for here")


_IS: Mapping[str, Predicate] = {
    "unread": Not(HasSystemFlag(SEEN)),
    "read": HasSystemFlag(SEEN),
    "starred": HasSystemFlag(FLAGGED),
    "important": Or((HasKeyword("$Important"), AlsoIn(use=SpecialUse.IMPORTANT))),
}
_IN: Mapping[str, Predicate] = {
    **_IS,
    "anywhere": All(),
    "inbox": AlsoIn(name=INBOX),
    "draft": AlsoIn(use=SpecialUse.DRAFTS),
    "drafts": AlsoIn(use=SpecialUse.DRAFTS),
    "sent": AlsoIn(use=SpecialUse.SENT),
    "spam": AlsoIn(use=SpecialUse.JUNK),
    "trash": AlsoIn(use=SpecialUse.TRASH),
}


def _is(value: str, _: Moment) -> Predicate:
    found = _IS.get(value.lower())
    if found is None:
        raise NotPossible(f"is:{value} cannot be searched for here")
    return found


def _in(value: str, _: Moment) -> Predicate:
    found = _IN.get(value.lower())
    return AlsoIn(name=value, like=True) if found is None else found


OPERATORS: Mapping[str, _Make] = {
    "after": _after,
    "bcc": _field("Bcc"),
    "before": _before,
    "cc": _field("Cc"),
    "deliveredto": _field("Delivered-To"),
    "from": _field("From"),
    "has": _has,
    "in": _in,
    "is": _is,
    "label": _in,
    "larger": lambda value, _: Size(Compare.GREATER, _octets(value)),
    "list": _field("List-ID"),
    "newer": _after,
    "newer_than": lambda value, now: ArrivedAt(Compare.GREATER, now.back(value)),
    "older": _before,
    "older_than": lambda value, now: ArrivedAt(Compare.LESS, now.back(value)),
    "rfc822msgid": _message_id,
    "size": lambda value, _: Size(Compare.GREATER, _octets(value)),
    "smaller": lambda value, _: Size(Compare.LESS, _octets(value)),
    "subject": _field("Subject"),
    "to": _field("To"),
}
IMPOSSIBLE = ("category", "filename")
_OF_TEXT = ("bcc", "cc", "deliveredto", "from", "list", "subject", "to")


def _text(value: str, _: Moment) -> Predicate:
    return TextContains(value)


# -- the grammar


class _Parser:
    def __init__(self, text: str, now: Moment) -> None:
        self._tokens = list(tokens(text))
        self._at = 0
        self._now = now
        self._depth = 0

    def run(self) -> Predicate:
        found = self._terms("")
        if self._at < len(self._tokens):
            raise NoQuery("a bracket is closed that was not opened")
        return _all(found)

    def _peek(self) -> str:
        at = self._at
        return self._tokens[at].kind if at < len(self._tokens) else ""

    def _terms(self, end: str, make: _Make = _text) -> list[Predicate]:
        """Take terms up to a closing bracket, or to the end."""
        found: list[Predicate] = []
        while self._peek() not in ("", ")", "}"):
            found.append(self._alternatives(make))
        if self._peek() != end:
            raise NoQuery("brackets do not fit together")
        return found

    def _alternatives(self, make: _Make) -> Predicate:
        found = [self._term(make)]
        while self._peek() == "OR":
            self._at += 1
            found.append(self._term(make))
        return found[0] if len(found) == 1 else Or(tuple(found))

    def _term(self, make: _Make) -> Predicate:
        kind = self._peek()
        if kind in ("", ")", "}", "OR"):
            raise NoQuery("a term is missing")
        token = self._tokens[self._at]
        self._at += 1
        if kind == "-":
            return Not(self._nested(lambda: self._term(make)))
        if kind in ("(", "{"):
            return self._nested(lambda: self._group(kind, make))
        if kind == "operator":
            return self._operator(token.text, make)
        if kind == "word" and token.text in ("AROUND", "AND"):
            if token.text == "AROUND":
                raise NotPossible("AROUND cannot be searched for here")
            return All()
        return make(token.text, self._now)

    def _group(self, kind: str, make: _Make) -> Predicate:
        found = self._terms(")" if kind == "(" else "}", make)
        self._at += 1
        if not found:
            raise NoQuery("there is nothing between brackets")
        return _all(found) if kind == "(" else Or(tuple(found))

    def _operator(self, name: str, outer: _Make) -> Predicate:
        if name in IMPOSSIBLE:
            raise NotPossible(f"{name}: cannot be searched for here")
        make = OPERATORS[name]
        kind = self._peek()
        if kind in ("(", "{"):
            if name not in _OF_TEXT:
                raise NotPossible(f"{name}: takes one value")
            self._at += 1
            return self._nested(lambda: self._group(kind, make))
        if kind not in ("word", "phrase") or outer is not _text:
            raise NoQuery(f"{name}: wants a value")
        token = self._tokens[self._at]
        self._at += 1
        return make(token.text, self._now)

    def _nested(self, inner: Callable[[], Predicate]) -> Predicate:
        if self._depth >= MAX_GROUPS:
            raise NoQuery(f"at most {MAX_GROUPS} brackets within each other")
        self._depth += 1
        try:
            return inner()
        finally:
            self._depth -= 1


def _all(terms: Sequence[Predicate]) -> Predicate:
    return terms[0] if len(terms) == 1 else And(tuple(terms))


def read_query(text: str, now: float) -> Predicate:
    """Say a query in the store's terms; nothing at all is everything.

    Raises `NoQuery`, `NotPossible`.
    """
    return _Parser(text, Moment(now)).run()
