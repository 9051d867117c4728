"""The loop's own reactor: turns, and who wakes it."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from imapd.net.loop import close_loop, new_loop


class Reader:
    """One end of a socket pair, watched by a loop."""

    def __init__(self, loop: Any, act: Callable[[], object]) -> None:
        self.near, self.far = socket.socketpair()
        self.near.setblocking(False)
        self._act = act
        loop.addReader(self)

    def fileno(self) -> int:
        return self.near.fileno()

    def logPrefix(self) -> str:
        return "test"

    def doRead(self) -> None:
        self.near.recv(1)
        self._act()

    def connectionLost(self, _: object) -> None:
        """Nothing to do."""

    def close(self) -> None:
        self.near.close()
        self.far.close()


@pytest.fixture
def loop() -> Iterator[Any]:
    made: Any = new_loop()
    yield made
    close_loop(made)


def woken(loop: Any) -> list[int]:
    """Note each time that the loop is woken by its pipe."""
    times: list[int] = []
    plain = loop.waker.wakeUp

    def wake() -> None:
        times.append(loop.turn)
        plain()

    loop.waker.wakeUp = wake
    return times


def run(loop: Any) -> None:
    guard = loop.callLater(20, loop.stop)
    loop.run(installSignalHandlers=False)
    assert guard.active(), "the loop slept over what it was to do"
    guard.cancel()


def test_what_the_loop_gives_itself_to_do_wakes_nobody(loop):
    done: list[int] = []
    times = woken(loop)

    def again() -> None:
        done.append(len(done))
        if len(done) < 5:
            loop.callFromThread(again)
        else:
            loop.stop()

    reader = Reader(loop, lambda: loop.callFromThread(again))
    reader.far.send(b"x")
    run(loop)
    assert done == [0, 1, 2, 3, 4]
    assert times == []
    reader.close()


def test_others_wake_it(loop):
    times = woken(loop)
    thread = threading.Thread(target=lambda: loop.callFromThread(loop.stop))
    reader = Reader(loop, thread.start)
    reader.far.send(b"x")
    run(loop)
    thread.join()
    assert times
    reader.close()


def test_a_signal_wakes_it_from_its_sleep(loop):
    """A handler runs on the loop's own thread, in the middle of its sleep."""
    before = signal.signal(signal.SIGUSR1, lambda *_: loop.callFromThread(loop.stop))
    try:
        thread = threading.Thread(target=lambda: os.kill(os.getpid(), signal.SIGUSR1))
        loop.callLater(0, thread.start)
        run(loop)
        thread.join()
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_each_event_is_a_turn(loop):
    turns: list[int] = []

    def note() -> None:
        turns.append(loop.turn)
        if len(turns) == 2:
            loop.stop()

    readers = [Reader(loop, note) for _ in range(2)]
    for reader in readers:
        reader.far.send(b"x")
    run(loop)
    assert len(set(turns)) == 2
    for reader in readers:
        reader.close()


def test_an_event_that_fails_is_reported_and_ends_no_loop(loop):
    def fail() -> None:
        loop.callFromThread(loop.stop)
        raise ValueError("no")

    reader = Reader(loop, fail)
    reader.far.send(b"x")
    run(loop)
    assert reader not in loop.getReaders()
    reader.close()


def test_an_error_of_the_loop_itself_ends_it_not(loop, monkeypatch):
    plain = loop.doPoll

    def poll(timeout: float | None) -> None:
        monkeypatch.setattr(loop, "doPoll", plain)
        loop.callLater(0, loop.stop)
        raise ValueError("no")

    monkeypatch.setattr(loop, "doPoll", poll)
    run(loop)


def test_it_sleeps_until_the_next_call_and_no_longer(loop):
    assert loop.timeout() is None
    calls = [loop.callLater(seconds, lambda: None) for seconds in (7_000, 50)]
    for _ in range(2):  # as new calls, and as such that are known
        assert 0 < loop.timeout() <= 50
    calls[1].cancel()
    loop.callLater(-0.0, lambda: None)
    assert loop.timeout() == 0
    loop.callFromThread(lambda: None)
    assert loop.timeout() == 0
