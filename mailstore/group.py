"""The jobs that a lane takes together, and what has become of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mailstore.changes import actor
from mailstore.errors import DiskFull, Unavailable
from mailstore.lanes import Future

if TYPE_CHECKING:
    from mailstore.writer import Job, Outcome


@dataclass(slots=True)
class Waiting:
    """A job, who waits for it, and how it ended."""

    job: Job[Any]
    future: Future[Any]
    by: object | None = field(default_factory=actor.get)
    outcome: Outcome[Any] | None = None
    error: BaseException | None = None


@dataclass(slots=True)
class Group:
    """Jobs of one transaction.

    ``here``: it is on the event thread, which hears of it before anything else.
    """

    waiting: list[Waiting]
    here: bool = False
    committed: bool = False
    with_blobs: list[Waiting] = field(default_factory=list)

    def alive(self) -> list[Waiting]:
        """Give those that have not failed."""
        return [one for one in self.waiting if one.error is None]

    def without_blobs(self) -> list[Waiting]:
        """Give those that bring no messages."""
        return [one for one in self.waiting if one not in self.with_blobs]

    def look(self) -> None:
        """Have those that bring messages look at them. Each fails alone."""
        for one in self.with_blobs:
            try:
                one.job.look()
            except Exception as error:  # noqa: BLE001 - it belongs to this job's caller
                one.error = error

    def forgive(self) -> None:
        """Let what failed for want of room be tried again."""
        for one in self.without_blobs():
            if isinstance(one.error, DiskFull):
                one.error = None

    def fail(self, which: Sequence[Waiting], error: BaseException) -> None:
        """Let jobs fail that have not yet."""
        for one in which:
            if one.error is None:
                one.error, one.outcome = error, None

    def outcomes(self) -> list[Outcome[Any]]:
        """Give what the jobs did, each with who wanted it."""
        return [
            one.outcome if one.by is None else one.outcome._replace(by=one.by)
            for one in self.waiting
            if one.outcome is not None
        ]

    def answer(self) -> None:
        """Tell those who wait how it ended. On the event thread."""
        for one in self.waiting:
            if one.error is not None:
                one.future.fail(one.error)
            elif one.outcome is not None and self.committed:
                one.future.succeed(one.outcome.value)
            else:
                one.future.fail(Unavailable(detail="the group was not committed"))
