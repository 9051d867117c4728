"""LIST-STATUS: the counters of all mailboxes that LIST tells (RFC 5819).

::

    status-option   = "STATUS" SP "(" status-att *(SP status-att) ")"

    C: A01 LIST "" % RETURN (STATUS (MESSAGES UNSEEN))
    S: * LIST () "/" INBOX
    S: * STATUS INBOX (MESSAGES 17 UNSEEN 16)
    S: A01 OK LIST completed
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from imapd.session.context import Context
from imapd.session.listing import ListAnswer, ListReturn, ListReturnSpec
from imapd.session.names import uses_utf8
from imapd.session.registry import Capability, Feature, Registry
from imapd.session.status_items import parse_status_items, status_items
from imapd.wire.cursor import Cursor
from mailstore.model import MailboxEntry


@dataclass(frozen=True, slots=True)
class StatusReturn:
    """Tell counters too; each item once, in upper case."""

    items: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.items:
            raise ValueError("STATUS asks for something")

    def unparse(self) -> bytes:
        """Write the option."""
        return b"STATUS (%b)" % " ".join(self.items).encode("ascii")

    async def answers(
        self, context: Context, entries: Sequence[MailboxEntry]
    ) -> Sequence[ListAnswer]:
        """Give the counters of each mailbox, read together for all of them.

        A name that has no mailbox (any more) gets ``\\Noselect`` instead (§2).
        """
        items = status_items(context.registry, self.items)
        items.asked_for(context)
        names = [entry.name for entry in entries if entry.selectable]
        found = await context.account.statuses(
            names, recent=items.recent, deleted_octets=items.deleted_octets
        )
        utf8 = uses_utf8(context)
        return [
            ListAnswer(
                responses=(items.response(entry.name, found[entry.name], utf8=utf8),)
            )
            if entry.name in found
            else ListAnswer(attributes=("\\Noselect",))
            for entry in entries
        ]


def parse(cursor: Cursor, registry: Registry) -> ListReturn:
    """Take the items of the option. Raises `Malformed`."""
    cursor.sp()
    return StatusReturn(parse_status_items(cursor, registry))


FEATURE = Feature(
    name="LIST-STATUS",
    rfc=("5819",),
    capabilities=(Capability("LIST-STATUS"),),
    list_returns=(ListReturnSpec("STATUS", parse, "RFC 5819 §2"),),
    requires=("LIST-EXTENDED", "STATUS"),
)
