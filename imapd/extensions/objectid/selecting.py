"""The parameter OBJECTID of SELECT and EXAMINE (objectid-bis §7.1).

::

    select-param    =/ "OBJECTID" [SP "(" objectid-kvpair *(SP objectid-kvpair) ")"]
    objectid-kvpair = objectid-key SP objectid
    objectid-key    = "MAILBOXID" / "ACCOUNTID" / "EMAILID" / "THREADID" / atom

    C: 28 SELECT foo (OBJECTID (MAILBOXID F1a2b-3 ACCOUNTID A4c5d))

Whoever has renamed the mailbox meanwhile, it is the one that is selected; the name is
for the case that there is none, or none that the client may read. Keys that mean
nothing for a mailbox are passed over.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from imapd.extensions.objectid.compound import activate
from imapd.extensions.objectid.ids import OBJECT_ID
from imapd.session.context import Context
from imapd.wire.cursor import Cursor


@dataclass(frozen=True, slots=True)
class ObjectIdParameter:
    """Ask for the compound list; with ``ids``, by upper-case keys, for a mailbox."""

    ids: tuple[tuple[str, str], ...] = ()
    name: ClassVar[str] = "OBJECTID"

    def unparse(self) -> bytes:
        """Write the parameter."""
        if not self.ids:
            return b"OBJECTID"
        pairs = " ".join(f"{key} {value}" for key, value in self.ids)
        return f"OBJECTID ({pairs})".encode("ascii")

    def check(self, context: Context) -> None:
        """Nothing forbids it."""

    async def meant(self, context: Context) -> str | None:
        """Give the name of the mailbox that has the identifiers."""
        activate(context)
        ids = dict(self.ids)
        if "MAILBOXID" not in ids:
            return None
        found = context.account.object_ids
        return await found.name_of(ids["MAILBOXID"], ids.get("ACCOUNTID"))

    async def opened(self, context: Context) -> None:
        """Do nothing: the response that it asks for is there."""


def parse_parameter(cursor: Cursor) -> ObjectIdParameter:
    """Take the identifiers, if there are some. Raises `Malformed`."""
    if cursor.peek(2) != b" (":
        return ObjectIdParameter()
    cursor.sp()
    seen: set[str] = set()

    def pair() -> tuple[str, str]:
        start = cursor.at
        key = cursor.atom().decode("ascii").upper()
        if key in seen:
            cursor.at = start
            raise cursor.fail(f"{key} once")
        seen.add(key)
        cursor.sp()
        return key, cursor.need(OBJECT_ID, "an object identifier")[0].decode("ascii")

    return ObjectIdParameter(cursor.parenthesised(pair, least=1))
