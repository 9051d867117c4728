"""UIDPLUS: UID EXPUNGE (RFC 4315 §2.1).

::

    uid-expunge     = "UID" SP "EXPUNGE" SP sequence-set

    a4 UID EXPUNGE 3000:3002
    * 3 EXPUNGE
    a4 OK UID EXPUNGE completed

The codes APPENDUID and COPYUID (§3) are sent by APPEND, COPY and MOVE themselves.
"""

from __future__ import annotations

from dataclasses import dataclass

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
    await selected.mailbox.expunge(selected.view.resolve(node.messages))
    return Completed("UID EXPUNGE completed")


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
