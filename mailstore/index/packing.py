"""Functions that steps of the schema call: what SQL alone cannot say.

They must not depend on tables: a step runs while the index has the schema of before.
Nor may one damaged row keep a step, and so an account, from its end: what it says that
can't be is left out, and `imapd check` tells it.
"""

from __future__ import annotations

import apsw

from mailstore.index.blocks import Block, block_of
from mailstore.index.records import LOW_BITS, to_mask
from mailstore.index.sealing import Seal

_MOST_BITS = LOW_BITS + 8 * 255  # that a block can hold of one message


class _PackFlags:
    """``pack_flags(uid, flags, more, modseq)``: the octets of a block of its rows."""

    def __init__(self) -> None:
        self._rows: list[tuple[int, int, int]] = []

    def step(self, *values: apsw.SQLiteValue) -> None:
        uid, flags, more, modseq = values
        mask = _mask(flags, more)
        if not isinstance(modseq, int) or modseq < 0:
            modseq = 0
        self._rows.append((uid, mask, modseq))  # type: ignore[arg-type]

    def final(self) -> bytes:
        rows = sorted(self._rows)
        block = Block.new(block_of(rows[0][0]))
        uids, masks, modseqs = zip(*rows, strict=True)
        block.add(uids, masks, modseqs)
        return block.octets()


class _PackEntries:
    """``pack_entries(uid, size, date, zone, message)``: the octets of a seal."""

    def __init__(self) -> None:
        self._rows: list[tuple[apsw.SQLiteValue, ...]] = []

    def step(self, *values: apsw.SQLiteValue) -> None:
        self._rows.append(values)

    def final(self) -> bytes:
        try:
            return Seal.of(sorted(self._rows)).octets()
        except ValueError:
            return b""  # a seal that cannot be read: `entry` is read in its place


def _mask(flags: apsw.SQLiteValue, more: apsw.SQLiteValue) -> int:
    if not isinstance(flags, int) or not isinstance(more, bytes | None):
        return 0
    mask = to_mask(flags, more)
    return mask if mask.bit_length() <= _MOST_BITS else 0


def register(connection: apsw.Connection) -> None:
    """Let a connection's statements call the functions."""
    connection.create_aggregate_function("pack_flags", _PackFlags, 4)
    connection.create_aggregate_function("pack_entries", _PackEntries, 5)
