"""Searches whose results are kept up to date: UPDATE (RFC 5267 §4.3).

::

    B01 UID SEARCH RETURN (UPDATE COUNT) DELETED KEYWORD $Junk
    * ESEARCH (TAG "B01") UID COUNT 74
    ...
    * ESEARCH (TAG "B01") UID ADDTO (0 32768:32769)
    * ESEARCH (TAG "B01") UID REMOVEFROM (0 32768)

A view has one `LiveSearches`, which it asks when it moves (`View.tell`): what leaves a
result is told while the client still counts as it did, what joins it when the client
knows of the messages. Invariants, for each search:

* ``told`` is what a client has that followed every response;
* ``wanted`` is what the search finds in the mailbox as it was last looked at;
* of the messages that the view has, the two differ only inside `View.tell`.

Only messages that are new or changed are searched again, unless the search itself
means something else by now, as \\Recent or a time that goes on.
"""

from __future__ import annotations

import abc
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from imapd.session.context import Context
from imapd.session.faults import Bad, Fault, No
from imapd.session.fetch_plan import Environment, Plan
from imapd.session.fetch_sender import Sender
from imapd.session.plugs import (
    FetchItem,
    ReturnScope,
    SearchReturnSpec,
    parse_fetch_item,
)
from imapd.session.registry import Registry
from imapd.session.reply import Reply
from imapd.session.search_program import environment_of, lower_in
from imapd.session.search_result import (
    Searching,
    SearchResult,
    following,
    set_pieces,
)
from imapd.session.view import View
from imapd.wire.cursor import Cursor
from imapd.wire.encode import ranges, string
from mailstore.errors import StoreError
from mailstore.model import Changes
from mailstore.query import And, ArrivedAt, Not, Or, Predicate, Uids

_MOST_KEPT = 500_000  # messages in the results of one session that are kept
_TIME_PASSES = 60.0  # seconds between looks for the sake of the time alone


class _Live(abc.ABC):
    """One search that goes on. How it keeps its result is for those below."""

    def __init__(self, result: SearchResult, items: tuple[FetchItem, ...]) -> None:
        searching = result.searching
        self.tag = searching.context.tag
        self.searching = searching
        self.items = items
        self.joined: Sequence[int] = ()
        # What the view has not been told by now was left out of the result.
        self.modseq = result.view.modseq
        self._mailbox = result.mailbox
        # RFC 5267 §4.3: message numbers, and $, are those of the moment of the command.
        self._environment = environment_of(
            searching.context,
            result.view.snapshot(),
            searching.charset,
            live=result.view,
        )
        self._predicate = self._lowered()
        self._whole_at = self._now()  # when all messages were last searched

    def _now(self) -> float:
        return self.searching.context.services.runtime.monotonic()

    def _lowered(self) -> Predicate:
        return lower_in(self._environment, self.searching.keys)

    async def _find(self, predicate: Predicate) -> Sequence[int]:
        context = self.searching.context
        quiet = following(context, lambda _done, _total: None)
        return await self.searching.find(self._mailbox, predicate, quiet)

    def _means_something_else(self) -> bool:
        """Tell whether all messages have to be searched; the meaning is noted."""
        before, self._predicate = self._predicate, self._lowered()
        if self._predicate == before:
            return False
        if _without_times(self._predicate) != _without_times(before):
            return True
        if self._now() - self._whole_at >= _TIME_PASSES:
            return True
        self._predicate = before  # RFC 5032 §2: now and then is enough
        return False

    @abc.abstractmethod
    def __len__(self) -> int:
        """Give the number of messages that are found by now."""

    async def look(self, touched: Sequence[int], vanished: Sequence[int]) -> None:
        """See what is found now; ``touched`` are new or changed, ascending."""
        whole = self._means_something_else()
        if whole:
            self._whole_at = self._now()
        await self._look(touched, vanished, whole=whole)

    @abc.abstractmethod
    async def _look(
        self, touched: Sequence[int], vanished: Sequence[int], *, whole: bool
    ) -> None:
        """See what is found now; with ``whole`` among all messages."""

    async def _matching(self, touched: Sequence[int]) -> Sequence[int]:
        some = Uids(tuple(ranges(touched)))
        return await self._find(And((some, self._predicate)))

    @abc.abstractmethod
    def leaving(self, view: View, vanished: Sequence[int]) -> bytes:
        """Give the item of ESEARCH for what leaves the result, if anything does."""

    @abc.abstractmethod
    def arrived(self, view: View) -> bytes:
        """Give the item of ESEARCH for what joins the result; note it as ``joined``."""

    def _set(self, view: View, uids: Sequence[int]) -> bytes:
        """Render messages of the view in their order."""
        searching = self.searching
        numbers = list(uids)
        if not searching.by_uid:
            numbers = [number for uid in uids if (number := view.number(uid))]
        return b"".join(set_pieces([numbers], ascending=searching.ascending))


class _Unsorted(_Live):
    """A SEARCH: a set, which the client keeps in the order of the mailbox."""

    def __init__(self, result: SearchResult, items: tuple[FetchItem, ...]) -> None:
        super().__init__(result, items)
        self._wanted = set(result.uids)
        self._gone: set[int] = set()  # told, and no longer wanted
        self._fresh: set[int] = set()  # wanted, and not told yet

    def __len__(self) -> int:
        return len(self._wanted)

    async def _look(
        self, touched: Sequence[int], vanished: Sequence[int], *, whole: bool
    ) -> None:
        if whole:
            now = set(await self._find(self._predicate))
            self._leave(self._wanted - now)
            self._join(now - self._wanted)
            return
        self._leave(self._wanted.intersection(vanished))
        if touched:
            matching = set(await self._matching(touched))
            self._leave(self._wanted.intersection(touched) - matching)
            self._join(matching - self._wanted)

    def _leave(self, uids: set[int]) -> None:
        self._wanted -= uids
        self._gone |= uids - self._fresh
        self._fresh -= uids

    def _join(self, uids: set[int]) -> None:
        self._wanted |= uids
        self._fresh |= uids - self._gone
        self._gone -= uids

    def leaving(self, view: View, vanished: Sequence[int]) -> bytes:
        """Give REMOVEFROM; position 0 is any, as the client knows the messages."""
        self._leave(self._wanted.intersection(vanished))
        gone, self._gone = sorted(self._gone), set()
        return b"REMOVEFROM (0 %b)" % self._set(view, gone) if gone else b""

    def arrived(self, view: View) -> bytes:
        """Give ADDTO; position 0 leaves the place to the client."""
        known = sorted(u for u in self._fresh if view.number(u) is not None)
        self._fresh.difference_update(known)
        self.joined = known
        return b"ADDTO (0 %b)" % self._set(view, known) if known else b""


class _Sorted(_Live):
    """A SORT: a list, in which each message has its place."""

    def __init__(self, result: SearchResult, items: tuple[FetchItem, ...]) -> None:
        super().__init__(result, items)
        self._told = array("I", result.uids)
        self._wanted = array("I", result.uids)

    def __len__(self) -> int:
        return len(self._wanted)

    async def _look(
        self, touched: Sequence[int], vanished: Sequence[int], *, whole: bool
    ) -> None:
        if not whole and touched:
            matching = await self._matching(touched)
            whole = bool(matching) or not set(touched).isdisjoint(self._wanted)
        if whole:
            self._wanted = array("I", await self._find(self._predicate))
        elif vanished:
            self._drop(set(vanished))

    def _drop(self, uids: set[int]) -> None:
        if not uids.isdisjoint(self._wanted):
            self._wanted = array("I", [u for u in self._wanted if u not in uids])

    def leaving(self, view: View, vanished: Sequence[int]) -> bytes:
        """Give REMOVEFROM, from the end, so that no place shifts another one."""
        self._drop(set(vanished))
        kept = _kept(self._told, self._wanted)
        runs = list(_runs(self._told, kept))
        self._told = array("I", [uid for uid in self._told if uid in kept])
        pairs = [b"%d %b" % (at, self._set(view, uids)) for at, uids in runs[::-1]]
        return b"REMOVEFROM (%b)" % b" ".join(pairs) if pairs else b""

    def arrived(self, view: View) -> bytes:
        """Give ADDTO, from the start: each place is that of the whole list."""
        target = array("I", [u for u in self._wanted if view.number(u) is not None])
        runs = list(_runs(target, set(self._told)))
        self._told = target
        self.joined = [uid for _, uids in runs for uid in uids]
        pairs = [b"%d %b" % (at, self._set(view, uids)) for at, uids in runs]
        return b"ADDTO (%b)" % b" ".join(pairs) if pairs else b""


def _runs(uids: Sequence[int], others: set[int]) -> Iterator[tuple[int, Sequence[int]]]:
    """Find what stands between others in a list, with its places from 1."""
    start: int | None = None
    for at, uid in enumerate(uids):
        if uid in others:
            if start is not None:
                yield start + 1, uids[start:at]
            start = None
        elif start is None:
            start = at
    if start is not None:
        yield start + 1, uids[start:]


def _kept(told: Sequence[int], wanted: Sequence[int]) -> set[int]:
    """Give the most of what was told that may stay where it is.

    It is the longest part of ``told`` whose order is that of ``wanted``.
    """
    places = {uid: at for at, uid in enumerate(wanted)}
    common = [places[uid] for uid in told if uid in places]
    if all(a < b for a, b in pairwise(common)):
        return {wanted[at] for at in common}
    return {wanted[at] for at in _longest_ascending(common)}


def _longest_ascending(numbers: Sequence[int]) -> list[int]:
    """Give the longest ascending part of distinct numbers, in n log n steps."""
    ends: list[int] = []  # the least number that ends an ascending part of a length
    before: dict[int, int | None] = {}
    for number in numbers:
        at = bisect_left(ends, number)
        before[number] = ends[at - 1] if at else None
        ends[at : at + 1] = [number]
    found: list[int] = []
    step = ends[-1] if ends else None
    while step is not None:
        found.append(step)
        step = before[step]
    return found[::-1]


def _without_times(predicate: Predicate) -> Predicate:
    """Leave out the moments that `ArrivedAt` speaks of."""
    match predicate:
        case And(terms):
            return And(tuple([_without_times(term) for term in terms]))
        case Or(terms):
            return Or(tuple([_without_times(term) for term in terms]))
        case Not(term):
            return Not(_without_times(term))
        case ArrivedAt(compare):
            return ArrivedAt(compare, 0)
        case _:
            return predicate


class LiveSearches:
    """The live searches of a view; see `imapd.session.view.Follower`."""

    def __init__(self, context: Context, view: View) -> None:
        self._context = context
        self._view = view
        self._live: dict[bytes, _Live] = {}
        self._top = 0  # the highest UID that was told before the view moved

    def __len__(self) -> int:
        return len(self._live)

    def __contains__(self, tag: bytes) -> bool:
        return tag in self._live

    def has_room(self, more: int) -> bool:
        """Tell whether a result may be kept besides; a first one always may.

        RFC 5267 §4.3.1: one search of a client is kept up to date, whatever it finds.
        """
        kept = sum(map(len, self._live.values()))
        return not self._live or kept + more <= _MOST_KEPT

    def add(self, result: SearchResult, items: Sequence[FetchItem]) -> None:
        """Keep a result up to date from now on; new messages come with ``items``."""
        kind = _Unsorted if result.searching.ascending else _Sorted
        live = kind(result, tuple(items))
        self._live[live.tag] = live

    def cancel(self, tag: bytes) -> None:
        """Keep a search's result up to date no longer."""
        del self._live[tag]

    async def look(self) -> None:
        """See what the searches find now. Raises `ConnectionGone`."""
        changes = self._changes()
        if changes is None:
            return
        touched = sorted({*changes.new, *(uid for uid, _ in changes.changed)})
        for live in tuple(self._live.values()):
            try:
                await live.look(touched, changes.vanished)
            except (StoreError, Fault) as error:
                del self._live[live.tag]
                no_update(self._context, live.tag, f"no further updates: {error}")
            else:
                live.modseq = changes.modseq

    def _changes(self) -> Changes | None:
        """Give what not every search has looked at, None without searches."""
        since = min((live.modseq for live in self._live.values()), default=None)
        if since is None:
            return None
        settled = min(since, self._view.settled)
        return self._view.mailbox.changes(since, settled=settled)

    def leaving(self, reply: Reply) -> None:
        """Tell what leaves the results, before the view moves. It awaits nothing.

        More may have vanished since `look`, and the view will tell it: REMOVEFROM
        comes before any EXPUNGE (RFC 5267 §4.3.4).
        """
        changes = self._changes()
        if changes is None:
            return
        self._top = self._view.top
        for live in self._live.values():
            self._tell(reply, live, live.leaving(self._view, changes.vanished))

    async def arrived(self, reply: Reply) -> None:
        """Tell what joins the results, when the view has moved."""
        for live in tuple(self._live.values()):
            items = live.arrived(self._view)
            if live.items and items:
                await self._tell_messages(live)
            self._tell(reply, live, items)

    def _tell(self, reply: Reply, live: _Live, items: bytes) -> None:
        if items:
            uid = b" UID" if live.searching.by_uid else b""
            reply.untagged(b"ESEARCH (TAG %b)%b %b" % (string(live.tag), uid, items))

    async def _tell_messages(self, live: _Live) -> None:
        """Send what was asked for of messages that are new (RFC 5465 §7).

        No flag is set, whatever the items: nobody has read the messages yet.
        """
        view = self._view
        new = sorted(uid for uid in live.joined if uid > self._top)
        items, watch = live.items, self._context.session.watch
        if watch is not None:
            # RFC 5465 §5.2: what both have asked for comes in one response.
            items = (*items, *watch.items)
            watch.note_told(new)
        environment = Environment(self._context, view.mailbox, view)
        plan = Plan.of(items, environment)
        sender = Sender(self._context)
        async for batch in plan.batches(environment, new):
            await sender.send(plan.render(batch, view.names(batch.uids)))


def live_searches(context: Context) -> LiveSearches:
    """Give the live searches of the selected mailbox's view."""
    view = context.selected.view
    if not isinstance(view.follower, LiveSearches):
        view.follower = LiveSearches(context, view)
    return view.follower


def no_update(context: Context, tag: bytes, text: str) -> None:
    """Refuse to keep a result up to date (RFC 5267 §4.3.1)."""
    code = b"NOUPDATE " + string(tag)
    context.reply.untagged(context.status(b"NO", text, code.decode("ascii")))


# -- the return options


@dataclass(frozen=True, slots=True)
class FetchItems:
    """What is to be told of messages that are new (RFC 5465 §7)."""

    items: tuple[FetchItem, ...]

    @classmethod
    def parse(cls, cursor: Cursor, registry: Registry) -> FetchItems:
        """Take ``(item item …)``. Raises `Malformed`."""
        items = cursor.parenthesised(
            lambda: parse_fetch_item(cursor, registry), least=1
        )
        return cls(items)

    def unparse(self) -> bytes:
        """Write the items as a client would."""
        return b"(%b)" % b" ".join([item.unparse() for item in self.items])


def _begin(searching: Searching, argument: FetchItems | None) -> None:
    """Refuse a tag that names a live search already (RFC 5267 §4.3), too many items.

    Raises `Bad`, `No`.
    """
    most = searching.context.services.limits().fetch_items
    if argument is not None and len(argument.items) > most:
        raise No(f"{most} items at most can be asked for", "LIMIT")
    if searching.context.tag in live_searches(searching.context):
        raise Bad("a search that goes on has this tag")


async def _finish(result: SearchResult, argument: FetchItems | None) -> None:
    context = result.searching.context
    live = live_searches(context)
    most = context.services.limits().search_updates
    if len(live) >= most or not live.has_room(len(result.uids)):
        no_update(context, context.tag, "too much is kept up to date already")
        return
    live.add(result, argument.items if argument is not None else ())


UPDATE = SearchReturnSpec(
    "UPDATE",
    "RFC 5267 §4.3",
    parse=FetchItems.parse,
    optional=True,
    scope=ReturnScope.SELECTED,
    begin=_begin,
    finish=_finish,
)
# RFC 5267 §4.2: a hint, that the same search may come again.
CONTEXT = SearchReturnSpec("CONTEXT", "RFC 5267 §4.2")
