"""Accepting connections on a listening unix socket.

Not as a port of Twisted's: that would change the socket's permissions, and remove its
name when one of the workers ends.
"""

from __future__ import annotations

import socket
from typing import Any

from imapd.net.loop import Loop

_AT_ONCE = 100


class UnixPort:
    """Watches the socket; ``descriptor`` is duplicated."""

    def __init__(self, loop: Loop, descriptor: int, factory: Any) -> None:  # noqa: ANN401 - Twisted's
        self._loop = loop
        self._factory = factory
        self._listening: socket.socket | None = socket.fromfd(
            descriptor, socket.AF_UNIX, socket.SOCK_STREAM
        )
        loop.addReader(self)

    def stopListening(self) -> None:
        """Accept no more."""
        listening, self._listening = self._listening, None
        if listening is not None:
            self._loop.removeReader(self)
            listening.close()

    # -- Twisted's reader

    def fileno(self) -> int:
        """The descriptor to watch."""
        return -1 if self._listening is None else self._listening.fileno()

    def logPrefix(self) -> str:
        """A name for Twisted's own messages."""
        return "unix"

    def doRead(self) -> None:
        """Take those who connect; another worker may have been faster."""
        for _ in range(_AT_ONCE):
            if self._listening is None:
                return
            try:
                connected, _peer = self._listening.accept()
            except OSError:
                return
            with connected:
                connected.setblocking(False)
                self._loop.adoptStreamConnection(
                    connected.fileno(), socket.AF_UNIX, self._factory
                )

    def connectionLost(self, reason: Any) -> None:  # noqa: ANN401 - Twisted's
        """The loop ends."""
