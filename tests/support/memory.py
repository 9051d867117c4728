"""Folders in memory, if the machine has that: a simulated disk needs no real one."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

_SHM = Path("/dev/shm")
IN_MEMORY = str(_SHM) if _SHM.is_dir() else None
"""Where temporary files cost no disk; None: where they always are."""
_ROOM = 1 << 30  # what many tests at once write and haven't deleted yet, and more


def has_room() -> bool:
    """Tell whether all tests could have their folders in memory, and programs there."""
    if IN_MEMORY is None:
        return False
    found = os.statvfs(IN_MEMORY)
    return found.f_bavail * found.f_frsize >= _ROOM and not found.f_flag & os.ST_NOEXEC


@pytest.fixture(scope="module")
def memory() -> Iterator[Path]:
    """Give a folder for this module."""
    path = Path(tempfile.mkdtemp(prefix="imapd-test-", dir=IN_MEMORY))
    yield path
    shutil.rmtree(path)
