"""PARTIAL: a page of what SEARCH found, or of the messages of UID FETCH (RFC 9394).

::

    search-return-opt  =/ "PARTIAL" SP partial-range
    fetch-modifier     =/ "PARTIAL" SP partial-range

    A01 UID SEARCH RETURN (PARTIAL -1:-100) UNDELETED
    * ESEARCH (TAG "A01") UID PARTIAL (-1:-100 23:140)
    10 UID FETCH 25900:26600 (UID FLAGS) (PARTIAL -1:-3)

A page of UID FETCH is cut before other modifiers look at its messages (§3.4), so this
feature stands before theirs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from imapd.session.bounds import refuse_beyond
from imapd.session.context import Context
from imapd.session.faults import Bad
from imapd.session.parameters import FetchModifierSpec, FetchRequest
from imapd.session.plugs import FetchItem
from imapd.session.registry import Capability, Feature
from imapd.session.search_returns import PARTIAL
from imapd.syntax.partial_range import PartialRange
from imapd.syntax.sequence import UidSet
from imapd.wire.cursor import Cursor


@dataclass(frozen=True, slots=True)
class PartialModifier:
    """Answer for a part of the messages, counted among those that exist (§3.3)."""

    page: PartialRange

    @property
    def name(self) -> str:
        """Its name."""
        return "PARTIAL"

    @property
    def items(self) -> tuple[FetchItem, ...]:
        """No items of its own."""
        return ()

    def unparse(self) -> bytes:
        """Write it as a client would."""
        return b"PARTIAL " + self.page.unparse()

    def check(self, _: Context, request: FetchRequest) -> None:
        """Refuse it outside of UID FETCH. Raises `Bad`."""
        if not isinstance(request.messages, UidSet):
            raise Bad("PARTIAL is for UID FETCH")

    async def narrow(
        self, context: Context, _: FetchRequest, uids: Sequence[int]
    ) -> Sequence[int]:
        """Give the part. Raises `No` if it is larger than a command's may be."""
        page = self.page.of(uids)
        refuse_beyond(context, page)  # RFC 9738 §3.1
        return page


def _parse(cursor: Cursor) -> PartialModifier:
    cursor.sp()
    return PartialModifier(PartialRange.parse(cursor))


FEATURE = Feature(
    name="PARTIAL",
    rfc=("9394",),
    capabilities=(Capability("PARTIAL"),),
    search_returns=(PARTIAL,),
    fetch_modifiers=(FetchModifierSpec("PARTIAL", _parse, "RFC 9394 §3.3"),),
    requires=("ESEARCH",),
)
