"""The sort values of one mailbox in memory, in the order of its UIDs.

Columns are loaded when a command first needs them, follow what arrives and vanishes,
and are shared by all sessions of the mailbox. Orders of the whole mailbox and its
forests are kept, the lately used ones; what does not depend on flags stays true
while only flags change. One thread at a time, held by ``lock``. It must not know
SQL, which `Source` hides.
"""

from __future__ import annotations

import threading
from array import array
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate, compress
from typing import Any, Protocol, TypeVar

from mailstore.found import Plane, indexes
from mailstore.model import Forest
from mailstore.query import Comparator, Criterion, SortKey, Threading
from mailstore.runs import runs
from mailstore.search import threads
from mailstore.search.columns import Links, TextColumn, in_order, numbers
from mailstore.search.threads import Thread, Tree

T = TypeVar("T")

_FIELDS: Mapping[SortKey, str] = {
    SortKey.CC: "cc",
    SortKey.DISPLAY_FROM: "display_from",
    SortKey.DISPLAY_TO: "display_to",
    SortKey.FROM: "from_",
    SortKey.SUBJECT: "subject",
    SortKey.TO: "to_",
}
_CHANGING = frozenset({SortKey.ANNOTATION, SortKey.MODSEQ, SortKey.RELEVANCY})
_NONE_GIVEN: Mapping[Criterion, Sequence[float]] = {}
_BY_DATE = (Criterion(SortKey.DATE),)
_BY_ARRIVAL = (Criterion(SortKey.ARRIVAL),)
_MOST_ORDERS = 8
_MOST_FORESTS = 4
_MOST_TEXTS = 12  # columns


class Messages(Protocol):
    """A mailbox's columns at one moment; `mailstore.state` and `planes.Columns`."""

    @property
    def uids(self) -> array[int]: ...
    @property
    def messages(self) -> array[int]: ...
    @property
    def dates(self) -> array[int]: ...
    @property
    def sizes(self) -> array[int]: ...
    @property
    def modseqs(self) -> array[int]: ...


class Source(Protocol):
    """Reads sort values of messages."""

    def values(
        self, messages: Sequence[int], names: Sequence[str]
    ) -> Iterator[tuple[Any, ...]]:
        """Give one tuple for each message, in their order.

        It begins with the fields of `SortFields` that were named.
        """
        ...


class SortTable:
    """Columns, orders and forests of one mailbox."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self._uids = array("I")
        self._sent: array[float] | None = None
        self._texts: OrderedDict[tuple[SortKey, Comparator], TextColumn] = OrderedDict()
        self._links: Links | None = None
        self._orders: OrderedDict[Any, array[int]] = OrderedDict()
        self._forests: OrderedDict[Any, Forest] = OrderedDict()

    @property
    def octets(self) -> int:
        """About how many octets it takes, while another thread may add some."""
        count, links = len(self._uids), self._links
        if not count:
            return 0
        forests = self._forests.copy().values()
        return sum(
            [
                4 * count,
                0 if self._sent is None else 8 * count,
                0 if links is None else links.octets,
                *[one.octets for one in self._texts.copy().values()],
                *[4 * len(order) for order in self._orders.copy().values()],
                *[8 * len(forest.uids) + count for forest in forests],
            ]
        )

    # -- loading and following

    def ready(
        self, now: Messages, criteria: Sequence[Criterion], how: Comparator
    ) -> bool:
        """Tell whether the whole mailbox's order is here: no more than a look."""
        order = self._orders.get((tuple(criteria), how), ())
        return self._uids == now.uids and len(order) == len(now.uids)

    def ready_forest(
        self, now: Messages, algorithm: Threading, how: Comparator, among: Plane | None
    ) -> Forest | None:
        """Give the threads of some messages if they are here."""
        if self._uids != now.uids:
            return None
        return self._forests.get((algorithm, how, among))

    def follow(self, now: Messages, source: Source) -> None:
        """Bring what is loaded in line with the mailbox."""
        if self._uids == now.uids:
            return
        keep = bytearray(len(self._uids))
        for start, stop, _ in runs(now.uids, self._uids):
            keep[start:stop] = b"\x01" * (stop - start)
        self._forests.clear()
        if 0 in keep:
            self._drop(keep)
        kept = len(self._uids)
        if self._uids != now.uids[:kept]:
            self.forget()  # another mailbox's UIDs: nothing fits
            kept = 0
        if kept < len(now.uids):
            self._add(now, kept, source)
        self._uids = now.uids[:]

    def forget(self) -> None:
        """Drop everything: after a failure nobody knows what was loaded."""
        self._forests.clear()
        self._uids = array("I")
        self._sent = self._links = None
        self._texts.clear()
        self._orders.clear()

    def _drop(self, keep: Plane) -> None:
        self._uids = array("I", compress(self._uids, keep))
        if self._sent is not None:
            self._sent = array("d", compress(self._sent, keep))
        for name, column in list(self._texts.items()):
            if not column.keep(keep):
                del self._texts[name]
        if self._links is not None and not self._links.keep(keep):
            self._links = None
        moved = array("I", accumulate(keep))
        for name, order in self._orders.items():
            left = compress(order, map(keep.__getitem__, order))
            self._orders[name] = array("I", [moved[at] - 1 for at in left])

    def _add(self, now: Messages, start: int, source: Source) -> None:
        new = now.messages[start:]
        if self._sent is not None:
            self._sent += _dates(source.values(new, ("sent",)), now.dates[start:])
        if self._links is not None:
            self._links.extend(source.values(new, _LINKS))
        for (key, how), column in list(self._texts.items()):
            texts = (row[0] for row in source.values(new, (_FIELDS[key],)))
            if not column.extend(texts):
                del self._texts[key, how]
        # An order that lacks some messages is completed when it is asked for.

    def _dates(self, now: Messages, source: Source) -> array[float]:
        if self._sent is None:
            self._sent = _dates(source.values(now.messages, ("sent",)), now.dates)
        return self._sent

    def _text(
        self, key: SortKey, how: Comparator, now: Messages, source: Source
    ) -> array[float]:
        column = self._texts.get((key, how))
        if column is None:
            values = source.values(now.messages, (_FIELDS[key],))
            column = TextColumn([row[0] for row in values], how)
            _remember(self._texts, (key, how), column, _MOST_TEXTS)
        return column.places

    def _linked(self, now: Messages, source: Source) -> Links:
        if self._links is None:
            links = Links()
            links.extend(source.values(now.messages, _LINKS))
            self._links = links
        return self._links

    # -- sorting

    def sort(
        self,
        now: Messages,
        among: Plane | None,
        criteria: tuple[Criterion, ...],
        how: Comparator,
        source: Source,
        given: Mapping[Criterion, Sequence[float]] = _NONE_GIVEN,
    ) -> array[int]:
        """Give UIDs in the order of criteria: all, or those in a plane.

        What is equal by all of them stays in the order of the mailbox. ``given`` has,
        for criteria of which nothing is kept here, a value for each message of the
        mailbox.
        """
        self.follow(now, source)
        count = len(now.uids)
        changing = any(criterion.key in _CHANGING for criterion in criteria)
        few = among is not None and among.count(1) * 8 < count
        if changing or (few and not self.ready(now, criteria, how)):
            some = range(count) if among is None else indexes(among)
            order: Sequence[int] = self._sorted(now, some, criteria, how, source, given)
        else:
            order = self._order(now, criteria, how, source)
            if among is not None:
                order = list(compress(order, map(among.__getitem__, order)))
        return array("I", map(now.uids.__getitem__, order))

    def _order(
        self,
        now: Messages,
        criteria: tuple[Criterion, ...],
        how: Comparator,
        source: Source,
    ) -> array[int]:
        """Give the indexes of all messages in the order of criteria; it is kept."""
        name = criteria, how
        order = self._orders.get(name)
        if order is None or len(order) < len(now.uids):
            known = order if order is not None else array("I")
            some = [*known, *range(len(known), len(now.uids))]
            order = array("I", self._sorted(now, some, criteria, how, source))
        _remember(self._orders, name, order, _MOST_ORDERS)
        return order

    def _sorted(
        self,
        now: Messages,
        some: Sequence[int],
        criteria: Sequence[Criterion],
        how: Comparator,
        source: Source,
        given: Mapping[Criterion, Sequence[float]] = _NONE_GIVEN,
    ) -> list[int]:
        order = list(some)
        for criterion in reversed(criteria):
            if criterion.key is SortKey.UID:
                order.sort(reverse=criterion.reverse)
                continue
            values = given.get(criterion)
            if values is None:
                values = self._values(now, criterion.key, how, source)
            order = in_order(order, values.__getitem__, reverse=criterion.reverse)
        return order

    def _values(
        self, now: Messages, key: SortKey, how: Comparator, source: Source
    ) -> Sequence[float]:
        match key:
            case SortKey.ARRIVAL:
                return numbers(now.dates)
            case SortKey.SIZE:
                return numbers(now.sizes)
            case SortKey.MODSEQ:
                return numbers(now.modseqs)
            case SortKey.DATE:
                return self._dates(now, source)
            case _:
                return self._text(key, how, now, source)

    # -- threading

    def thread(
        self,
        now: Messages,
        among: Plane | None,
        algorithm: Threading,
        how: Comparator,
        source: Source,
    ) -> Forest:
        """Give the threads of all messages, or of those in a plane."""
        self.follow(now, source)
        name = algorithm, how, None if among is None else bytes(among)
        forest = self._forests.get(name)
        if forest is None:
            forest = self._threaded(now, among, algorithm, how, source)
        _remember(self._forests, name, forest, _MOST_FORESTS)
        return forest

    def _threaded(
        self,
        now: Messages,
        among: Plane | None,
        algorithm: Threading,
        how: Comparator,
        source: Source,
    ) -> Forest:
        some = range(len(now.uids)) if among is None else indexes(among)

        def listed(criteria: tuple[Criterion, ...]) -> Sequence[int]:
            """List the messages, by their places among those in the plane."""
            order = self._order(now, criteria, how, source)
            if among is None:
                return order
            at = dict(zip(some, range(len(some)), strict=True))
            return [at[index] for index in order if among[index]]

        by_date = listed(_BY_DATE)
        subjects: Sequence[float] = ()
        if algorithm is not Threading.REFS:
            places = self._text(SortKey.SUBJECT, how, now, source)
            subjects = [places[at] for at in some]
        if algorithm is Threading.ORDEREDSUBJECT:
            tree = threads.ordered_subject(Thread(by_date, subjects=subjects))
        else:
            links = self._linked(now, source)
            thread = Thread(
                by_date,
                [links.ids[at] for at in some],
                [links.references(at) for at in some],
                subjects,
                [links.replies[at] for at in some],
            )
            if algorithm is Threading.REFERENCES:
                tree = threads.references(thread)
            else:
                tree = threads.refs(thread, listed(_BY_ARRIVAL))
        return _forest(tree, [now.uids[at] for at in some])


_LINKS = ("message_id", "reply", "references")


def _dates(values: Iterator[tuple[Any, ...]], arrival: Sequence[int]) -> array[float]:
    """Give sent dates; a message that has none was sent when it arrived (§2.2)."""
    return array(
        "d",
        [
            date if row[0] is None else row[0]
            for row, date in zip(values, arrival, strict=True)
        ],
    )


def _forest(tree: Tree, uids: Sequence[int]) -> Forest:
    walked = list(tree.walk(tree.roots))
    count = tree.count
    return Forest(
        array("I", [uids[node] if node < count else 0 for node, _ in walked]),
        array("I", [degree for _, degree in walked]),
    )


def _remember(kept: OrderedDict[Any, T], name: object, value: T, most: int) -> None:
    kept[name] = value
    kept.move_to_end(name)
    while len(kept) > most:
        kept.popitem(last=False)
