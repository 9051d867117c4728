"""Folders in memory, if the machine has that: a simulated disk needs no real one."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

_SHM = Path("/dev/shm")
IN_MEMORY = str(_SHM) if _SHM.is_dir() else None
"""Where temporary files cost no disk; None: where they always are."""


@pytest.fixture(scope="module")
def memory() -> Iterator[Path]:
    """Give a folder for this module."""
    path = Path(tempfile.mkdtemp(prefix="imapd-test-", dir=IN_MEMORY))
    yield path
    shutil.rmtree(path)
