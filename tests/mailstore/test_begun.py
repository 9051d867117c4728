"""A coroutine that is run until it waits for something."""

from __future__ import annotations

from contextvars import ContextVar

import pytest

from mailstore.lanes import Future, begin
from tests.support.stepping import SteppingRuntime


@pytest.fixture
def runtime() -> SteppingRuntime:
    return SteppingRuntime()


def test_what_waits_for_nothing_has_ended():
    done: list[str] = []

    async def inner() -> str:
        return "x"

    async def work() -> None:
        done.append(await inner())

    assert begin(work()) is None
    assert done == ["x"]


def test_what_it_raises_is_raised():
    async def work() -> None:
        raise ValueError("x")

    with pytest.raises(ValueError, match="x"):
        begin(work())


@pytest.mark.parametrize("early", [False, True])
def test_the_rest_is_awaited(runtime, early):
    """Also if what it waits for has come before somebody awaits it."""
    first: Future[int] = runtime.future()
    second: Future[int] = runtime.future()
    done: list[int] = []

    async def work() -> None:
        done.append(await first)
        done.append(await second)

    waits = begin(work())
    assert waits is not None
    if early:
        first.succeed(1)

    async def owner() -> None:
        await waits
        done.append(0)

    runtime.spawn(owner())
    if not early:
        assert done == []
        first.succeed(1)
    assert done == [1]
    second.succeed(2)
    assert done == [1, 2, 0]


def test_an_error_of_what_it_waits_for_reaches_both(runtime):
    future: Future[int] = runtime.future()
    heard: list[object] = []

    async def work() -> None:
        try:
            await future
        except OSError:
            heard.append("work")
            raise

    waits = begin(work())
    assert waits is not None

    async def owner() -> None:
        with pytest.raises(OSError, match="gone"):
            await waits
        heard.append("owner")

    runtime.spawn(owner())
    future.fail(OSError("gone"))
    assert heard == ["work", "owner"]


def test_it_has_the_variables_of_who_begins_it():
    variable: ContextVar[int] = ContextVar("variable", default=0)
    seen: list[int] = []

    async def work() -> None:
        seen.append(variable.get())

    variable.set(7)
    assert begin(work()) is None
    assert seen == [7]
