"""kill -9 while indexing: what was committed is right, the rest is done again."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mailstore.maintenance.check import check
from mailstore.query import BodyContains, HeaderContains
from tests.mailstore.search.said import Said, fill, found
from tests.mailstore.stores import Home
from tests.support.server import ROOT

pytestmark = pytest.mark.net

MESSAGES = 240
WORDS = ["fish", "meat", "bread", "cake", "lunch", "会議"]

FILLER = """
import sys
from pathlib import Path
from mailstore.search import indexer
from tests.mailstore.stores import Home

indexer.BATCH = 5
indexer._MANY = 3
home = Home(Path(sys.argv[1]))
while home.account.indexing.fill().more:
    print("x", flush=True)
"""


def mail() -> list[bytes]:
    dice = random.Random(5)
    return [
        f"Subject: {n} {dice.choice(WORDS)}\r\n\r\n{' '.join(dice.choices(WORDS, k=9))}"
        f" {dice.randbytes(2_000).hex()}\r\n".encode()
        for n in range(MESSAGES)
    ]


def interrupted(path: Path, after: int) -> None:
    """Have another process fill the index, and kill it after so many batches."""
    process = subprocess.Popen(
        [sys.executable, "-c", FILLER, str(path)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    with process:
        for _ in range(after):
            if not process.stdout.readline():
                break
        process.send_signal(signal.SIGKILL)


def test_a_killed_indexer_leaves_a_right_index(tmp_path):
    datas = mail()
    home = Home(tmp_path)
    home.append("INBOX", *datas)
    home.close()
    saids = [Said(data) for data in datas]
    for after in (1, 3, 4, 7, 9, 12):
        interrupted(tmp_path, after)
        home = Home(tmp_path)
        mailbox = home.open()
        for term in (
            BodyContains("fish meat"),
            BodyContains("会"),
            HeaderContains("subject", "lunch"),
        ):
            wanted = [uid for uid, one in enumerate(saids, 1) if one.has(term)]
            assert found(home, mailbox, term) == wanted
        home.close()
        assert check(tmp_path).whole
    home = Home(tmp_path)
    fill(home)
    home.close()
    report = check(tmp_path)
    assert report.whole, report
