"""Power cuts around the blocks of a large mailbox: flags, seals, borders."""

from __future__ import annotations

import random
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from mailstore.index import seals
from mailstore.index.database import Database
from mailstore.index.records import NewColumns
from mailstore.model import MailboxId
from mailstore.writer import Outcome, Simple
from tests.crash import many
from tests.crash.cut import LUCKS, NOTHING
from tests.crash.operations import Bench, Operation
from tests.crash.power import Recorded, record

SEED = 3
CUTS = 10


@pytest.fixture(scope="module")
def run(memory: Path) -> Recorded:
    return record(memory / "store", many.OPERATIONS, prepare=many.prefill)


def test_blocks_are_sealed_and_opened_in_the_run(run):
    sealed = [len(moment.index["sealed"]) for moment in run.ledger]
    assert (sealed[0], max(sealed)) == (0, 2)
    assert sorted(sealed) != sealed  # one goes, too
    assert max(len(moment.index["flag_block"]) for moment in run.ledger) >= 5


def test_what_was_promised_survives(run, memory):
    dice = random.Random(SEED)
    at = sorted(dice.sample(run.moments(), CUTS))
    for number, luck in enumerate(LUCKS):
        some = at[number % 4 :: 4]
        assert list(run.cuts(some, [luck], memory, SEED)) == []
    at = [moment.answered for moment in run.ledger]
    assert list(run.cuts(at, [NOTHING], memory, SEED)) == []


@pytest.mark.parametrize("role", ["index.db", "index.db-wal", "blobs/segment"])
def test_a_sync_that_is_left_out_is_missed(run, memory, role):
    assert role in run.roles()
    at = [moment.answered for moment in run.ledger]
    problems = run.cuts(at, [NOTHING], memory, SEED, without=role)
    assert next(problems, None) is not None
    problems.close()


def test_a_seal_that_is_written_apart_is_missed(memory):
    """Sealing in a transaction of its own, behind the one that has filled a block."""
    waiting: list[tuple[MailboxId, NewColumns, int]] = []
    seal = seals.seal

    def later(_: Database, *what: Any) -> None:
        waiting.append(what)

    def apart(bench: Bench) -> None:
        def work(database: Database) -> Outcome[None]:
            seal(database, *waiting.pop())
            return Outcome(None)

        bench._do(Simple(work))

    def run(what: Operation, bench: Bench) -> None:
        what.run(bench)
        if waiting:
            apart(bench)

    operations = [
        Operation(one.name, partial(run, one), one.durable) for one in many.OPERATIONS
    ]
    with mock.patch.object(seals, "seal", later):
        wrong = record(memory / "apart", operations[:4], prepare=many.prefill)
    begun = wrong.ledger[2].answered
    problems = wrong.cuts(range(begun, len(wrong.log)), [NOTHING], memory, SEED)
    assert "['sealed'] differ" in next(problems)
