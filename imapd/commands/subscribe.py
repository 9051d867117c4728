"""SUBSCRIBE and UNSUBSCRIBE (RFC 3501 §6.3.6, §6.3.7).

::

    A002 SUBSCRIBE #news.comp.mail.mime
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from imapd.session.context import Context
from imapd.session.names import existing_name
from imapd.session.registry import CommandSpec, Completed, Feature, Registry, States
from imapd.syntax.mailbox import parse_mailbox, unparse_name
from imapd.wire.cursor import Cursor


@dataclass(frozen=True, slots=True)
class Subscribe:
    """Put a name on the list of LSUB, or take it off."""

    mailbox: bytes
    wanted: bool = True


def parse(wanted: bool, cursor: Cursor, _: Registry) -> Subscribe:
    """Take the argument of either command. Raises `Malformed`."""
    cursor.sp()
    mailbox = parse_mailbox(cursor)
    cursor.end()
    return Subscribe(mailbox, wanted)


def unparse(node: Subscribe) -> bytes:
    """Write the command as a client would."""
    name = b"SUBSCRIBE" if node.wanted else b"UNSUBSCRIBE"
    return b"%b %b" % (name, unparse_name(node.mailbox))


async def run(context: Context, node: Subscribe) -> Completed:
    """Change the subscription. Raises `No` for a name that doesn't exist.

    A name that is gone may be unsubscribed from; Thunderbird ends the name of a
    parent with its delimiter.
    """
    name = existing_name(context, node.mailbox, trailing=True)
    if node.wanted:
        await context.account.subscribe(name)
        return Completed("SUBSCRIBE completed")
    await context.account.unsubscribe(name)
    return Completed("UNSUBSCRIBE completed")


FEATURE = Feature(
    name="SUBSCRIBE",
    rfc=("3501",),
    commands=tuple(
        CommandSpec(
            name=name,
            parse=partial(parse, wanted),
            unparse=unparse,
            run=run,
            states=States.LOGGED_IN,
            rfc=rfc,
        )
        for name, wanted, rfc in (
            ("SUBSCRIBE", True, "RFC 3501 §6.3.6"),
            ("UNSUBSCRIBE", False, "RFC 3501 §6.3.7"),
        )
    ),
)
