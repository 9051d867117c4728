"""Folders in memory, if the machine has that: a simulated cut needs no real disk."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crash.power import IN_MEMORY


@pytest.fixture(scope="module")
def memory() -> Iterator[Path]:
    """Give a folder for this module."""
    path = Path(tempfile.mkdtemp(prefix="imapd-crash-", dir=IN_MEMORY))
    yield path
    shutil.rmtree(path)
