"""WITHIN: the search keys OLDER and YOUNGER (RFC 5032).

::

    search-key  =/ ("OLDER" / "YOUNGER") SP nz-number

    a1 SEARCH UNSEEN YOUNGER 259200
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from imapd.session.plugs import SearchEnvironment, SearchKey, SearchKeySpec
from imapd.session.registry import Capability, Feature, Registry
from imapd.wire.cursor import Cursor
from mailstore.query import ArrivedAt, Compare, Predicate


@dataclass(frozen=True, slots=True)
class WithinKey:
    """Arrived so many seconds ago: at least, or at most if ``younger``."""

    seconds: int
    younger: bool

    def __post_init__(self) -> None:
        if self.seconds < 1:
            raise ValueError("an interval is one second or more")

    def unparse(self) -> bytes:
        """Write the key."""
        return b"%b %d" % (b"YOUNGER" if self.younger else b"OLDER", self.seconds)

    def lower(self, environment: SearchEnvironment) -> Predicate:
        """Say it in the store's terms; both keys match the moment itself (§2)."""
        moment = int(environment.now()) - self.seconds
        if self.younger:
            return ArrivedAt(Compare.AT_LEAST, moment)
        return ArrivedAt(Compare.LESS, moment + 1)


def _parse(younger: bool, cursor: Cursor, _: Registry) -> SearchKey:
    cursor.sp()
    return WithinKey(cursor.nz_number(), younger)


FEATURE = Feature(
    name="WITHIN",
    rfc=("5032",),
    capabilities=(Capability("WITHIN"),),
    search_keys=(
        SearchKeySpec("OLDER", partial(_parse, False), "RFC 5032 §2"),
        SearchKeySpec("YOUNGER", partial(_parse, True), "RFC 5032 §2"),
    ),
)
