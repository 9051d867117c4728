"""The turns that one connection gets of the event thread, to answer what came ahead.

A client may send thousands of commands at once. Their answers are gathered as long as
the turn lasts and leave together; then others have the loop. A turn ends after so many
commands or so much time, behind the command during which it did.

Invariants: a whole answer waits for nothing but the next commands of its turn. When one
of them has to wait, for the store or for its client, what was gathered leaves at once.
No command begins that came ahead while the client takes nothing.
"""

from __future__ import annotations

from imapd.session.reply import Reply
from mailstore.lanes import Future, Runtime

COMMANDS = 16
SECONDS = 0.0005


class Turns:
    """Parts the event thread between one connection and all others."""

    __slots__ = ("_left", "_looked", "_reply", "_runtime", "_until", "_within", "now")

    def __init__(self, runtime: Runtime, reply: Reply) -> None:
        self._runtime = runtime
        self._reply = reply
        self._within = False  # `go_on` is on the stack: it sends what is gathered
        self._left = COMMANDS
        self._until = 0.0
        self._looked = 0  # octets that were handed over when it was not `crowded`
        self.now = 0.0
        """What the clock showed before the command that runs."""

    def begin(self, now: float) -> None:
        """What the client was waited for has come: a turn begins."""
        self.now = now
        self._until = now + SECONDS
        self._left = COMMANDS

    def enter(self, now: float) -> None:
        """Begin a turn, and gather answers until `leave`: it is a call, no more."""
        self.begin(now)
        self._within = True

    def leave(self) -> None:
        """Send what was gathered."""
        self._within = False
        self._reply.release()

    def go_on(self, future: Future[None]) -> None:
        """Have the session go on that waits for this, until it waits again."""
        self._within = True
        try:
            future.succeed(None)
        finally:
            self.leave()

    def answer(self, *, more: bool) -> None:
        """Begin with one command; ``more`` has come behind it, whole or in part."""
        self._left -= 1
        # Who goes on by itself, as behind a thread's work, has nobody to send for it.
        self._reply.gathers = more and self._within

    def over(self) -> bool:
        """Tell whether others should have the loop before the next command.

        A client that doesn't read waits, and its commands with it: each may have a long
        answer.
        """
        self.now = now = self._runtime.monotonic()
        if self._left <= 0 or now >= self._until:
            return True
        handed = self._reply.handed_over
        if handed == self._looked:
            return False  # who was not crowded then can't be now
        if self._reply.crowded:
            return True
        self._looked = handed
        return False

    async def share(self) -> None:
        """Let others have the loop, as the turn is `over`. Raises `ConnectionGone`."""
        if self._reply.crowded:
            await self._reply.room()
        self._reply.release()
        future: Future[None] = self._runtime.future()
        self._runtime.deliver(lambda: self.go_on(future))
        await future
        self.begin(self._runtime.monotonic())
