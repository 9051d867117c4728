from __future__ import annotations

from imapd.session.at_work import LOOK_SECONDS, AtWork
from tests.support.stepping import SteppingRuntime


def test_who_waits_is_told_now_and_then():
    runtime, at_work = SteppingRuntime(), AtWork()
    told: list[object] = []
    key = at_work.begin(runtime, lambda: told.append(runtime.monotonic()))
    other = at_work.begin(runtime, lambda: told.append("other"))
    at_work.end(other)
    start = runtime.monotonic()
    runtime.advance(2 * LOOK_SECONDS)
    assert told == [start + LOOK_SECONDS, start + 2 * LOOK_SECONDS]
    at_work.end(key)
    at_work.end(key)
    runtime.advance(10 * LOOK_SECONDS)
    assert len(told) == 2


def test_nobody_looks_when_nobody_waits():
    """One timer serves all; it is not set anew before somebody waits again."""
    runtime, at_work, told = SteppingRuntime(), AtWork(), []
    for _ in range(100):
        at_work.end(at_work.begin(runtime, lambda: told.append(1)))
    assert len(runtime._timers) == 1
    runtime.advance(LOOK_SECONDS)
    assert (runtime._timers, told) == ([], [])
    at_work.end(at_work.begin(runtime, lambda: told.append(1)))
    assert len(runtime._timers) == 1
