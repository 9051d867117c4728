"""The life of a connection that isn't IMAP, without a socket: lines in, answers out.

One coroutine takes a line, has it obeyed, takes the next one: answers keep the order
of pipelined commands (RFC 2920, RFC 2449 §6.6) and leave together when nothing more is
here to be read. Subclasses obey, and have the words of their protocol. Everything is
bounded: a line, what is read ahead, silence, the number of errors.
"""

from __future__ import annotations

import abc
import enum
import itertools
import re
from collections.abc import Awaitable
from typing import Protocol

from imapd.doors.intake import PIECE, Intake, LineError
from imapd.session.context import Services
from imapd.session.facts import SessionFacts
from imapd.session.faults import ConnectionGone
from imapd.session.reply import Transport
from imapd.session.state import Peer
from mailstore.changes import acting
from mailstore.lanes import Future, Timer, give_way
from mailstore.model import Acting

_numbers = itertools.count(1)
_WATCH = 30.0  # seconds between looks at the clock, at most
_IN_A_ROW = 4  # commands that are obeyed before others have the loop
_GATHERED = 16_384
_VERB_ENDS = re.compile(rb"[ \t]")
_CHUNK = 65_536


class Rendered(Protocol):
    """Something that can be said."""

    def render(self) -> bytes:
        """Write it."""
        ...


class Why(enum.Enum):
    """Why the server ends a conversation, or refuses a line."""

    STOPPING = enum.auto()
    SILENT = enum.auto()
    SLOW = enum.auto()
    ERRORS = enum.auto()
    DEFECT = enum.auto()
    NO_LINE = enum.auto()  # it goes on
    HOSTILE = enum.auto()  # nothing that follows can be trusted


class Conversation(abc.ABC):
    """The owner calls `start`, `receive`, `closed`, `shutdown`."""

    protocol = ""

    def __init__(
        self,
        services: Services,
        transport: Transport,
        peer: Peer,
        intake: Intake,
        *,
        secure: bool,
    ) -> None:
        self.services = services
        self.peer = peer
        self.secure = secure
        self.id = f"{services.run:x}-d{next(_numbers):x}"
        self.user = ""
        self.admin: str | None = None
        self.intake = intake
        self.transport = transport
        self.ending = False
        self.storing = False  # what runs is answered, whoever wishes to end
        self.speaking = False  # an answer is half said: no other word may follow
        self.errors = 0
        self._out = bytearray()
        self._more: Future[None] | None = None
        self._signalled = False
        self._gone = False
        self._paused = False
        self._timer: Timer | None = None
        runtime = services.runtime
        self.began = self._active = runtime.monotonic()
        self._since = runtime.now()
        self._running: tuple[str, float] | None = None
        self._farewell: str | None = None  # why the server wishes to end
        self.commands = 0
        self._octets_in = self._octets_out = 0

    # -- what subclasses do

    @abc.abstractmethod
    def greeting(self) -> Rendered | None:
        """Give the first answer."""

    @abc.abstractmethod
    def obey(self, line: bytes) -> Awaitable[None]:
        """Do what a line says, and answer."""

    @abc.abstractmethod
    def words(self, why: Why, text: str) -> Rendered | None:
        """Say in the protocol's words why it ends, or why a line is none."""

    @abc.abstractmethod
    def most_errors(self) -> int:
        """Give how many errors end the conversation."""

    @abc.abstractmethod
    def time_left(self) -> tuple[float, Why, str]:
        """Give the seconds until the client has taken too long, and for what."""

    async def left(self) -> None:  # noqa: B027 - most hold nothing
        """Free what the conversation held."""

    # -- called by the owner

    def start(self) -> None:
        """Greet the client and begin."""
        self.services.log.event(
            "connect", id=self.id, address=self.peer.address, protocol=self.protocol
        )
        greeting = self.greeting()
        if greeting is not None:
            self.say(greeting)
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
        """The connection is gone; what is being stored is stored all the same."""
        self._gone = True
        self._resume_live()

    def shutdown(self, text: str = "the server is stopping") -> None:
        """Close, as the server wishes to end; what is being stored is answered."""
        if self._gone or self.ending:
            return
        self._farewell = text
        if not self.storing:
            self._end_for(Why.STOPPING, text)

    def facts(self) -> SessionFacts:
        """Tell an administrator what there is to know."""
        now = self.services.runtime.monotonic()
        name, began = self._running or (None, now)
        mailbox, readonly = self.selected()
        return SessionFacts(
            id=self.id,
            user=self.user,
            admin=self.admin,
            address=self.peer.address,
            protocol=self.protocol,
            secure=self.secure,
            tls=None,
            since=self._since,
            idle=round(now - self._active, 3),
            mailbox=mailbox,
            readonly=readonly,
            command=name,
            command_seconds=None if name is None else round(now - began, 3),
            commands=self.commands,
            octets_in=self._octets_in,
            octets_out=self._octets_out,
        )

    def selected(self) -> tuple[str | None, bool]:
        """Give the mailbox that is open, and whether it is for reading only."""
        return None, False

    @property
    def gone(self) -> bool:
        """Whether nobody waits for an answer any more."""
        return self._gone or self.ending

    @property
    def octets_out(self) -> int:
        """Octets that were answered so far."""
        return self._octets_out + len(self._out)

    def idle(self) -> float:
        """Give the seconds since the client was last heard."""
        return self.services.runtime.monotonic() - self._active

    # -- answers

    def say(self, answer: Rendered) -> None:
        """Answer; what is said to pipelined commands leaves together."""
        self._out += answer.render()

    def fail(self, answer: Rendered) -> None:
        """Answer what the client did wrong; too much of it ends the conversation."""
        self.say(answer)
        self.errors += 1
        if self.errors >= self.most_errors():
            self._end_for(Why.ERRORS, "too many errors")

    def end(self, answer: Rendered | None) -> None:
        """Say the last word and close."""
        if self.ending or self._gone:
            return
        if answer is not None and not self.speaking:
            self.say(answer)
        self.flush()
        self.ending = True
        self.transport.close()
        self._resume_live()

    def flush(self) -> None:
        """Send what was said."""
        if self._out and not self.gone:
            self._octets_out += len(self._out)
            self.transport.write(bytes(self._out))
        self._out.clear()

    async def pour(self, data: bytes) -> None:
        """Say a piece of a long answer, at the client's pace.

        Raises `ConnectionGone`.
        """
        if self.gone:
            raise ConnectionGone
        self._out += data
        if len(self._out) >= _CHUNK:
            self.flush()
            if self.transport.crowded():
                await self.transport.room()
                self._active = self.services.runtime.monotonic()

    # -- reading

    async def take(self, most: int = PIECE) -> bytes:
        """Give the next octets; waits for some. Raises `ConnectionGone`."""
        while not self.intake.waiting:
            await self.wait()
        await give_way(self.services.runtime)
        if self.gone:
            raise ConnectionGone
        return self.intake.take(most)

    async def line(self) -> bytes:
        """Give the next line; waits for it.

        Raises `ConnectionGone`, and `LineError` where there is none.
        """
        while (line := self.intake.line()) is None:
            await self.wait()
        if self.gone:
            raise ConnectionGone
        return line

    async def wait(self) -> None:
        """Wait until the client has sent more. Raises `ConnectionGone`."""
        self.flush()
        self._resume_reading()
        if not self._signalled and not self.gone:
            self._more = self.services.runtime.future()
            await self._more
        self._signalled = False
        if self.gone:
            raise ConnectionGone

    async def request(self) -> bytes:
        """Give what is to be obeyed next: a line, unless a protocol has none.

        Raises as `line`.
        """
        return await self.line()

    def start_tls(self) -> None:
        """Begin TLS behind what was said. Nothing learnt before it may be kept."""
        self.flush()
        self.intake.clear()
        self.transport.start_tls()
        self.secure = True

    # -- its life

    def acting(self) -> Acting | None:
        """Tell whose removals these are (`mailstore.changes.acting`)."""
        if not self.user:
            return None
        return Acting(
            self.id, int(self._since), self.admin or self.user, self.peer.address
        )

    async def _live(self) -> None:
        acting.set(self.acting)
        in_a_row = 0
        try:
            while not self.ending:
                await self._next()
                in_a_row += 1
                if in_a_row >= _IN_A_ROW:
                    in_a_row = 0
                    await give_way(self.services.runtime)
        except ConnectionGone:
            pass
        except Exception as error:  # noqa: BLE001 - a defect ends one conversation only
            self.services.log.failure(error, id=self.id, protocol=self.protocol)
            self._end_for(Why.DEFECT, "something is wrong here, try again later")
        finally:
            self.ending = True
            if self._timer is not None:
                self._timer.cancel()
            try:
                await self.left()
            finally:
                self.services.log.event(
                    "disconnect",
                    id=self.id,
                    user=self.user,
                    commands=self.commands,
                    octets=self._octets_out,
                )

    async def _next(self) -> None:
        try:
            line = await self.request()
        except LineError as error:
            if error.fatal:
                self._end_for(Why.HOSTILE, error.text)
            else:
                answer = self.words(Why.NO_LINE, error.text)
                if answer is not None:
                    self.fail(answer)
            return
        if len(self._out) >= _GATHERED:
            self.flush()
            await self.transport.room()
        self.commands += 1
        # The verb alone: what stands behind it may be a secret.
        verb = _VERB_ENDS.split(line[:16])[0].decode("ascii", "replace").upper()
        self._running = verb, self.services.runtime.monotonic()
        try:
            await self.obey(line)
        finally:
            self._running = None
        if self._farewell is not None:
            self._end_for(Why.STOPPING, self._farewell)

    def _resume_live(self) -> None:
        more, self._more = self._more, None
        if more is not None:
            more.succeed(None)

    def _pause(self) -> None:
        if not self._paused:
            self._paused = True
            self.transport.pause_reading()

    def _resume_reading(self) -> None:
        if self._paused and not self._gone:
            self._paused = False
            self.transport.resume_reading()

    def _end_for(self, why: Why, text: str) -> None:
        self.end(self.words(why, text))

    def _watch_time(self) -> None:
        """End a conversation that is silent or too slow."""
        if self.gone:
            return
        left, why, text = self.time_left()
        if self.storing:
            left = _WATCH  # it waits for us
        elif left <= 0:
            self._end_for(why, text)
            return
        runtime = self.services.runtime
        self._timer = runtime.later(min(left, _WATCH) + 0.01, self._watch_time)
