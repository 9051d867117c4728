"""Threads: work runs in its order, wakes one of them, and is never lost."""

import subprocess
import sys
import threading
import weakref
from collections.abc import Iterator
from functools import partial

import pytest

from imapd.net.threads import Threads


@pytest.fixture
def threads() -> Iterator[Threads]:
    made = Threads(3, "some")
    yield made
    made.close()


class Busy:
    """Holds a thread until it is let go."""

    def __init__(self) -> None:
        self.begun, self.go = threading.Event(), threading.Event()
        self.by = ""

    def __call__(self) -> None:
        self.by = threading.current_thread().name
        self.begun.set()
        assert self.go.wait(10)


def run(threads: Threads) -> str:
    """Give the name of the thread that runs a piece of work."""
    found: list[str] = []
    done = threading.Event()

    def work() -> None:
        found.append(threading.current_thread().name)
        done.set()

    threads.start(work)
    assert done.wait(10)
    return found[0]


def rest(threads: Threads, count: int) -> None:
    """Wait until so many threads have no work."""
    for _ in range(100_000):
        with threads._lock:
            if len(threads._resting) == count:
                return
    raise AssertionError("the threads don't come to rest")


def test_no_more_threads_are_begun_than_work_needs(threads):
    for _ in range(5):
        assert run(threads) == "some_0"
        rest(threads, 1)
    assert len(threads._threads) == 1


def test_the_thread_that_rested_shortest_is_woken_and_no_other(threads):
    busy = [Busy() for _ in range(3)]
    for one in busy:
        threads.start(one)
        assert one.begun.wait(10)
    for at in (0, 2, 1):
        busy[at].go.set()
        rest(threads, len([one for one in busy if one.go.is_set()]))
    last = busy[1]
    again = Busy()
    threads.start(again)
    assert again.begun.wait(10)
    assert again.by == last.by
    assert len(threads._resting) == 2
    again.go.set()


def test_what_finds_no_thread_waits_in_its_order(threads):
    busy = [Busy() for _ in range(3)]
    for one in busy:
        threads.start(one)
    order: list[int] = []
    done = threading.Event()
    for at in range(20):
        threads.start(partial(order.append, at))
    threads.start(done.set)
    assert order == []
    busy[0].go.set()
    assert done.wait(10)
    assert order == list(range(20))
    for one in busy:
        one.go.set()


def test_work_waits_when_the_system_grants_no_more_threads(threads, monkeypatch):
    busy = Busy()
    threads.start(busy)

    def refused(_):
        raise RuntimeError("can't start new thread")

    done = threading.Event()
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refused)
        threads.start(done.set)
        busy.go.set()
        assert done.wait(10)
        none = Threads(1, "none")
        with pytest.raises(RuntimeError, match="new thread"):
            none.start(done.set)
    rest(threads, 1)


def test_closing_waits_for_all_that_was_given():
    threads = Threads(1, "one")
    busy = Busy()
    order: list[int] = []
    threads.start(busy)
    for at in range(10):
        threads.start(partial(order.append, at))
    closing = threading.Thread(target=threads.close)
    closing.start()
    busy.go.set()
    closing.join(10)
    assert order == list(range(10))
    with pytest.raises(RuntimeError, match="ended"):
        threads.start(lambda: None)


def test_closing_ends_threads_that_rest():
    threads = Threads(2, "two")
    run(threads)
    threads.close()
    assert not any(thread.is_alive() for thread in threads._threads)


def test_a_program_that_fails_ends_though_nobody_has_closed_them():
    program = """
import sys, threading
from imapd.net.threads import Threads
threads, done = Threads(2, "two"), threading.Event()
threads.start(done.set)
done.wait(10)
sys.exit(3)
"""
    done = subprocess.run([sys.executable, "-c", program], timeout=20, check=False)
    assert done.returncode == 3


def test_work_that_was_done_is_not_kept(threads):
    class Held:
        pass

    held = Held()
    gone = weakref.ref(held)
    done = threading.Event()

    def work(held: Held) -> None:
        assert held is not None
        done.set()

    threads.start(lambda held=held: work(held))
    del held
    assert done.wait(10)
    rest(threads, 1)
    assert gone() is None


def test_work_of_many_threads_is_all_done(threads):
    done: list[int] = []

    def give(of: int) -> None:
        for at in range(200):
            threads.start(partial(done.append, of * 1000 + at))

    givers = [threading.Thread(target=give, args=(of,)) for of in range(4)]
    for one in givers:
        one.start()
    for one in givers:
        one.join(10)
    threads.close()
    assert len(done) == 800
