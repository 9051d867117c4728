"""A session's work in turns of the event loop, measured by counting, not by a clock.

A turn is what runs until the session gives way. Its cost is the number of Python's
instructions: the same on every machine, every time::

    turns = Turns(world)
    longest = turns.longest(lambda: turns.say(session, b"NOOP"))

What runs in C counts little: this finds loops over messages, not copies of arrays.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

from imapd.session.reply import CHUNK
from mailstore.lanes import Pool
from tests.support.session import Session, World


class Turns:
    """Takes the event thread of a world in hand: what gives way waits for its turn."""

    def __init__(self, world: World) -> None:
        self._runtime = world.runtime
        self._waiting: deque[Callable[[], None]] = deque()
        self._count = 0
        world.runtime.deliver = self._waiting.append  # type: ignore[method-assign, assignment]
        world.runtime.start = self._beside  # type: ignore[method-assign]

    @property
    def count(self) -> int:
        """How many instructions the running turn has taken."""
        return self._count

    def pace(self, session: Session) -> None:
        """Let a session's client be fast, and its transport as `imapd.net` has it."""
        sent = [0]
        plain = session.write

        def write(data: bytes) -> None:
            sent[0] += len(data)
            plain(data)

        def crowded() -> bool:
            return sent[0] >= CHUNK

        def room() -> Awaitable[None]:
            sent[0] = 0
            future = self._runtime.future()
            self._waiting.append(lambda: future.succeed(None))
            return future

        session.write = write  # type: ignore[method-assign]
        session.crowded = crowded  # type: ignore[method-assign]
        session.room = room  # type: ignore[method-assign]

    def _beside(self, pool: Pool, work: Callable[[], None]) -> None:
        """Run what belongs to another thread: it takes nobody's turn."""
        before = sys.gettrace()
        sys.settrace(None)
        try:
            work()
        finally:
            sys.settrace(before)

    def each(self, work: Callable[[], object]) -> list[int]:
        """Run ``work`` and all turns that follow; gives the cost of each."""
        costs = [self._cost(work)]
        while self._waiting:
            costs.append(self._cost(self._waiting.popleft()))
        return costs

    def _cost(self, work: Callable[[], object]) -> int:
        before, self._count = sys.gettrace(), 0
        sys.settrace(self._trace)
        try:
            work()
        finally:
            sys.settrace(before)
        return self._count

    def _trace(self, frame: Any, event: str, _: object) -> Any:
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        if event == "opcode":
            self._count += 1
        return self._trace
