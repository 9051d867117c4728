"""SAVEDATE: when a message came into its mailbox (RFC 8514).

::

    fetch-att       =/ "SAVEDATE"
    search-key      =/ "SAVEDBEFORE" SP date / "SAVEDON" SP date /
                       "SAVEDSINCE" SP date / "SAVEDATESUPPORTED"

    C: A101 FETCH 998 (SAVEDATE)
    S: * 998 FETCH (SAVEDATE "01-Jan-2015 18:50:53 +0000")
    S: A101 OK FETCH completed

COPY and MOVE make it anew; APPEND cannot set it. It is told in UTC, and by UTC's days
it is searched. Every mailbox has it; only what was removed before this server knew of
save dates has none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial

from imapd.session.fetch_attribute import Attribute, Values
from imapd.session.plugs import (
    FetchEnvironment,
    SearchEnvironment,
    SearchKey,
    SearchKeySpec,
)
from imapd.session.registry import Capability, Feature, Registry
from imapd.wire.cursor import Cursor
from imapd.wire.dates import parse_date, render_date_time, unparse_date
from mailstore.model import Batch, Column
from mailstore.query import All, Compare, Predicate, SavedOn

_COMPARES: Mapping[str, Compare] = {
    "SAVEDBEFORE": Compare.LESS,
    "SAVEDON": Compare.EQUAL,
    "SAVEDSINCE": Compare.AT_LEAST,
}


def _dates(_: FetchEnvironment) -> Values:
    def values(batch: Batch) -> Iterable[object]:
        return [
            b"NIL" if saved is None else render_date_time(saved, 0)
            for saved in batch.columns[Column.SAVED]
        ]

    return values


SAVEDATE = Attribute("SAVEDATE", (Column.SAVED,), _dates)


@dataclass(frozen=True, slots=True)
class SavedKey:
    """A day on which a message was saved; it counts from 1970-01-01."""

    name: str
    day: int

    def __post_init__(self) -> None:
        if self.name not in _COMPARES:
            raise ValueError("no such key")

    def unparse(self) -> bytes:
        """Write the key."""
        return self.name.encode("ascii") + b" " + unparse_date(self.day)

    def lower(self, _: SearchEnvironment) -> Predicate:
        """Say it in the store's terms."""
        return SavedOn(_COMPARES[self.name], self.day)


@dataclass(frozen=True, slots=True)
class SupportedKey:
    """SAVEDATESUPPORTED: all messages, where save dates are kept, as they are here."""

    def unparse(self) -> bytes:
        """Write the key."""
        return b"SAVEDATESUPPORTED"

    def lower(self, _: SearchEnvironment) -> Predicate:
        """Say it in the store's terms."""
        return All()


def _parse_day(name: str, cursor: Cursor, _: Registry) -> SearchKey:
    cursor.sp()
    return SavedKey(name, parse_date(cursor))


def _parse_supported(_: Cursor, __: Registry) -> SearchKey:
    return SupportedKey()


_KEYS = "RFC 8514 §4.3"
FEATURE = Feature(
    name="SAVEDATE",
    rfc=("8514",),
    capabilities=(Capability("SAVEDATE"),),
    fetch_items=(SAVEDATE.spec("RFC 8514 §4.2"),),
    search_keys=(
        *(SearchKeySpec(name, partial(_parse_day, name), _KEYS) for name in _COMPARES),
        SearchKeySpec("SAVEDATESUPPORTED", _parse_supported, _KEYS),
    ),
    requires=("FETCH", "SEARCH"),
)
