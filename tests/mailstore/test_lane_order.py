"""In which order a lane takes what waits."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mailstore.errors import Unavailable
from mailstore.writer import Outcome
from tests.mailstore.test_writer import Bench, result


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.close()


def test_what_waits_for_no_sync_goes_first_but_passes_over_nobody_twice(bench):
    done: list[str] = []

    def note(name):
        def work(_):
            done.append(name)
            return Outcome(name)

        return bench.lane.write(work, durable=name.startswith("durable"))

    def one_group():
        bench.runtime.waiting.pop(0)()

    durable, loose = note("durable"), note("loose")
    one_group()
    assert done == ["loose"]
    assert result(loose) == "loose"
    assert not durable.done()
    note("late")
    one_group()
    assert done == ["loose", "durable", "late"]
    note("durable too"), note("last")
    one_group()
    assert done[3:] == ["last"]
    bench.runtime.go()
    assert done[4:] == ["durable too"]


def test_a_lane_goes_on_after_there_was_no_thread_for_it(bench, monkeypatch):
    def refused(*_):
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(bench.runtime, "start", refused)
        first = bench.lane.write(lambda _: Outcome("first"))
        with pytest.raises(Unavailable):
            result(first)
    second = bench.lane.write(lambda _: Outcome("second"))
    bench.runtime.go()
    assert result(second) == "second"


def test_a_lane_makes_no_empty_index_in_place_of_one_that_is_gone(bench):
    """After a fault of a disk it opens its index anew."""
    path = bench.database.path
    bench.lane._wounded = True
    for one in path.parent.glob("index.db*"):
        one.unlink()
    future = bench.lane.write(lambda _: Outcome("lost"))
    bench.runtime.go()
    with pytest.raises(Unavailable):
        result(future)
    assert not path.exists()
