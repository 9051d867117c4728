"""XLIST: LIST with the special uses of Gmail, from before RFC 6154.

::

    xlist           = "XLIST" SP mailbox SP list-mailbox

    C: a1 XLIST "" "*"
    S: * XLIST (\\HasNoChildren \\Inbox) "/" INBOX
    S: * XLIST (\\HasNoChildren \\Spam) "/" Junk
    S: a1 OK XLIST completed

Outlook 2013 and 2016 know mailboxes by it and by nothing else. Thunderbird and others
would prefer it to SPECIAL-USE, which says more: so it is advertised to who has said to
be Outlook (ID, RFC 2971), and understood from anybody.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from imapd.session.context import Context
from imapd.session.listing import in_parts, list_response, name_attributes
from imapd.session.names import list_pattern, uses_utf8
from imapd.session.registry import (
    Capability,
    CommandSpec,
    Completed,
    Feature,
    Registry,
    States,
)
from imapd.session.state import SessionState
from imapd.syntax.mailbox import parse_mailbox, unparse_name
from imapd.wire.cursor import Cursor
from imapd.wire.encode import client_string
from mailstore.model import INBOX, MailboxEntry, SpecialUse

_NAMES: Mapping[SpecialUse | None, str] = {
    SpecialUse.ALL: "\\AllMail",
    SpecialUse.FLAGGED: "\\Starred",
    SpecialUse.JUNK: "\\Spam",
}


@dataclass(frozen=True, slots=True)
class Xlist:
    """List names; reference and pattern are as they were written."""

    reference: bytes
    pattern: bytes


def parse(cursor: Cursor, _: Registry) -> Xlist:
    """Take the arguments of XLIST. Raises `Malformed`."""
    cursor.sp()
    reference = parse_mailbox(cursor)
    cursor.sp()
    pattern = cursor.list_mailbox()
    cursor.end()
    return Xlist(reference, pattern)


def unparse(node: Xlist) -> bytes:
    """Write the command as a client would."""
    return b"XLIST %b %b" % (unparse_name(node.reference), client_string(node.pattern))


async def run(context: Context, node: Xlist) -> Completed:
    """Tell all names that match. Raises `No` for text that is no name."""
    utf8 = uses_utf8(context)
    pattern = list_pattern(context, node.reference, node.pattern)
    entries = await context.account.mailboxes()
    for at, part in enumerate(in_parts(entries)):
        if at:
            await context.reply.stand_aside()
        for entry in part:
            if entry.exists and pattern.matches(entry.name):
                told = _attributes(name_attributes(context.registry, entry), entry)
                line = list_response(entry.name, told, utf8=utf8, kind=b"XLIST")
                context.reply.untagged(line)
    return Completed("XLIST completed")


def _attributes(known: Iterable[str], entry: MailboxEntry) -> list[str]:
    """Say special uses in Gmail's words."""
    use = entry.special_use
    if use is None:
        return [*known, "\\Inbox"] if entry.name == INBOX else list(known)
    name = _NAMES.get(use, use.value)
    return [*(one for one in known if one != use.value), name]


def says_outlook(session: SessionState) -> bool:
    """Tell whether a client has said to be Outlook."""
    return any(value and "outlook" in value.lower() for _, value in session.client_id)


FEATURE = Feature(
    name="XLIST",
    rfc=(),
    capabilities=(Capability("XLIST", says_outlook),),
    commands=(
        CommandSpec(
            name="XLIST",
            parse=parse,
            unparse=unparse,
            run=run,
            states=States.LOGGED_IN,
            rfc="Gmail",
        ),
    ),
    requires=("LIST", "ID"),
)
