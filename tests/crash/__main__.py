"""``python -m tests.crash``: kills, power cuts and faults, for as long as wanted.

::

    python -m tests.crash kill --rounds 200
    python -m tests.crash power
    python -m tests.crash faults

Without a name it does all three, of ``kill`` so many rounds. What fails is told with
its seed. The stores are in memory where the machine has /dev/shm.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from tests.crash import kill, many
from tests.crash.cut import LUCKS
from tests.crash.faults import FAULTS, SWEPT, SYNCING, Fault, Sweep
from tests.crash.groups import Groups
from tests.crash.operations import OPERATIONS, small_files
from tests.crash.power import Recorded, record
from tests.support.memory import IN_MEMORY

_MOST = 20  # problems that are told


def main(arguments: Sequence[str]) -> int:
    """Run what is wanted; gives 1 when something is wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument("what", nargs="?", choices=("all", *_KINDS), default="all")
    parser.add_argument("--rounds", type=int, default=200, help="of kill")
    parser.add_argument("--step", type=int, default=1, help="of power: every n-th")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    wanted = parser.parse_args(arguments)
    kinds = _KINDS if wanted.what == "all" else {wanted.what: _KINDS[wanted.what]}
    for name, run in kinds.items():
        begun = time.monotonic()
        say(f"{name}, seed {wanted.seed}")
        with tempfile.TemporaryDirectory(prefix="imapd-crash-", dir=IN_MEMORY) as made:
            wrong = run(Path(made), wanted)
        say(f"{name}: {wrong} problems, {time.monotonic() - begun:.0f} s")
        if wrong:
            return 1
    return 0


def _kill(folder: Path, wanted: argparse.Namespace) -> int:
    rounds = list(kill.rounds(wanted.seed, wanted.rounds))
    kill.play(folder, wanted.seed, rounds, say)
    return 0


def _power(folder: Path, wanted: argparse.Namespace) -> int:
    wrong = 0
    for workers in (1, 3):
        run = record(folder / f"store{workers}", OPERATIONS, workers)
        wrong += _cuts(run, folder, wanted)
        run = record(folder / f"many{workers}", many.OPERATIONS, workers, many.prefill)
        wrong += _cuts(run, folder, wanted)
    return wrong


def _cuts(run: Recorded, folder: Path, wanted: argparse.Namespace) -> int:
    at = list(run.moments())[:: wanted.step]
    say(f"{len(at)} moments, each with {len(LUCKS)} kinds of luck")
    return _told(run.cuts(at, LUCKS, folder, wanted.seed))


def _faults(folder: Path, wanted: argparse.Namespace) -> int:
    syncs = [Fault(FAULTS[0].number, SYNCING, forever=one) for one in (False, True)]
    wrong = _told(Sweep(folder / "one").problems([*syncs, *FAULTS], SWEPT))
    with small_files("one boot"):
        groups = Groups(folder / "many")
        return wrong + _told(groups.problems(groups.failing()))


_KINDS = {"kill": _kill, "power": _power, "faults": _faults}


def _told(problems: Iterable[str]) -> int:
    count = 0
    for problem in problems:
        say(problem)
        count += 1
        if count == _MOST:
            break
    return count


def say(text: str) -> None:
    """Write a line at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
