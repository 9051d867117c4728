"""A world of one session whose commands are counted, for what they cost."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mailstore.blobs import FileSystem
from mailstore.index.database import Database
from tests.mailstore.stores import Statements
from tests.support.session import World
from tests.support.stepping import SteppingRuntime

LOOK = "PRAGMA data_version"
HEAD = b"From: ann@example.org\r\nSubject: one\r\nMessage-ID: <%d@example.org>\r\n\r\n"
MIB = 2**20


class Counting(SteppingRuntime):
    """Turns as the real loop has them, and what goes to other threads."""

    def __init__(self) -> None:
        super().__init__()
        self.turns = 0

    def turn(self) -> int:
        return self.turns

    def deliver(self, call: Callable[[], None]) -> None:
        self.turns += 1
        self._soon(call)

    def _resume(self, call: Callable[[], None]) -> None:
        """Go on at once, in the same call, as `imapd.net.lanes` does."""
        if self._stepping:
            call()
        else:
            super()._resume(call)


class Disk(FileSystem):
    """Counts what blobs cost."""

    def __init__(self) -> None:
        self.syncs = self.writes = self.octets = 0

    def sync(self, fd: int) -> None:
        self.syncs += 1
        super().sync(fd)

    def write(self, fd: int, data: bytes, at: int) -> None:
        self.writes += 1
        self.octets += len(data)
        super().write(fd, data, at)


@dataclass(frozen=True)
class Cost:
    """What one command costs.

    ``looks``: whether others have committed anything; ``reads`` and ``writes``:
    statements on the event thread, and on the lane; ``commits`` and ``syncs`` of the
    index and of blobs; ``hops`` to other threads; ``packets`` that are sent.
    """

    looks: int = 1
    reads: int = 0
    writes: int = 0
    commits: int = 0
    syncs: int = 0
    hops: int = 0
    packets: int = 1


class Bench:
    """A world of one session, whose commands are counted."""

    def __init__(self, world: World, disk: Disk) -> None:
        self.world = world
        self.world.log.commands = False  # as a server has it that is told nothing
        self.disk = disk
        self.session = world.session()
        self.packets: list[int] = []
        plain = self.session.write

        def write(data: bytes) -> None:
            self.packets.append(len(data))
            plain(data)

        self.session.write = write  # type: ignore[method-assign]

    @property
    def runtime(self) -> Counting:
        runtime = self.world.runtime
        assert isinstance(runtime, Counting)
        return runtime

    def say(self, *commands: bytes) -> None:
        """Have the client send commands, all at once."""
        self.runtime.turns += 1
        lines = [b"x%d %b\r\n" % one for one in enumerate(commands)]
        self.session.raw = b""
        self.session.connection.receive(b"".join(lines))
        assert b"x%d OK" % (len(commands) - 1) in self.session.raw, self.session.raw
        self.session.read()

    def cost(self, *commands: bytes) -> Cost:
        """Count what commands cost."""
        (account,) = self.world.store._accounts.values()
        directory: Database = self.world.store.directory._database.reader
        self.packets.clear()
        self.runtime.pools.clear()
        syncs = self.disk.syncs
        with ExitStack() as stack:
            event, lane, other = [
                stack.enter_context(Statements(database))
                for database in (
                    account.readers.event,
                    account.lane._database,
                    directory,
                )
            ]
            self.say(*commands)
        looks = event.count(LOOK) + other.count(LOOK)
        return Cost(
            looks=looks,
            reads=len(event) + len(other) - looks,
            writes=len([sql for sql in lane if not _frames(sql)]),
            commits=lane.count("COMMIT"),
            syncs=self.disk.syncs - syncs,
            hops=len(self.runtime.pools),
            packets=len(self.packets),
        )


def _frames(sql: str) -> bool:
    return sql.startswith(("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE", "PRAGMA"))


@contextmanager
def bench_of(path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """Open a world in a folder for the length of a block."""
    monkeypatch.setattr("tests.support.session.SteppingRuntime", Counting)
    disk = Disk()
    with closing(World(path, files=disk)) as world:
        yield Bench(world, disk)


def instructions(work: Callable[[], object]) -> int:
    """Count what runs in Python; the second time, as all is warm."""
    work()
    count = 0

    def trace(frame: Any, event: str, _: object) -> Any:
        nonlocal count
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        count += event == "opcode"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return count
