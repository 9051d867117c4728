"""The runtime over Twisted: futures, deliveries in order, threads, timers."""

import os
import threading
import time
from contextlib import suppress
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imapd.net.lanes import LoopFuture, TwistedRuntime
from imapd.net.loop import Loop, close_loop, new_loop
from mailstore.lanes import Pool, in_pool
from tests.imapd.net.fakes import make_runtime


def run_in_loop(work: Any, limit: float = 20.0) -> Any:
    """Run a coroutine function, given a runtime, on a real loop in this thread."""
    loop: Loop = new_loop()
    errors: list[BaseException] = []
    runtime = TwistedRuntime(loop, lambda error, where: errors.append(error))
    results: list[Any] = []

    async def whole() -> None:
        try:
            results.append(await work(runtime))
        finally:
            loop.stop()

    loop.callLater(0, lambda: runtime.spawn(whole()))
    guard = loop.callLater(limit, loop.stop)
    loop.run(installSignalHandlers=False)
    if guard.active():
        guard.cancel()
    runtime.close()
    close_loop(loop)
    if errors:
        raise errors[0]
    return results[0]


def test_an_awaiting_coroutine_goes_on_in_the_call_that_resolves():
    _, runtime, _ = make_runtime()
    future = runtime.future()
    got: list[int] = []

    async def wait() -> None:
        got.append(await future)

    runtime.spawn(wait())
    assert got == []
    future.succeed(7)
    assert got == [7]
    assert runtime.running == 0


def test_an_error_is_raised_in_who_awaits():
    _, runtime, errors = make_runtime()
    future = runtime.future()

    async def wait() -> None:
        with pytest.raises(KeyError):
            await future

    runtime.spawn(wait())
    future.fail(KeyError("x"))
    assert errors == []


def test_a_resolved_future_needs_no_turn_and_serves_many():
    _, runtime, _ = make_runtime()
    future: LoopFuture[int] = LoopFuture()
    got: list[int] = []

    async def wait() -> None:
        got.append(await future)

    runtime.spawn(wait())
    runtime.spawn(wait())
    future.succeed(1)
    runtime.spawn(wait())
    assert got == [1, 1, 1]
    assert future.done()
    with pytest.raises(RuntimeError):
        future.succeed(2)


def test_errors_of_spawned_coroutines_are_reported():
    _, runtime, errors = make_runtime()

    async def fail() -> None:
        raise LookupError("here")

    runtime.spawn(fail())
    assert [type(error) for error in errors] == [LookupError]
    assert runtime.running == 0


def test_many_deliveries_cost_one_wake_up():
    loop, runtime, _ = make_runtime()
    seen: list[int] = []
    for number in range(100):
        runtime.deliver(partial(seen.append, number))
    assert len(loop.getDelayedCalls()) == 1
    loop.advance(0)
    assert seen == list(range(100))


def test_a_delivery_that_fails_does_not_stop_the_next():
    loop, runtime, errors = make_runtime()
    seen: list[int] = []
    runtime.deliver(lambda: seen.remove(0))
    runtime.deliver(lambda: seen.append(1))
    loop.advance(0)
    assert seen == [1]
    assert len(errors) == 1


def test_sockets_get_their_turn_between_many_deliveries():
    loop, runtime, _ = make_runtime()
    seen: list[int] = []

    def slow() -> None:
        if not seen:
            loop.callLater(0, lambda: seen.append(-1))  # a socket is readable
        loop.rightNow += 0.001
        seen.append(1)

    for _ in range(10):
        runtime.deliver(slow)
    loop.advance(0)
    assert seen.count(1) == 10
    assert 0 < seen.index(-1) < 5


def test_timers_fire_once_and_can_be_cancelled_at_any_time():
    loop, runtime, _ = make_runtime()
    seen: list[str] = []
    first = runtime.later(1.0, lambda: seen.append("first"))
    second = runtime.later(1.0, lambda: seen.append("second"))
    second.cancel()
    loop.advance(2)
    first.cancel()
    second.cancel()
    assert seen == ["first"]


def _here(number: int) -> tuple[int, int]:
    return threading.get_ident(), number


@given(st.lists(st.sampled_from(list(Pool)), max_size=8))
def test_work_in_pools_comes_back_to_the_event_thread(pools):
    async def work(runtime: TwistedRuntime) -> list[Any]:
        here = threading.get_ident()
        results = []
        for number, pool in enumerate(pools):
            there, value = await in_pool(runtime, pool, partial(_here, number))
            assert there != here
            assert threading.get_ident() == here
            results.append(value)
        return results

    assert run_in_loop(work) == list(range(len(pools)))


def test_an_error_in_a_pool_is_the_awaiters():
    async def work(runtime: TwistedRuntime) -> str:
        try:
            await in_pool(runtime, Pool.READ, lambda: 1 // 0)
        except ZeroDivisionError:
            return "raised"
        return "not raised"

    assert run_in_loop(work) == "raised"


def test_slow_work_in_one_pool_does_not_hold_up_another():
    release = threading.Event()

    async def work(runtime: TwistedRuntime) -> bool:
        blocked = [in_pool(runtime, Pool.READ, release.wait) for _ in range(4)]
        await in_pool(runtime, Pool.WRITE, lambda: None)
        release.set()
        return all([await one for one in blocked])

    assert run_in_loop(work)


def test_deliveries_of_one_thread_keep_their_order():
    async def work(runtime: TwistedRuntime) -> list[int]:
        seen: list[int] = []

        def deliver_all() -> None:
            for number in range(2_000):
                runtime.deliver(partial(seen.append, number))

        await in_pool(runtime, Pool.WRITE, deliver_all)
        return seen

    assert run_in_loop(work) == list(range(2_000))


def test_closing_waits_for_what_was_started():
    done: list[int] = []
    loop = new_loop()
    runtime = TwistedRuntime(loop, lambda error, where: None)
    began = threading.Event()

    def work() -> None:
        began.set()
        time.sleep(0.05)
        done.append(1)

    runtime.start(Pool.WRITE, work)
    assert began.wait(10)
    runtime.close()
    close_loop(loop)
    assert done == [1]


def test_a_raising_thread_is_reported():
    errors: list[str] = []
    loop = new_loop()
    runtime = TwistedRuntime(loop, lambda error, where: errors.append(where))
    runtime.start(Pool.WRITE, lambda: errors.remove("x"))
    runtime.close()
    close_loop(loop)
    assert errors == ["write lane"]


def test_the_loop_goes_by_the_steady_clock():
    loop: Any = new_loop()
    assert abs(loop.seconds() - time.monotonic()) < 1
    close_loop(loop)


def _pipes() -> set[str]:
    found = set()
    for descriptor in os.listdir("/proc/self/fd"):
        with suppress(FileNotFoundError):  # the one that lists them
            found.add(os.readlink(f"/proc/self/fd/{descriptor}"))
    return {name for name in found if name.startswith(("pipe:", "socket:"))}


def test_a_closed_loop_keeps_no_descriptors():
    before = _pipes()
    loop: Any = new_loop()
    loop.callLater(0, loop.stop)
    loop.run(installSignalHandlers=False)
    close_loop(loop)
    loop.callFromThread(lambda: None)  # too late, and harmless
    assert _pipes() <= before
