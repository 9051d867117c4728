"""Where a large message may have boundaries, found while its octets come.

`scan` needs to know of each line that begins with ``--`` (RFC 2046 §5.1.1), and whether
there is a NUL. When the last octet is here both are known already, from octets that
were near the processor anyway, and the scan touches little more than headers. It knows
no boundary, nor what is a header.

Invariants: it says the same however the octets are cut; the work is linear in them;
what it remembers is bounded, whatever comes. Behind `Outline.end` it knows nothing.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator
from itertools import islice

DELIMITER = re.compile(rb"\n--")
MOST = 4_096
"""Lines that are remembered. A chunk may have tens of thousands; to note as many takes
the event thread half a millisecond, once a message."""
_BLOCK = 1 << 16
_RARE = 8  # as a power of two: octets for each hyphen from which on they are looked for
_FEW = 8  # hyphens that may stand together all the same
_LF = 10


def delimiters(piece: bytes) -> Iterator[int]:
    """Give where lines end before one that begins with two hyphens.

    Base64 has no hyphens: they are looked for by the fastest search there is, which is
    a slow one where they are many.
    """
    for start in range(0, len(piece), _BLOCK):
        stop, tries = start + _BLOCK, 0
        at = piece.find(b"-", max(start, 1), stop)
        while at >= 0:
            if piece[at - 1] == _LF and piece.startswith(b"-", at + 1):
                yield at - 1
            tries += 1
            if tries > _FEW + (at - start >> _RARE):
                for match in DELIMITER.finditer(piece, at, stop + 1):
                    yield match.start()
                break
            at = piece.find(b"-", at + 1, stop)


class Outline:
    """Takes a message's octets in their order."""

    def __init__(self) -> None:
        self._lines: list[int] = []
        self._size = 0
        self._last = b""  # the last two octets
        self._full = False
        self.end = 0
        self.has_nul = False

    def take(self, chunk: bytes) -> None:
        """Look at the next octets."""
        self.has_nul = self.has_nul or 0 in chunk
        if not self._full:
            base, last = self._size, self._last
            edge = (last + chunk[:2]).find(b"\n--")
            if edge >= 0:
                self._lines.append(base - len(last) + edge)
            room = MOST - len(self._lines)
            self._lines += [base + at for at in islice(delimiters(chunk), room)]
            self._full = len(self._lines) >= MOST
            self._last = (last + chunk[-2:])[-2:]
            self.end = self._lines[-1] + 1 if self._full else base + len(chunk) - 2
        self._size += len(chunk)

    def next(self, start: int) -> int:
        """Give the first such line end from an offset on; -1: none before `end`."""
        at = bisect_left(self._lines, start)
        return self._lines[at] if at < len(self._lines) else -1
