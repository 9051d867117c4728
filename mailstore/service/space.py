"""Whether the disk has room for more."""

from __future__ import annotations

import os
from pathlib import Path

from mailstore.errors import Unavailable


def check_space(folder: Path, floor: int, size: int) -> None:
    """Refuse what would leave less than ``floor`` octets free. Raises `Unavailable`."""
    try:
        disk = os.statvfs(folder)
    except OSError as error:
        raise Unavailable(detail=str(error)) from error
    free = disk.f_bavail * disk.f_frsize
    if free - size < floor:
        raise Unavailable("the disk is almost full", detail=f"{free} octets left")
