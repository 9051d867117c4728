"""Servers killed at numbered places: nothing that was acknowledged is missing.

A few rounds of what ``python -m tests.crash kill`` does for long.
"""

from __future__ import annotations

import pytest

from mailstore.crashpoints import VARIABLE, CrashPoint, reach
from tests.crash.kill import POINTS, Round, play, rounds

pytestmark = [pytest.mark.net, pytest.mark.workers]


def test_nothing_that_was_acknowledged_is_missing(tmp_path):
    wanted = [
        Round(1, 25, CrashPoint.COMMITTED),
        Round(2, 60, one_worker=True, aged=True),
    ]
    told: list[str] = []
    play(tmp_path, 8, wanted, told.append)
    assert len(told) == 3
    assert "not reached" not in told[0]


def test_every_place_has_its_round():
    wanted = list(rounds(1, 2 * len(POINTS)))
    assert {one.point for one in wanted} == {None, *POINTS}
    assert wanted == list(rounds(1, 2 * len(POINTS)))
    assert str(wanted[0]) != str(wanted[1])


def test_without_a_test_no_place_is_fatal():
    reached = reach({})
    for point in CrashPoint:
        reached(point)
    reached = reach({VARIABLE: f"{CrashPoint.COMMITTED.value}:3"})
    for _ in range(2):
        reached(CrashPoint.COMMITTED)
        reached(CrashPoint.JOBS_DONE)
