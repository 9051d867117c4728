"""Faults of the disk: true answers, nothing by halves, and all is well afterwards."""

from __future__ import annotations

import errno
import random

import pytest

from mailstore.errors import DiskFull, Unavailable
from tests.crash.disk import DiskFiles, recorded
from tests.crash.faults import (
    FAULTS,
    READING,
    SWEPT,
    SYNCING,
    Failing,
    Fault,
    Sweep,
    cases,
)
from tests.crash.operations import Bench, small_files

SEED = 8  # `python -m tests.crash faults` takes all cases
EACH = 2  # cases of each operation


def test_a_sync_that_fails_never_counts_as_done(memory):
    fault = Fault(errno.EIO, SYNCING, forever=False)
    assert list(Sweep(memory / "syncs").problems([fault])) == []


def test_whatever_fails_the_answer_is_true(memory):
    dice = random.Random(SEED)

    def some(found):
        return dice.sample(found, min(EACH, len(found)))

    assert list(Sweep(memory / "all").problems(FAULTS, SWEPT, some)) == []


def test_what_is_committed_is_not_refused_for_what_cannot_be_read(memory):
    reads = [Fault(errno.EIO, READING, forever) for forever in (False, True)]
    some = [one for one in SWEPT if one.name in ("move", "make an account")]
    assert list(Sweep(memory / "reads").problems(reads, some)) == []


def test_every_call_has_its_fault():
    once = Fault(errno.EIO, frozenset({"write"}), forever=False)
    always = Fault(errno.EIO, frozenset({"sync"}), forever=True)
    called = ["write", "read", "write", "sync"]
    assert cases([once, always], called) == [(once, 1), (once, 2), (always, 1)]
    failing = Failing(once, 2)
    failing("write", "")
    with pytest.raises(OSError, match="write of index"):
        failing("write", "index")
    failing("write", "")


@pytest.fixture
def bench_and_disk(tmp_path):
    with small_files("one boot"), recorded(tmp_path / "store") as disk:
        made = Bench(tmp_path / "store", DiskFiles(disk))
        yield made, disk
        disk.fault = lambda *_: None
        made.close()


def full(what, role):
    if what == "write":
        raise OSError(errno.ENOSPC, "no room")


def test_a_full_disk_is_told_as_that(bench_and_disk):
    bench, disk = bench_and_disk
    bench.append()
    disk.fault = full
    with pytest.raises(DiskFull):
        bench.append()
    with pytest.raises(DiskFull):
        bench.create("new")
    mailbox = bench.home.open()
    assert list(mailbox.uids) == [1]


def test_nothing_is_written_while_a_failed_sync_may_have_lost_something(bench_and_disk):
    bench, disk = bench_and_disk
    bench.append()
    bench.flag("\\Seen")
    bench.flag("\\Flagged")

    def failing(what, role):
        if what == "sync" and role == "index.db-wal":
            raise OSError(errno.EIO, "broken")

    disk.fault = failing
    with pytest.raises(Unavailable):
        bench.create("new")
    with pytest.raises(Unavailable):
        bench.flag("$Other")  # needs no sync, but would stand behind what is lost
    disk.fault = lambda *_: None
    bench.flag("$Other")
    assert "new" not in bench.home.names()
