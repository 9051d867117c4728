"""Functions that steps of the schema call: what SQL alone cannot say.

They must not depend on tables: a step runs while the index has the schema of before.
Nor may one damaged row keep a step, and so an account, from its end: what it says that
can't be is left out, and `imapd check` tells it.
"""

from __future__ import annotations

import apsw

from mailstore.index.blocks import Block, block_of, sound
from mailstore.index.sealing import Seal


class _PackFlags:
    """``pack_flags(uid, flags, more, modseq)``: the octets of a block of its rows."""

    def __init__(self) -> None:
        self._rows: list[tuple[int, int, int]] = []

    def step(self, *values: apsw.SQLiteValue) -> None:
        uid, *rest = values
        self._rows.append((uid, *sound(*rest)))  # type: ignore[arg-type]

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


def register(connection: apsw.Connection) -> None:
    """Let a connection's statements call the functions."""
    connection.create_aggregate_function("pack_flags", _PackFlags, 4)
    connection.create_aggregate_function("pack_entries", _PackEntries, 5)
