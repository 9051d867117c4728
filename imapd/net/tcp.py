"""TCP connections of Twisted's, with less around each read and write.

Twisted's own go through half a dozen calls for what is one call of the system; what
happens rarely (errors, closing, a socket that is full) is left to them. It must not
know what is spoken.
"""

from __future__ import annotations

import errno
from typing import Any

from twisted.internet import tcp
from twisted.internet.main import CONNECTION_DONE, CONNECTION_LOST
from twisted.python import log

READ = 65_536
BULK = 262_144
"""Octets that are read at once in the middle of something large: a quarter of the
events then, and fewer, larger writes; a turn of less than half a millisecond."""


def piece(coming: int) -> int:
    """Give how much to read at once of something of which so many octets are to come.

    Never to its end: what ends it is an ordinary read, as all that follow.
    """
    return READ if coming <= READ else min(coming - 1, BULK)


class Connected(tcp.Server):
    """An accepted connection."""

    # No other process has it: to close it is enough.
    _shouldShutdown = False  # noqa: N815 - Twisted's
    octets = READ  # that are read at once; see `piece`

    def doRead(self) -> Any:  # noqa: ANN401 - Twisted's: why the connection ends, if so
        """Hand what has come to the protocol."""
        try:
            data = self.socket.recv(self.octets)
        except BlockingIOError:
            return None
        except OSError:
            return CONNECTION_LOST
        if not data:
            return CONNECTION_DONE
        receive: Any = self.protocol.dataReceived
        receive(data)
        return None

    def readConnectionLost(self, reason: Any) -> None:  # noqa: ANN401 - Twisted's
        """Tell the protocol, which takes half closes, that the client has ended."""
        try:
            ended: Any = self.protocol
            ended.readConnectionLost()
        except Exception:  # noqa: BLE001 - as Twisted does
            log.err()  # type: ignore[no-untyped-call]
            self.connectionLost(reason)

    def writeSomeData(self, data: Any) -> Any:  # noqa: ANN401 - Twisted's
        """Send as much as the kernel takes; gives how much, or why it takes none."""
        try:
            return self.socket.send(data)
        except BlockingIOError:
            return 0
        except OSError as error:
            return 0 if error.errno == errno.ENOBUFS else CONNECTION_LOST


class AcceptingPort(tcp.Port):
    """A listening socket whose connections are such."""

    transport: Any = Connected
