"""IDLE: being told at once (RFC 2177).

::

    C: A002 IDLE
    S: + idling
    S: * 4 EXISTS
    C: DONE
    S: A002 OK IDLE terminated

Nothing is asked while nothing happens: a session waits to be woken by a change, or
once in a long while to say that it is there.
"""

from __future__ import annotations

from imapd.session.context import Context
from imapd.session.faults import Bad
from imapd.session.registry import Capability, Completed, Feature, States
from imapd.session.watching import Moment, tell, watch
from imapd.session.words import Bare, bare


async def run(context: Context, _: Bare) -> Completed:
    """Tell every change until the client says DONE. Raises `Bad` for another word."""
    context.reply.continuation(b"idling")
    unwatch = watch(context, context.input.wake)
    pulse = _Pulse(context)
    try:
        while (line := context.input.next_line()) is None:
            await tell(context, Moment.IDLE)
            pulse.beat()
            await context.reply.room()
            await context.input.wait()
    finally:
        pulse.stop()
        unwatch()
    if line.upper() != b"DONE":
        raise Bad("DONE was wanted, which ends IDLE")
    return Completed("IDLE terminated")


class _Pulse:
    """Says now and then that the server is there: keeps address translators awake."""

    __slots__ = ("_context", "_due", "_octets", "_timer")

    def __init__(self, context: Context) -> None:
        self._context = context
        self._due = False
        self._start()

    def _start(self) -> None:
        self._octets = self._context.reply.octets
        services = self._context.services
        seconds = services.limits().idle_heartbeat_seconds
        self._timer = services.runtime.later(seconds, self._tick)

    def _tick(self) -> None:
        self._due = self._context.reply.octets == self._octets
        self._start()
        if self._due:
            self._context.input.wake()

    def beat(self) -> None:
        """Say it, when nothing else was said for long."""
        if self._due:
            self._due = False
            reply = self._context.reply
            reply.untagged(self._context.status(b"OK", "Still here"))
            reply.flush()
            self._octets = reply.octets

    def stop(self) -> None:
        """End it."""
        self._timer.cancel()


FEATURE = Feature(
    name="IDLE",
    rfc=("2177",),
    capabilities=(Capability("IDLE"),),
    commands=(bare("IDLE", run, States.LOGGED_IN, "RFC 2177 §3"),),
)
