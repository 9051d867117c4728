"""Groups of jobs: each fails alone."""

import pytest

from mailstore.errors import DiskFull, TooMany, Unavailable
from mailstore.group import Group, Waiting
from mailstore.lanes import InlineFuture
from mailstore.writer import Outcome, Simple


class Mail(Simple[None]):
    """A job that looks at something."""

    error = None
    looked = False

    def look(self):
        self.looked = True
        if self.error is not None:
            raise self.error


def group(count):
    jobs = [Mail(lambda _: Outcome(None)) for _ in range(count)]
    return Group([Waiting(job, InlineFuture()) for job in jobs])


def test_a_job_whose_look_fails_fails_alone():
    made = group(4)
    made.with_blobs = made.waiting[:3]
    bad = made.waiting[1]
    bad.job.error = TooMany()
    made.look()
    assert made.alive() == [one for one in made.waiting if one is not bad]
    assert bad.error is bad.job.error
    assert [one.job.looked for one in made.waiting] == [True, True, True, False]


@pytest.mark.parametrize("error", [DiskFull(), Unavailable()])
def test_what_brings_nothing_may_try_again_when_there_is_room(error):
    made = group(2)
    made.with_blobs = made.waiting[:1]
    made.fail(made.waiting, error)
    assert made.alive() == []
    made.forgive()
    forgiven = made.waiting[1:] if isinstance(error, DiskFull) else []
    assert made.alive() == forgiven


def test_the_first_failure_is_what_a_job_is_told():
    made = group(1)
    made.fail(made.waiting, TooMany())
    made.fail(made.waiting, Unavailable())
    assert isinstance(made.waiting[0].error, TooMany)
