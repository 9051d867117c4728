"""Nothing that was promised is lost in a power cut, and every sync is there for it."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.crash.cut import LUCKS, NOTHING
from tests.crash.operations import OPERATIONS
from tests.crash.power import Recorded, record

SEED = 8  # `python -m tests.crash power` takes others
CUTS = 64

NOT_NEEDED = {
    "../": "the parent of the store is not on the disk that is cut",
    "found": "was there before",
    # SQLite's own, for databases that are being made: a later sync, before anything
    # was promised, makes up for it.
    "directory.db-journal": "the file is still empty",
    "index.db-journal": "the file is still empty",
    "folder of directory.db-journal": "the log's first sync comes later",
    "folder of index.db-journal": "the log's first sync comes later",
    "folder of directory.db-wal": "the folder of the first account is synced later",
}
DERIVED = "text.db"  # may be lost at any time: it is made again


@pytest.fixture(scope="module")
def run(memory: Path) -> Recorded:
    return record(memory / "store", OPERATIONS)


def test_what_was_promised_survives_a_cut_at_any_moment(run, memory):
    dice = random.Random(SEED)
    at = sorted(dice.sample(run.moments(), CUTS))
    for number, luck in enumerate(LUCKS):
        problems = run.cuts(at[number :: len(LUCKS)], [luck], memory, SEED)
        assert list(problems) == []


def test_what_several_workers_promised_survives(memory):
    run = record(memory / "workers", OPERATIONS, workers=3)
    dice = random.Random(SEED)
    at = sorted(dice.sample(run.moments(), CUTS // 3))
    for luck in (LUCKS[0], LUCKS[5]):
        assert list(run.cuts(at, [luck], memory, SEED)) == []


def test_what_was_promised_survives_a_cut_right_after_the_promise(run, memory):
    at = [moment.answered for moment in run.ledger]
    assert list(run.cuts(at, [NOTHING], memory, SEED)) == []


def test_without_any_one_of_the_syncs_the_ledger_is_not_true(run, memory):
    roles = [role for role in run.roles() if DERIVED not in role]
    assert len(roles) > len(NOT_NEEDED)
    at = [moment.answered for moment in run.ledger]
    for role in roles:
        if role not in NOT_NEEDED:
            problems = run.cuts(at, [NOTHING], memory, SEED, without=role)
            assert next(problems, None) is not None, f"nobody missed {role}"
            problems.close()
