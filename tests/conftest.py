"""What all tests share: how hard hypothesis tries, what runs by default, a server."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, Phase, settings

from tests.mailstore.sites import site
from tests.support.memory import IN_MEMORY, has_room, memory
from tests.support.server import server

__all__ = ["memory", "server", "site"]

# RFC-sized examples are slow to draw on a busy machine: no deadline, ever.
_SLOW = (HealthCheck.too_slow, HealthCheck.data_too_large)
settings.register_profile("dev", max_examples=25, deadline=None)
settings.register_profile(
    "gate",
    max_examples=100,
    deadline=None,
    derandomize=True,
    suppress_health_check=_SLOW,
)
settings.register_profile(
    "soak",
    max_examples=20_000,
    stateful_step_count=200,
    deadline=None,
    print_blob=True,
    phases=tuple(Phase),
    suppress_health_check=_SLOW,
)
settings.load_profile("gate" if os.environ.get("CI") else "dev")

BY_HAND = ("mta", "workers", "soak", "perf")
"""Marks of tests that only run when ``-m`` names them."""


def pytest_configure(config: pytest.Config) -> None:
    """Keep bytecode; have the default run write to memory, else it waits for disks.

    What is chosen by a mark (kills, MTAs, many workers) has the disk that servers have.
    """
    # Each process, and each server that a test starts, would compile everything anew.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False
    if not config.getoption("markexpr") and "TMPDIR" not in os.environ and has_room():
        tempfile.tempdir = IN_MEMORY  # pytest's own folders are made there too


def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> None:
    """Leave out what is run by hand, unless the command line asks for it."""
    wanted = str(config.getoption("markexpr"))
    left_out = tuple(mark for mark in BY_HAND if mark not in wanted)
    kept, dropped = divide(items, left_out)
    if dropped:
        config.hook.pytest_deselected(items=dropped)
        items[:] = kept


def divide(
    items: Sequence[pytest.Item], marks: Sequence[str]
) -> tuple[list[pytest.Item], list[pytest.Item]]:
    """Part the items without any of the marks from those with one."""
    dropped = [item for item in items if any(map(item.get_closest_marker, marks))]
    gone = set(dropped)
    return [item for item in items if item not in gone], dropped
