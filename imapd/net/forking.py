"""A worker's process: a fork of the supervisor, which has loaded what a worker is.

Loading is most of what a start costs, and most of a worker's memory; both are shared.
It is safe because the supervisor has one thread and no database, no event loop and no
connection of anybody: nothing that a fork would break is there.

What runs in the child never returns into the supervisor's code: the child ends here,
whatever happens in it.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import traceback
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress

from imapd.net.workers import WorkerSpec

_HANDLED = (
    signal.SIGTERM,
    signal.SIGINT,
    signal.SIGHUP,
    signal.SIGCHLD,
)


class ForkedWorker:
    """A child that was made by `fork_worker`."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._code: int | None = None

    def poll(self) -> int | None:
        """Give its exit code once it has ended; negative: the signal that ended it."""
        if self._code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self._code = os.waitstatus_to_exitcode(status)
        return self._code

    def send_signal(self, number: signal.Signals) -> None:
        """Send it a signal, unless it has ended: its number may be another's then."""
        if self.poll() is None:
            os.kill(self.pid, number)


def fork_worker(
    spec: WorkerSpec, foreign: Collection[int], work: Callable[[WorkerSpec], int]
) -> ForkedWorker:
    """Run ``work`` in a new process, which ends with the code that it gives.

    ``foreign`` are descriptors that are closed there. Raises `OSError` when there can
    be no more processes.
    """
    # What is there now is kept by both: no collection is to write to its pages.
    gc.freeze()
    _flush()
    with _no_signals():
        pid = os.fork()
        if not pid:
            _be_worker(spec, foreign, work)
    return ForkedWorker(pid)


@contextmanager
def _no_signals() -> Iterator[None]:
    """Let signals wait: one that the child is sent at once must meet its own ways."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _HANDLED)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _be_worker(
    spec: WorkerSpec, foreign: Collection[int], work: Callable[[WorkerSpec], int]
) -> None:
    code = 1
    try:
        signal.set_wakeup_fd(-1)
        for number in _HANDLED:
            signal.signal(number, signal.SIG_DFL)
        # SIGHUP waits until there is somebody who reads the configuration again.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, set(_HANDLED) - {signal.SIGHUP})
        for descriptor in foreign:
            os.close(descriptor)
        code = work(spec)
    except BaseException:  # noqa: BLE001 - there is nobody above to tell
        traceback.print_exc()
    finally:
        try:
            _flush()
        finally:
            os._exit(code)


def _flush() -> None:
    """Write what is in buffers: in both processes it would be written twice."""
    for stream in (sys.stdout, sys.stderr):
        # Who reads it may be gone; that is no reason to have no worker.
        with suppress(OSError, ValueError):
            stream.flush()
