"""One file per message: where it gets its name."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest

from mailstore.blobs import BlobStore, open_blobs, single
from mailstore.blobs.filesystem import FileSystem
from mailstore.errors import Unavailable
from mailstore.model import InternalDate


class Watched(FileSystem):
    """Notes which folders were synced."""

    def __init__(self) -> None:
        self.synced: list[Path] = []

    def sync_folder(self, path):
        self.synced.append(path)
        super().sync_folder(path)


def test_neighbours_share_a_folder_whose_name_is_durable_already(tmp_path, monkeypatch):
    """The first message syncs its folder's name; the next ones sync their own alone."""
    monkeypatch.setattr(single, "_TOGETHER", 3)
    drawn = iter(("0a", "0b"))
    plain = secrets.token_hex
    monkeypatch.setattr(
        "mailstore.blobs.single.secrets.token_hex",
        lambda octets: next(drawn) if octets == 1 else plain(octets),
    )
    files = Watched()
    blobs = open_blobs(tmp_path, "files", files)
    folders = []
    for number in range(4):
        files.synced.clear()
        ref = blobs.add(b"%d" % number, InternalDate(1)).ref
        blobs.sync()
        folders.append(ref.split(":")[1][:2])
        assert files.synced.count(tmp_path / "files") == (number in (0, 3))
        with blobs.open(ref) as reader:
            assert reader.verified() == b"%d" % number
    assert folders == ["0a", "0a", "0a", "0b"]
    assert len(list(blobs.entries())) == 4
    blobs.close()


class Counted(FileSystem):
    """Counts what is open; one of its syncs may fail."""

    def __init__(self) -> None:
        self.open_now = self.most = self.syncs = self.failing = 0

    def create(self, path):
        fd = super().create(path)
        self._opened()
        return fd

    def reopen(self, path):
        fd = super().reopen(path)
        self._opened()
        return fd

    def _opened(self):
        self.open_now += 1
        self.most = max(self.most, self.open_now)

    def close(self, fd):
        super().close(fd)
        self.open_now -= 1

    def sync(self, fd):
        self.syncs += 1
        if self.syncs == self.failing:
            raise Unavailable
        super().sync(fd)


@pytest.fixture
def files(monkeypatch):
    monkeypatch.setattr(single, "MOST_OPEN", 4)
    return Counted()


def add_ten(blobs: BlobStore) -> list[str]:
    return [blobs.add(b"%d" % n, InternalDate(1)).ref for n in range(10)]


def test_of_many_that_come_together_few_are_open(tmp_path, files):
    """A command with a thousand large messages used up all descriptors."""
    blobs = open_blobs(tmp_path, "files", files)
    refs = add_ten(blobs)
    assert files.most == 4 + 1  # and the one that is written
    assert files.syncs == 8
    blobs.sync()
    assert (files.syncs, files.open_now) == (10, 0)
    for number, ref in enumerate(refs):
        with blobs.open(ref) as reader:
            assert reader.verified() == b"%d" % number
    blobs.rollback()
    assert len(list(blobs.entries())) == 10
    blobs.close()


@pytest.mark.parametrize("failing", [2, 6, 10])
def test_all_fail_where_one_was_not_synced(tmp_path, files, failing):
    """Be it one of those that are synced before the others have come."""
    blobs = open_blobs(tmp_path, "files", files)
    files.failing = failing
    add_ten(blobs)
    with pytest.raises(Unavailable):
        blobs.sync()
    assert (files.open_now, list(blobs.entries())) == (0, [])
    assert not list((tmp_path / "spool").iterdir())
    add_ten(blobs)
    blobs.sync()
    assert len(list(blobs.entries())) == 10
    blobs.close()


def test_what_is_not_wanted_after_all_leaves_nothing(tmp_path, files):
    blobs = open_blobs(tmp_path, "files", files)
    add_ten(blobs)
    blobs.rollback()
    assert (files.open_now, list(blobs.entries())) == (0, [])
    blobs.close()
