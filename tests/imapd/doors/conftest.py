"""A store with people, and conversations that bring them mail."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from mailstore.service import StoreOptions
from tests.support.furnished import CHEAP
from tests.support.session import World
from tests.support.transfer import Mta

PEOPLE = ("ann", "bob", "eve")


@pytest.fixture(scope="session")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a store whose people are there: making them anew costs more than a test."""
    path = tmp_path_factory.mktemp("people") / "store"
    World(path, *PEOPLE).close()
    return path


@pytest.fixture
def world(tmp_path: Path, people: Path) -> Iterator[World]:
    options = StoreOptions(directory=CHEAP, free_space_floor=0, max_message=3_000_000)
    shutil.copytree(people, tmp_path / "store")
    made = World(tmp_path / "store", *PEOPLE, options=options)
    yield made
    made.close()


@pytest.fixture
def mta(world: World) -> Mta:
    made = Mta(world)
    made.hello()
    return made


@pytest.fixture
def stranger(world: World) -> Mta:
    made = Mta(world, lmtp=False)
    made.hello()
    return made
