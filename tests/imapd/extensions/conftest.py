"""A world with two sessions of one account, for the modules that make none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.session import Session, World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.close()


@pytest.fixture
def ann(world: World) -> Session:
    return world.session()


@pytest.fixture
def other(world: World) -> Session:
    return world.session()
