"""All workers are killed between a sync that failed and the log's being written again.

What the kernel takes for written since then the disk may not have. Whoever opens the
store next sees it all, and knows nothing of the failure: were it to promise anything
behind that, a power cut would take it (`mailstore.writer.Lane`).
"""

from __future__ import annotations

import errno
import random
import shutil
from unittest import mock

import apsw
import pytest

from mailstore import marks
from mailstore.errors import Unavailable
from mailstore.index.database import Database
from mailstore.maintenance.check import check_account
from mailstore.service.folders import account_folder
from tests.crash.cut import LUCKS, Image
from tests.crash.disk import DiskFiles, recorded
from tests.crash.operations import Bench, small_files
from tests.crash.power import tables

_NOBODY = f"{2**22 + 1}.1"  # no process can have this number


def worker(path, files) -> Bench:
    """Open a store as a process that will be killed."""
    with mock.patch("mailstore.marks.this_process", return_value=_NOBODY):
        made = Bench(path, files)
    marks.end(made.home.account.lane._owner)
    return made


def kill(bench: Bench) -> None:
    """Let go of the index as a process that is killed: nothing is put in order."""
    account = bench.home.account
    for database in (account.readers.event, account.lane._database):
        connection = database.connection
        connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        connection.close()


def wal_syncs_fail(what, role):
    if what == "sync" and role == "index.db-wal":
        raise OSError(errno.EIO, "broken")


@pytest.mark.parametrize("flags", [True, False], ids=["loose commits", "none"])
@pytest.mark.parametrize("workers", [1, 3])
def test_what_the_next_process_promises_is_there_after_a_cut(memory, workers, flags):
    path, left = memory / "store", memory / "left"
    with small_files("one boot"), recorded(path) as disk:
        files = DiskFiles(disk)
        killed = [worker(path, files) for _ in range(workers)]
        for number, one in enumerate(killed):
            one.count = 100 * number
            one.append()
            if flags:
                one.flag("\\Seen")
                one.flag("$Other")
        disk.fault = wal_syncs_fail
        for one in killed:
            with pytest.raises(Unavailable):
                one.create("refused")
        for one in killed:
            kill(one)
        disk.fault = lambda *_: None
        again = Bench(path, files)
        again.count = 1_000
        again.append()
        folder = account_folder(left, again.home.id)
        promised = tables(again.home.account.readers.event)
        image = Image()
        for entry in disk.log:
            image.feed(entry)
        for luck in LUCKS:
            image.leave(left, luck, random.Random(1))
            database = Database.open(folder / "index.db")
            assert tables(database) == promised, luck
            database.close()
            assert check_account(folder).problems == (), luck
            shutil.rmtree(left)
        again.close()
    shutil.rmtree(path)
