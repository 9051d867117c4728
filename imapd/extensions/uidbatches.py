"""UIDBATCHES: ranges of UIDs that cut a mailbox into batches (RFC 10022).

::

    uidbatches  = "UIDBATCHES" SP nz-number [SP nz-number ":" nz-number]

    A143 UIDBATCHES 2000
    * UIDBATCHES (TAG "A143") 215295:99696,99695:20351,20350:7830,7829:1
    A143 OK UIDBATCHES completed

The first batch has the highest UIDs. The ranges leave no UID out between them and end
with 1, so that a message which the client doesn't know yet has its place too. The
optional argument asks for some of the batches, by their places.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from imapd.session.context import Context
from imapd.session.faults import Bad, No
from imapd.session.registry import (
    Capability,
    CommandSpec,
    Completed,
    Feature,
    Registry,
    States,
)
from imapd.session.view import View
from imapd.wire.cursor import Cursor
from imapd.wire.encode import string

_LEAST = 500  # messages in a batch; smaller ones would be answered at length
_SLICE = 1_000  # ranges rendered at a time
_COLON = re.compile(rb":")


@dataclass(frozen=True, slots=True)
class UidBatches:
    """Cut the mailbox into batches of a size; give all, or some by their places."""

    size: int
    first: int | None = None
    last: int | None = None

    def __post_init__(self) -> None:
        if (self.first is None) != (self.last is None):
            raise ValueError("a range has two ends")


def parse(cursor: Cursor, _: Registry) -> UidBatches:
    """Take the arguments of UIDBATCHES. Raises `Malformed`."""
    cursor.sp()
    size = cursor.nz_number()
    if cursor.peek() != b" ":
        cursor.end()
        return UidBatches(size)
    cursor.sp()
    first = cursor.nz_number()
    cursor.need(_COLON, "':'")
    last = cursor.nz_number()
    cursor.end()
    return UidBatches(size, first, last)


def unparse(node: UidBatches) -> bytes:
    """Write the command as a client would."""
    text = b"UIDBATCHES %d" % node.size
    if node.first is None or node.last is None:
        return text
    return b"%b %d:%d" % (text, node.first, node.last)


async def run(context: Context, node: UidBatches) -> Completed:
    """Answer with the ranges, those of the highest UIDs first.

    Raises `No` for batches that are too small, `Bad` for a range that descends.
    """
    if node.first is not None and node.last is not None and node.first > node.last:
        raise Bad("the first batch stands before the last", "CLIENTBUG")
    if node.size < _LEAST:
        raise No(f"a batch has {_LEAST} messages at least", "TOOFEW")
    reply = context.reply
    reply.write(b"* UIDBATCHES (TAG %b)" % string(context.tag))
    before = b" "
    for text in _rendered(context.selected.view, node):
        reply.write(before + text)
        before = b","
        await reply.room()
    reply.write(b"\r\n")
    return Completed("UIDBATCHES completed")


def _rendered(view: View, node: UidBatches) -> Iterator[bytes]:
    batches = -(-view.exists // node.size)
    first = (node.first or 1) - 1
    last = min(node.last or batches, batches)
    for at in range(first, last, _SLICE):
        some = range(at, min(at + _SLICE, last))
        yield b",".join([b"%d:%d" % _bounds(view, node.size, batch) for batch in some])


def _bounds(view: View, size: int, batch: int) -> tuple[int, int]:
    """Give highest and lowest UID of a batch, counted from 0."""
    start, stop = view.exists - (batch + 1) * size, view.exists - batch * size
    # Behind the batch before, whose lowest UID is that of a message.
    high = view.uids[stop] - 1 if stop < view.exists else view.uids[stop - 1]
    low = view.uids[start] if start > 0 else 1
    return high, low


FEATURE = Feature(
    name="UIDBATCHES",
    rfc=("10022",),
    capabilities=(Capability("UIDBATCHES"),),
    commands=(
        CommandSpec(
            name="UIDBATCHES",
            parse=parse,
            unparse=unparse,
            run=run,
            states=States.SELECTED,
            rfc="RFC 10022",
        ),
    ),
)
