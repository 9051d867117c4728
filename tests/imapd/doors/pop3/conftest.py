"""A store with people, for POP3 sessions."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from mailstore.directory import DirectoryOptions
from mailstore.service import StoreOptions
from tests.support.session import World

PEOPLE = ("ann", "bob")
_CHEAP = DirectoryOptions(
    bcrypt_cost=4, scram_iterations=4_096, scram_hashes=("SHA-256",)
)
OPTIONS = StoreOptions(directory=_CHEAP, free_space_floor=0)


@pytest.fixture(scope="session")
def pop3_people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a store whose people are there: making them anew costs more than a test."""
    path = tmp_path_factory.mktemp("people") / "store"
    World(path, *PEOPLE, options=OPTIONS).close()
    return path


@pytest.fixture
def world(tmp_path: Path, pop3_people: Path) -> Iterator[World]:
    shutil.copytree(pop3_people, tmp_path / "store")
    made = World(tmp_path / "store", *PEOPLE, options=OPTIONS)
    yield made
    made.close()
