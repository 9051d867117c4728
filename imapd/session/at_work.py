"""Commands that wait for the store, so that their clients hear that they live.

A command that is at work has no response half written: something may be told between
its responses. While any is, a look is taken at them now and then; a command that is
done at once costs an entry in a dictionary. It must not know what is told::

    with context.at_work():
        copied = await mailbox.copy(uids, name)
"""

from __future__ import annotations

from collections.abc import Callable

from mailstore.lanes import Runtime

LOOK_SECONDS = 5.0


class AtWork:
    """The commands of a worker that wait for the store. For the event thread."""

    __slots__ = ("_looking", "_running")

    def __init__(self) -> None:
        self._running: dict[int, Callable[[], None]] = {}
        self._looking = False

    def begin(self, runtime: Runtime, tell: Callable[[], None]) -> int:
        """Have ``tell`` called now and then, until `end` gets what this gives."""
        key = id(tell)
        self._running[key] = tell  # which keeps it, so that the number stays its own
        if not self._looking:
            self._looking = True
            runtime.later(LOOK_SECONDS, lambda: self._look(runtime))
        return key

    def end(self, key: int) -> None:
        """The command has got what it waited for."""
        self._running.pop(key, None)

    def _look(self, runtime: Runtime) -> None:
        self._looking = bool(self._running)
        if self._looking:
            runtime.later(LOOK_SECONDS, lambda: self._look(runtime))
        for tell in list(self._running.values()):
            tell()
