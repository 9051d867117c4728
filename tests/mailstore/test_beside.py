"""Beside: the work is done once, by whoever comes first."""

import threading

from mailstore.beside import Beside
from mailstore.lanes import InlineRuntime, Pool


class Threads(InlineRuntime):
    """A pool that begins when a test says so."""

    def __init__(self):
        self.waiting = []

    def start(self, pool, work):
        assert pool is Pool.READ
        self.waiting.append(work)


def test_what_another_thread_has_done_is_not_done_again():
    runtime, done = Threads(), []
    beside = Beside(runtime, lambda: done.append(1))
    runtime.waiting.pop()()
    beside.finish()
    assert done == [1]


def test_what_nobody_began_is_done_here_and_by_nobody_else():
    runtime, done = Threads(), []
    beside = Beside(runtime, lambda: done.append(threading.current_thread()))
    beside.finish()
    runtime.waiting.pop()()
    assert done == [threading.current_thread()]


def test_what_another_thread_does_is_waited_for():
    runtime, order = Threads(), []
    begun, go = threading.Event(), threading.Event()

    def work():
        begun.set()
        assert go.wait(10)
        order.append("work")

    beside = Beside(runtime, work)
    other = threading.Thread(target=runtime.waiting.pop())
    other.start()
    assert begun.wait(10)

    def finish():
        beside.finish()
        order.append("finished")

    here = threading.Thread(target=finish)
    here.start()
    go.set()
    here.join(10)
    other.join(10)
    assert order == ["work", "finished"]
