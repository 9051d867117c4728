"""The answers of one connection on their way to the transport.

Small pieces are gathered and handed over in chunks; a large answer waits for room
between its batches, so that a slow client costs memory for one chunk only.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Protocol

from imapd.session.credentials import Channel

Buffer = bytes | memoryview
CHUNK = 65_536


class Transport(Protocol):
    """The connection as the session sees it; `imapd.net` provides it."""

    @property
    def secure(self) -> bool:
        """Whether TLS protects it."""
        ...

    def channel(self) -> Channel:
        """What TLS knows of the connection by now."""
        ...

    def write(self, data: bytes) -> None:
        """Hand over bytes for the client, at most `CHUNK` at a time by habit."""
        ...

    def room(self) -> Awaitable[None]:
        """Wait until the client has taken enough; raises `ConnectionGone`.

        Others have the event thread meanwhile, however fast the client is.
        """
        ...

    def crowded(self) -> bool:
        """Tell whether writers should wait for room."""
        ...

    def pause_reading(self) -> None:
        """Take no more bytes from the client for now."""
        ...

    def resume_reading(self) -> None:
        """Take bytes again."""
        ...

    def expect(self, octets: int) -> None:
        """Of what the client is sending, so many octets are still to come."""
        ...

    def start_tls(self) -> None:
        """Begin a TLS handshake as the server; later bytes are decrypted."""
        ...

    def start_compression(self) -> None:
        """Compress by DEFLATE both ways from here on (RFC 4978 §3)."""
        ...

    def stop_inflating(self) -> None:
        """What the client sends is plain again (RFC 8437 §4.1)."""
        ...

    def stop_deflating(self) -> None:
        """What is written behind the next piece is plain again."""
        ...

    def close(self) -> None:
        """Send what is written, then close."""
        ...


async def _nobody() -> None:
    """There are no others."""


class Reply:
    """Gathers response lines for one connection.

    ``others`` lets the other sessions have the event thread for a moment. While it
    ``gathers``, whole answers wait for those to the commands that came behind, until
    `release`.
    """

    __slots__ = (
        "_others",
        "_pending",
        "_size",
        "_transport",
        "_whole",
        "gathers",
        "handed_over",
    )

    def __init__(
        self, transport: Transport, others: Callable[[], Awaitable[None]] | None = None
    ) -> None:
        self._transport = transport
        self._others = others or _nobody
        self._pending: list[Buffer] = []
        self._size = 0
        self.handed_over = 0  # octets, to the transport
        self._whole = False  # answers are here that wait for others
        self.gathers = False

    @property
    def octets(self) -> int:
        """How many were said so far."""
        return self.handed_over + self._size

    @property
    def crowded(self) -> bool:
        """Whether `room` would wait."""
        return self._transport.crowded()

    def write(self, data: bytes) -> None:
        """Add ready bytes: whole response lines, or pieces of one in order."""
        self._pending.append(data)
        self._size += len(data)
        if self._size >= CHUNK:
            self._hand_over_chunks()

    def write_all(self, pieces: Iterable[Buffer], size: int) -> None:
        """Add pieces in order, of ``size`` octets together."""
        self._pending += pieces
        self._size += size
        if self._size >= CHUNK:
            self._hand_over_chunks()

    def _hand_over_chunks(self) -> None:
        """Hand over whole chunks: one and a bit would be two calls of the system."""
        rest = self._size % CHUNK
        kept: list[Buffer] = []
        while rest:
            last = self._pending.pop()
            if len(last) > rest:
                # The pieces are joined once, and cut where that copies least.
                self._pending.append(memoryview(last)[:-rest])
                last = last[-rest:]
            kept.append(last)
            rest -= len(last)
        whole = b"".join(self._pending)
        self._pending, self._size = kept[::-1], self._size % CHUNK
        self._hand_over(whole)

    def untagged(self, *lines: bytes) -> None:
        """Add ``* line``, for each."""
        if len(lines) == 1:
            self.write(b"* %b\r\n" % lines)
            return
        self.write(b"".join([b"* %b\r\n" % line for line in lines]))

    def continuation(self, text: bytes) -> None:
        """Send a continuation request at once (RFC 3501 §7.5)."""
        self.write(b"+ %b\r\n" % text)
        self.flush()

    def finish(self, last: bytes) -> None:
        """Add the last line of an answer; send it all, or let it wait for the next."""
        if self.gathers:
            self._whole = True
            self.write(last)
        elif self._pending:
            self.write(last)
            self.flush()
        else:
            self._hand_over(last)

    def release(self) -> None:
        """Send the answers that wait for others, and gather no more."""
        self.gathers = False
        if self._whole:
            self.flush()

    def flush(self) -> None:
        """Hand over what was gathered."""
        self._whole = False
        if not self._pending:
            return
        data = b"".join(self._pending)
        self._pending.clear()
        self._size = 0
        self._hand_over(data)

    def _hand_over(self, data: bytes) -> None:
        self.handed_over += len(data)
        self._transport.write(data)

    async def pace(self) -> None:
        """Wait if the client is slow, with less than a chunk still gathered.

        Raises `ConnectionGone`.
        """
        if self._transport.crowded():
            await self._transport.room()

    async def room(self) -> None:
        """Hand over what was gathered, and wait if the client is slow.

        Raises `ConnectionGone` when the client is no longer there. Called once a
        batch by everything that answers at length.
        """
        self.flush()
        if self._transport.crowded():
            await self._transport.room()

    async def give_way(self) -> None:
        """Hand over what was gathered, and let others have the event thread.

        For what computes at length and says little. Raises `ConnectionGone`.
        """
        await self._others()
        await self.room()

    async def stand_aside(self) -> None:
        """Let others have the event thread; what was gathered waits for more.

        For what says much, in small parts. Raises `ConnectionGone`.
        """
        await self._others()
        if self._transport.crowded():
            await self.room()
