"""MESSAGELIMIT and SAVELIMIT: how many messages a command may be about (RFC 9738).

::

    capability      =/ "MESSAGELIMIT=" message-limit / "SAVELIMIT=" message-limit
    resp-text-code  =/ "MESSAGELIMIT" SP message-limit [SP uniqueid]
    search-key      =/ ("UIDAFTER" / "UIDBEFORE") SP uniqueid

    C: 04 UID SEARCH UID 22000:25000 UNDELETED
    S: * SEARCH 23221 24998 25000
    S: 04 OK [MESSAGELIMIT 1000 23221] UID SEARCH completed

The administrator sets one of the two bounds, or none: then neither is told. The bound
itself is kept by `imapd.session.bounds`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from imapd.session.bounds import is_bounded, is_saving_bounded
from imapd.session.plugs import SearchEnvironment, SearchKey, SearchKeySpec
from imapd.session.registry import Capability, Feature, Registry
from imapd.wire.cursor import MAX_NUMBER, Cursor
from mailstore.query import Nothing, Predicate, Uids


@dataclass(frozen=True, slots=True)
class UidSideKey:
    """A UID above one (UIDAFTER), or below it (UIDBEFORE)."""

    uid: int
    after: bool

    def __post_init__(self) -> None:
        if not 1 <= self.uid <= MAX_NUMBER:
            raise ValueError("a UID is from 1 to 4294967295")

    def unparse(self) -> bytes:
        """Write the key."""
        return b"%b %d" % (b"UIDAFTER" if self.after else b"UIDBEFORE", self.uid)

    def lower(self, _: SearchEnvironment) -> Predicate:
        """Say it in the store's terms; nothing is above the last, or below the first.

        Not as ``UID n:*``, which would name the last message always (RFC 3501 §9).
        """
        low, high = (self.uid + 1, MAX_NUMBER) if self.after else (1, self.uid - 1)
        return Uids(((low, high),)) if low <= high else Nothing()


def _parse(after: bool, cursor: Cursor, _: Registry) -> SearchKey:
    cursor.sp()
    return UidSideKey(cursor.nz_number(), after)


FEATURE = Feature(
    name="MESSAGELIMIT",
    rfc=("9738",),
    capabilities=(
        Capability(
            "MESSAGELIMIT",
            when=lambda session: is_bounded(session.limits()),
            value=lambda limits: limits.message_limit,
        ),
        Capability(
            "SAVELIMIT",
            when=lambda session: is_saving_bounded(session.limits()),
            value=lambda limits: limits.save_limit,
        ),
    ),
    search_keys=(
        SearchKeySpec("UIDAFTER", partial(_parse, True), "RFC 9738 §3.2"),
        SearchKeySpec("UIDBEFORE", partial(_parse, False), "RFC 9738 §3.2"),
    ),
)
