"""DEFLATE between a session and its socket, above TLS (RFC 4978 §3).

Both directions are streams of raw DEFLATE (RFC 1951) without a header. It knows no
command and no response.

Invariants: what `Deflater.deflate` gives ends in a flush, so that nothing that was
said waits for what will be said next; one step of `Inflater` gives at most `STEP`
octets, and between two steps other connections have their turn, so that a few
octets that stand for gigabytes cost no more than the gigabytes themselves would,
sent as slowly.

A connection's two streams hold about 100 KiB: 64 for the way out (a window of 8 KiB
and its tables), at most 40 for the way in (32 KiB: the client chooses its window).
"""

from __future__ import annotations

import contextlib
import zlib
from collections.abc import Callable

from mailstore.lanes import Runtime

STEP = 65_536
"""Octets that are inflated at a stretch."""

_LEVEL = 4  # about 1 ms for a chunk of text, 1.5 for one of base64
_WINDOW = -13
_MEMORY = 6
_WIDEST_WINDOW = -15
_LARGE = 8_192
_SAMPLE = 1_024
_BLOCK = 65_535  # RFC 1951 §3.2.4: of a stored block


class Deflater:
    """The way out."""

    __slots__ = ("_stream",)

    def __init__(self) -> None:
        self._stream = zlib.compressobj(_LEVEL, zlib.DEFLATED, _WINDOW, _MEMORY)

    def deflate(self, data: bytes, *, last: bool = False) -> bytes:
        """Give what the client can turn into ``data``, all of it.

        With ``last`` the stream ends there, so that it is known where.
        """
        if last:
            return self._stream.compress(data) + self._stream.flush(zlib.Z_FINISH)
        if len(data) >= _LARGE and _is_dense(data):
            # RFC 4978 §4: no time for what doesn't get smaller. The stream forgets
            # what was before, so that it never refers across these blocks.
            return self._stream.flush(zlib.Z_FULL_FLUSH) + _stored(data)
        return self._stream.compress(data) + self._stream.flush(zlib.Z_SYNC_FLUSH)


def _is_dense(data: bytes) -> bool:
    """Tell whether data was compressed already, by a look at its middle."""
    middle = len(data) // 2
    sample = data[middle : middle + _SAMPLE]
    return len(zlib.compress(sample, 1)) >= len(sample)


def _stored(data: bytes) -> bytes:
    """Give stored blocks (RFC 1951 §3.2.4); the stream stands at a whole octet."""
    pieces = []
    for start in range(0, len(data), _BLOCK):
        piece = data[start : start + _BLOCK]
        length = len(piece)
        pieces.append(b"\x00" + length.to_bytes(2, "little"))
        pieces.append((length ^ 0xFFFF).to_bytes(2, "little"))
        pieces.append(piece)
    return b"".join(pieces)


class Inflater:
    """The way in.

    ``received`` takes plain octets; ``hold`` is told whether the socket should wait;
    ``broken`` is called once when the octets are no DEFLATE, or its end.
    """

    def __init__(
        self,
        runtime: Runtime,
        received: Callable[[bytes], None],
        hold: Callable[[bool], None],
        broken: Callable[[str], None],
    ) -> None:
        self._runtime = runtime
        self._received = received
        self._hold = hold
        self._broken = broken
        self._stream = zlib.decompressobj(_WIDEST_WINDOW)
        self._rest = b""
        self._more = False  # the stream has octets to give
        self._planned = False
        self._paused = False
        self._over = False

    def feed(self, data: bytes) -> None:
        """Take octets from the socket."""
        if self._over:
            return
        self._rest += data
        if not self._more:
            self._more = True
            self._step()

    def pause(self) -> None:
        """The session takes nothing for now."""
        self._paused = True

    def resume(self) -> None:
        """The session takes octets again."""
        self._paused = False
        self._plan()

    def close(self) -> None:
        """The connection is over."""
        self._over = True
        self._rest = b""

    def stop(self) -> bytes:
        """End it behind what was given last; gives octets that came behind the end.

        A client that doesn't end its stream (RFC 1951 §3.2.3: BFINAL) must have sent
        nothing behind its last flush: where the stream ended could not be known.
        """
        rest, more = self._rest, b""
        self.close()
        self._hold(False)
        if not self._stream.eof:
            # A step may have ended just before the end: what is left says it.
            with contextlib.suppress(zlib.error):
                more = self._stream.decompress(rest, 1)
        if self._stream.eof and not more:
            return self._stream.unused_data
        if more or self._stream.unconsumed_tail:
            self._broken("nothing may follow in the same stream")
        return b""

    def _plan(self) -> None:
        if self._more and not (self._planned or self._paused or self._over):
            self._planned = True
            self._runtime.later(0.0, self._planned_step)

    def _planned_step(self) -> None:
        self._planned = False
        if not (self._paused or self._over):
            self._step()

    def _step(self) -> None:
        try:
            plain = self._stream.decompress(self._rest, STEP)
        except zlib.error:
            self._fail("what was sent is not DEFLATE")
            return
        self._rest = self._stream.unconsumed_tail
        # The stream may hold on to octets for which there was no room.
        self._more = bool(self._rest) or len(plain) == STEP
        if self._stream.eof:
            self._more = False
            self._rest = b""
        self._hold(self._more)
        if plain:
            self._received(plain)
        if self._stream.eof:
            self._fail("the compressed stream has ended")
            return
        self._plan()

    def _fail(self, text: str) -> None:
        if not self._over:
            self.close()
            self._broken(text)
