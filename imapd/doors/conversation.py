"""The life of one LMTP or SMTP connection, without a socket: lines in, answers out.

One coroutine takes a line, has it obeyed, takes the next one: answers keep the order
of pipelined commands (RFC 2920) and leave together when nothing more is here to be
read. Subclasses obey. Everything is bounded: a line, what is read ahead, silence, the
number of errors and of commands that lead to nothing.
"""

from __future__ import annotations

import itertools

from imapd.doors.intake import Intake, LineError
from imapd.doors.replies import DEFECT, Answer
from imapd.session.context import Services
from imapd.session.facts import SessionFacts
from imapd.session.faults import ConnectionGone
from imapd.session.reply import Transport
from imapd.session.state import Peer
from mailstore.lanes import Future, Timer, give_way

_numbers = itertools.count(1)
_WATCH = 30.0  # seconds between looks at the clock, at most
_IN_A_ROW = 4  # commands that are obeyed before others have the loop
_GATHERED = 16_384


class Conversation:
    """The owner calls `start`, `receive`, `closed`, `shutdown`."""

    protocol = ""

    def __init__(
        self, services: Services, transport: Transport, peer: Peer, *, secure: bool
    ) -> None:
        self.services = services
        self.peer = peer
        self.secure = secure
        self.id = f"{services.run:x}-d{next(_numbers):x}"
        self._transport = transport
        self.intake = Intake(services.limits().transfer_line)
        self._out = bytearray()
        self._more: Future[None] | None = None
        self._signalled = False
        self._gone = False
        self.ending = False
        self._paused = False
        self._timer: Timer | None = None
        runtime = services.runtime
        self._active = runtime.monotonic()
        self._since = runtime.now()
        self._running: tuple[str, float] | None = None
        self.storing = False  # a message that is whole: it is answered, come what may
        self._farewell: str | None = None  # why the server wishes to end
        self.errors = 0
        self.idle_commands = 0  # since the last message
        self._commands = 0
        self._octets_in = self._octets_out = 0

    # -- what subclasses do

    def greeting(self) -> Answer:
        """Give the first answer."""
        raise NotImplementedError

    async def obey(self, line: bytes) -> None:
        """Do what a line says, and answer."""
        raise NotImplementedError

    def late(self) -> bool:
        """Tell whether what is going on has lasted too long."""
        return False

    def left(self) -> None:
        """Free what the conversation held."""

    # -- called by the owner

    def start(self) -> None:
        """Greet the client and begin."""
        self.services.log.event(
            "connect", id=self.id, address=self.peer.address, protocol=self.protocol
        )
        self.say(self.greeting())
        self.flush()
        self._watch_time()
        self.services.runtime.spawn(self._live())

    def receive(self, data: bytes) -> None:
        """Take bytes from the client."""
        if self._gone or self.ending:
            return
        self.intake.feed(data)
        self._octets_in += len(data)
        self._active = self.services.runtime.monotonic()
        if self.intake.waiting > self.services.limits().input_buffer:
            self._pause()
        self._signalled = True
        self._resume_live()

    def closed(self) -> None:
        """The connection is gone; a message that is whole is stored all the same."""
        self._gone = True
        self._resume_live()

    def shutdown(self, text: str = "the server is stopping") -> None:
        """Close, as the server wishes to end (RFC 5321 §3.8).

        A message that is being stored is answered first.
        """
        if self._gone or self.ending:
            return
        self._farewell = text
        if not self.storing:
            self._say_farewell()

    def facts(self) -> SessionFacts:
        """Tell an administrator what there is to know."""
        now = self.services.runtime.monotonic()
        name, began = self._running or (None, now)
        return SessionFacts(
            id=self.id,
            user="",
            admin=None,
            address=self.peer.address,
            protocol=self.protocol,
            secure=self.secure,
            tls=None,
            since=self._since,
            idle=round(now - self._active, 3),
            mailbox=None,
            readonly=False,
            command=name,
            command_seconds=None if name is None else round(now - began, 3),
            commands=self._commands,
            octets_in=self._octets_in,
            octets_out=self._octets_out,
        )

    # -- answers

    def say(self, answer: Answer) -> None:
        """Answer; what is said to pipelined commands leaves together."""
        self._out += answer.render()

    def fail(self, answer: Answer) -> None:
        """Answer what the client did wrong; too much of it ends the conversation."""
        self.say(answer)
        self.errors += 1
        if self.errors >= self.services.limits().transfer_errors:
            self.end(Answer(421, "4.7.0", "too many errors"))

    def end(self, answer: Answer) -> None:
        """Say the last word and close."""
        if self.ending or self._gone:
            return
        self.say(answer)
        self.flush()
        self.ending = True
        self._transport.close()
        self._resume_live()

    def flush(self) -> None:
        """Send what was said."""
        if self._out and not self._gone:
            self._octets_out += len(self._out)
            self._transport.write(bytes(self._out))
        self._out.clear()

    # -- reading

    async def take(self) -> bytes:
        """Give the next octets; waits for some. Raises `ConnectionGone`."""
        while not self.intake.waiting:
            await self._wait()
        await give_way(self.services.runtime)
        if self._gone or self.ending:
            raise ConnectionGone
        return self.intake.take()

    def start_tls(self) -> None:
        """Begin TLS behind what was said. Nothing learnt before it may be kept."""
        self.flush()
        self.intake.clear()
        self._transport.start_tls()
        self.secure = True

    # -- its life

    async def _live(self) -> None:
        in_a_row = 0
        try:
            while not self.ending:
                line = await self._next_line()
                if line is None:
                    continue
                await self._one(line)
                in_a_row += 1
                if in_a_row >= _IN_A_ROW:
                    in_a_row = 0
                    await give_way(self.services.runtime)
        except ConnectionGone:
            pass
        except Exception as error:  # noqa: BLE001 - a defect ends one conversation only
            self.services.log.failure(error, id=self.id, protocol=self.protocol)
            self.end(Answer(421, DEFECT.status, DEFECT.text))
        finally:
            self.ending = True
            if self._timer is not None:
                self._timer.cancel()
            self.left()
            self.services.log.event(
                "disconnect",
                id=self.id,
                user="",
                commands=self._commands,
                octets=self._octets_out,
            )

    async def _one(self, line: bytes) -> None:
        self._commands += 1
        self.idle_commands += 1
        # The verb alone: what stands behind it is an address.
        verb = line[:8].split(b" ")[0].decode("ascii", "replace").upper()
        self._running = verb, self.services.runtime.monotonic()
        try:
            await self.obey(line)
        finally:
            self._running = None
        if self._farewell is not None:
            self._say_farewell()
        elif self.idle_commands > self.services.limits().transfer_commands:
            self.end(Answer(421, "4.7.0", "too many commands without a message"))

    async def _next_line(self) -> bytes | None:
        try:
            while (line := self.intake.line()) is None:
                await self._wait()
        except LineError as error:
            if error.fatal:
                # What follows may be a message in somebody else's eyes.
                self.end(Answer(521, "5.5.2", error.text))
            else:
                self.fail(Answer(500, "5.5.2", error.text))
            return None
        if len(self._out) >= _GATHERED:
            self.flush()
            await self._transport.room()
        return line

    async def _wait(self) -> None:
        self.flush()
        self._resume_reading()
        if not self._signalled and not self._gone and not self.ending:
            self._more = self.services.runtime.future()
            await self._more
        self._signalled = False
        if self._gone or self.ending:
            raise ConnectionGone

    def _resume_live(self) -> None:
        more, self._more = self._more, None
        if more is not None:
            more.succeed(None)

    def _pause(self) -> None:
        if not self._paused:
            self._paused = True
            self._transport.pause_reading()

    def _resume_reading(self) -> None:
        if self._paused and not self._gone:
            self._paused = False
            self._transport.resume_reading()

    def _say_farewell(self) -> None:
        self.end(Answer(421, "4.3.2", self._farewell or ""))

    def _watch_time(self) -> None:
        """End a conversation that is silent or too slow (RFC 5321 §4.5.3.2.7)."""
        if self._gone or self.ending:
            return
        runtime, limits = self.services.runtime, self.services.limits()
        left = self._active + limits.transfer_idle_seconds - runtime.monotonic()
        if self.storing:
            left = _WATCH  # it waits for us
        elif left <= 0:
            self.end(Answer(421, "4.4.2", "nothing was heard for too long"))
            return
        elif self.late():
            self.end(Answer(421, "4.4.2", "the message takes too long"))
            return
        self._timer = runtime.later(min(left, _WATCH) + 0.01, self._watch_time)
