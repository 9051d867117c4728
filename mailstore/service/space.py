"""Whether the disk has room for more."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from mailstore.errors import Unavailable

_PLENTY = 2**30  # octets, more than anybody writes within `_FRESH` seconds
_FRESH = 0.05


class Space:
    """The disk that a folder is on. ``now`` is a steady clock, in seconds.

    As long as there is plenty the system is asked now and then, not for each message
    twice.
    """

    def __init__(self, folder: Path, now: Callable[[], float]) -> None:
        self._folder = folder
        self._now = now
        self._free = 0
        self._until = 0.0

    def check(self, floor: int, size: int) -> None:
        """Refuse what would leave less than ``floor`` octets. Raises `Unavailable`."""
        now = self._now()
        if now < self._until and self._free - size - floor > _PLENTY:
            return
        try:
            disk = os.statvfs(self._folder)
        except OSError as error:
            raise Unavailable(detail=str(error)) from error
        self._free = free = disk.f_bavail * disk.f_frsize
        self._until = now + _FRESH
        if free - size < floor:
            raise Unavailable("the disk is almost full", detail=f"{free} octets left")
