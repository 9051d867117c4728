"""A connection's bytes on their way out, at the pace of the client.

`Output` is the session's transport. It keeps what the socket does not take, feeds
it in chunks, and tells the session to wait meanwhile. TLS lies between it and the
socket when it was started, and DEFLATE before TLS (RFC 4978 §3).

A chunk is sent at once when nothing lies before it: handing it to Twisted costs two
changes of what is watched and another turn of the loop, which is half of what a NOOP
takes. A session that has sent a chunk lets the others have the loop (`Output.room`).

Invariants: bytes leave in the order they were written; nothing is written to the
socket while it is full, so at most two chunks lie in it; a client that takes nothing
for ``output_stuck_seconds`` is cut off; a closed connection is gone after a while,
whatever the client does.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IPushProducer
from twisted.python.failure import Failure
from zope.interface import implementer  # type: ignore[import-untyped]

from imapd.net.compress import Deflater
from imapd.net.tcp import piece
from imapd.session.credentials import NO_CHANNEL, Channel
from imapd.session.faults import ConnectionGone
from imapd.session.limits import Limits
from imapd.session.reply import CHUNK
from mailstore.lanes import Future, Runtime, Timer

if TYPE_CHECKING:
    from imapd.net.compress import Inflater
    from imapd.net.tls import TlsLayer

LINGER_SECONDS = 2.0
"""How long the client may take to close after we did. Closing both ways at once
would answer what it still sends with a reset, which can overtake our last words."""

_DONE = Failure(ConnectionDone())  # type: ignore[no-untyped-call]


class Socket:
    """The socket as `Output` and TLS write to it."""

    def __init__(self, tcp: Any) -> None:  # noqa: ANN401 - Twisted's
        self._tcp = tcp
        self.held = False  # Twisted has bytes that the kernel has not
        self._gone = False

    def lost(self) -> None:
        """The socket is gone; TLS may still want to say goodbye to it."""
        self._gone = True

    def write(self, data: bytes) -> None:
        """Send bytes now, or leave them to Twisted."""
        if self._gone:
            return
        size = len(data)
        if not self.held and size <= CHUNK:
            sent = self._tcp.writeSomeData(data)
            if sent == size:
                return
            # An error is for Twisted to find again, and to act on.
            if isinstance(sent, int) and sent > 0:
                data = data[sent:]
        self.held = True
        self._tcp.write(data)
        self._tcp.producerPaused = True  # have Twisted tell when all has been sent

    def drained(self) -> None:
        """The kernel has everything."""
        self.held = False

    def loseConnection(self) -> None:
        """Close when everything is sent."""
        if self._gone:
            return
        self._tcp.unregisterProducer()
        self._tcp.loseConnection()

    def abortConnection(self) -> None:
        """Close at once."""
        if not self._gone:
            self._tcp.abortConnection()


@implementer(IPushProducer)
class Output:
    """The way out of one connection; the port `imapd.session.reply.Transport`.

    ``tcp`` is a connected Twisted transport. ``new_tls`` begins TLS on it; it gets
    the transport that TLS is to use. ``new_inflater`` is told that what comes from
    the client is compressed from here on, ``end_inflating`` that it is plain again, and
    of what came behind that. ``limits`` are asked for each time.
    """

    def __init__(
        self,
        tcp: Any,  # noqa: ANN401 - Twisted's transports share no typed interface
        runtime: Runtime,
        limits: Callable[[], Limits],
        new_tls: Callable[[], TlsLayer] | None = None,
        new_inflater: Callable[[], Inflater] | None = None,
        end_inflating: Callable[[bytes], None] = lambda _: None,
    ) -> None:
        self._tcp = tcp
        self._socket = Socket(tcp)
        self._wire: Socket | TlsLayer = self._socket
        self._tls: TlsLayer | None = None
        self._new_tls = new_tls
        self._new_inflater = new_inflater
        self._end_inflating = end_inflating
        self._deflater: Deflater | None = None
        self._last_deflated = False  # by the next piece the stream ends
        self._inflater: Inflater | None = None
        self._runtime = runtime
        self._limits = limits
        self._queue: deque[bytes] = deque()
        self._queued = 0
        self._full = False
        self._lost = False
        self._closing = False
        self._finished = False
        self._session_paused = False
        self._crowd_paused = False
        self._held = False  # the inflater has enough
        self._room: list[Future[None]] = []
        self._turns: list[Future[None]] = []  # of who lets others have the loop
        self._in_turn = 0  # octets since others had the loop
        self._timer: Timer | None = None
        tcp.registerProducer(self, True)

    # -- the session's transport

    @property
    def secure(self) -> bool:
        """Whether TLS protects it."""
        return self._tls is not None

    def channel(self) -> Channel:
        """What TLS knows of the connection by now."""
        return NO_CHANNEL if self._tls is None else self._tls.channel()

    def write(self, data: bytes) -> None:
        """Send bytes, or keep them until the client takes more."""
        if self._lost or self._closing or not data:
            return
        self._in_turn += len(data)
        if len(data) <= CHUNK and not self._full and not self._queue:
            if self._deflater is None:
                self._wire.write(data)
            else:
                self._send(data)
            return
        for start in range(0, len(data), CHUNK):
            self._queue.append(data[start : start + CHUNK])
        self._queued += len(data)
        self._feed()
        if self._queued > self._limits().output_buffer:
            self._crowd_paused = True
            self._apply_pause()

    def room(self) -> Awaitable[None]:
        """Wait until everything was given to the socket; raises `ConnectionGone`.

        Others have the loop meanwhile if it was much, even if the client takes all
        at once.
        """
        future: Future[None] = self._runtime.future()
        if self._lost:
            future.fail(ConnectionGone())
        elif self._is_blocked():
            self._room.append(future)
        elif self._in_turn >= CHUNK:
            self._in_turn = 0
            self._turns.append(future)
            self._runtime.deliver(self._go_on)
        else:
            future.succeed(None)
        return future

    def _go_on(self) -> None:
        waiting, self._turns = self._turns, []
        for future in waiting:
            future.succeed(None)

    def crowded(self) -> bool:
        """Tell whether writers should wait for room.

        A fast reader too must not keep the loop from the others.
        """
        return self._is_blocked() or self._in_turn >= CHUNK

    def _is_blocked(self) -> bool:
        return self._full or bool(self._queue)

    def pause_reading(self) -> None:
        """Take no more bytes from the client for now."""
        self._session_paused = True
        self._apply_pause()

    def resume_reading(self) -> None:
        """Take bytes again."""
        self._session_paused = False
        self._apply_pause()

    def expect(self, octets: int) -> None:
        """Read in larger pieces until all but the last of so many octets are here."""
        if self._inflater is None:  # how many they are compressed nobody knows
            self._tcp.octets = piece(octets)

    def start_tls(self) -> None:
        """Begin a TLS handshake as the server; later bytes are encrypted."""
        if self._tls is not None or self._new_tls is None or self._lost:
            raise RuntimeError("TLS cannot begin here")
        self._send_all()  # what was written before goes out in the clear
        self._tls = self._wire = self._new_tls()
        self._tls.begin(self._socket)

    def start_compression(self) -> None:
        """Compress what is written from here on; later bytes are inflated."""
        if self._deflater is not None or self._new_inflater is None or self._lost:
            raise RuntimeError("compression cannot begin here")
        self._send_all()
        self._deflater, self._last_deflated = Deflater(), False
        self._inflater = self._new_inflater()

    def stop_inflating(self) -> None:
        """Take what the client sends as it is from here on."""
        inflater, self._inflater = self._inflater, None
        if inflater is not None:
            self._end_inflating(inflater.stop())

    def stop_deflating(self) -> None:
        """Send what is written as it is, from behind the next piece on."""
        self._send_all()
        self._last_deflated = True

    def hold_reading(self, held: bool) -> None:
        """Take no more bytes from the socket while what came is being inflated."""
        if held != self._held:
            self._held = held
            self._apply_pause()

    def close(self) -> None:
        """Send what is written, then close."""
        if self._closing or self._lost:
            return
        self._closing = True
        if self._inflater is not None:
            self._inflater.close()
        self._session_paused = self._held = False  # what still comes is dropped
        self._crowd_paused = False
        self._apply_pause()
        if not self._queue:
            self._finish()

    # -- called by the owner

    def abort(self) -> None:
        """Close at once; what was not sent is lost."""
        if not self._lost:
            self._tcp.abortConnection()

    def lost(self) -> None:
        """The connection is gone."""
        self._lost = True
        self._socket.lost()
        if self._inflater is not None:
            self._inflater.close()
        self._stop_timer()
        self._queue.clear()
        self._queued = 0
        waiting = self._room + self._turns
        self._room, self._turns = [], []
        for future in waiting:
            future.fail(ConnectionGone())

    def peer_finished(self) -> None:
        """The client sends no more; end once it has what was written."""
        if self._finished:
            self._tcp.loseConnection()
        elif self._tls is None and not (self._is_blocked() or self._socket.held):
            # Nothing is left to say: closing one way first would cost five calls of
            # the system and another turn of the loop.
            self._closing = self._finished = True
            self._tcp.connectionLost(_DONE)
        else:
            self.close()

    def write_closed(self) -> None:
        """Our last byte has left; the client has a moment to close too."""
        self._stop_timer()
        if not self._lost:
            self._timer = self._runtime.later(LINGER_SECONDS, self.abort)

    # -- called by Twisted: the socket is our consumer

    def pauseProducing(self) -> None:
        """The socket is full."""
        self._full = True
        self._watch()

    def resumeProducing(self) -> None:
        """The socket has sent everything that it was given."""
        self._full = False
        self._socket.drained()
        self._stop_timer()
        self._in_turn = 0
        self._feed()
        if self._is_blocked():
            return
        if self._crowd_paused:
            self._crowd_paused = False
            self._apply_pause()
        waiting, self._room = self._room, []
        for future in waiting:
            future.succeed(None)

    def stopProducing(self) -> None:
        """The socket is gone; `lost` follows."""

    # -- inside

    def _send(self, data: bytes) -> None:
        if self._deflater is not None:
            data = self._deflater.deflate(data, last=self._last_deflated)
            if self._last_deflated:
                self._deflater = None
        self._wire.write(data)

    def _send_all(self) -> None:
        while self._queue:
            self._send(self._queue.popleft())
        self._queued = 0

    def _feed(self) -> None:
        while self._queue and not self._full:
            piece = self._queue.popleft()
            self._queued -= len(piece)
            self._send(piece)
        if self._closing and not self._queue and not self._finished:
            self._finish()

    def _finish(self) -> None:
        """Close our direction behind the last byte."""
        self._finished = True
        self._stop_timer()
        self._watch()
        self._tcp.unregisterProducer()  # else the socket would wait for more
        if self._tls is not None and not self._tls.end():
            self.abort()  # in the middle of a handshake there is no one to tell
            return
        self._tcp.loseWriteConnection()

    def _watch(self) -> None:
        if self._timer is None and not self._lost:
            self._timer = self._runtime.later(
                self._limits().output_stuck_seconds, self.abort
            )

    def _stop_timer(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()

    def _apply_pause(self) -> None:
        if self._lost:
            return
        paused = self._session_paused or self._crowd_paused
        if paused or self._held:
            self._tcp.pauseProducing()
        else:
            self._tcp.resumeProducing()
        if self._inflater is not None:
            (self._inflater.pause if paused else self._inflater.resume)()
