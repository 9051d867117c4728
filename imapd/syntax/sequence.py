"""Sets of message numbers and of UIDs (RFC 3501 §9: sequence-set).

The two are different types of one shape, so that no command can mix them up.
Ranges are kept as the client wrote them and never expanded::

    SequenceSet(((1, 1), (4, 0)))      is  1,4:*
    SequenceSet((), saved=True)        is  $
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

from imapd.wire import abnf
from imapd.wire.cursor import MAX_NUMBER, Cursor
from imapd.wire.encode import ranges as join_ranges

STAR = 0
SAVED = b"$"
MAX_RANGES = 10_000


def _end(text: bytes) -> int:
    """Read one seq-number: ``*``, or digits of which the first is not 0.

    Raises `ValueError`.
    """
    if text == b"*":
        return STAR
    if not text.isdigit() or text.startswith(b"0"):
        raise ValueError
    return int(text)


def _unparse_end(value: int) -> bytes:
    return b"*" if value == STAR else b"%d" % value


@dataclass(frozen=True, slots=True)
class NumberSet:
    """Closed ranges in the order of the wire; `STAR` stands for ``*``.

    With ``saved`` it is ``$``, the messages that the last saving SEARCH found
    (RFC 5182 §2.1): it has no ranges, and which they are is the view's to say. They
    may be meant by numbers or by UIDs, as with any other set.
    """

    ranges: tuple[tuple[int, int], ...]
    saved: bool = False
    what: ClassVar[str] = "a sequence set"

    def __post_init__(self) -> None:
        if self.saved:
            if self.ranges:
                raise ValueError("$ has no ranges")
        elif not 1 <= len(self.ranges) <= MAX_RANGES:
            raise ValueError(f"a set has 1 to {MAX_RANGES} ranges")
        for low, high in self.ranges:
            if not (0 <= low <= MAX_NUMBER and 0 <= high <= MAX_NUMBER):
                raise ValueError("numbers are from 1 to 4294967295, or *")

    @classmethod
    def parse(cls, cursor: Cursor) -> Self:
        """Take a set. Raises `Malformed`."""
        start = cursor.at
        if SAVED in cursor.terminals and cursor.accept(SAVED):
            return cls((), saved=True)
        text = cursor.need(abnf.sequence_set, cls.what)[0]
        pieces = text.split(b",")
        if len(pieces) > MAX_RANGES:
            cursor.at = start
            raise cursor.fail(f"at most {MAX_RANGES} ranges", "LIMIT")
        try:
            if text.isdigit() and not text.startswith(b"0"):
                number = int(text)
                return cls(((number, number),))
            if b":" not in text and b"*" not in text and b",0" not in b"," + text:
                # What clients send in thousands: plain numbers.
                numbers = list(map(int, pieces))
                return cls(tuple(zip(numbers, numbers, strict=True)))
            found = []
            for piece in pieces:
                low, colon, high = piece.partition(b":")
                first = _end(low)
                found.append((first, _end(high) if colon else first))
            return cls(tuple(found))
        except ValueError:
            cursor.at = start
            raise cursor.fail(cls.what) from None

    @classmethod
    def of(cls, numbers: Sequence[int]) -> Self:
        """Make a set of ascending numbers, each there once.

        Raises `ValueError` when there is none, or more than `MAX_RANGES` ranges.
        """
        return cls(tuple(join_ranges(numbers)))

    def unparse(self) -> bytes:
        """Write the set as it was."""
        if self.saved:
            return SAVED
        return b",".join(
            _unparse_end(low)
            if low == high
            else _unparse_end(low) + b":" + _unparse_end(high)
            for low, high in self.ranges
        )

    def resolve(self, largest: int) -> tuple[tuple[int, int], ...]:
        """Give ascending, disjoint ranges, with ``*`` as the largest number in use.

        ``n:*`` is ``*:n``, so it names the last message even when n is beyond it
        (RFC 3501 §9). With ``largest`` 0 the mailbox is empty and ranges that
        need ``*`` name nothing. Other ranges stay as they are: whether a number
        beyond the mailbox is an error is for the caller to say. For ``$`` there are
        none.
        """
        if len(self.ranges) == 1 and 0 < self.ranges[0][0] <= self.ranges[0][1]:
            return self.ranges
        found: list[tuple[int, int]] = []
        for low, high in self.ranges:
            if STAR in (low, high) and largest == 0:
                continue
            first = largest if low == STAR else low
            last = largest if high == STAR else high
            found.append((first, last) if first <= last else (last, first))
        found.sort()
        merged: list[tuple[int, int]] = []
        for first, last in found:
            if merged and first <= merged[-1][1] + 1:
                if last > merged[-1][1]:
                    merged[-1] = (merged[-1][0], last)
            else:
                merged.append((first, last))
        return tuple(merged)


class SequenceSet(NumberSet):
    """Message sequence numbers (RFC 3501 §2.3.1.2)."""

    __slots__ = ()
    what: ClassVar[str] = "a message sequence set"


class UidSet(NumberSet):
    """Unique identifiers (RFC 3501 §2.3.1.1)."""

    __slots__ = ()
    what: ClassVar[str] = "a UID set"
