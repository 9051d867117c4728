"""A process is killed between the removals of files that no row names."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from mailstore.crashpoints import VARIABLE, CrashPoint
from mailstore.maintenance.check import check
from mailstore.model import Column, FlagChange, FlagOperation
from tests.mailstore.stores import Home

LATER = 2.0**31  # hours behind any file's time
ROOT = Path(__file__).parents[2]
PROGRAM = """
import sys
from pathlib import Path
from tests.mailstore.stores import Home

home = Home(Path(sys.argv[1]), time=float(sys.argv[2]))
home.run(home.account.purge())
home.run(home.account.reclaim())
"""


def large(number: int) -> bytes:
    return b"Subject: %d\r\n\r\n" % number + b"%d" % number * 1_200_000


def test_the_next_process_removes_what_is_left(tmp_path):
    path = tmp_path / "store"
    home = Home(path)
    home.append("INBOX", *map(large, range(4)))
    mailbox = home.open()
    deleted = FlagChange(FlagOperation.ADD, ("\\Deleted",))
    home.run(mailbox.store_flags([1, 2, 4], deleted, seen_at=mailbox.modseq))
    home.run(mailbox.expunge())
    home.close()

    environment = {**os.environ, VARIABLE: f"{CrashPoint.FILE_DROPPED.value}:2"}
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(path), str(LATER)],
        env=environment | {"PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert ended.returncode == -signal.SIGKILL
    assert len(list(path.rglob("large/*/*"))) == 2
    assert check(path).whole

    home = Home(path, time=LATER)
    home.run(home.account.reclaim())
    assert len(list(path.rglob("large/*/*"))) == 1
    mailbox = home.open()
    (batch,) = home.fetch(mailbox, mailbox.uids, Column.BLOB)
    (ref,) = batch.columns[Column.BLOB]
    with mailbox.blob(ref) as blob:
        assert blob.pread(0, blob.size) == large(2)
    home.close()
    assert check(path).whole
