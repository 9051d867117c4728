"""LIST-MYRIGHTS: one's own rights to all mailboxes that LIST tells (RFC 8440).

::

    C: A01 LIST "" % RETURN (MYRIGHTS)
    S: * LIST () "/" INBOX
    S: * MYRIGHTS INBOX lrswipkxteancd
    S: * LIST () "/" foo
    S: * MYRIGHTS foo lrs
    S: A01 OK LIST completed
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from imapd.session.context import Context
from imapd.session.listing import ListAnswer, ListReturn, ListReturnSpec
from imapd.session.names import uses_utf8
from imapd.session.registry import Capability, Feature, Registry
from imapd.session.rights_responses import myrights_response
from imapd.wire.cursor import Cursor
from mailstore.model import MailboxEntry


@dataclass(frozen=True, slots=True)
class MyRightsReturn:
    """Tell one's rights too."""

    def unparse(self) -> bytes:
        """Write the option."""
        return b"MYRIGHTS"

    async def answers(
        self, context: Context, entries: Sequence[MailboxEntry]
    ) -> Sequence[ListAnswer]:
        """Give the rights to each mailbox; a name that is none has no response (§3)."""
        utf8 = uses_utf8(context)
        names = [entry.name for entry in entries if entry.id is not None]
        found = await context.account.rights.all_mine(names)
        return [
            ListAnswer(
                responses=(myrights_response(entry.name, found[entry.name], utf8=utf8),)
            )
            if entry.name in found
            else ListAnswer()
            for entry in entries
        ]


def parse(_: Cursor, __: Registry) -> ListReturn:
    """Take nothing: the option has no arguments."""
    return MyRightsReturn()


FEATURE = Feature(
    name="LIST-MYRIGHTS",
    rfc=("8440",),
    capabilities=(Capability("LIST-MYRIGHTS"),),
    list_returns=(ListReturnSpec("MYRIGHTS", parse, "RFC 8440 §3"),),
    requires=("LIST-EXTENDED", "ACL"),
)
