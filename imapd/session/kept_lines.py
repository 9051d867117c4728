"""Parts of FETCH responses that never change, kept for whoever asks for them again.

One for each process, for all accounts, bounded in octets; what was not asked for the
longest goes first, some hundred messages at a time. It must not know items or
mailboxes. For the event thread. What it keeps:

* a line is found again only under an equal `Listing`, the same UID *and* the same
  number of the message in its store. Who asks makes the listing of all that the parts
  depend on;
* a line that is long is not kept: it costs little to render, for its length;
* nothing is kept that was asked for once: most clients list a mailbox once and keep
  what they got. To keep a message's line costs a seventh of what it costs to render.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import compress
from operator import itemgetter
from typing import cast

DEFAULT = 64 << 20
LONGEST = 8_192  # octets of a line
_SHIFT = 9  # UIDs in a block, as a power of two
_LINE = 300  # octets that a line costs besides its text, about
_BLOCK = 1_000  # the same of a block
_ASKED = 24  # what an octet of a listing costs: each short name is an object

Line = tuple[int | bytes, ...]
"""The number of a message in its store, and the parts of its response that last."""

_message = itemgetter(0)


@dataclass(frozen=True, slots=True)
class Listing:
    """What parts of responses depend on besides their message; ``octets`` it has."""

    key: Hashable
    octets: int = field(default=0, compare=False)


@dataclass(slots=True)
class _Shelf:
    """The blocks of one listing: their keys are compared by identity from here on."""

    listing: Listing
    blocks: int = 0

    __hash__ = object.__hash__

    def __eq__(self, other: object) -> bool:
        return self is other


@dataclass(slots=True)
class _Block:
    lines: dict[int, Line]
    octets: int


class KeptLines:
    """Lines by listing and UID, of at most ``most`` octets together; 0: none."""

    def __init__(self, most: int = DEFAULT) -> None:
        self.most = most
        self.octets = 0
        self.hits = 0  # messages that were found
        self.misses = 0
        self._shelves: dict[Listing, _Shelf] = {}
        self._blocks: OrderedDict[tuple[_Shelf, int], _Block] = OrderedDict()

    def reading(self, listing: Listing) -> Reading:
        """Begin to answer one command."""
        return Reading(self, listing)

    def shelf(self, listing: Listing) -> _Shelf:
        """Give the shelf of a listing; who asks puts a block there at once."""
        return self._shelves.setdefault(listing, _Shelf(listing))

    def block(self, shelf: _Shelf, number: int) -> tuple[_Block, bool]:
        """Give a block, and whether it is new."""
        key = shelf, number
        block = self._blocks.get(key)
        if block is not None:
            self._blocks.move_to_end(key)
            return block, False
        block = self._blocks[key] = _Block({}, 0)
        shelf.blocks += 1
        self.grow(block, _BLOCK + _ASKED * shelf.listing.octets)
        return block, True

    def grow(self, block: _Block, octets: int) -> None:
        """Count octets that a block has more; what is oldest makes room."""
        block.octets += octets
        self.octets += octets
        while self.octets > self.most:
            (shelf, _), last = self._blocks.popitem(last=False)
            self.octets -= last.octets
            shelf.blocks -= 1
            if not shelf.blocks:
                del self._shelves[shelf.listing]


class Reading:
    """One command's way through what is kept of a listing."""

    __slots__ = ("_first", "_kept", "_shelf")

    def __init__(self, kept: KeptLines, listing: Listing) -> None:
        self._kept = kept
        self._shelf = _Shelf(listing)  # until there is a block
        self._first: set[int] = set()  # blocks that nobody has asked for before

    def find(self, uids: Sequence[int], messages: Sequence[int]) -> list[Line | None]:
        """Give what is kept of messages (ascending UIDs), None where nothing is."""
        kept, found = self._kept, list[Line | None]()
        for number, start, stop in _blocks_of(uids):
            block, new = self._block(number)
            if new:
                self._first.add(number)
            found += map(block.lines.get, uids[start:stop])
        found = _of_messages(found, messages)
        missing = 0 if all(found) else found.count(None)
        kept.misses += missing
        kept.hits += len(found) - missing
        return found

    def _block(self, number: int) -> tuple[_Block, bool]:
        if not self._shelf.blocks:
            self._shelf = self._kept.shelf(self._shelf.listing)
        return self._kept.block(self._shelf, number)

    def wants(self, uids: Sequence[int]) -> bool:
        """Tell whether some of messages (ascending UIDs) should be kept now."""
        first = self._first
        return any(number not in first for number, _, _ in _blocks_of(uids))

    def keep(
        self,
        uids: Sequence[int],
        messages: Sequence[int],
        parts: Sequence[Sequence[bytes]],
    ) -> None:
        """Keep the parts of messages (ascending UIDs); each of ``parts`` is aligned."""
        lines = list(zip(messages, *parts, strict=True))
        if uids and sum([max(map(len, part)) for part in parts]) > LONGEST:
            short = [sum(map(len, line[1:])) <= LONGEST for line in lines]
            uids = list(compress(uids, short))
            lines = list(compress(lines, short))
            parts = [list(compress(part, short)) for part in parts]
        for number, start, stop in _blocks_of(uids):
            if number in self._first:
                continue
            block, _ = self._block(number)
            block.lines.update(zip(uids[start:stop], lines[start:stop], strict=True))
            octets = sum([sum(map(len, part[start:stop])) for part in parts])
            self._kept.grow(block, octets + (stop - start) * _LINE)


def _blocks_of(uids: Sequence[int]) -> Iterator[tuple[int, int, int]]:
    """Give (number of the block, from, up to) of ascending UIDs."""
    start, end = 0, len(uids)
    while start < end:
        number = uids[start] >> _SHIFT
        stop = bisect_left(uids, (number + 1) << _SHIFT, start)
        yield number, start, stop
        start = stop


def _of_messages(
    found: list[Line | None], messages: Sequence[int]
) -> list[Line | None]:
    """Leave out what is kept of other messages."""
    if all(found):
        lines = cast("list[Line]", found)
        if list(map(_message, lines)) == list(messages):
            return found
    return [
        line if line is not None and line[0] == message else None
        for line, message in zip(found, messages, strict=True)
    ]
