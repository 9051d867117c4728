"""Answers on their way out: rows in chunks, blobs in pieces, at the client's pace.

It must not know items or columns. What it keeps:

* nothing of a message is sent before its blobs are open, long enough, proved to be
  what was stored and, when they are small, read: a damaged message gets no answer,
  the others do;
* a literal's header is a promise (RFC 3501 §4.3). When a blob fails behind it, the
  connection ends: neither fewer octets nor others may stand for the missing ones;
* at most one chunk of a literal is in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from imapd.session.context import Context
from imapd.session.faults import ConnectionGone
from imapd.session.fetch_plan import Answers, Piece, Plan
from imapd.session.plugs import Converted, Derived, Literal
from imapd.session.reply import CHUNK, Buffer
from mailstore.blobs import BlobReader
from mailstore.errors import Corrupt, NotFound, StoreError, UnknownEncoding
from mailstore.lanes import Pool, in_pool
from mailstore.model import Batch

Readers = dict[str, BlobReader]
Read = Callable[[str, int, int], Buffer | None]
AT_ONCE = 64
"""Messages that one turn renders which are more than columns of memory."""


@dataclass(frozen=True, slots=True)
class _Measured:
    """A converted value that is too big to be kept; its size is known."""

    value: Converted
    size: int
    has_nul: bool


class Sender:
    """Sends the answers of one FETCH, and remembers what could not be sent."""

    __slots__ = ("_context", "_written", "failure")

    def __init__(self, context: Context) -> None:
        self._context = context
        self._written = 0
        self.failure: StoreError | None = None

    def send_at_once(self, message: Sequence[Piece]) -> bool:
        """Send a small message's answer if all of it is at hand; False: it is not."""
        ready = _at_hand(self._context.selected.mailbox.octets, message)
        if ready is None:
            return False
        size = sum(map(len, ready))
        if size > CHUNK:
            return False
        self._context.reply.write_all(ready, size)
        return True

    async def send_all(
        self, plan: Plan, batch: Batch, names: Sequence[int]
    ) -> frozenset[int]:
        """Send what a plan tells of a batch, in turns; as `send`."""
        if len(batch.uids) <= AT_ONCE or plan.quick:
            return await self.send(plan.render(batch, names))
        left_out: set[int] = set()
        start = 0
        for part in parts_of(batch):
            await self._context.reply.stand_aside()
            end = start + len(part.uids)
            places = await self.send(plan.render(part, names[start:end]))
            left_out.update([start + place for place in places])
            start = end
        return frozenset(left_out)

    async def send(self, answers: Answers) -> frozenset[int]:
        """Send a batch; gives the places in it of messages that could not be sent.

        Raises `ConnectionGone`.
        """
        if answers.rows:
            await self._send_rows(answers.rows)
        return await self.send_messages(answers.messages)

    async def send_messages(
        self, messages: Iterable[Sequence[Piece]]
    ) -> frozenset[int]:
        """Send responses in pieces; as `send`."""
        left_out: list[int] = []
        reply = self._context.reply
        read = self._context.selected.mailbox.octets
        for place, message in enumerate(messages):
            ready = _at_hand(read, message)
            if ready is None:
                if not await self._send_message(message):
                    left_out.append(place)
                continue
            size = sum(map(len, ready))
            if size > CHUNK:
                await self.send_bytes(b"".join(ready))
                continue
            reply.write_all(ready, size)
            self._written += size
            if self._written >= CHUNK:
                self._written -= CHUNK
                await reply.pace()
        return frozenset(left_out)

    async def _send_rows(self, rows: Iterable[bytes]) -> None:
        """Send ready responses, a chunk of them at once."""
        gathered: list[bytes] = []
        size = 0
        for row in rows:
            gathered.append(row)
            size += len(row)
            if size >= CHUNK:
                await self.send_bytes(b"".join(gathered))
                gathered.clear()
                size = 0
        if gathered:
            await self.send_bytes(b"".join(gathered))

    async def send_bytes(self, data: bytes) -> None:
        """Send ready bytes, waiting for room once a chunk. Raises `ConnectionGone`."""
        reply = self._context.reply
        for start in range(0, len(data), CHUNK):
            piece = data[start : start + CHUNK] if len(data) > CHUNK else data
            reply.write(piece)
            self._written += len(piece)
            if self._written >= CHUNK:
                self._written -= CHUNK
                await reply.pace()

    async def _send_message(self, message: Sequence[Piece]) -> bool:
        """Send one message's answer, or nothing of it when it is damaged."""
        readers: Readers = {}
        try:
            try:
                await self._open(readers, message)
                if _size(message) <= CHUNK:
                    ready = b"".join([_read_whole(readers, piece) for piece in message])
                    pieces: Sequence[Piece | _Measured] = (ready,)
                else:
                    _probe(readers, message)
                    pieces = await self._measure(readers, message)
            except StoreError as error:
                self._log(error)
                self.failure = self.failure or error
                return False
            try:
                await self._send_pieces(readers, pieces)
            except ConnectionGone:
                raise
            except Exception as error:
                # Whatever it is: no answer may come where octets were promised.
                self._log(error)
                self._context.end()
                raise ConnectionGone from error
        finally:
            for reader in readers.values():
                reader.close()
        return True

    async def _open(self, readers: Readers, message: Iterable[Piece]) -> None:
        """Open the blobs of a message. Raises store errors when they are damaged."""
        mailbox = self._context.selected.mailbox
        for piece in message:
            if isinstance(piece, bytes):
                continue
            if piece.ref not in readers:
                try:
                    await mailbox.prove(piece.ref)
                    readers[piece.ref] = mailbox.blob(piece.ref)
                except NotFound as error:
                    # The index names it, so it ought to be there.
                    raise Corrupt(detail=str(error)) from error
            if piece.start + piece.length > readers[piece.ref].size:
                raise Corrupt(detail=f"{piece.ref} is shorter than its parts")

    async def _measure(
        self, readers: Readers, message: Sequence[Piece]
    ) -> tuple[Piece | _Measured, ...]:
        """Convert what is to be converted once, beside the sessions of others.

        What can't be converted shows while nothing of the message was sent.
        """
        if not any(isinstance(piece, Converted) for piece in message):
            return tuple(message)
        runtime = self._context.services.runtime

        def convert() -> tuple[Piece | _Measured, ...]:
            return tuple(
                [
                    _convert(readers, piece) if isinstance(piece, Converted) else piece
                    for piece in message
                ]
            )

        return await in_pool(runtime, Pool.READ, convert)

    async def _send_pieces(
        self, readers: Readers, message: Sequence[Piece | _Measured]
    ) -> None:
        for piece in message:
            match piece:
                case bytes():
                    await self.send_bytes(piece)
                case Derived():
                    await self.send_bytes(await self._derive(readers, piece))
                case Converted():
                    raise AssertionError("it was measured")
                case _Measured():
                    await self._send_measured(readers, piece)
                case Literal():
                    await self.send_bytes(b"{%d}\r\n" % piece.length)
                    for start in range(0, piece.length, CHUNK):
                        count = min(CHUNK, piece.length - start)
                        data = _read(readers, piece, piece.start + start, count)
                        await self.send_bytes(data)

    async def _send_measured(self, readers: Readers, piece: _Measured) -> None:
        await self.send_bytes(_literal_head(piece.size, piece.has_nul))
        pieces = piece.value.pieces(_octets(readers, piece.value))
        # The way to the first octet that is told may be long.
        runtime = self._context.services.runtime
        data = await in_pool(runtime, Pool.READ, lambda: next(pieces, b""))
        await self.send_bytes(data)
        for data in pieces:
            await self.send_bytes(data)

    async def _derive(self, readers: Readers, piece: Derived) -> bytes:
        """Make a value of octets; of many, beside the sessions of others."""
        if piece.length <= CHUNK:
            return _read_whole(readers, piece)
        runtime = self._context.services.runtime
        return await in_pool(runtime, Pool.READ, lambda: _read_whole(readers, piece))

    def _log(self, error: Exception) -> None:
        if isinstance(error, UnknownEncoding):
            return  # the message is as it was sent: nothing is wrong here
        session, log = self._context.session, self._context.services.log
        if isinstance(error, StoreError):
            log.event("store", error=str(error), id=session.id)
        else:
            log.failure(error, id=session.id, user=session.user)


def parts_of(batch: Batch) -> Iterator[Batch]:
    """Cut a batch into what one turn of the event loop can render."""
    for start in range(0, len(batch.uids), AT_ONCE):
        yield batch.part(slice(start, start + AT_ONCE))


def _at_hand(read: Read, message: Iterable[Piece]) -> list[Buffer] | None:
    """Read a small message's answer at once; None if there is more to it."""
    left = CHUNK
    ready: list[Buffer] = []
    for piece in message:
        if isinstance(piece, bytes):
            ready.append(piece)
            continue
        ref, start, length = piece.ref, piece.start, piece.length
        left -= length
        data = read(ref, start, length) if left >= 0 else None
        if data is None:
            return None
        if isinstance(piece, Literal):
            if piece.replace_nul:
                data = bytes(data).replace(b"\x00", b"\x80")
            ready += (b"{%d}\r\n" % length, data)
            continue
        try:
            ready.append(_made(piece, bytes(data)))
        except StoreError:
            return None  # what it is shows on the way for all others
    return ready


def _size(message: Iterable[Piece]) -> int:
    """Count the octets that are to be read for a message."""
    return sum([piece.length for piece in message if not isinstance(piece, bytes)])


def _octets(readers: Readers, piece: Converted) -> Iterator[bytes]:
    """Read the octets of a value that is converted, in chunks."""
    for start in range(0, piece.length, CHUNK):
        count = min(CHUNK, piece.length - start)
        yield _read(readers, piece, piece.start + start, count)


def _made(piece: Derived | Converted, octets: bytes) -> bytes:
    """Make a value of all of its octets. Raises store errors."""
    if isinstance(piece, Derived):
        return piece.render(octets)
    data = b"".join(piece.pieces((octets,)))
    if piece.size_only:
        return b"%d" % len(data)
    return _literal_head(len(data), 0 in data) + data


def _literal_head(size: int, has_nul: bool) -> bytes:
    return b"~{%d}\r\n" % size if has_nul else b"{%d}\r\n" % size


def _convert(readers: Readers, piece: Converted) -> bytes | _Measured:
    """Convert a value; gives it if it is small. Raises store errors."""
    kept: list[bytes] = []
    size, has_nul = 0, False
    for data in piece.pieces(_octets(readers, piece)):
        size += len(data)
        has_nul = has_nul or 0 in data
        if size <= CHUNK and not piece.size_only:
            kept.append(data)
    if piece.size_only:
        return b"%d" % size
    if size > CHUNK:
        return _Measured(piece, size, has_nul)
    return _literal_head(size, has_nul) + b"".join(kept)


def _read(
    readers: Readers, piece: Literal | Derived | Converted, start: int, count: int
) -> bytes:
    """Read octets of a blob, all of them. Raises `Corrupt`."""
    data = readers[piece.ref].pread(start, count)
    if len(data) != count:
        raise Corrupt(detail=f"{piece.ref} ends too early")
    if isinstance(piece, Literal) and piece.replace_nul:
        return data.replace(b"\x00", b"\x80")
    return data


def _read_whole(readers: Readers, piece: Piece) -> bytes:
    """Give a piece as it is sent."""
    if isinstance(piece, bytes):
        return piece
    if isinstance(piece, Converted):
        small = _convert(readers, piece)
        if isinstance(small, bytes):
            return small
        # A conversion may make more of few octets.
        data = b"".join(piece.pieces(_octets(readers, piece)))
        return _literal_head(small.size, small.has_nul) + data
    data = _read(readers, piece, piece.start, piece.length)
    if isinstance(piece, Derived):
        return piece.render(data)
    return b"{%d}\r\n%b" % (len(data), data)


def _probe(readers: Readers, message: Iterable[Piece]) -> None:
    """Read the first octets of each piece, so that most damage is seen in time."""
    for piece in message:
        if not isinstance(piece, bytes):
            _read(readers, piece, piece.start, min(piece.length, CHUNK))
