"""Signals as events of the loop, none lost and none in the middle of anything."""

from __future__ import annotations

import signal
import socket
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
