"""What a searching command found, and how it is told: as numbers or as UIDs.

SEARCH gives messages in the order of the mailbox, SORT in the order that was asked
for; both are a `SearchResult`, which return options read. RFC 4731 §3.1, RFC 5267
§3.1. Sets are rendered piece by piece, so that a long one is never in memory as a
whole::

    * ESEARCH (TAG "A283") ALL 2,10:11
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from imapd.session.context import Context
from imapd.session.plugs import ReturnArgument, SearchKey, SearchReturnSpec
from imapd.session.search_program import message_numbers
from imapd.session.view import View
from imapd.wire.encode import ranges, render_ranges, steps
from imapd.wire.numbers import marked
from mailstore.found import Found, chosen
from mailstore.query import Following, Predicate
from mailstore.service import Mailbox

SLICE = 2_048  # numbers rendered at a time
_UNORDERED = 1_024  # as a set, where hardly two of them make a range
_NUMBERS = " %d" * SLICE
_KEPT = 64  # pieces of numbers with gaps that stay: 2.5 MB at most
_FEW = 16  # of so many messages one: then each is rendered by itself

Find = Callable[[Mailbox, Predicate, Following], Awaitable[Sequence[int]]]
"""Gives the UIDs of a mailbox that match, in the requested order."""


async def in_mailbox_order(
    mailbox: Mailbox, predicate: Predicate, following: Following
) -> Sequence[int]:
    """Find messages as SEARCH does, ascending."""
    return await mailbox.search(predicate, following)


def following(
    context: Context, progress: Callable[[int, int], None] | None = None
) -> Following:
    """Follow a search of this connection: it ends soon when the client is gone.

    ``progress`` hears how many steps are done, and of how many; without it the
    command's own progress is told.
    """
    return Following(
        lambda: context.input.gone,
        progress or context.progress,
        context.services.limits().search_seconds,
    )


@dataclass(frozen=True, slots=True)
class ReturnOption:
    """A return option with its argument, as it stands in a command."""

    name: str
    argument: ReturnArgument | None = None

    def unparse(self) -> bytes:
        """Write the option as a client would."""
        name = self.name.encode("ascii")
        if self.argument is None:
            return name
        return name + b" " + self.argument.unparse()


class Searching(NamedTuple):
    """A searching command at work.

    ``returns`` is None for a command without RETURN, which is answered by ``word``
    and numbers; ``specs`` are the options that it may have. ``find`` gives UIDs in
    the requested order, which is that of the mailbox if ``ascending``. ``progress``
    hears of it in the place of the command's own.
    """

    context: Context
    keys: tuple[SearchKey, ...]
    charset: bytes | None
    returns: tuple[ReturnOption, ...] | None
    specs: Mapping[str, SearchReturnSpec]
    by_uid: bool = False
    word: bytes = b"SEARCH"
    progress: Callable[[int, int], None] | None = None
    find: Find = in_mailbox_order
    ascending: bool = True

    def options(self) -> Iterator[tuple[SearchReturnSpec, ReturnArgument | None]]:
        """Give the return options as specs and arguments, in the client's order."""
        for option in self.returns or ():
            yield self.specs[option.name], option.argument


class SearchResult(NamedTuple):
    """The messages that were found in one mailbox, in the requested order."""

    searching: Searching
    mailbox: Mailbox
    view: View
    predicate: Predicate
    uids: Sequence[int]
    code: str | None = None  # that the reply is to have

    def told(self, uids: Sequence[int]) -> Sequence[int]:
        """Give what the client knows messages by: their numbers, or UIDs."""
        if self.searching.by_uid:
            return uids
        if self.searching.ascending:
            return message_numbers(self.view, uids)
        numbers, end = self.view.uids, self.view.exists
        return [bisect_right(numbers, uid, 0, end) for uid in uids]

    def slices(self, uids: Sequence[int], most: int = SLICE) -> Iterator[list[int]]:
        """Give what messages are told by, a bounded number at a time."""
        for at in range(0, len(uids), most):
            yield list(self.told(uids[at : at + most]))

    def plain(self) -> Iterator[bytes]:
        """Render what was found as a list of numbers, a space before each."""
        first, found = self._first(), self.uids
        if first and isinstance(found, Found):
            yield from marked(first, found.plane)
            return
        if self.searching.by_uid and isinstance(found, Found):
            yield from with_gaps(found.column, found.plane)
            return
        for numbers in self.slices(found):
            # One formatting is the fastest way to write many numbers.
            yield (_NUMBERS[: 3 * len(numbers)] % tuple(numbers)).encode("ascii")

    def _first(self) -> int:
        """Give by what the first message is told of a column without gaps; else 0."""
        found = self.uids
        if not isinstance(found, Found) or not found.plane:
            return 0
        column, count = found.column, len(found.plane)
        if self.searching.by_uid:
            whole = column[count - 1] - column[0] == count - 1
            return column[0] if whole else 0
        if column is self.view.uids:
            return 1
        if len(found) * _FEW <= count:
            return 0
        return int(self.view.uids[:count] == column[:count])

    def set_of(self, uids: Sequence[int]) -> Iterator[bytes]:
        """Render messages, some at least, as a sequence set in their order."""
        ascending = self.searching.ascending
        slices = self.slices(uids, SLICE if ascending else _UNORDERED)
        return set_pieces(slices, ascending=ascending)

    def chosen(self) -> Sequence[int]:
        """Give the messages that the return options tell of, ascending.

        It is what ``$`` stands for after SAVE (RFC 5182 §2.4, RFC 9394 §3.2), and
        whose mod-sequences count (RFC 4731 §3.2): of all that was found, unless there
        are only options that pick some.
        """
        picked: set[int] = set()
        some = False
        for spec, argument in self.searching.options():
            if spec.chooses is None:
                continue
            uids = spec.chooses(self, argument)
            if uids is None:
                some = False
                break
            picked.update(uids)
            some = True
        if some:
            return array("I", sorted(picked))
        return self.uids if self.searching.ascending else array("I", sorted(self.uids))


def with_gaps(column: array[int], plane: bytes) -> Iterator[bytes]:
    """Render the marked ones of a column, a space before each.

    In pieces, of which the last ones stay: clients ask for what is unseen again and
    again.
    """
    for at in range(0, len(plane), SLICE):
        marks = bytes(plane[at : at + SLICE])
        if 1 in marks:
            numbers = column[at : at + len(marks)].tobytes()
            yield _piece(column.typecode, numbers, marks)


@lru_cache(maxsize=_KEPT)
def _piece(typecode: str, numbers: bytes, plane: bytes) -> bytes:
    found = tuple(chosen(array(typecode, numbers), plane))
    return (" %d" * len(found) % found).encode("ascii")


def set_pieces(slices: Iterable[list[int]], *, ascending: bool) -> Iterator[bytes]:
    """Render numbers, each there once, as a sequence set in their order.

    A range goes on from one slice to the next. Ranges ascend always
    (RFC 5267 §3.2).
    """
    pending: tuple[int, int] | None = None
    comma = b""
    for numbers in slices:
        pairs = ranges(numbers) if ascending else steps(numbers)
        if pending is not None:
            low, high = pairs[0]
            if low == pending[1] + 1:
                pairs[0] = (pending[0], high)
            else:
                pairs.insert(0, pending)
        pending = pairs.pop()
        if pairs:
            yield comma + render_ranges(pairs)
            comma = b","
    if pending is not None:
        yield comma + render_ranges([pending])
