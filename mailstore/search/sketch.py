"""Sketches: which strings a long text cannot have, told without reading it.

A sketch is a Bloom filter, with one hash, of all *runs* of five octets of a text. A
string is in the text only if each of its runs is in the sketch. A text is sketched in
sections, so that the size of a sketch, and of what making it takes, is bounded; a
sketch has at least twice as many bits as its section has octets, so that at most two
of five runs that are not there seem to be. Example::

    [one] = sketches([b"the quick brown fox"], pause)
    may_hold(b"quick", [Section(...)])      # True
    may_hold(b"lunch", [Section(...)])      # False, or True now and then

Invariants: how runs are hashed never changes, since sketches are on disk; a run that
goes over the edge of two sections belongs to the latter.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import shake_128
from sys import byteorder

RUN = 5
PIECE = 1 << 14  # octets that are read at once of a sketch
SECTION = 3 << 20  # octets of a text with a sketch of its own, at least
_BITS = PIECE * 8
_MOST_BITS = 1 << 23
_STRETCH = 1 << 14  # octets that are hashed at a time
_MOST_RUNS = 16  # of a string that are looked for
_PLANES = 3  # octets of a hash

# Tabulation hashing: for each place in a run, and each octet there, random bits.
_TABLES = shake_128(b"runs of five octets").digest(RUN * _PLANES * 256)


def _table(place: int, plane: int) -> bytes:
    start = (place * _PLANES + plane) * 256
    return _TABLES[start : start + 256]


@lru_cache(maxsize=16)
def _masked(bits: int) -> list[list[bytes]]:
    """Give the tables of each plane, with the bits that count."""
    masks = [(bits - 1) >> 8 * plane & 0xFF for plane in range(_PLANES)]
    return [
        [bytes([one & mask for one in _table(place, plane)]) for place in range(RUN)]
        for plane, mask in enumerate(masks)
    ]


def _slots(octets: bytes, bits: int) -> array[int]:
    """Give the hashes of all runs, in their order: operations on all at once."""
    count = len(octets) - RUN + 1
    if count <= 0:
        return array("I")
    numbers = bytearray(4 * count)
    for plane, tables in enumerate(_masked(bits)):
        mixed = 0
        for place, table in enumerate(tables):
            here = octets[place : place + count].translate(table)
            mixed ^= int.from_bytes(here, "little")
        at = plane if byteorder == "little" else 3 - plane
        numbers[at::4] = mixed.to_bytes(count, "little")
    slots = array("I")
    slots.frombytes(numbers)
    return slots


def sketches(texts: Iterable[bytes], pause: Callable[[], None]) -> Iterator[bytes]:
    """Give the sketches of a text's sections; at least one."""
    waiting: list[bytes] = []
    before, size = b"", 0
    for text in texts:
        if size >= SECTION:
            yield _sketch(before, waiting, size, pause)
            before = _end(before, waiting)
            waiting, size = [], 0
        waiting.append(text)
        size += len(text)
    yield _sketch(before, waiting, size, pause)


def _end(before: bytes, texts: Sequence[bytes]) -> bytes:
    """Give the last octets, less than a run."""
    for text in texts:
        before = (before + text[1 - RUN :])[1 - RUN :]
    return before


def _sketch(
    before: bytes, texts: Sequence[bytes], size: int, pause: Callable[[], None]
) -> bytes:
    bits = _BITS
    while bits < 2 * size and bits < _MOST_BITS:
        bits *= 2
    seen = bytearray(bits)  # an octet for each bit, for now
    for text in texts:
        for at in range(0, len(text), _STRETCH):
            octets = before + text[at : at + _STRETCH]
            for slot in _slots(octets, bits):
                seen[slot] = 1
            before = octets[1 - RUN :]
            pause()
    packed = 0
    for bit in range(8):
        packed |= int.from_bytes(seen[bit::8], "little") << bit
        pause()
    return packed.to_bytes(bits // 8, "little")


@dataclass(frozen=True, slots=True)
class Section:
    """The sketch of a section: its size in pieces, and how one is read."""

    pieces: int
    read: Callable[[int], bytes]

    def may_have(self, run: int) -> bool:
        """Tell whether a run may be there, by its whole hash."""
        slot = run % (self.pieces * _BITS)
        piece, bit = divmod(slot, _BITS)
        return bool(self.read(piece)[bit >> 3] >> (bit & 7) & 1)


def may_hold(needle: bytes, sections: Sequence[Section]) -> bool:
    """Tell whether a string may be in a text, by the sketches of all its sections.

    It begins in some section, and goes on there or in the next one.
    """
    runs = _runs(needle)
    if len(needle) >= SECTION or not runs:
        return True
    found: Sequence[int] = range(len(sections))
    for run in runs:
        found = [at for at in found if sections[at].may_have(run)]
        if not found:
            return False
        found = _next(found, len(sections))
    return True


def _next(found: Sequence[int], count: int) -> Sequence[int]:
    following = {at + 1 for at in found if at + 1 < count}
    return sorted(following.union(found))


def _runs(needle: bytes) -> Sequence[int]:
    """Give the whole hashes of a string's runs, or of some all over it."""
    count = len(needle) - RUN + 1
    if count <= _MOST_RUNS:
        return _slots(needle, 1 << 8 * _PLANES)
    places = [count * one // _MOST_RUNS for one in range(_MOST_RUNS)]
    each = [needle[at : at + RUN] for at in places]
    return [_slots(run, 1 << 8 * _PLANES)[0] for run in each]
