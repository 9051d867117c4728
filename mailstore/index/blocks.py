"""Flags and mod-sequences of messages, in rows of up to 512 of a mailbox by their UIDs.

A mailbox's messages with a UID from 512 n to 512 n + 511 are its block n. A block holds
columns in the order of the UIDs: which UIDs are there, an octet of system flags each,
the first 57 keywords, mod-sequences (`mailstore.packed`), and of the few messages that
have more keywords these. So a change of flags of 100,000 messages writes two hundred
rows, and one of a single message one row of a kilobyte and a half or less.

Layout, little endian: count, place of the first UID, whether UIDs have gaps, width of
mod-sequences, width of keywords, 0; base of mod-sequences, base of keywords; places of
UIDs (2 octets each, only with gaps); system flags (1 each); mod-sequences; keywords;
then for each message with more keywords its place (2), their length (1) and their bits.

It must not know what flags mean, nor of statements: see `mailstore.index.flagblocks`.
"""

from __future__ import annotations

import struct
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, compress, starmap
from operator import and_, lt
from sys import byteorder
from typing import NamedTuple

from mailstore.columns import change_bits, either, joined, lift, tables
from mailstore.index.flagged import Flagged
from mailstore.index.records import LOW_BITS, to_mask
from mailstore.model import FIRST_KEYWORD_BIT
from mailstore.packed import WIDTHS, Packed
from mailstore.ranges import Range

SHIFT = 9
SIZE = 1 << SHIFT  # UIDs of a block
LAST = (1 << 32 - SHIFT) - 1  # the last block
_HEADER = struct.Struct("<HHBBBxQQ")
_MORE = struct.Struct("<HB")
_SYSTEM = (1 << FIRST_KEYWORD_BIT) - 1
_LOW = (1 << LOW_BITS) - 1
_SMALL = (1 << 56) - 1  # numbers up to here are valid, whatever 4 octets add
_NARROW = 4
_PLAIN = frozenset(width for width in WIDTHS if 0 < width <= _NARROW)
_PLAIN_OR_NONE = frozenset((0, *_PLAIN))
_FEW = 4  # one of so many: reading them one by one is quicker than reading all
_MOST_BITS = LOW_BITS + 8 * 255  # that a row can hold of one message
_KEYWORDS = (1 << LOW_BITS - FIRST_KEYWORD_BIT) - 1


def block_of(uid: int) -> int:
    """Give the number of the block that a UID is in."""
    return uid >> SHIFT


def bounds(number: int) -> Range:
    """Give the first UID of a block and the last."""
    return number << SHIFT, (number + 1 << SHIFT) - 1


def sound(flags: object, more: object, modseq: object) -> tuple[int, int]:
    """Give mask and mod-sequence as an older program's row has them.

    Of what can't be, in a damaged row, nothing.
    """
    mask = 0
    if isinstance(flags, int) and isinstance(more, bytes | None):
        mask = to_mask(flags, more)
    return (
        mask if mask.bit_length() <= _MOST_BITS else 0,
        modseq if isinstance(modseq, int) and modseq > 0 else 0,
    )


class Block(Flagged):
    """One row: the flags of messages, to be read and changed in place."""

    __slots__ = (
        "highest",
        "keywords",
        "modseqs",
        "more",
        "number",
        "row",
        "system",
        "uids",
    )

    uids: range | array[int]
    system: bytearray
    modseqs: Packed
    keywords: Packed

    def __init__(self, number: int, row: int | None = None, highest: int = 0) -> None:
        self.number = number
        self.row = row
        """Where it stands; None: nowhere yet."""
        self.highest = highest
        """The highest of its mod-sequences."""
        self.more: dict[int, int] = {}
        """By UID, the keywords behind the first 57."""

    @classmethod
    def new(cls, number: int) -> Block:
        """Give one without a message."""
        made = cls(number)
        made.uids = range(number << SHIFT, number << SHIFT)
        made.system = bytearray()
        made.modseqs, made.keywords = Packed(0, 0, 0, b""), Packed(0, 0, 0, b"")
        return made

    @classmethod
    def read(
        cls, number: int, octets: bytes, highest: int = 0, row: int | None = None
    ) -> Block:
        """Read a row. Raises `ValueError` when it can't be one."""
        try:
            count, place, gaps, wide, wider, base, keywords = _HEADER.unpack_from(
                octets
            )
        except struct.error as error:
            raise ValueError("it is too short") from error
        made = cls(number, row, highest)
        first, at = number << SHIFT, _HEADER.size
        if gaps:
            made.uids = _places(first, octets[at : at + 2 * count])
            at += 2 * count
        else:
            made.uids = range(first + place, first + place + count)
        flags = at + count
        modseqs = flags + count * wide
        end = modseqs + count * wider
        if wide not in WIDTHS or wider not in WIDTHS or end > len(octets):
            raise ValueError("it has an unknown layout")
        made.system = bytearray(octets[at:flags])
        made.modseqs = Packed(count, base, wide, octets[flags:modseqs])
        made.keywords = Packed(count, keywords, wider, octets[modseqs:end])
        if not (0 < count <= SIZE - place and made.system.isascii()):
            raise ValueError("it has UIDs or flags that can't be")
        if base | keywords > _SMALL or wide | wider > _NARROW:
            made._prove()
        if end < len(octets):
            made._read_more(octets, end)
        return made

    def _prove(self) -> None:
        try:
            most = self.keywords.highest
            self.modseqs.values()
        except OverflowError:
            most = _KEYWORDS + 1
        if most > _KEYWORDS:
            raise ValueError("it has numbers that can't be")

    def _read_more(self, octets: bytes, at: int) -> None:
        first = self.number << SHIFT
        while at < len(octets):
            if at + _MORE.size > len(octets):
                raise ValueError("it is too short")
            place, size = _MORE.unpack_from(octets, at)
            at += _MORE.size
            bits = int.from_bytes(octets[at : at + size], "little")
            at += size
            if not bits or at > len(octets) or self.position(first + place) is None:
                raise ValueError("it has keywords that can't be")
            self.more[first + place] = bits

    def octets(self) -> bytes:
        """Give the row."""
        first, uids = self.number << SHIFT, self.uids
        gaps = isinstance(uids, array)
        parts: list[bytes | bytearray] = [
            _HEADER.pack(
                len(uids),
                uids[0] - first,
                gaps,
                self.modseqs.width,
                self.keywords.width,
                self.modseqs.base,
                self.keywords.base,
            )
        ]
        if gaps:
            places = array("H", [uid - first for uid in uids])
            if byteorder != "little":
                places.byteswap()
            parts.append(places.tobytes())
        parts += [self.system, self.modseqs.octets, self.keywords.octets]
        for uid, bits in self.more.items() if self.more else ():
            size = (bits.bit_length() + 7) // 8
            parts += [_MORE.pack(uid - first, size), bits.to_bytes(size, "little")]
        return b"".join(parts)

    # -- reading

    def masks(self) -> list[int]:
        """Give the flags of all."""
        if self.more:
            return [self.mask(at) for at in range(len(self.uids))]
        if self.keywords.width:
            return joined(self.system, self.keywords.values()).tolist()
        bits = self.keywords.base << FIRST_KEYWORD_BIT
        return list(map(bits.__or__, self.system)) if bits else list(self.system)

    def rows(self) -> Iterator[tuple[int, int, int]]:
        """Give (uid, mask, modseq) of all."""
        return zip(self.uids, self.masks(), self.modseqs.values(), strict=True)

    def rows_of(self, pieces: Sequence[tuple[int, int]]) -> list[tuple[int, int, int]]:
        """Give (uid, mask, modseq) of pieces: indexes, from one to behind another.

        Where they are few nothing is read of the others.
        """
        if sum([stop - start for start, stop in pieces]) * _FEW < len(self.uids):
            each = chain.from_iterable(starmap(range, pieces))
            return [(self.uids[at], self.mask(at), self.modseqs[at]) for at in each]
        rows = list(self.rows())
        return [row for start, stop in pieces for row in rows[start:stop]]

    def later(self, after: int, below: int) -> Sequence[int]:
        """Give the indexes of messages below a UID that changed after a mod-sequence.

        Ascending.
        """
        places, uids = self.modseqs.above(after), self.uids
        if not uids or uids[-1] < below:
            return places
        return places[: bisect_left(places, bisect_left(uids, below))]

    def changed(
        self, ranges: Sequence[Range], after: int
    ) -> list[tuple[int, int, int]]:
        """Give (uid, mask, modseq) of messages that changed after a mod-sequence.

        Where they are few, of the others no more is read than the mod-sequence.
        """
        later = self.modseqs.above(after)
        places = [
            at
            for start, stop in self.pieces(ranges)
            for at in later[bisect_left(later, start) : bisect_left(later, stop)]
        ]
        if len(places) * _FEW < len(self.uids):
            return [(self.uids[at], self.mask(at), self.modseqs[at]) for at in places]
        rows = list(self.rows())
        return [rows[at] for at in places]

    def pieces(self, ranges: Sequence[Range]) -> Sequence[tuple[int, int]]:
        """Give what ranges of UIDs have of it: indexes, from one to behind another."""
        first, uids = self.number << SHIFT, self.uids
        if len(ranges) == 1:  # as clients change flags
            ((low, high),) = ranges
            start = bisect_left(uids, low)
            stop = bisect_right(uids, high, start)
            return ((start, stop),) if start < stop else ()
        found = []
        for at in range(bisect_left(ranges, first, key=_end), len(ranges)):
            low, high = ranges[at]
            if low >= first + SIZE:
                break
            start = bisect_left(uids, low)
            stop = bisect_right(uids, high, start)
            if start < stop:
                found.append((start, stop))
        return found

    def places(self, ranges: Sequence[Range]) -> Iterable[int]:
        """Give what ranges of UIDs have of it: an index for each message."""
        return chain.from_iterable(starmap(range, self.pieces(ranges)))

    # -- changing

    def put(self, at: int, mask: int, modseq: int) -> None:
        """Give the message at an index other flags."""
        self.system[at] = mask & _SYSTEM
        keywords = self.keywords
        if mask > _SYSTEM or keywords.width or keywords.base:
            keywords.put(at, (mask & _LOW) >> FIRST_KEYWORD_BIT)
        if self.more or mask > _LOW:
            self.more.pop(self.uids[at], None)
            if mask > _LOW:
                self.more[self.uids[at]] = mask >> LOW_BITS
        self.modseqs.put(at, modseq)
        self.highest = max(self.highest, modseq)

    def touch(self, start: int, stop: int, modseq: int) -> None:
        """Give messages side by side a mod-sequence, the highest of the mailbox."""
        self.modseqs.fill(start, stop, modseq)
        self.highest = max(self.highest, modseq)

    def sweep(
        self, start: int, stop: int, clears: int, sets: int, modseq: int
    ) -> bytes:
        """Clear, then set bits of the first 64 of messages side by side.

        Those that it changes get the mod-sequence; marks tell which.
        """
        after, differs = tables(clears & _SYSTEM, sets & _SYSTEM)
        before = self.system[start:stop]
        marks = bytes(before.translate(differs))
        clears = clears >> FIRST_KEYWORD_BIT & _KEYWORDS
        sets = sets >> FIRST_KEYWORD_BIT & _KEYWORDS
        if clears | sets:
            marks = either(marks, self._sweep_keywords(start, stop, clears, sets))
        changed = marks.count(1)
        if changed == stop - start:
            self.touch(start, stop, modseq)
        elif changed:
            values = self.modseqs.values()
            values[start:stop] = lift(values[start:stop], marks, modseq)
            self.modseqs, self.highest = Packed.of(values), max(self.highest, modseq)
        self.system[start:stop] = before.translate(after)
        return marks

    def sweep_pieces(
        self, pieces: Iterable[tuple[int, int]], clears: int, sets: int, modseq: int
    ) -> bytes:
        """Do as `sweep` with pieces of it; marks tell of all messages.

        Columns are laid out once, however many pieces there are.
        """
        chosen = bytearray(len(self.uids))
        for start, stop in pieces:
            chosen[start:stop] = b"\x01" * (stop - start)
        after, differs = tables(clears & _SYSTEM, sets & _SYSTEM)
        marks = bytes(self.system.translate(differs))
        clears = clears >> FIRST_KEYWORD_BIT & _KEYWORDS
        sets = sets >> FIRST_KEYWORD_BIT & _KEYWORDS
        before = keywords = self.keywords.values() if clears | sets else None
        if before is not None:
            keywords, differing = change_bits(before, clears, sets)
            marks = either(marks, differing)
        marks = bytes(map(and_, marks, chosen))
        if 1 not in marks:
            return marks
        system = zip(self.system, self.system.translate(after), marks, strict=True)
        self.system = bytearray([b if mark else a for a, b, mark in system])
        if before is not None and keywords is not None:
            pairs = zip(before, keywords, marks, strict=True)
            self.keywords = Packed.of(
                [new if mark else old for old, new, mark in pairs]
            )
        self.modseqs = Packed.of(lift(self.modseqs.values(), marks, modseq))
        self.highest = max(self.highest, modseq)
        return marks

    def _sweep_keywords(self, start: int, stop: int, clears: int, sets: int) -> bytes:
        if not self.keywords.width:
            before = self.keywords.base
            after = before & ~clears | sets
            self.keywords.fill(start, stop, after)
            return bytes([after != before]) * (stop - start)
        values = self.keywords.values()
        values[start:stop], marks = change_bits(values[start:stop], clears, sets)
        self.keywords = Packed.of(values)
        return marks

    def add(
        self, uids: Sequence[int], masks: Sequence[int], modseqs: Sequence[int]
    ) -> None:
        """Add messages behind the last, ascending by UID."""
        known, last = self.uids, uids[-1]
        first = known[0] if known else uids[0]
        if last - first < len(known) + len(uids):
            self.uids = range(first, last + 1)
        else:
            self.uids = array("I", [*known, *uids])
        self.system += bytes([mask & _SYSTEM for mask in masks])
        if max(masks) <= _SYSTEM and not self.keywords.width + self.keywords.base:
            self.keywords.count += len(masks)
        else:
            self.keywords.extend([(m & _LOW) >> FIRST_KEYWORD_BIT for m in masks])
            for uid, mask in zip(uids, masks, strict=True):
                if mask >> LOW_BITS:
                    self.more[uid] = mask >> LOW_BITS
        self.modseqs.extend(modseqs)
        self.highest = max(self.highest, *modseqs)

    def drop(self, pieces: Iterable[tuple[int, int]]) -> None:
        """Forget messages: indexes, from one to behind another."""
        marks = bytearray(b"\x01") * len(self.uids)
        for start, stop in pieces:
            marks[start:stop] = bytes(stop - start)
        left = array("I", compress(self.uids, marks))
        gaps = bool(left) and left[-1] - left[0] >= len(left)
        self.uids = left if gaps or not left else range(left[0], left[-1] + 1)
        self.system = bytearray(compress(self.system, marks))
        self.keywords.keep(marks)
        self.modseqs.keep(marks)
        if self.more:
            there = frozenset(left)
            self.more = {u: bits for u, bits in self.more.items() if u in there}
        self.highest = self.modseqs.highest if left else 0


class OneChanged(NamedTuple):
    """A message's flags before a change and after it, and what `Block` has of it.

    ``modseq`` is the message's of before, ``octets`` are the row of after.
    """

    before: int
    after: int
    modseq: int
    octets: bytes


def change_one(
    octets: object, uid: int, clears: int, sets: int, modseq: int
) -> OneChanged | None:
    """Clear, then set bits of one message where they stand in its block's row.

    As clients change flags: an octet, and those of a mod-sequence. It gets ``modseq``
    if that changes it. None: it takes more than that, is not there, or the row can't
    be one; `Block` does or refuses it.
    """
    if type(octets) is not bytes or len(octets) <= _HEADER.size:
        return None
    count, place, gaps, wide, wider, base, low = _HEADER.unpack_from(octets)
    flags, at = _HEADER.size, (uid & SIZE - 1) - place
    if gaps:
        flags += 2 * count
        if len(octets) < flags:
            return None
        at = _place(octets[_HEADER.size : flags], uid & SIZE - 1)
    modseqs = flags + count
    keywords = modseqs + count * wide
    if not (
        0 <= at < count <= SIZE - place
        and wide in _PLAIN
        and wider in _PLAIN_OR_NONE
        and len(octets) == keywords + count * wider  # nobody has more keywords
        and base | low <= _SMALL
        and octets[flags:modseqs].isascii()
    ):
        return None
    keyword, number = low, modseqs + at * wide
    if wider:
        start = keywords + at * wider
        keyword += int.from_bytes(octets[start : start + wider], "little")
    before = octets[flags + at] | keyword << FIRST_KEYWORD_BIT
    after = before & ~clears | sets
    known = base + int.from_bytes(octets[number : number + wide], "little")
    if after == before:
        return OneChanged(before, after, known, octets)
    above = modseq - base
    if (before ^ after) > _SYSTEM or above < 0 or above >> 8 * wide:
        return None
    made = bytearray(octets)
    made[flags + at] = after & _SYSTEM
    made[number : number + wide] = above.to_bytes(wide, "little")
    return OneChanged(before, after, known, bytes(made))


def _place(octets: bytes, place: int) -> int:
    """Give where a place stands among ascending ones; -1 if it isn't there."""
    places = array("H", octets)
    if byteorder != "little":
        places.byteswap()
    at = bisect_left(places, place)
    return at if at < len(places) and places[at] == place else -1


def _places(first: int, octets: bytes) -> array[int]:
    places = array("H", [])
    places.frombytes(octets[: len(octets) & ~1])
    if byteorder != "little":
        places.byteswap()
    if not all(map(lt, places, places[1:])) or not places or places[-1] >= SIZE:
        raise ValueError("it has UIDs that can't be")
    return array("I", map(first.__add__, places))


def _end(bounds: Range) -> int:
    return bounds[1]
