"""Sort values of a mailbox's messages as numbers, so that sorting compares numbers.

A text column gives each message a place in the order of a collation: equal places,
equal texts. A new message finds its place by bisection between two others, so that
one arrival costs one lookup. It must not know SQL or messages. Example::

    list(TextColumn([b"b", b"A", b"b"], Comparator()).places) == [2.0, 1.0, 2.0]
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate, compress, islice
from typing import Any, TypeVar

from mailstore.found import Plane
from mailstore.mime.sorting import UNDECODED
from mailstore.query import Comparator
from mailstore.search.collation import order_key

T = TypeVar("T")

EMPTY = 0.0
"""The place of the empty text: before all others, always (RFC 5256 §3)."""

_MOST_OCTETS = 16 << 20  # of texts that a column keeps for the sake of new messages
_MOST_REFERENCES = 8 << 20  # of a mailbox (64 MiB); behind them, few of each message
_FEW_REFERENCES = 10
_RUN = 8_192
_TEXT = 200  # octets of a text, its place and their entries, about


class TextColumn:
    """One text of each message as its place among all, in a collation's order."""

    __slots__ = ("_comparator", "_place_of", "_texts", "places")

    def __init__(self, texts: Iterable[bytes], comparator: Comparator) -> None:
        self._comparator = comparator
        keys = self._keys(texts)
        distinct = in_order(list(set(keys)))
        if distinct and not distinct[0]:
            del distinct[0]
        if comparator.descending:
            valid = bisect_left(distinct, UNDECODED)
            distinct[:valid] = distinct[valid - 1 :: -1] if valid else []
        # Floats, since the interpreter compares them the fastest, and since there
        # is room between two of them.
        self._place_of = {key: float(at) for at, key in enumerate(distinct, 1)}
        self._place_of[b""] = EMPTY
        self.places = array("d", map(self._place_of.__getitem__, keys))
        self._texts: list[bytes] | None = distinct
        if comparator.descending or sum(map(len, distinct)) > _MOST_OCTETS:
            self._texts, self._place_of = None, {}

    @property
    def octets(self) -> int:
        """About how many octets of memory it takes."""
        known = self._texts or ()
        return self.places.itemsize * len(self.places) + _TEXT * len(known)

    def _keys(self, texts: Iterable[bytes]) -> list[bytes]:
        collation = self._comparator.collation
        return [order_key(text, collation) for text in texts]

    def extend(self, texts: Iterable[bytes]) -> bool:
        """Add messages; False when the column has to be made anew."""
        if self._texts is None:
            return False
        for key in self._keys(texts):
            place = self._place_of.get(key)
            if place is None:
                place = self._between(self._texts, key)
                if place is None:
                    return False
                self._place_of[key] = place
                insort(self._texts, key)
            self.places.append(place)
        return True

    def _between(self, texts: list[bytes], key: bytes) -> float | None:
        at = bisect_left(texts, key)
        low = self._place_of[texts[at - 1]] if at else EMPTY
        if at == len(texts):
            return low + 1.0
        high = self._place_of[texts[at]]
        middle = (low + high) / 2
        return middle if low < middle < high else None

    def keep(self, plane: Plane) -> bool:
        """Leave out messages; False when most of what is kept is about others."""
        self.places = array("d", compress(self.places, plane))
        return self._texts is None or len(self._texts) <= 2 * len(self.places) + 64


class Links:
    """Message ID and references of each message, as numbers of 64 bits; 0 is none."""

    __slots__ = ("_stored", "ids", "replies", "starts", "stops")

    def __init__(self) -> None:
        self.ids = array("q")
        self.replies = bytearray()  # 1: the subject tells of a reply or forward
        self.starts = array("Q")
        self.stops = array("Q")
        self._stored = array("q")

    @property
    def octets(self) -> int:
        """How many octets its columns take."""
        return len(self.replies) + 8 * (3 * len(self.ids) + len(self._stored))

    def extend(self, rows: Iterable[tuple[Any, ...]]) -> None:
        """Add messages; their rows begin with Message ID, reply, packed references."""
        rows = iter(rows)
        while found := list(islice(rows, _RUN)):
            self._extend(found)

    def _extend(self, found: Sequence[tuple[Any, ...]]) -> None:
        self.ids.extend([row[0] or 0 for row in found])
        self.replies.extend([1 if row[1] else 0 for row in found])
        packed = [row[2] for row in found]
        if len(self._stored) > _MOST_REFERENCES:
            packed = [one[-8 * _FEW_REFERENCES :] for one in packed]
        ends = accumulate(map(len, packed), initial=8 * len(self._stored))
        at = array("Q", [end // 8 for end in ends])
        self.starts.extend(at[:-1])
        self.stops.extend(at[1:])
        self._stored.frombytes(b"".join(packed))

    def references(self, at: int) -> array[int]:
        """Give the references of the message at an index, the parent last."""
        return self._stored[self.starts[at] : self.stops[at]]

    def keep(self, plane: Plane) -> bool:
        """Leave out messages; False when most of what is kept is about others."""
        for name in ("ids", "starts", "stops"):
            column = getattr(self, name)
            setattr(self, name, array(column.typecode, compress(column, plane)))
        self.replies = bytearray(compress(self.replies, plane))
        used = sum(self.stops) - sum(self.starts)
        return len(self._stored) <= 2 * used + 1_024


def numbers(values: Sequence[int]) -> Sequence[float]:
    """Give integers as what is compared the fastest, if that is exact."""
    if values and max(values) < 1 << 53 and min(values) > -(1 << 53):
        return array("d", values)
    return values


def in_order(
    items: Sequence[T], key: Callable[[T], Any] | None = None, *, reverse: bool = False
) -> list[T]:
    """Sort stably, in pieces: one long sort would keep all other threads waiting.

    Two pieces that are in order are merged by one more sort, in linear time.
    """
    runs = [
        sorted(items[at : at + _RUN], key=key, reverse=reverse)  # type: ignore[type-var,arg-type]
        for at in range(0, len(items), _RUN)
    ]
    while len(runs) > 1:
        pairs = zip(runs[::2], [*runs[1::2], []], strict=False)
        runs = [
            sorted(first + second, key=key, reverse=reverse)  # type: ignore[type-var,arg-type]
            for first, second in pairs
        ]
    return runs[0] if runs else []
