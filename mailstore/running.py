"""What a group's jobs do inside their transaction: each by itself, or like ones as one.

Jobs that a lane has taken together and that are of one kind (they bring messages) can
be done by one set of statements. When that fails, none of it was done, and
each is done by itself: who fails, fails alone. It must not know what a job does.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any, TypeVar

from mailstore.index.database import Database
from mailstore.index.records import Delta

if TYPE_CHECKING:
    from mailstore.group import Waiting
    from mailstore.writer import Job, Outcome

T = TypeVar("T")


class Joinable(ABC):
    """A job that may be done together with its like."""

    @abstractmethod
    def kind(self) -> Hashable | None:
        """Give what is equal of jobs that can be one; None: this one can't."""

    @abstractmethod
    def run_with(self, others: Sequence[Any], database: Database) -> list[Outcome[Any]]:
        """Do this job and others of its kind, in their order; gives an outcome each."""


def _unbounded(_: Database) -> AbstractContextManager[None]:
    return nullcontext()


def _nothing_more(_: Database, __: Sequence[Delta]) -> Sequence[Delta]:
    return ()


@dataclass(frozen=True, slots=True)
class Rules:
    """What an account wants of each job, inside the job's transaction.

    ``bounds`` is around each that is `Job.bounded`, and may refuse what it did.
    ``follow`` does what follows from its changes, and gives that.
    """

    bounds: Callable[[Database], AbstractContextManager[None]] = _unbounded
    follow: Callable[[Database, Sequence[Delta]], Sequence[Delta]] = _nothing_more


NO_RULES = Rules()


def run_jobs(database: Database, rules: Rules, jobs: Sequence[Waiting]) -> None:
    """Run the jobs of a transaction; each has its outcome or its error then.

    Raises what a job raised that is alone, or that has ended the transaction.
    """
    if len(jobs) == 1:
        _run_alone(database, rules, jobs[0], alone=True)
        return
    for some in _alike(jobs):
        if len(some) == 1 or not _run_as_one(database, rules, some):
            for one in some:
                _run_alone(database, rules, one, alone=False)


def _alike(jobs: Sequence[Waiting]) -> Iterator[list[Waiting]]:
    """Give neighbours that can be one, all others alone."""
    for kind, found in groupby(jobs, _kind_of):
        some = list(found)
        if kind is None:
            yield from ([one] for one in some)
        else:
            yield some


def _kind_of(one: Waiting) -> Hashable | None:
    # Of who wants to be told of others' changes alone, each is to be known by itself.
    if one.by is not None or not isinstance(one.job, Joinable):
        return None
    return one.job.kind()


def _run_as_one(database: Database, rules: Rules, some: Sequence[Waiting]) -> bool:
    """Run jobs of one kind together; False when that failed and nothing was done."""
    first, others = some[0].job, [one.job for one in some[1:]]
    assert isinstance(first, Joinable)
    try:
        with database.savepoint(), _bounds(rules, some[0].job, database):
            outcomes = first.run_with(others, database)
            deltas = [delta for outcome in outcomes for delta in outcome.deltas]
            more = rules.follow(database, deltas)
    except Exception:
        if not database.in_transaction:
            raise
        return False
    if more:
        outcomes[0] = outcomes[0]._replace(deltas=(*outcomes[0].deltas, *more))
    for one, outcome in zip(some, outcomes, strict=True):
        one.outcome = outcome
    return True


def _run_alone(database: Database, rules: Rules, one: Waiting, *, alone: bool) -> None:
    try:
        if alone:
            one.outcome = _run(database, rules, one.job)
        else:
            with database.savepoint():
                one.outcome = _run(database, rules, one.job)
    except Exception as error:
        one.error, one.outcome = error, None
        if alone or not database.in_transaction:
            raise


def _run(database: Database, rules: Rules, job: Job[T]) -> Outcome[T]:
    if job.bounded:
        with rules.bounds(database):
            outcome = job.run(database)
    else:
        outcome = job.run(database)
    more = rules.follow(database, outcome.deltas)
    return outcome._replace(deltas=(*outcome.deltas, *more)) if more else outcome


def _bounds(
    rules: Rules, job: Job[Any], database: Database
) -> AbstractContextManager[None]:
    return rules.bounds(database) if job.bounded else _unbounded(database)
