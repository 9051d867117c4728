"""The search key X-GM-RAW: a query in Gmail's language.

::

    search-key      =/ "X-GM-RAW" SP astring

    C: a SEARCH X-GM-RAW "has:attachment in:unread"
    S: * SEARCH 7 9
"""

from __future__ import annotations

from dataclasses import dataclass

from imapd.extensions.gmail.names import check_own
from imapd.extensions.gmail.query import NoQuery, NotPossible, read_query
from imapd.session.faults import Bad, No
from imapd.session.plugs import SearchEnvironment
from imapd.session.registry import Registry
from imapd.wire.cursor import Cursor
from imapd.wire.encode import client_astring
from mailstore.query import AlsoIn, Predicate, kinds


@dataclass(frozen=True, slots=True)
class RawKey:
    """A query, as it was written."""

    query: bytes

    def unparse(self) -> bytes:
        """Write the key."""
        return b"X-GM-RAW " + client_astring(self.query)

    def lower(self, environment: SearchEnvironment) -> Predicate:
        """Say it in the store's terms. Raises `Bad`, `No`."""
        text = environment.decode(self.query)
        try:
            found = read_query(text, environment.now())
        except NotPossible as error:
            raise No(_ascii(error), "CANNOT") from None
        except NoQuery as error:
            raise Bad(f"X-GM-RAW: {_ascii(error)}") from None
        if AlsoIn in kinds(found):
            check_own(environment.context, environment.view.mailbox)
        return found


def _ascii(error: Exception) -> str:
    """Give what may stand in a response: a query may have any character."""
    return "".join(c if " " <= c <= "~" else "?" for c in str(error))


def parse_raw_key(cursor: Cursor, _: Registry) -> RawKey:
    """Take the query. Raises `Malformed`."""
    cursor.sp()
    return RawKey(cursor.astring())
