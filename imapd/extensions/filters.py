"""FILTERS: searches that the server keeps under a name (RFC 5466).

::

    search-key   =/ "FILTER" SP filter-name
    filter-name  =  1*<any ATOM-CHAR except "/">

    a SETMETADATA "" (/private/filters/values/on-the-road "OR SMALLER 5000 FROM boss")
    b SEARCH UID 300:900 FILTER on-the-road SINCE 3-Dec-2002

A filter is an annotation of the server: one's own, or else everybody's. Its text
stands for the key each time that it is searched by.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from imapd.session.context import Context
from imapd.session.faults import Bad, No
from imapd.session.plugs import Inserted, SearchEnvironment, SearchKey, SearchKeySpec
from imapd.session.registry import Capability, Feature, Registry
from imapd.session.search_program import parse_search_keys
from imapd.session.view import View
from imapd.wire.cursor import Cursor, Malformed
from mailstore.model import Depth
from mailstore.query import And, Predicate

# ATOM-CHAR without the solidus.
_NAME = re.compile(rb"[!#$&'+,\-.0-9:;<=>?@A-Z\[^_`a-z|}~]{1,255}")
_PLACES = ("/private/filters/values/", "/shared/filters/values/")
_DEEPEST = 10  # filters that name each other; RFC 5466 §3.1 wants three at least


@dataclass(frozen=True, slots=True)
class _Within:
    """What the keys of a filter are lowered in: its text is UTF-8 (§3.2)."""

    outer: SearchEnvironment
    names: tuple[str, ...]  # of the filters that this is within

    @property
    def context(self) -> Context:
        """The session, and the command that runs in it."""
        return self.outer.context

    @property
    def view(self) -> View:
        """The session's view."""
        return self.outer.view

    @property
    def largest_uid(self) -> int:
        """The UID that ``*`` stands for."""
        return self.outer.largest_uid

    @property
    def recent(self) -> Sequence[tuple[int, int]]:
        """UID ranges that are \\Recent in this session."""
        return self.outer.recent

    @property
    def codec(self) -> str:
        """How strings are decoded."""
        return "utf-8"

    @property
    def inserted(self) -> Inserted:
        """What stored searches were put in so far."""
        return self.outer.inserted

    def decode(self, text: bytes) -> str:
        """Decode a string of the filter. Raises `Bad`."""
        try:
            return text.decode("utf-8")
        except UnicodeError:
            raise Bad("a string of the filter is no UTF-8") from None

    def now(self) -> float:
        """Wall clock in seconds."""
        return self.outer.now()


@dataclass(frozen=True, slots=True)
class FilterKey:
    """The keys that are kept under a name."""

    name: str

    def unparse(self) -> bytes:
        """Write the key."""
        return b"FILTER " + self.name.encode("ascii")

    def lower(self, environment: SearchEnvironment) -> Predicate:
        """Say the keys of the filter in the store's terms.

        Raises `No` for a filter that isn't there, that needs itself or is no search,
        `Bad` when the command's strings are of another charset (§3.1).
        """
        if environment.codec not in ("utf-8", "ascii"):
            raise Bad("FILTER goes with UTF-8 alone", "BADCHARSET (US-ASCII UTF-8)")
        within = environment.names if isinstance(environment, _Within) else ()
        name = self.name.lower()
        text = self._text(environment.context)
        if text is None or name in within or len(within) >= _DEEPEST:
            raise No("there is no such filter", f"UNDEFINED-FILTER {self.name}")
        environment.inserted.note(len(text), environment.context)
        keys = self._keys(text, environment.context.registry)
        inner = _Within(environment, (*within, name))
        return And(tuple([key.lower(inner) for key in keys]))

    def _text(self, context: Context) -> bytes | None:
        """Read the filter: one's own, or that of everybody."""
        metadata = context.services.store.directory.metadata
        entries = [place + self.name for place in _PLACES]
        found = metadata.get(context.account.id, entries, Depth.NONE)
        return next((value for _, value in found if value is not None), None)

    def _keys(self, text: bytes, registry: Registry) -> tuple[SearchKey, ...]:
        return _parsed(self.name, text, registry)


def _parsed(name: str, text: bytes, registry: Registry) -> tuple[SearchKey, ...]:
    """Read the text of a filter. Raises `No`."""
    cursor = Cursor(text, utf8=True)
    cursor.terminals = registry.terminals
    try:
        return parse_search_keys(cursor, registry)
    except Malformed as error:
        where = f"{error.wanted} wanted at octet {error.at}"
        raise No(f"the filter {name} is no search: {where}", "CANNOT") from None


def check(context: Context, entry: str, value: bytes) -> None:
    """Refuse a filter that nobody could search by (§3.2). Raises `No`."""
    for place in _PLACES:
        if entry.lower().startswith(place):
            name = entry[len(place) :]
            if _NAME.fullmatch(name.encode("utf-8")) is None:
                raise No("no filter can have this name", "CANNOT")
            _parsed(name, value, context.registry)


def _parse(cursor: Cursor, _: Registry) -> SearchKey:
    cursor.sp()
    return FilterKey(cursor.need(_NAME, "the name of a filter")[0].decode("ascii"))


FEATURE = Feature(
    name="FILTERS",
    rfc=("5466",),
    capabilities=(Capability("FILTERS"),),
    search_keys=(SearchKeySpec("FILTER", _parse, "RFC 5466 §3.1"),),
    metadata_checks=(check,),
    requires=("METADATA-SERVER",),
)
