"""What tests of the service share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.mailstore.stores import Home


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[tuple[Home, Home]]:
    """Two stores as two workers have them: nothing in memory is shared."""
    first, second = Home(tmp_path), Home(tmp_path)
    assert first.id == second.id
    yield first, second
    second.close()
    first.close()
