"""MOVE and UID MOVE (RFC 6851).

::

    move            = "MOVE" SP sequence-set SP mailbox

    a UID MOVE 42:69 foo
    * OK [COPYUID 432432 42:69 1202:1229] moved
    * 22 EXPUNGE
    a OK UID MOVE completed

One transaction does it: a message is never lost and never in both mailboxes. The
dispatcher tells the removals, behind the COPYUID and before the tagged OK.
"""

from __future__ import annotations

from dataclasses import dataclass

from imapd.session.bounds import cut, with_code
from imapd.session.context import Context
from imapd.session.faults import No
from imapd.session.numbered import both_forms
from imapd.session.registry import Capability, Completed, Feature, Registry
from imapd.session.transfer import copyuid, destination, no_destination
from imapd.syntax.mailbox import parse_mailbox, unparse_name
from imapd.syntax.sequence import NumberSet, UidSet
from imapd.wire.cursor import Cursor
from mailstore.errors import NotFound


@dataclass(frozen=True, slots=True)
class Move:
    """Move messages to a mailbox; its name is as the client wrote it."""

    messages: NumberSet
    mailbox: bytes


def parse(numbers: type[NumberSet], cursor: Cursor, _: Registry) -> Move:
    """Take the arguments of MOVE. Raises `Malformed`."""
    cursor.sp()
    messages = numbers.parse(cursor)
    cursor.sp()
    mailbox = parse_mailbox(cursor)
    cursor.end()
    return Move(messages, mailbox)


def unparse(node: Move) -> bytes:
    """Write the command as a client would."""
    name = b"UID MOVE" if isinstance(node.messages, UidSet) else b"MOVE"
    return b"%b %b %b" % (name, node.messages.unparse(), unparse_name(node.mailbox))


async def run(context: Context, node: Move) -> Completed:
    """Move what still exists of the messages; all of it or nothing.

    Raises `Bad` for a number beyond the mailbox, `No` when there is no such
    destination or nothing to move under any of the numbers.
    """
    selected = context.selected
    by_uid = isinstance(node.messages, UidSet)
    uids, bound = cut(context, selected.view.resolve(node.messages))
    name = destination(context, node.mailbox)
    text = "UID MOVE completed" if by_uid else "MOVE completed"
    if not uids:
        return Completed(text)
    try:
        with context.at_work():
            moved = await selected.mailbox.move(uids, name)
    except NotFound as error:
        raise await no_destination(context, name, error) from error
    await context.note_added(name)
    code = copyuid(moved)
    if code is not None:
        # RFC 6851 §4.3: before the EXPUNGEs, while the client knows the numbers.
        context.reply.untagged(context.status(b"OK", "moved", code))
    if len(moved.source) == len(uids):
        return with_code(context, Completed(text), bound)
    if not moved.source and not by_uid:
        raise No("the messages no longer exist", "EXPUNGEISSUED")
    gone = Completed("some of the messages no longer exist", "EXPUNGEISSUED")
    return with_code(context, gone, bound)


FEATURE = Feature(
    name="MOVE",
    rfc=("6851",),
    capabilities=(Capability("MOVE"),),
    commands=both_forms(
        "MOVE",
        parse,
        unparse,
        run,
        rfc=("RFC 6851 §3.1", "RFC 6851 §3.2"),
    ),
)
