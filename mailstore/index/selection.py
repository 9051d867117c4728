"""Which messages of a mailbox a statement is about: ranges of UIDs, never a list.

100,000 messages in a row are one range, so that a change to all of them is one
statement (no variable per message).
"""

from __future__ import annotations

import json
from array import array
from bisect import bisect_left
from collections.abc import Sequence
from typing import NamedTuple

from mailstore.index.database import Value
from mailstore.model import MailboxId
from mailstore.runs import runs


class Selection(NamedTuple):
    """Ascending, disjoint, closed ranges of UIDs."""

    ranges: tuple[tuple[int, int], ...]

    def __bool__(self) -> bool:
        return bool(self.ranges)

    @classmethod
    def of(cls, uids: Sequence[int], among: array[int]) -> Selection:
        """Name ``uids`` (ascending) by ranges that hold no other UID of ``among``.

        ``among`` is every UID that the mailbox may have up to the last of ``uids``,
        ascending; those of ``uids`` that it lacks are left out.
        """
        if len(uids) == 1:
            (uid,) = uids
            at = bisect_left(among, uid)
            there = at < len(among) and among[at] == uid
            return cls(((uid, uid),) if there else ())
        ranges: list[tuple[int, int]] = []
        end = -1  # position in `among` behind the last range
        for start, stop, at in runs(uids, among):
            first = ranges.pop()[0] if start == end else uids[at]
            ranges.append((first, among[stop - 1]))
            end = stop
        return cls(tuple(ranges))

    @property
    def single(self) -> int | None:
        """The one UID that it names, if it names one."""
        if len(self.ranges) != 1:
            return None
        ((low, high),) = self.ranges
        return low if low == high else None

    def at_most(self, count: int) -> bool:
        """Tell whether it names no more than so many UIDs, there or not."""
        if len(self.ranges) > count:
            return False
        return sum(high - low + 1 for low, high in self.ranges) <= count

    def where(
        self, mailbox: MailboxId, table: str = "entry", column: str = "uid"
    ) -> tuple[str, list[Value]]:
        """Give a condition on a table's ``mailbox`` and a number, and its values."""
        if len(self.ranges) == 1:
            values: list[Value] = [mailbox, *self.ranges[0]]
            return f"mailbox = ? AND {column} BETWEEN ? AND ?", values
        condition = (
            f"mailbox = ? AND {column} IN (SELECT e.{column} FROM json_each(?) j"
            f" CROSS JOIN {table} e ON e.mailbox = ?"
            f" AND e.{column} BETWEEN j.value ->> 0 AND j.value ->> 1)"
        )
        return condition, [mailbox, json.dumps(self.ranges), mailbox]


LAST_UID = 2**32 - 1
EVERYTHING = Selection(((1, LAST_UID),))
