"""Random sessions over worker processes: every mirror is true, no rule is broken.

The same for an hour, by hand: ``python -m tests.soak``.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.soak.__main__ import connect, people, run_of
from tests.soak.driver import Soak
from tests.soak.guests import Guests
from tests.support.server import ACCOUNTS, running_server

pytestmark = pytest.mark.net


@pytest.mark.parametrize("seed", [1, 2])
def test_mirrors_are_true_over_workers(tmp_path: Path, seed: int):
    with running_server(
        tmp_path, accounts=ACCOUNTS[:1], arguments=("--workers", "3")
    ) as server:
        soak = Soak(lambda who: connect(server, who), seed)
        soak.begin()
        soak.run(150)
        soak.end()
        assert sum(soak.done.values()) > 300
        assert soak.lost == 0


@pytest.mark.workers
def test_mirrors_are_true_of_people_who_share_a_mailbox(tmp_path: Path):
    """50 sessions of 10 accounts over three workers, while rights change."""
    accounts = people(10)
    with running_server(
        tmp_path, accounts=accounts, arguments=("--workers", "3")
    ) as server:
        soak = run_of(server, 1, 50, [account.name for account in accounts])
        assert isinstance(soak, Guests)
        soak.begin()
        soak.run(40)
        soak.lock_out()
        soak.end()
        assert soak.done["SETACL"] > 5
        assert soak.done["UID MOVE"] > 10
