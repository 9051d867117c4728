"""What a store does to a mailbox of more messages than a block of flags holds.

Flags stand in rows of 512 messages, and a block to which no UID can come any more is
sealed (`mailstore.index.seals`). The messages are copies of a few: many rows, and next
to no octets.
"""

from __future__ import annotations

from mailstore.index.blocks import SIZE
from tests.crash.operations import Bench, Operation

FIRST = SIZE - 6  # UIDs up to here are given before a run begins


def prefill(bench: Bench) -> None:
    """Give INBOX as many messages as come just before the end of a block."""
    bench.append(count=8)
    there = 8
    while there < FIRST:
        some = min(there, FIRST - there)
        _copy(bench, 0, some)
        there += some


def _copy(bench: Bench, start: int, stop: int, to: str = "INBOX") -> None:
    mailbox = bench.home.open()
    try:
        bench.home.run(mailbox.copy(mailbox.uids[start:stop], to))
    finally:
        bench.home.run(mailbox.close())


def _move(bench: Bench, start: int, stop: int) -> None:
    mailbox = bench.home.open()
    try:
        bench.home.run(mailbox.move(mailbox.uids[start:stop], "Archive"))
    finally:
        bench.home.run(mailbox.close())


OPERATIONS: tuple[Operation, ...] = (
    Operation("append up to the end of a block", lambda b: b.append(count=4)),
    Operation("flag a block", lambda b: b.flag("\\Seen", step=1), durable=False),
    Operation("append over the border", lambda b: b.append(count=3)),
    Operation("flag on both sides", lambda b: b.flag("$Label", step=7), durable=False),
    Operation("append behind the border", Bench.append),
    Operation("flag before a copy", lambda b: b.flag("\\Flagged"), durable=False),
    Operation("copy over two borders", lambda b: _copy(b, 0, SIZE + 9)),
    Operation("a second passes", Bench.settle),
    Operation("checkpoint", Bench.checkpoint, durable=False),
    Operation("mark", lambda b: b.flag("\\Deleted", step=3), durable=False),
    Operation("expunge of all blocks", Bench.expunge, durable=False),
    Operation("append after an expunge", lambda b: b.append(count=2)),
    Operation("move most of a block", lambda b: _move(b, 0, SIZE // 2)),
    Operation("end and start", Bench.reopen),
    Operation("flag after a start", lambda b: b.flag("\\Seen"), durable=False),
    Operation("copy to another mailbox", lambda b: _copy(b, 0, SIZE + 9, "Sent")),
    Operation("restore", Bench.restore),
)
"""Each is one transaction, as in `tests.crash.operations`."""
