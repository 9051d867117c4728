"""TCP connections of Twisted's, with less around each of them, each read and write.

Twisted's own go through half a dozen calls for what is one call of the system; what
happens rarely (errors, closing, a socket that is full) is left to them. It must not
know what is spoken.
"""

from __future__ import annotations

import errno
import socket
from typing import Any

from twisted.internet import tcp
from twisted.internet.address import IPv6Address
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
    logstr = "connection"  # before Twisted's own messages: ours name the session

    def __init__(
        self,
        connected: socket.socket,
        protocol: Any,  # noqa: ANN401 - Twisted's
        client: tuple[Any, ...],
        server: Any,  # noqa: ANN401 - Twisted's
        number: int,
        reactor: Any,  # noqa: ANN401 - Twisted's
    ) -> None:
        # As Twisted's own, without the texts that it puts together for each.
        tcp.Connection.__init__(self, connected, protocol, reactor)
        if len(client) != 2:
            self._addressType = IPv6Address
        self.server = server
        self.client = client
        self.sessionno = number
        self.hostname = client[0]
        self.startReading()  # type: ignore[no-untyped-call]
        self.connected = 1

    def __repr__(self) -> str:
        return f"<connection {self.sessionno} from {self.hostname}>"

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

    def doRead(self) -> None:
        """Take those who connect; as many at once as there were the last time."""
        listening: Any = self.socket
        most, accepted = self.numberAccepts, 0
        while accepted < most:
            try:
                # `socket.accept` does so too, and then asks for what we know.
                descriptor, client = listening._accept()  # noqa: SLF001
            except BlockingIOError:
                break
            except OSError:
                # No descriptor is left, or what is as rare: Twisted tries again, and
                # knows what to do.
                super().doRead()  # type: ignore[no-untyped-call]
                return
            accepted += 1
            try:
                self._begin(descriptor, client, listening.proto)
            except BaseException:  # noqa: BLE001 - as Twisted does
                log.err()  # type: ignore[no-untyped-call]
        self.numberAccepts = most + 20 if accepted == most else max(1, accepted)

    def _begin(self, descriptor: int, client: tuple[Any, ...], number: int) -> None:
        family: Any = self.addressFamily
        made = socket.socket(family, socket.SOCK_STREAM, number, descriptor)
        if len(client) == 4:  # IPv6: the address with its scope
            flags = socket.NI_NUMERICHOST | socket.NI_NUMERICSERV
            client = (socket.getnameinfo(client, flags)[0], *client[1:])
        factory: Any = self.factory
        protocol = None
        try:
            # Who it is, the transport tells who asks.
            protocol = factory.buildProtocol(None)
        finally:
            if protocol is None:
                made.close()
        if protocol is None:
            return
        session = self.sessionno
        self.sessionno = session + 1
        make: Any = self.transport
        protocol.makeConnection(
            make(made, protocol, client, self, session, self.reactor)
        )
