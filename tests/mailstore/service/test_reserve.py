"""The reserve: room for removing mail when others have filled the disk."""

from __future__ import annotations

import dataclasses
import errno

import pytest

from mailstore.blobs import FileSystem
from mailstore.blobs.filesystem import store_error
from mailstore.errors import DiskFull
from mailstore.lanes import InlineRuntime
from mailstore.service import Store
from mailstore.service.reserve import Reserve
from tests.crash.disk import DiskFiles, recorded
from tests.crash.operations import Bench, small_files
from tests.support.furnished import OPTIONS

SIZE = 20_000


@pytest.fixture
def path(tmp_path):
    return tmp_path / "reserve"


@pytest.fixture
def reserve(path):
    return Reserve(path, FileSystem(), SIZE)


def test_it_takes_room_and_gives_it_once(reserve, path):
    assert not reserve.give()
    reserve.take(floor=0)
    assert path.stat().st_size == SIZE
    assert path.stat().st_blocks * 512 >= SIZE
    assert path.stat().st_mode & 0o077 == 0
    before = path.stat().st_ino
    reserve.take(floor=0)
    assert path.stat().st_ino == before
    assert reserve.give()
    assert not path.exists()
    assert not reserve.give()
    reserve.take(floor=0)
    assert path.exists()


def test_it_takes_no_room_that_others_need(reserve, path):
    reserve.take(floor=2**62)
    assert not path.exists()


def test_what_a_killed_process_has_begun_is_made_anew(reserve, path):
    path.touch()
    reserve.take(floor=0)
    assert path.stat().st_size == SIZE


def test_without_room_nothing_is_left_over(path):
    class Full(FileSystem):
        def allocate(self, fd, size):
            raise store_error(OSError(errno.ENOSPC, "full"))

    Reserve(path, Full(), SIZE).take(floor=0)
    assert not path.exists()


def test_a_server_takes_it_when_it_starts(tmp_path):
    class Prompt(InlineRuntime):
        def later(self, seconds, call):
            if seconds == 0:
                call()
            return super().later(seconds, call)

    options = dataclasses.replace(OPTIONS, reserve=SIZE)
    Store.open(tmp_path, Prompt(), options=options).close()
    assert (tmp_path / "reserve").stat().st_size == SIZE
    Store.open(tmp_path / "other", InlineRuntime(), options=options).close()
    assert not (tmp_path / "other" / "reserve").exists()  # no program of a moment


@pytest.fixture
def full(tmp_path):
    """Give a store on a disk that is full as long as there is a reserve."""
    root = tmp_path / "store"

    def fault(what, _):
        if what == "write" and (root / "reserve").exists():
            raise OSError(errno.ENOSPC, "full")

    with small_files("one boot"), recorded(root) as disk:
        bench = Bench(root, DiskFiles(disk))
        bench.append(count=8)
        (root / "reserve").touch()
        disk.fault = fault
        yield bench
        disk.fault = lambda *_: None
        bench.close()


def test_new_mail_does_not_use_it(full):
    for size in (300, 9_000):
        with pytest.raises(DiskFull):
            full.append(size=size)
    assert (full.path / "reserve").exists()


@pytest.mark.parametrize(
    "remove",
    [
        lambda bench: bench.flag("\\Deleted"),
        lambda bench: bench.transfer("Trash", move=True),
        lambda bench: bench.purge(),
        lambda bench: bench.delete("Archive"),
    ],
    ids=["flag", "move", "purge", "delete"],
)
def test_removing_uses_it(full, remove):
    remove(full)
    assert not (full.path / "reserve").exists()


def test_expunging_uses_it(full):
    (full.path / "reserve").unlink()
    full.flag("\\Deleted")
    (full.path / "reserve").touch()
    full.expunge()
    assert len(full.home.open().uids) == 4
    assert not (full.path / "reserve").exists()
