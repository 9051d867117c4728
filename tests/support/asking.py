"""A transport for conversations of an MTA that asks, without a socket."""

from __future__ import annotations

from collections.abc import Awaitable

from imapd.session.credentials import NO_CHANNEL, Channel
from tests.support.session import World


class Asking:
    """Keeps what the server writes; give it a conversation by `begin`."""

    secure = False

    def __init__(self, world: World) -> None:
        self.world = world
        self.raw = b""
        self.closed = False

    def channel(self) -> Channel:
        return NO_CHANNEL

    def write(self, data: bytes) -> None:
        assert not self.closed
        self.raw += data

    def room(self) -> Awaitable[None]:
        future = self.world.runtime.future()
        future.succeed(None)
        return future

    def crowded(self) -> bool:
        return False

    def pause_reading(self) -> None:
        """The tests feed little."""

    def resume_reading(self) -> None:
        """The tests feed little."""

    def expect(self, octets: int) -> None:
        """Nothing large comes here."""

    def start_tls(self) -> None:
        raise AssertionError("nobody asked for that")

    start_compression = stop_inflating = stop_deflating = start_tls

    def close(self) -> None:
        self.closed = True

    def taken(self) -> bytes:
        """Give what was written since."""
        data, self.raw = self.raw, b""
        return data
