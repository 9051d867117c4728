"""A part of a list of messages, counted from its start or its end (RFC 9394 §4).

::

    partial-range  = nz-number ":" nz-number / "-" nz-number ":" "-" nz-number

    1:500, the first 500; -1:-100, the last 100
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from imapd.wire.cursor import MAX_NUMBER, Cursor

_RANGE = re.compile(
    rb"([1-9][0-9]{0,9}):([1-9][0-9]{0,9})|-([1-9][0-9]{0,9}):-([1-9][0-9]{0,9})"
)


@dataclass(frozen=True, slots=True)
class PartialRange:
    """Two places, both above 0, or both below it: then -1 is the last."""

    first: int
    last: int

    def __post_init__(self) -> None:
        if self.first * self.last <= 0:
            raise ValueError("places are counted from one end")
        if max(abs(self.first), abs(self.last)) > MAX_NUMBER:
            raise ValueError(f"a place is at most {MAX_NUMBER}")

    @classmethod
    def parse(cls, cursor: Cursor) -> PartialRange:
        """Take a range. Raises `Malformed`."""
        start = cursor.at
        found = cursor.need(_RANGE, "a range like 1:500 or -1:-100")
        sign = -1 if found[1] is None else 1
        first, last = (int(text) for text in found.groups() if text is not None)
        if max(first, last) > MAX_NUMBER or cursor.peek().isdigit():
            cursor.at = start
            raise cursor.fail(f"a range up to {MAX_NUMBER}")
        return cls(sign * first, sign * last)

    def unparse(self) -> bytes:
        """Write the range as it was."""
        return b"%d:%d" % (self.first, self.last)

    def of(self, items: Sequence[int]) -> Sequence[int]:
        """Give that part of a list, in the order of the list; empty if it's beyond."""
        low, high = sorted((self.first, self.last))
        if low > 0:
            return items[low - 1 : high]
        count = len(items)
        return items[max(count + low, 0) : max(count + high + 1, 0)]
