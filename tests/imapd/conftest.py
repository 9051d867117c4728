"""What tests of commands on a real store share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.session import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Give a store of one account, ``ann``."""
    made = World(tmp_path / "store")
    yield made
    made.close()
