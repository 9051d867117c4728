"""What a process is told from outside, as events of the loop: signals, orphanhood."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import threading
from collections.abc import Callable, Mapping
from typing import Any


class Signals:
    """Calls a function on the event thread for each signal that arrives.

    To be made in the main thread. The descriptor that Python writes signal numbers
    to is watched by the loop: a signal that arrives just before the loop goes to
    sleep wakes it.
    """

    def __init__(self, calls: Mapping[signal.Signals, Callable[[], None]]) -> None:
        self._calls = dict(calls)
        self._read, self._write = socket.socketpair()
        self._read.setblocking(False)
        self._write.setblocking(False)
        self._before_fd = signal.set_wakeup_fd(
            self._write.fileno(), warn_on_full_buffer=False
        )
        self._before = {
            number: signal.signal(number, lambda *_: None) for number in calls
        }
        # One that had to wait for this is heard now: see `imapd.net.forking`.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, calls)

    def fileno(self) -> int:
        """The descriptor to watch."""
        return self._read.fileno()

    def logPrefix(self) -> str:
        """A name for Twisted's own messages."""
        return "signals"

    def doRead(self) -> None:
        """Call what belongs to the signals that arrived."""
        try:
            numbers = self._read.recv(4096)
        except BlockingIOError:
            return
        for number in dict.fromkeys(numbers):
            call = self._calls.get(signal.Signals(number))
            if call is not None:
                call()

    def connectionLost(self, reason: Any) -> None:  # noqa: ANN401 - Twisted's
        """The loop ends."""

    def close(self) -> None:
        """Put back what was there before."""
        signal.set_wakeup_fd(self._before_fd)
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._read.close()
        self._write.close()


class Lifeline:
    """The worker's end of the socket to its supervisor.

    When the supervisor dies, the kernel closes the other end: no worker may live on
    as an orphan that nobody can stop or restart.
    """

    def __init__(self, descriptor: int, gone: Callable[[], None]) -> None:
        self._socket = socket.socket(fileno=descriptor)
        self._socket.setblocking(False)
        self._gone = gone

    def tell(self, word: bytes) -> None:
        """Say a word to the supervisor."""
        # A supervisor that does not read is no reason for a worker to fail.
        with contextlib.suppress(BlockingIOError, BrokenPipeError):
            self._socket.send(word)

    def fileno(self) -> int:
        """The descriptor to watch."""
        return self._socket.fileno()

    def logPrefix(self) -> str:
        """A name for Twisted's own messages."""
        return "lifeline"

    def doRead(self) -> Any:  # noqa: ANN401 - Twisted's
        """Notice that the supervisor is gone; give the reason to watch no more."""
        try:
            data = self._socket.recv(64)
        except BlockingIOError:
            return None
        except OSError:
            data = b""
        if data:
            return None
        self._gone()
        return ConnectionError("the supervisor is gone")

    def connectionLost(self, _: Any) -> None:  # noqa: ANN401 - Twisted's
        """The loop watches no more."""
        self._socket.close()


def when_orphaned(descriptor: int, call: Callable[[], None]) -> None:
    """Call a function, on a thread of its own, when the other end of a socket closes.

    `Lifeline` notices that too, as long as its loop turns: this is for one that hangs,
    which nobody else could end any more.
    """
    own = os.dup(descriptor)

    def wait() -> None:
        try:
            poll = select.poll()
            poll.register(own, select.POLLRDHUP)
            poll.poll()
        finally:
            os.close(own)
        call()

    threading.Thread(target=wait, name="orphaned", daemon=True).start()
