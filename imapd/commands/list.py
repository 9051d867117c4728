"""LIST and LSUB (RFC 3501 §6.3.8, §6.3.9).

::

    list            = "LIST" SP mailbox SP list-mailbox

    A101 LIST "" ""
    * LIST (\\Noselect) "/" ""
    A101 OK LIST completed

Attributes beyond ``\\Noselect`` come from other features by their `ListAttributes`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial

from imapd.session.context import Context
from imapd.session.faults import No
from imapd.session.names import uses_utf8
from imapd.session.registry import CommandSpec, Completed, Feature, Registry, States
from imapd.syntax.mailbox import (
    DELIMITER,
    InvalidMailboxName,
    ListPattern,
    ancestors,
    decode_name,
    parse_mailbox,
    render_name,
    unparse_name,
)
from imapd.wire.cursor import Cursor
from imapd.wire.encode import client_string
from mailstore.model import MailboxEntry

_BATCH = 256


@dataclass(frozen=True, slots=True)
class List:
    """List names, of mailboxes or (LSUB) of subscriptions, as they were written."""

    reference: bytes
    pattern: bytes
    subscribed: bool = False


def parse(subscribed: bool, cursor: Cursor, _: Registry) -> List:
    """Take the arguments of either command. Raises `Malformed`."""
    cursor.sp()
    reference = parse_mailbox(cursor)
    cursor.sp()
    pattern = cursor.list_mailbox()
    cursor.end()
    return List(reference, pattern, subscribed)


def unparse(node: List) -> bytes:
    """Write the command as a client would."""
    name = b"LSUB" if node.subscribed else b"LIST"
    pattern = client_string(node.pattern)
    return b"%b %b %b" % (name, unparse_name(node.reference), pattern)


async def run(context: Context, node: List) -> Completed:
    """Tell all names that match. Raises `No` for text that is no name."""
    name = "LSUB" if node.subscribed else "LIST"
    utf8 = uses_utf8(context)
    if not node.pattern and not node.subscribed:
        # §6.3.8: asks for the delimiter and the root of the reference.
        context.reply.untagged(_line("LIST", ["\\Noselect"], "", utf8=utf8))
        return Completed("LIST completed")
    try:
        pattern = ListPattern(
            decode_name(node.reference, utf8=utf8), decode_name(node.pattern, utf8=utf8)
        )
    except InvalidMailboxName as error:
        raise No(str(error), "CANNOT") from None
    entries = await context.account.mailboxes()
    if node.subscribed:
        found = _subscribed(entries, pattern)
    else:
        found = _existing(context.registry, entries, pattern)
    for at, (attributes, mailbox) in enumerate(found, 1):
        context.reply.untagged(_line(name, attributes, mailbox, utf8=utf8))
        if at % _BATCH == 0:
            await context.reply.room()
    return Completed(f"{name} completed")


def _existing(
    registry: Registry, entries: Iterable[MailboxEntry], pattern: ListPattern
) -> Iterator[tuple[list[str], str]]:
    for entry in entries:
        if entry.exists and pattern.matches(entry.name):
            attributes = [] if entry.selectable else ["\\Noselect"]
            for more in registry.list_attributes:
                attributes += more(entry)
            yield attributes, entry.name


def _subscribed(
    entries: Iterable[MailboxEntry], pattern: ListPattern
) -> Iterator[tuple[list[str], str]]:
    """Give subscribed names, and parents that ``%`` stops at (§6.3.9)."""
    told: set[str] = set()
    subscribed = [entry for entry in entries if entry.subscribed]
    names = {entry.name for entry in subscribed}
    for entry in subscribed:
        if pattern.matches(entry.name):
            told.add(entry.name)
            yield [] if entry.selectable else ["\\Noselect"], entry.name
            continue
        for parent in ancestors(entry.name):
            if parent not in told | names and pattern.matches(parent):
                told.add(parent)
                yield ["\\Noselect"], parent


def _line(kind: str, attributes: list[str], name: str, *, utf8: bool) -> bytes:
    return b'%b (%b) "%b" %b' % (
        kind.encode("ascii"),
        " ".join(attributes).encode("ascii"),
        DELIMITER.encode("ascii"),
        render_name(name, utf8=utf8),
    )


FEATURE = Feature(
    name="LIST",
    rfc=("3501",),
    commands=tuple(
        CommandSpec(
            name=name,
            parse=partial(parse, subscribed),
            unparse=unparse,
            run=run,
            states=States.LOGGED_IN,
            rfc=rfc,
        )
        for name, subscribed, rfc in (
            ("LIST", False, "RFC 3501 §6.3.8"),
            ("LSUB", True, "RFC 3501 §6.3.9"),
        )
    ),
)
