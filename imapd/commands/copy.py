"""COPY and UID COPY (RFC 3501 §6.4.7, §6.4.8).

::

    copy            = "COPY" SP sequence-set SP mailbox

    a3 COPY 2:4 MEETING
    a3 OK [COPYUID 38505 304,319:320 3956:3958] COPY completed

The UIDs of the copies are told always: UIDPLUS (RFC 4315 §3) is no mode. It must not
know how a copy is made, and that all or nothing of it happens is the store's promise.
"""

from __future__ import annotations

from dataclasses import dataclass

from imapd.session.bounds import check_saving
from imapd.session.context import Context
from imapd.session.faults import No
from imapd.session.numbered import both_forms
from imapd.session.registry import Completed, Feature, Registry
from imapd.session.transfer import copyuid, destination, no_destination
from imapd.syntax.mailbox import parse_mailbox, unparse_name
from imapd.syntax.sequence import NumberSet, UidSet
from imapd.wire.cursor import Cursor
from mailstore.errors import NotFound


@dataclass(frozen=True, slots=True)
class Copy:
    """Copy messages to a mailbox; its name is as the client wrote it."""

    messages: NumberSet
    mailbox: bytes


def parse(numbers: type[NumberSet], cursor: Cursor, _: Registry) -> Copy:
    """Take the arguments of COPY. Raises `Malformed`."""
    cursor.sp()
    messages = numbers.parse(cursor)
    cursor.sp()
    mailbox = parse_mailbox(cursor)
    cursor.end()
    return Copy(messages, mailbox)


def unparse(node: Copy) -> bytes:
    """Write the command as a client would."""
    name = b"UID COPY" if isinstance(node.messages, UidSet) else b"COPY"
    return b"%b %b %b" % (name, node.messages.unparse(), unparse_name(node.mailbox))


async def run(context: Context, node: Copy) -> Completed:
    """Copy what still exists of the messages; all of it or nothing.

    Raises `Bad` for a number beyond the mailbox, `No` when there is no such
    destination, or nothing to copy under any of the numbers (RFC 2180 §4.4.1).
    """
    selected = context.selected
    by_uid = isinstance(node.messages, UidSet)
    uids = selected.view.resolve(node.messages)
    name = destination(context, node.mailbox)
    text = "UID COPY completed" if by_uid else "COPY completed"
    if not uids:
        return Completed(text)
    check_saving(context, len(uids), uids)
    try:
        with context.at_work():
            copied = await selected.mailbox.copy(uids, name)
    except NotFound as error:
        raise await no_destination(context, name, error) from error
    await context.note_added(name)
    if len(copied.source) == len(uids):
        return Completed(text, copyuid(copied))
    gone = "some of the messages no longer exist"
    if copied.source:
        return Completed(gone, copyuid(copied))
    if by_uid:  # RFC 3501 §6.4.8: a UID that doesn't exist is no error
        return Completed(gone, "EXPUNGEISSUED")
    raise No("the messages no longer exist", "EXPUNGEISSUED")


FEATURE = Feature(
    name="COPY",
    rfc=("3501",),
    commands=both_forms(
        "COPY",
        parse,
        unparse,
        run,
        rfc=("RFC 3501 §6.4.7", "RFC 3501 §6.4.8"),
    ),
)
