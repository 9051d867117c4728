"""Whether the disk has room: asked seldom where there is plenty, else each time."""

from __future__ import annotations

import os
from types import SimpleNamespace

import pytest

from mailstore.errors import Unavailable
from mailstore.service.space import Space

GIB = 2**30


class Disk:
    """A disk of so much room, and how often it was asked."""

    def __init__(self, free: int) -> None:
        self.free = free
        self.asked = 0

    def statvfs(self, _: object) -> object:
        self.asked += 1
        return SimpleNamespace(f_bavail=self.free, f_frsize=1)


@pytest.fixture
def clock() -> list[float]:
    return [0.0]


def disk_of(monkeypatch: pytest.MonkeyPatch, free: int) -> Disk:
    made = Disk(free)
    monkeypatch.setattr(os, "statvfs", made.statvfs)
    return made


def test_where_there_is_plenty_it_is_asked_now_and_then(monkeypatch, tmp_path, clock):
    disk = disk_of(monkeypatch, 10 * GIB)
    space = Space(tmp_path, lambda: clock[0])
    for _ in range(20):
        space.check(GIB, 50 * 2**20)
    assert disk.asked == 1
    clock[0] += 0.06
    space.check(GIB, 0)
    assert disk.asked == 2
    # What needs much, or leaves little, has it asked at once.
    space.check(GIB, 9 * GIB)
    space.check(9 * GIB, 0)
    assert disk.asked == 4


def test_where_there_is_little_it_is_asked_each_time(monkeypatch, tmp_path, clock):
    disk = disk_of(monkeypatch, 2 * GIB)
    space = Space(tmp_path, lambda: clock[0])
    for _ in range(3):
        space.check(GIB, 1)
    assert disk.asked == 3
    disk.free = GIB
    with pytest.raises(Unavailable, match="almost full"):
        space.check(GIB, 1)
    space.check(GIB, 0)


def test_a_disk_that_cannot_be_asked_has_no_room(tmp_path):
    Space(tmp_path, lambda: 0.0).check(0, 1)
    with pytest.raises(Unavailable):
        Space(tmp_path / "nowhere", lambda: 0.0).check(0, 1)
