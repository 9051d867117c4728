"""Spool: messages that are on their way to several accounts.

A delivery is written here once, then into the blobs of each account that it is for.
Small messages stay in memory, as long as not too many do. What a crash leaves behind
is removed by age: other processes of the server have files here too.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from mailstore.blobs.filesystem import FileSystem
from mailstore.blobs.writer import BlobWriter
from mailstore.errors import StoreError

_SMALL = 65_536  # octets of a message that may stay in memory
_IN_MEMORY = 500  # messages at once
_REAL = FileSystem()


class Spool:
    """Makes writers below a folder. Used on the event thread."""

    def __init__(self, folder: Path, files: FileSystem = _REAL) -> None:
        self._folder = folder
        self._files = files
        self._open = 0

    def writer(self) -> tuple[BlobWriter, Callable[[], None]]:
        """Give what takes a message's bytes, and the call for its end."""
        crowded = self._open >= _IN_MEMORY
        made = BlobWriter(self._files, self._folder, always_spool=crowded, small=_SMALL)
        self._open += 1
        ended = False

        def end() -> None:
            nonlocal ended
            made.abort()
            if not ended:
                ended = True
                self._open -= 1

        return made, end

    def sweep(self, before: float) -> int:
        """Remove what crashes have left, older than a time; gives how many files."""
        removed = 0
        for path in self._folder.glob("*.part"):
            try:
                if path.stat().st_mtime < before:
                    self._files.unlink(path)
                    removed += 1
            except (OSError, StoreError):
                continue  # another process was faster
        return removed
