"""One process gives space back while another one takes in old, large mail.

A file has the date of its message: it looks older than any grace as soon as it has its
name, which is before its row is there.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from mailstore.lanes import InlineRuntime
from mailstore.maintenance.check import check
from tests.mailstore.stores import Home
from tests.support.server import ROOT

pytestmark = [pytest.mark.net, pytest.mark.workers]

ROUNDS = 20
IMPORTER = """
import sys
from itertools import count
from pathlib import Path
from mailstore.model import Arrival, InternalDate
from tests.mailstore.stores import Home

path, enough = map(Path, sys.argv[1:])
home = Home(path)
for number in count():
    text = b"Subject: %d\\r\\n\\r\\n" % number + b"%d " % number * 700_000
    arrival = Arrival(text, internaldate=InternalDate(1_000_000_000, 60))
    home.run(home.account.append("INBOX", [arrival] * (1 + number % 3)))
    if enough.exists():
        break
home.close()
"""


def test_old_large_mail_comes_in_while_another_process_reclaims(tmp_path: Path):
    path, enough = tmp_path / "store", tmp_path / "enough"
    clock = InlineRuntime()
    home = Home(path, time=clock.now())
    importer = subprocess.Popen(
        [sys.executable, "-c", IMPORTER, str(path), str(enough)], cwd=ROOT
    )
    counts: set[int] = set()  # of files, as each round finds them
    with importer:
        try:
            while importer.poll() is None and len(counts) <= ROUNDS:
                counts.add(len(list(path.rglob("large/*/*"))))
                home.runtime.time = clock.now()
                assert home.run(home.account.reclaim()) == 0
        finally:
            enough.touch()
    assert importer.returncode == 0
    assert len(counts) > ROUNDS
    mailbox = home.open()
    assert len(mailbox.uids) == len(list(path.rglob("large/*/*"))) >= max(counts)
    home.run(mailbox.close())
    home.close()
    assert check(path, thorough=True).whole
