"""What the disk is told of a large message while it comes."""

from __future__ import annotations

from typing import Any

import pytest

from mailstore.blobs import open_blobs
from mailstore.blobs.filesystem import FileSystem
from mailstore.model import InternalDate

MIB = 2**20
CHUNK = bytes(2**16)


class Watched(FileSystem):
    """Notes what the disk is to begin with; each must be in the file by then."""

    def __init__(self) -> None:
        self.told: list[tuple[int, int]] = []

    def begin_sync(self, path, at, size):
        if path.exists():
            assert path.stat().st_size >= at + size
        self.told.append((at, size))
        super().begin_sync(path, at, size)


@pytest.fixture
def files():
    return Watched()


def upload(blobs, size):
    writer = blobs.writer(size)
    for _ in range(size // len(CHUNK)):
        writer.write(CHUNK)
    writer.finish()
    return blobs.add(writer, InternalDate(1))


def test_the_disk_begins_with_each_mebibyte_as_it_comes(tmp_path, files):
    blobs = open_blobs(tmp_path, "packs", files, lambda work: work())
    stored = upload(blobs, 3 * MIB + MIB // 2)
    blobs.sync()
    assert files.told == [(0, MIB), (MIB, MIB), (2 * MIB, MIB)]
    with blobs.open(stored.ref) as reader:
        assert reader.digest() == stored.digest
    blobs.close()


def test_a_message_in_memory_is_none_of_the_disks_business(tmp_path, files):
    blobs = open_blobs(tmp_path, "packs", files, lambda work: work())
    upload(blobs, MIB)
    assert files.told == []
    blobs.close()


def test_it_may_begin_when_the_file_has_gone(tmp_path, files):
    """The other thread comes late: the client has left, or all is stored."""
    late: list[Any] = []
    blobs = open_blobs(tmp_path, "packs", files, late.append)
    upload(blobs, 2 * MIB)
    blobs.sync()
    writer = blobs.writer(2 * MIB)
    for _ in range(32):
        writer.write(CHUNK)
    writer.abort()
    # One thread at a time waits for the disk: the others were passed over.
    assert len(late) == 1
    late.pop()()
    assert files.told == [(0, MIB)]
    writer = blobs.writer(3 * MIB)
    for _ in range(32):
        writer.write(CHUNK)
    writer.abort()
    late.pop()()
    assert files.told == [(0, MIB), (0, MIB)]
    assert not late
    blobs.close()


def test_who_was_passed_over_asks_for_more(tmp_path, files):
    late: list[Any] = []
    blobs = open_blobs(tmp_path, "packs", files, late.append)
    writer = blobs.writer(4 * MIB)
    for number in range(64):
        writer.write(CHUNK)
        if number == 40:
            late.pop()()
    late.pop()()
    assert files.told == [(0, MIB), (MIB, 42 * len(CHUNK) - MIB)]
    writer.abort()
    blobs.close()


def test_a_message_comes_where_no_thread_can_be_had(tmp_path, files):
    def start(_):
        raise RuntimeError

    for given in (start, None):
        blobs = open_blobs(tmp_path, "packs", files, given)
        stored = upload(blobs, 2 * MIB)
        blobs.sync()
        with blobs.open(stored.ref) as reader:
            assert reader.digest() == stored.digest
        blobs.close()
    assert files.told == []
