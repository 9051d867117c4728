"""Worlds for the modules that make none; with two sessions of one account."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.imapd.extensions.objectid_peers import REGISTRY
from tests.support.furnished import OPTIONS
from tests.support.session import Session, World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.close()


@pytest.fixture
def plus(tmp_path: Path) -> Iterator[World]:
    """Give a store whose sessions speak OBJECTID+."""
    options = replace(OPTIONS, emailid_of_copies=True)
    made = World(tmp_path / "store", "ann", "bob", options=options)
    made.services = replace(made.services, registry=REGISTRY)
    yield made
    made.close()


@pytest.fixture
def ann(world: World) -> Session:
    return world.session()


@pytest.fixture
def other(world: World) -> Session:
    return world.session()
