"""STATUS (RFC 3501 §6.3.10).

::

    status          = "STATUS" SP mailbox SP "(" status-att *(SP status-att) ")"

    A042 STATUS blurdybloop (UIDNEXT MESSAGES)
    * STATUS blurdybloop (MESSAGES 231 UIDNEXT 44292)
    A042 OK STATUS completed

Items are plugs: an extension brings its own by a `StatusItemSpec`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from imapd.session.context import Context
from imapd.session.names import existing_name, uses_utf8
from imapd.session.plugs import StatusItemSpec
from imapd.session.registry import CommandSpec, Completed, Feature, Registry, States
from imapd.syntax.mailbox import parse_mailbox, render_name, unparse_name
from imapd.wire.cursor import Cursor

_ITEM = re.compile(rb"[A-Za-z][A-Za-z0-9.-]{0,63}")


@dataclass(frozen=True, slots=True)
class Status:
    """Tell counters of a mailbox; each item once, in upper case."""

    mailbox: bytes
    items: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.items:
            raise ValueError("STATUS asks for something")


def parse(cursor: Cursor, registry: Registry) -> Status:
    """Take the arguments of STATUS. Raises `Malformed`."""
    cursor.sp()
    mailbox = parse_mailbox(cursor)
    cursor.sp()
    items = cursor.parenthesised(lambda: _item(cursor, registry), least=1)
    cursor.end()
    return Status(mailbox, tuple(dict.fromkeys(items)))


def _item(cursor: Cursor, registry: Registry) -> str:
    start = cursor.at
    name = cursor.need(_ITEM, "a status item")[0].decode("ascii").upper()
    if name not in registry.status_items:
        cursor.at = start
        raise cursor.fail("a status item")
    return name


def unparse(node: Status) -> bytes:
    """Write the command as a client would."""
    items = " ".join(node.items).encode("ascii")
    return b"STATUS %b (%b)" % (unparse_name(node.mailbox), items)


async def run(context: Context, node: Status) -> Completed:
    """Tell the counters. Raises `No` when there is no such mailbox."""
    name = existing_name(context, node.mailbox)
    status = await context.account.status(name)
    specs = context.registry.status_items
    pairs = " ".join(f"{item} {specs[item].value(status)}" for item in node.items)
    written = render_name(name, utf8=uses_utf8(context))
    context.reply.untagged(b"STATUS %b (%b)" % (written, pairs.encode("ascii")))
    return Completed("STATUS completed")


_RFC = "RFC 3501 §6.3.10"
FEATURE = Feature(
    name="STATUS",
    rfc=("3501",),
    commands=(
        CommandSpec(
            name="STATUS",
            parse=parse,
            unparse=unparse,
            run=run,
            states=States.LOGGED_IN,
            rfc=_RFC,
        ),
    ),
    status_items=(
        StatusItemSpec("MESSAGES", lambda status: status.messages, _RFC),
        StatusItemSpec("RECENT", lambda status: status.recent, _RFC),
        StatusItemSpec("UIDNEXT", lambda status: status.uidnext, _RFC),
        StatusItemSpec("UIDVALIDITY", lambda status: status.uidvalidity, _RFC),
        StatusItemSpec("UNSEEN", lambda status: status.unseen, _RFC),
    ),
)
