"""A client's side of a conversation without sockets."""

from __future__ import annotations

from collections.abc import Awaitable

from imapd.session.credentials import NO_CHANNEL, Channel
from mailstore.lanes import Runtime


class MemoryTransport:
    """Keeps what the server writes; its client takes all at once."""

    def __init__(
        self, runtime: Runtime, *, secure: bool, channel: Channel = NO_CHANNEL
    ) -> None:
        self._runtime = runtime
        self.secure = secure
        self.tls_channel = channel
        self.raw = b""
        self.closed = False
        self.paused = False
        self.expected = 0  # octets that are still to come

    def channel(self) -> Channel:
        return self.tls_channel

    def write(self, data: bytes) -> None:
        assert not self.closed
        self.raw += data

    def room(self) -> Awaitable[None]:
        future = self._runtime.future()
        future.succeed(None)
        return future

    def crowded(self) -> bool:
        return False

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False

    def expect(self, octets: int) -> None:
        self.expected = octets

    def start_tls(self) -> None:
        self.secure = True

    def start_compression(self) -> None:
        raise AssertionError("nobody asked for that")

    def stop_inflating(self) -> None:
        raise AssertionError("nothing was compressed")

    def stop_deflating(self) -> None:
        raise AssertionError("nothing was compressed")

    def close(self) -> None:
        self.closed = True
