"""Reserve: octets that are given up when the disk is full.

Removing mail needs room for what tells of it. `StoreOptions.free_space_floor` keeps new
mail from filling the disk; the reserve is for when others have filled it. It is one
file of the store; whichever process needs it removes it, and whichever finds room again
makes it anew.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from mailstore.blobs import FileSystem
from mailstore.errors import StoreError


class Reserve:
    """A file that only takes room. Its methods may run on any thread."""

    def __init__(self, path: Path, files: FileSystem, size: int) -> None:
        self._path = path
        self._files = files
        self._size = size

    def give(self) -> bool:
        """Give the room up; False when there is none left to give."""
        if not self._path.exists():
            return False
        try:
            self._files.unlink(self._path)
        except StoreError:
            return False
        return True

    def take(self, floor: int) -> None:
        """Take the room, if more than ``floor`` stays free. Never raises."""
        try:
            if self._path.exists() and self._path.stat().st_size == self._size:
                return
            if shutil.disk_usage(self._path.parent).free < floor + self._size:
                return
            self._files.unlink(self._path)  # what a killed process has begun
            self._make()
        except (OSError, StoreError):
            return  # the next look may find room

    def _make(self) -> None:
        fd = self._files.create(self._path)
        if fd is None:
            return  # another process was faster
        try:
            self._files.allocate(fd, self._size)
        except StoreError:
            self._files.unlink(self._path)
            raise
        finally:
            self._files.close(fd)
