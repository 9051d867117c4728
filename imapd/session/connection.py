"""One IMAP connection from greeting to end, without a socket.

Bytes go in by `receive`, answers leave by the transport port. One coroutine runs
the whole life: it takes a frame, answers it, takes the next one. Bytes that wait in
the framer are the queue of pipelined commands; reading pauses when it is long.
"""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Coroutine
from contextvars import copy_context
from functools import partial
from typing import Any

from imapd.session.context import Context, Services
from imapd.session.dispatch import command_name, defect, run_frame
from imapd.session.facts import SessionFacts
from imapd.session.faults import Bye, ConnectionGone, Fault, fault_of
from imapd.session.frames import frame_limits, literal_sink, plain_line
from imapd.session.greeting import greeting
from imapd.session.reply import Reply, Transport
from imapd.session.responses import status
from imapd.session.state import Peer, SessionState
from imapd.session.turns import Turns
from imapd.session.watching import Moment, tell
from imapd.wire.framing import Frame, Framer, LiteralAnnounced, Poison
from mailstore.changes import acting
from mailstore.errors import StoreError
from mailstore.lanes import Future, Timer, begin, give_way

_numbers = itertools.count(1)


class Connection:
    """The sans-io session: the owner calls `start`, `receive`, `closed`, `shutdown`."""

    def __init__(
        self,
        services: Services,
        transport: Transport,
        peer: Peer,
        *,
        secure: bool = False,
        starttls: bool = False,
        plaintext_login: bool = False,
    ) -> None:
        self._services = services
        self._transport = transport
        self._framer = Framer(frame_limits(services.limits(), logged_in=False))
        self._more: Future[None] | None = None
        self._rests = False  # it is the next command that is waited for
        self._begun: Awaitable[None] | None = None  # by who found `_rests`, to await
        self._variables = copy_context()  # of all that is done for the session
        self._signalled = False
        self._gone = False
        self._ending = False
        self._paused = False
        self._timer: Timer | None = None
        self._began = self._active = services.runtime.monotonic()
        self._since = services.runtime.now()
        # The command that waits for something, its octets, and since when.
        self._running: tuple[bytes, float] | None = None
        self._octets = 0  # from the client
        self._logged_in = False  # and its commands may be as long
        self._bad = 0
        self._commands = 0
        self.session = SessionState(
            peer=peer,
            id=f"{services.run:x}-{next(_numbers):x}",
            secure=secure,
            starttls=starttls,
            plaintext_login=plaintext_login,
            channel=transport.channel,
            offered=services.authenticator.mechanisms,
            limits=services.limits,
            refers=bool(services.referrals),
        )
        self.reply = Reply(transport, partial(give_way, services.runtime))
        self._turns = Turns(services.runtime, self.reply)
        self._context = self._new_context()

    def _new_context(self) -> Context:
        return Context(
            services=self._services,
            session=self.session,
            reply=self.reply,
            input=self,
            start_tls=self._start_tls,
            start_compression=self._start_compression,
            stop_inflating=self._transport.stop_inflating,
            stop_deflating=self._transport.stop_deflating,
            log_out=self._log_out,
            end=self._end,
        )

    # -- called by the owner

    def start(self) -> None:
        """Greet the client and begin."""
        self.reply.finish(greeting(self._services, self.session))
        self._services.log.event(
            "connect",
            id=self.session.id,
            address=self.session.peer.address,
            protocol="imap",
        )
        self._watch_time()
        self._services.runtime.spawn(self._live(), self._variables)

    def receive(self, data: bytes) -> None:
        """Take bytes from the client."""
        if self._gone or self._ending:
            return
        services, framer = self._services, self._framer
        buffered = framer.feed(data)
        self._octets += len(data)
        self._active = services.runtime.monotonic()
        if not buffered and framer.literal_left:
            # All of it went where the literal goes: there is nothing to look at.
            self._transport.expect(framer.literal_left)
            return
        if buffered > services.limits().input_buffer:
            self._pause()
        more, self._more = self._more, None
        if self._rests and more is not None:
            self._go_on_from_rest(more)
            return
        # Whoever waits next looks again: what runs now may have looked before.
        self._signalled = True
        if more is not None:
            self._turns.go_on(more)

    def _go_on_from_rest(self, more: Future[None]) -> None:
        """Answer what waits for nothing right here, without waking `_live`."""
        turns = self._turns
        turns.enter(self._active)
        self._rests = False  # who comes in between is heard afterwards
        try:
            self._begun = self._variables.run(self._go_through)
            awake = self._signalled or self._paused or self._gone or self._ending
            watches = self.session.watch is not None  # which has things told at rest
            if awake or watches or self._begun is not None:
                more.succeed(None)
            else:
                self._more, self._rests = more, True
        except Exception as error:  # noqa: BLE001 - it belongs to `_live`
            more.fail(error)
        finally:
            turns.leave()

    def closed(self) -> None:
        """The connection is gone; whatever runs ends at its next wait."""
        self._gone = True
        self._resume_live()

    def shutdown(self, text: str = "the server is stopping") -> None:
        """Say BYE and close, as the server wishes to end (RFC 3501 §7.1.5)."""
        if not self._gone and not self._ending:
            self._say_bye(Bye(text, "UNAVAILABLE"))

    def give_up(self, text: str) -> None:
        """Say BYE: what the client sends cannot be read any more."""
        if not self._gone and not self._ending:
            self._say_bye(Bye(text))

    def facts(self) -> SessionFacts:
        """Tell an administrator what there is to know."""
        session, now = self.session, self._services.runtime.monotonic()
        selected = session.selected
        text, began = self._running or (None, now)
        name = None if text is None else command_name(text)
        return SessionFacts(
            id=session.id,
            user=session.user,
            admin=session.admin,
            address=session.peer.address,
            protocol="imap",
            secure=session.secure,
            tls=None,
            since=self._since,
            idle=round(now - self._active, 3),
            mailbox=None if selected is None else selected.mailbox.name,
            readonly=selected is not None and selected.mailbox.readonly,
            command=name,
            command_seconds=None if name is None else round(now - began, 3),
            commands=self._commands,
            octets_in=self._octets,
            octets_out=self.reply.octets,
            client=dict(session.client_id),
        )

    # -- the port `Input` of a running command

    @property
    def buffered(self) -> int:
        """Unread bytes that are here already."""
        return self._framer.buffered

    def peek(self, most: int) -> bytes:
        """Give the first of these bytes, without taking them."""
        return self._framer.peek(most)

    @property
    def gone(self) -> bool:
        """Whether nobody waits for an answer any more."""
        return self._gone or self._ending

    def next_line(self) -> bytes | None:
        """Give the client's next line if it is here."""
        event = self._framer.next()
        return None if event is None else plain_line(event)

    def wait(self) -> Awaitable[None]:
        """Wait for more bytes or for `wake`; raises `ConnectionGone`."""
        return self._wait()

    def wake(self) -> None:
        """End the `wait` of this connection, soon.

        Not in the same call: one change may wake hundreds of sessions, and each has
        something to compute.
        """
        if not self._signalled:
            self._signalled = True
            self._services.runtime.deliver(self._resume_live)

    # -- its life

    async def _live(self) -> None:
        acting.set(partial(self.session.acting, int(self._since)))
        try:
            # Of a command whose client is gone the framer frees what it holds, as long
            # as that was not taken from it.
            while not (self._gone or self._ending):
                waits = self._go_through()
                if waits is None:
                    await self._rest()
                else:
                    await waits
        except Bye as bye:
            self._say_bye(bye)
        except ConnectionGone:
            pass
        except Exception as error:  # noqa: BLE001 - no socket may stay behind
            self._say_bye(Bye(defect(self._context, error)))
        finally:
            self._ending = True
            if self._timer is not None:
                self._timer.cancel()
            self._framer.close()
            await self._leave()

    def _go_through(self) -> Awaitable[None] | None:
        """Answer what is here; gives what has to be awaited first, None without more.

        Most commands wait for nothing, and many have no coroutine.
        """
        while not (self._gone or self._ending):
            event = self._framer.next()
            if event is None:
                return None
            if isinstance(event, Frame):
                work = self._answer(event)
            else:
                work = self._take_literal(event)
            if work is not None:
                waits = begin(work)
                if waits is not None:
                    return waits
            if self._framer.resting:
                return None
            if self._turns.over():
                return self._turns.share()
        return None

    async def _leave(self) -> None:
        """Give back what the session held."""
        session = self.session
        try:
            await self._context.give_account_back()
        finally:
            self._services.log.event(
                "disconnect",
                id=session.id,
                user=session.user,
                commands=self._commands,
                octets=self.reply.octets,
            )

    async def _log_out(self) -> None:
        """Make a stranger of who is there; the connection goes on (RFC 8437 §3)."""
        user = self.session.user
        try:
            await self._context.give_account_back()
        finally:
            # Whatever fails there: nothing of one login is left to the next.
            self.session.forget()
        self._began = self._services.runtime.monotonic()
        self._bad = 0
        self._services.log.event("logout", id=self.session.id, user=user)

    async def _rest(self) -> None:
        """Wait for what the client sends next. Raises `ConnectionGone`."""
        watches = self.session.watch is not None
        if watches and self._framer.resting:
            self._resume_reading()
            await self._tell_between()
            if self._framer.buffered:
                self._turns.begin(self._services.runtime.monotonic())
                return
        try:
            await self._wait(rests=not watches)
        finally:
            begun, self._begun = self._begun, None
            if begun is not None:
                await begun
        self._turns.begin(self._services.runtime.monotonic())

    async def _tell_between(self) -> None:
        """Tell what the client has asked for, while it sends nothing (RFC 5465)."""
        context, log = self._context, self._services.log
        try:
            await tell(context, Moment.BETWEEN)
            await self.reply.room()
        except (Bye, ConnectionGone):
            raise
        except StoreError as error:
            log.event("store", error=str(error), id=self.session.id)
        except Exception as error:  # noqa: BLE001 - the session survives every defect
            defect(context, error)
        self.reply.flush()

    async def _wait(self, *, rests: bool = False) -> None:
        if self._paused:
            self._resume_reading()
        if not self._signalled and not self._gone and not self._ending:
            self._more = more = self._services.runtime.future()
            self._rests = rests
            await more
        self._signalled = False
        if self._gone or self._ending:
            raise ConnectionGone

    def _resume_live(self) -> None:
        more, self._more = self._more, None
        self._rests = False
        if more is not None:
            self._turns.go_on(more)

    def _answer(self, frame: Frame) -> Coroutine[Any, Any, None] | None:
        """Answer a command, or give what does so."""
        self._context.arriving = None
        if not frame.text and frame.poison is None:
            return None  # an empty line; some clients send one after a literal
        self._commands += 1
        turns = self._turns
        began, octets = turns.now, self.reply.octets
        turns.answer(more=self._framer.buffered > 0)
        outcome = run_frame(self._context, frame, began)
        if isinstance(outcome, str):
            self._answered(frame, outcome, began, octets)
            return None
        if self._running is None:  # else its first literal began it
            self._running = frame.text, began
        return self._wait_for(frame, outcome, began, octets)

    async def _wait_for(
        self, frame: Frame, running: Awaitable[str], began: float, octets: int
    ) -> None:
        try:
            outcome = await running
        finally:
            self._running = None
        self._answered(frame, outcome, began, octets)
        if self._turns.over() and self._framer.buffered:
            await self._turns.share()

    def _answered(self, frame: Frame, outcome: str, began: float, octets: int) -> None:
        """Count a command, and see what follows of it. Raises `Bye`."""
        log = self._services.log
        if log.commands:
            self._log_command(frame, outcome, began, octets)
        else:
            log.answered += 1
        self._running = None
        if outcome != "OK":
            if frame.poison is not None and frame.poison.fatal:
                raise Bye(frame.poison.text)
            if outcome == "BAD":
                self._count_bad(frame)
        if (self.session.account is None) is self._logged_in:
            self._logged_in = not self._logged_in
            self._framer.limits = frame_limits(
                self._services.limits(), logged_in=self._logged_in
            )

    def _count_bad(self, frame: Frame) -> None:
        self._bad += 1
        limits = self._services.limits()
        if self.session.account is not None:
            if self._bad >= limits.bad_commands:
                raise Bye("too many bad commands")
            return
        known = command_name(frame.text) in self._services.registry.commands
        if self._commands == 1 and not known:
            # HTTP or SMTP aimed at this port by a web page (ALPACA, 2021).
            raise Bye("this is an IMAP server")
        if self._bad >= limits.bad_commands_before_login:
            raise Bye("too many bad commands")

    def _log_command(
        self, frame: Frame, outcome: str, began: float, octets: int
    ) -> None:
        self._services.log.event(
            "command",
            id=self.session.id,
            user=self.session.user,
            command=command_name(frame.text),
            result=outcome,
            octets=self.reply.octets - octets,
            ms=round((self._services.runtime.monotonic() - began) * 1000, 1),
        )

    # -- literals

    async def _take_literal(self, event: LiteralAnnounced) -> None:
        """Decide about a literal before its bytes are taken (RFC 3501 §4.3)."""
        try:
            if self._running is None:
                self._running = event.text, self._services.runtime.monotonic()
            sink = await literal_sink(self._context, event)
        except StoreError as error:
            self._refuse(fault_of(error))
        except Fault as fault:
            self._refuse(fault)
        else:
            self._framer.accept(sink)
            self._turns.now = self._services.runtime.monotonic()
            self._transport.expect(event.size - self._framer.buffered)
            if event.synchronizing:
                self.reply.continuation(b"OK")

    def _refuse(self, fault: Fault) -> None:
        self._framer.refuse(Poison(fault.text, fault.code, fatal=False, cause=fault))

    # -- reading, time and end

    def _pause(self) -> None:
        if not self._paused:
            self._paused = True
            self._transport.pause_reading()

    def _resume_reading(self) -> None:
        if self._paused and not self._gone:
            self._paused = False
            self._transport.resume_reading()

    def _start_tls(self) -> None:
        # RFC 3501 §6.2.1: nothing learnt before TLS may be kept.
        self._framer.drain()
        self._framer = Framer(frame_limits(self._services.limits(), logged_in=False))
        self.session.client_id = ()
        self._transport.start_tls()
        self.session.secure = True

    def _start_compression(self) -> None:
        self._transport.start_compression()
        self.session.compressed = True

    def _end(self) -> None:
        """Close when everything is sent."""
        self.reply.flush()
        self._ending = True
        self._transport.close()

    def _say_bye(self, bye: Bye) -> None:
        if not self._gone:
            language = self.session.telling.language
            self.reply.untagged(status(b"BYE", bye.text, bye.code, language))
            self._end()
        self._resume_live()

    def _watch_time(self) -> None:
        """End a session that is silent for too long (RFC 3501 §5.4)."""
        if self._gone or self._ending:
            return
        runtime, limits = self._services.runtime, self._services.limits()
        if self.session.account is None:
            left = self._began + limits.login_seconds - runtime.monotonic()
            text = "log in sooner"
        else:
            left = self._active + limits.idle_seconds - runtime.monotonic()
            text = "nothing was heard for too long"
        if left <= 0:
            self._say_bye(Bye(text))
            return
        self._timer = runtime.later(min(left, 60.0) + 0.01, self._watch_time)
