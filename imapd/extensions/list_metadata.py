"""LIST-METADATA: annotations of all mailboxes that LIST tells (RFC 9590).

::

    C: A01 LIST "" % RETURN (METADATA ("/shared/vendor/x/colour"))
    S: * LIST () "/" INBOX
    S: * METADATA INBOX (/shared/vendor/x/colour "#b71c1c")
    S: * LIST () "/" foo
    S: * METADATA foo (/shared/vendor/x/colour NIL)
    S: A01 OK LIST completed
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from imapd.session.context import Context
from imapd.session.listing import ListAnswer, ListReturn, ListReturnSpec
from imapd.session.metadata_responses import metadata_response
from imapd.session.names import uses_utf8
from imapd.session.registry import Capability, Feature, Registry
from imapd.syntax.metadata_entry import parse_entry, unparse_entry
from imapd.wire.cursor import Cursor
from mailstore.model import MailboxEntry

MAX_ENTRIES = 100


@dataclass(frozen=True, slots=True)
class MetadataReturn:
    """Tell annotations too; each entry once."""

    entries: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.entries:
            raise ValueError("METADATA asks for something")

    def unparse(self) -> bytes:
        """Write the option."""
        return b"METADATA (%b)" % b" ".join(map(unparse_entry, self.entries))

    async def answers(
        self, context: Context, entries: Sequence[MailboxEntry]
    ) -> Sequence[ListAnswer]:
        """Give the annotations of each mailbox, read together for all of them."""
        names = [entry.name for entry in entries if entry.exists]
        utf8 = uses_utf8(context)
        found = await context.account.metadata.get_all(names, self.entries)
        return [
            ListAnswer(
                responses=(metadata_response(entry.name, found[entry.name], utf8=utf8),)
            )
            if entry.name in found
            else ListAnswer()
            for entry in entries
        ]


def parse(cursor: Cursor, _: Registry) -> ListReturn:
    """Take the entries of the option. Raises `Malformed`."""
    cursor.sp()
    start = cursor.at
    found = cursor.parenthesised(lambda: parse_entry(cursor), least=1)
    if len(found) > MAX_ENTRIES:
        cursor.at = start
        raise cursor.fail(f"at most {MAX_ENTRIES} entries", "LIMIT")
    return MetadataReturn(tuple({one.lower(): one for one in found}.values()))


FEATURE = Feature(
    name="LIST-METADATA",
    rfc=("9590",),
    capabilities=(Capability("LIST-METADATA"),),
    list_returns=(ListReturnSpec("METADATA", parse, "RFC 9590"),),
    requires=("LIST-EXTENDED", "METADATA"),
)
