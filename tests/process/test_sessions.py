"""Random sessions over worker processes: every mirror is true, no rule is broken.

The same for an hour, by hand: ``python -m tests.soak``.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.soak.__main__ import connect
from tests.soak.driver import Soak
from tests.support.server import ACCOUNTS, running_server

pytestmark = pytest.mark.net


@pytest.mark.parametrize("seed", [1, 2])
def test_mirrors_are_true_over_workers(tmp_path: Path, seed: int):
    with running_server(
        tmp_path, accounts=ACCOUNTS[:1], arguments=("--workers", "3")
    ) as server:
        soak = Soak(lambda: connect(server), seed)
        soak.begin()
        soak.run(150)
        soak.end()
        assert sum(soak.done.values()) > 300
        assert soak.lost == 0
