"""UTF8=ACCEPT: names and strings in UTF-8 (RFC 6855, RFC 9755).

::

    quoted          =/ DQUOTE *uQUOTED-CHAR DQUOTE
    utf8-literal    = "UTF8" SP "(" literal8 ")"
    append-data     =/ utf8-literal

    C: a ENABLE UTF8=ACCEPT
    S: * ENABLED UTF8=ACCEPT
    C: b SELECT "Entwürfe"
    C: c APPEND "Entwürfe" UTF8 (~{310}
    …
    C: )

After that a search names no charset: its strings are UTF-8. Headers with UTF-8 are
taken in any APPEND, for mail of all times has octets there that are no ASCII, and
whoever moves it must not lose it. Who has enabled this, or IMAP4rev2, gets mail as it
came; the others get its headers in ASCII (see `imapd.session.fetch_plan`).
"""

from __future__ import annotations

from dataclasses import dataclass

from imapd.session.append_program import content_of
from imapd.session.appending import AppendDataSpec
from imapd.session.context import Context
from imapd.session.faults import No
from imapd.session.registry import Capability, Enabling, Feature, Registry
from imapd.session.state import SessionState
from imapd.wire.cursor import Cursor
from imapd.wire.framing import Literal
from mailstore.model import Arrival

_NAME = "UTF8=ACCEPT"


@dataclass(frozen=True, slots=True)
class Utf8Data:
    """A message whose header may be UTF-8 (§4)."""

    message: Literal

    def unparse(self) -> bytes:
        """Write the data as a client would."""
        octets = self.message.data or b""
        return b"UTF8 (~{%d+}\r\n%b)" % (self.message.size, octets)

    async def arrive(self, context: Context, _: str) -> Arrival:
        """Give the message. Raises `No` when the client has not enabled it."""
        if _NAME not in context.session.enabled:
            raise No("ENABLE UTF8=ACCEPT first")
        return Arrival(content_of(self.message), encode_nul=True)


def parse(cursor: Cursor, _: Registry) -> Utf8Data:
    """Take `` (literal8)``. Raises `Malformed`."""
    cursor.sp()
    cursor.expect(b"(")
    if cursor.peek() != b"~":
        raise cursor.fail("a literal8")
    message = cursor.literal()
    cursor.expect(b")")
    return Utf8Data(message)


def enable(session: SessionState) -> None:
    """Speak UTF-8 from here on."""
    session.telling.utf8 = True
    session.telling.charsets = False


FEATURE = Feature(
    name=_NAME,
    rfc=("6855", "9755"),
    capabilities=(Capability(_NAME),),
    append_data=(AppendDataSpec("UTF8", parse, "RFC 6855 §4"),),
    enables=(Enabling(_NAME, enable),),
    requires=("ENABLE", "APPEND"),
)
