"""LSUB (RFC 3501 §6.3.9).

::

    lsub            = "LSUB" SP mailbox SP list-mailbox

    A002 LSUB "#news." "comp.mail.*"
    * LSUB () "/" #news.comp.mail.mime
    A002 OK LSUB completed

Its ``\\Noselect`` says something else than LIST's: the name itself is not subscribed,
only names below it are.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass

from imapd.session.context import Context
from imapd.session.listing import in_parts, list_response, name_attributes
from imapd.session.names import list_pattern, uses_utf8
from imapd.session.registry import CommandSpec, Completed, Feature, Registry, States
from imapd.syntax.mailbox import ListPattern, ancestors, parse_mailbox, unparse_name
from imapd.wire.cursor import Cursor
from imapd.wire.encode import client_string
from mailstore.model import MailboxEntry


@dataclass(frozen=True, slots=True)
class Lsub:
    """List subscribed names; reference and pattern are as they were written."""

    reference: bytes
    pattern: bytes


def parse(cursor: Cursor, _: Registry) -> Lsub:
    """Take the arguments of LSUB. Raises `Malformed`."""
    cursor.sp()
    reference = parse_mailbox(cursor)
    cursor.sp()
    pattern = cursor.list_mailbox()
    cursor.end()
    return Lsub(reference, pattern)


def unparse(node: Lsub) -> bytes:
    """Write the command as a client would."""
    return b"LSUB %b %b" % (unparse_name(node.reference), client_string(node.pattern))


async def run(context: Context, node: Lsub) -> Completed:
    """Tell all names that match. Raises `No` for text that is no name."""
    utf8 = uses_utf8(context)
    pattern = list_pattern(context, node.reference, node.pattern)
    entries = await context.account.mailboxes()
    subscribed = {entry.name: entry for entry in entries if entry.subscribed}
    told: set[str] = set()  # parents
    for at, part in enumerate(in_parts(subscribed.values())):
        if at:
            await context.reply.stand_aside()
        for attributes, name in _found(
            context.registry, part, subscribed, told, pattern
        ):
            line = list_response(name, attributes, utf8=utf8, kind=b"LSUB")
            context.reply.untagged(line)
    return Completed("LSUB completed")


def _found(
    registry: Registry,
    some: Iterable[MailboxEntry],
    subscribed: Container[str],
    told: set[str],
    pattern: ListPattern,
) -> Iterator[tuple[list[str], str]]:
    """Give subscribed names, and parents that ``%`` stops at, each once (§6.3.9)."""
    for entry in some:
        if pattern.matches(entry.name):
            # Outlook reads special uses from LSUB too; RFC 3501 has no \\NonExistent.
            known = name_attributes(registry, entry)
            yield known if entry.exists else ["\\Noselect"], entry.name
            continue
        for parent in ancestors(entry.name):
            if parent in told or parent in subscribed:
                continue
            if pattern.matches(parent):
                told.add(parent)
                yield ["\\Noselect"], parent


FEATURE = Feature(
    name="LSUB",
    rfc=("3501",),
    commands=(
        CommandSpec(
            name="LSUB",
            parse=parse,
            unparse=unparse,
            run=run,
            states=States.LOGGED_IN,
            rfc="RFC 3501 §6.3.9",
        ),
    ),
)
