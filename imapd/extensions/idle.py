"""IDLE: being told at once (RFC 2177).

::

    C: A002 IDLE
    S: + idling
    S: * 4 EXISTS
    C: DONE
    S: A002 OK IDLE terminated
"""

from __future__ import annotations

from collections.abc import Callable

from imapd.session.context import Context
from imapd.session.faults import Bad
from imapd.session.registry import Capability, Completed, Feature, States
from imapd.session.responses import status
from imapd.session.state import Selected
from imapd.session.words import Bare, bare

_TICK = 5.0  # seconds between looks at what other programs have committed


async def run(context: Context, _: Bare) -> Completed:
    """Tell every change until the client says DONE. Raises `Bad` for another word."""
    context.reply.continuation(b"idling")
    selected = context.session.selected
    unwatch: Callable[[], None] | None = None
    if selected is not None:
        unwatch = selected.mailbox.watch(context.input.wake)
    pulse = _Pulse(context)
    try:
        while (line := context.input.next_line()) is None:
            if selected is not None:
                await _tell(context, selected)
            pulse.beat()
            await context.input.wait()
    finally:
        pulse.stop()
        if unwatch is not None:
            unwatch()
    if line.upper() != b"DONE":
        raise Bad("DONE was wanted, which ends IDLE")
    return Completed("IDLE terminated")


async def _tell(context: Context, selected: Selected) -> None:
    if selected.mailbox.stale():
        await selected.mailbox.refresh()
    if selected.view.behind():
        await selected.view.tell(context.reply, removals=True, with_uid=False)
        await context.reply.room()


class _Pulse:
    """Wakes the session now and then, and keeps address translators awake."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._runtime = context.services.runtime
        self._said = self._runtime.monotonic()
        self._timer = self._runtime.later(_TICK, self._tick)

    def _tick(self) -> None:
        self._timer = self._runtime.later(_TICK, self._tick)
        self._context.input.wake()

    def beat(self) -> None:
        """Say that the server is there, when it was silent for long."""
        now = self._runtime.monotonic()
        if now - self._said >= self._context.services.limits().idle_heartbeat_seconds:
            self._said = now
            self._context.reply.untagged(status(b"OK", "Still here"))
            self._context.reply.flush()

    def stop(self) -> None:
        """End it."""
        self._timer.cancel()


FEATURE = Feature(
    name="IDLE",
    rfc=("2177",),
    capabilities=(Capability("IDLE"),),
    commands=(bare("IDLE", run, States.LOGGED_IN, "RFC 2177 §3"),),
)
