"""A disk that is slow holds up who writes to it, and nobody else.

Nothing here goes by the clock: the pool that writes stands still until the test lets it
go on, and what others say is answered meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mailstore.lanes import Pool
from tests.crash.disk import DiskFiles, recorded
from tests.support.responses import Exists, Status
from tests.support.session import World

MESSAGE = b"Subject: a\r\n\r\nbody\r\n"


class Slow:
    """Takes the pools of a world in hand; tells whether one of them is at work."""

    def __init__(self, world: World) -> None:
        self.held: list[Callable[[], None]] = []
        self.holds = False
        self.beside = False
        self._start = world.runtime.start
        world.runtime.start = self._take  # type: ignore[method-assign]

    def _take(self, pool: Pool, work: Callable[[], None]) -> None:
        if self.holds and pool is Pool.WRITE:
            self.held.append(work)
            return
        self._start(pool, lambda: self._run(work))

    def _run(self, work: Callable[[], None]) -> None:
        before, self.beside = self.beside, True
        try:
            work()
        finally:
            self.beside = before

    def go_on(self) -> None:
        self.holds = False
        while self.held:
            self._run(self.held.pop(0))


@pytest.mark.parametrize(
    "slow",
    [
        b"APPEND INBOX {%d+}\r\n%b" % (len(MESSAGE), MESSAGE),
        b"COPY 1 Sent",
        b"MOVE 2 Sent",
        b"CREATE new",
        b'SETMETADATA INBOX (/private/comment "x")',
        b"RENAME Drafts Other",
    ],
)
def test_others_are_answered_while_one_waits(memory, slow):
    path = memory / slow.split()[0].decode()
    with recorded(path) as disk:
        world = World(path, "ann", "bob", files=DiskFiles(disk))
        world.deliver(MESSAGE, MESSAGE, MESSAGE)
        world.deliver(MESSAGE, name="bob")
        ann, too, bob = (
            world.session(name, b"INBOX") for name in ("ann", "ann", "bob")
        )
        too.ok(b"STORE 3 +FLAGS (\\Seen)")  # the first one of a process is durable
        pools = Slow(world)

        def never_on_the_event_thread(what: str, role: str) -> None:
            assert pools.beside or not what.startswith("sync"), role

        disk.fault = never_on_the_event_thread
        pools.holds = True
        assert ann.feed(b"slow %b\r\n" % slow) == []
        for session in (too, bob):
            for command in (
                b"NOOP",
                b"FETCH 1:* (FLAGS BODY.PEEK[])",
                b"UID SEARCH TEXT body",
                b'LIST "" * RETURN (STATUS (MESSAGES))',
                b"STATUS Sent (MESSAGES UIDNEXT)",
                b"GETQUOTAROOT INBOX",
                b"EXAMINE Trash",
                b"SELECT INBOX",
            ):
                session.ok(command)
        too.ok(b"STORE 3 +FLAGS (\\Flagged)")
        assert pools.held
        assert not ann.read()
        pools.go_on()
        (answer,) = [one for one in ann.read() if isinstance(one, Status) and one.tag]
        assert answer.kind == "OK"
        if slow.startswith(b"APPEND"):
            assert Exists(4) in too.ok(b"NOOP").untagged
        disk.fault = lambda *_: None
        world.close()
