"""One worker: its ports, its connections, and its orderly end.

To stop: accept no more, say BYE to everybody, give commands that run a moment to
end, cut off who doesn't go, and only then end the loop.
"""

from __future__ import annotations

import dataclasses
import os
import socket
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from twisted.internet.protocol import Factory

from imapd.net.door import Door, SocketProtocol
from imapd.net.imap import ImapProtocol
from imapd.net.lanes import TwistedRuntime
from imapd.net.listen import Endpoint
from imapd.net.loop import Loop
from imapd.net.unix_port import UnixPort

GOODBYE_SECONDS = 3.0
FINISH_SECONDS = 10.0
"""How long commands that still run may take to end after the last BYE."""
_TICK = 0.01


_LOOPBACK = ("127.0.0.0/8", "::1/128")
_TRUSTED = {"lmtp": _LOOPBACK, "auth": _LOOPBACK, "socketmap": _LOOPBACK}
"""Who is served where nobody is named: what an MTA says is believed."""


class _Factory(Factory):
    noisy = False

    def __init__(self, door: Door, make: Callable[[Door], SocketProtocol]) -> None:
        self._door = door
        self._make = make

    def buildProtocol(self, _: Any) -> SocketProtocol:  # noqa: ANN401 - Twisted's
        return self._make(self._door)


IMAP: Mapping[str, Callable[[Door], SocketProtocol]] = {"imap": ImapProtocol}


class Server:
    """The ports and connections of one worker.

    ``door`` is what all addresses share; each gets its own kind of TLS. ``metrics``
    writes the page for monitoring. ``protocols`` make a connection, by the word of
    what is spoken.
    ``goodbye_seconds`` is how long clients may take to close after BYE.
    """

    def __init__(
        self,
        loop: Loop,
        runtime: TwistedRuntime,
        door: Door,
        metrics: Callable[[], bytes] = bytes,
        protocols: Mapping[str, Callable[[Door], SocketProtocol]] = IMAP,
    ) -> None:
        self._loop = loop
        self._metrics = metrics
        self._protocols = protocols
        self._runtime = runtime
        self._door = door
        self._live = door.live
        self.goodbye_seconds = GOODBYE_SECONDS
        self._ports: list[Any] = []
        self._stopping = False

    @property
    def connections(self) -> int:
        """How many there are now."""
        return len(self._live)

    def listen(self, endpoints: Iterable[Endpoint]) -> None:
        """Accept connections; takes over the descriptors."""
        for endpoint in endpoints:
            factory = self._factory(endpoint)
            port: Any
            if endpoint.family == socket.AF_UNIX:
                port = UnixPort(self._loop, endpoint.descriptor, factory)
            else:
                port = self._loop.adoptStreamPort(
                    endpoint.descriptor, endpoint.family, factory
                )
            os.close(endpoint.descriptor)  # the port has its own
            self._ports.append(port)

    def _factory(self, endpoint: Endpoint) -> Any:  # noqa: ANN401 - Twisted's
        if endpoint.protocol == "metrics":
            from imapd.net.http import metrics_site

            return metrics_site(self._loop, self._metrics)
        door = dataclasses.replace(
            self._door,
            tls=endpoint.tls,
            proxy_from=endpoint.proxy_from,
            allow_from=endpoint.allow_from or _TRUSTED.get(endpoint.protocol, ()),
        )
        return _Factory(door, self._protocols[endpoint.protocol])

    def stop(self, text: str = "the server is stopping") -> None:
        """Begin to end; the loop stops when everything has. Harmless to repeat."""
        if not self._stopping:
            self._stopping = True
            self._runtime.spawn(self._stop(text))

    async def _stop(self, text: str) -> None:
        for port in self._ports:
            port.stopListening()
        for protocol in tuple(self._live):
            protocol.shutdown(text)
        until = self._runtime.monotonic() + self.goodbye_seconds
        while self._live and self._runtime.monotonic() < until:
            await self._pause()
        for protocol in tuple(self._live):
            protocol.abort()
        # This coroutine is the one that still runs when all others have ended.
        until = self._runtime.monotonic() + FINISH_SECONDS
        while self._runtime.running > 1 and self._runtime.monotonic() < until:
            await self._pause()
        await self._pause()  # the ports close their sockets in a turn of their own
        self._loop.stop()

    async def _pause(self) -> None:
        tick = self._runtime.future()
        self._runtime.later(_TICK, lambda: tick.succeed(None))
        await tick
