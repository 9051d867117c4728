"""A message on its way in: descriptors, and octets that are read back."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import pytest

from mailstore.blobs import open_blobs, writer
from mailstore.blobs.filesystem import FileSystem
from mailstore.errors import Unavailable
from mailstore.model import InternalDate

DATE = InternalDate(1)
LARGE = b"x" * (2**20 + 1)


class Watched(FileSystem):
    """Counts how often a file that was left is opened again."""

    def __init__(self) -> None:
        self.reopened = 0

    def reopen(self, path):
        self.reopened += 1
        return super().reopen(path)


@pytest.fixture
def files() -> Watched:
    return Watched()


@pytest.fixture
def blobs(tmp_path: Path, files: Watched, monkeypatch) -> Any:
    monkeypatch.setattr(writer, "_kept", threading.BoundedSemaphore(2))
    made = open_blobs(tmp_path, "packs", files)
    yield made
    made.close()


def arrived(blobs: Any, data: bytes = LARGE, waiting: int = 0) -> Any:
    made = blobs.writer(len(data), waiting)
    made.write(data)
    made.finish()
    return made


def damage(made: Any) -> None:
    with made._path.open("r+b") as file:
        file.write(b"y")


def test_a_large_message_keeps_its_descriptor_until_it_is_synced(blobs, files):
    """A fault of the disk in between is told to who has the file open."""
    one = arrived(blobs)
    one.finish()
    kept = one._fd
    assert os.fstat(kept).st_size == len(LARGE)
    fd, _ = one.take_file()
    assert (fd, files.reopened) == (kept, 0)
    os.close(fd)


def test_descriptors_are_kept_of_so_many_at_once(blobs, files):
    held = [arrived(blobs) for _ in range(5)]
    assert [one._fd is not None for one in held] == [True, True, False, False, False]
    stored = [blobs.add(one, DATE) for one in held[:4]]
    blobs.sync()
    assert files.reopened == 2
    for one in stored:
        with blobs.open(one.ref) as reader:
            assert reader.digest() == one.digest
    held[4].abort()
    held[4].abort()
    assert all(arrived(blobs)._fd is not None for _ in range(2))


def test_what_was_opened_again_is_compared_with_its_digest(blobs, files):
    """What the disk lost while nobody had the file open, nobody would be told of."""
    _, _, third = [arrived(blobs) for _ in range(3)]
    damage(third)
    with pytest.raises(Unavailable):
        blobs.add(third, DATE)
    assert files.reopened == 1


def test_what_is_copied_out_of_the_spool_is_compared_with_its_digest(blobs):
    small = arrived(blobs, b"small", waiting=2**23)
    assert small.spooled
    assert small._fd is None  # nothing of it is left when it was copied
    assert small.content() == b"small"
    assert b"".join(small.pieces()) == b"small"
    damage(small)
    with pytest.raises(Unavailable):
        small.content()
    with pytest.raises(Unavailable):
        list(small.pieces())


def test_a_spooled_message_was_looked_at_as_it_came(blobs):
    spooled = arrived(blobs, b"\n--x\x00", waiting=2**23)
    assert spooled.outline.next(0) == 0
    assert spooled.has_nul
    grown = blobs.writer()
    grown.write(b"\n--x")
    assert not grown.spooled
    grown.write(b"\x00" * 2**20)
    assert grown.outline.next(0) == 0
    assert grown.has_nul
    small = arrived(blobs, b"\x00")
    assert small.has_nul
    assert small.outline is None
