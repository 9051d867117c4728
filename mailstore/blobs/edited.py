"""EditedReader: a stored message with some of its octets replaced.

What is replaced, and why, is not its business. Nothing is copied: each read takes what
it needs from the message and from the replacements.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from mailstore.blobs.reader import BlobReader


class EditedReader(BlobReader):
    """Reads a message through edits: (start, end, octets that stand there instead).

    The edits are in order, do not overlap and lie within the message. It closes the
    reader that it was given.
    """

    __slots__ = ("_inner", "_pieces_at", "_sources")

    def __init__(
        self, inner: BlobReader, edits: Sequence[tuple[int, int, bytes]]
    ) -> None:
        self._inner = inner
        self._pieces_at: list[int] = []  # where each piece begins here
        # Where it is in the message, or the octets themselves.
        self._sources: list[int | bytes] = []
        size, at = 0, 0
        for start, end, text in edits:
            size = self._add(size, at, start - at)
            size = self._add(size, text, len(text))
            at = end
        self.size = self._add(size, at, inner.size - at)

    def _add(self, at: int, source: int | bytes, length: int) -> int:
        if length > 0:
            self._pieces_at.append(at)
            self._sources.append(source)
        return at + max(length, 0)

    def pread(self, start: int, length: int) -> bytes:
        """Give octets from a position on, as `BlobReader.pread`."""
        end = min(start + length, self.size)
        found: list[bytes] = []
        piece = bisect_right(self._pieces_at, start) - 1
        while start < end:
            first, source = self._pieces_at[piece], self._sources[piece]
            piece += 1
            following = self._pieces_at[piece : piece + 1] or [self.size]
            stop = min(end, following[0])
            if isinstance(source, bytes):
                found.append(source[start - first : stop - first])
            else:
                found.append(self._inner.pread(source + start - first, stop - start))
            start = stop
        return b"".join(found)

    def octets(self) -> bytes:
        """Give all octets: there is no file that could be mapped."""
        return self.pread(0, self.size)

    def verify(self) -> None:
        """Compare the message itself with its checksum. Raises `Corrupt`."""
        self._inner.verify()

    def close(self) -> None:
        """Let go of the file."""
        self._inner.close()
