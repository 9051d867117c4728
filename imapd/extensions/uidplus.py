"""UIDPLUS: UID EXPUNGE (RFC 4315 §2.1).

::

    uid-expunge     = "UID" SP "EXPUNGE" SP sequence-set

    a4 UID EXPUNGE 3000:3002
    * 3 EXPUNGE
    a4 OK UID EXPUNGE completed

The codes APPENDUID and COPYUID (§3) are sent by APPEND, COPY and MOVE themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from imapd.session.bounds import cut, with_code
from imapd.session.context import Context
from imapd.session.registry import (
    Capability,
    CommandSpec,
    Completed,
    Feature,
    Registry,
    States,
)
from imapd.syntax.sequence import UidSet
from imapd.wire.cursor import Cursor
from imapd.wire.encode import ranges
from mailstore.model import DELETED
from mailstore.query import And, HasSystemFlag, Uids


@dataclass(frozen=True, slots=True)
class UidExpunge:
    """Remove those of the messages that have \\Deleted."""

    messages: UidSet


def parse(cursor: Cursor, _: Registry) -> UidExpunge:
    """Take the argument of UID EXPUNGE. Raises `Malformed`."""
    cursor.sp()
    messages = UidSet.parse(cursor)
    cursor.end()
    return UidExpunge(messages)


def unparse(node: UidExpunge) -> bytes:
    """Write the command as a client would."""
    return b"UID EXPUNGE " + node.messages.unparse()


async def run(context: Context, node: UidExpunge) -> Completed:
    """Remove the messages; one without \\Deleted, or of no such UID, stays out."""
    selected = context.selected
    uids: Sequence[int] = selected.view.resolve(node.messages)
    if len(uids) > context.services.limits().message_limit:
        # RFC 9738 §3.1: those with \\Deleted count, and no others.
        deleted = And((Uids(tuple(ranges(uids))), HasSystemFlag(DELETED)))
        uids = await selected.mailbox.search(deleted)
    uids, code = cut(context, uids)
    with context.at_work():
        await selected.mailbox.expunge(uids)
    return with_code(context, Completed("UID EXPUNGE completed"), code)


FEATURE = Feature(
    name="UIDPLUS",
    rfc=("4315",),
    capabilities=(Capability("UIDPLUS"),),
    commands=(
        CommandSpec(
            name="UID EXPUNGE",
            parse=parse,
            unparse=unparse,
            run=run,
            states=States.SELECTED,
            rfc="RFC 4315 §2.1",
        ),
    ),
)
