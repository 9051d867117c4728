"""Servers that are killed while clients write, round after round, on one store.

A round ends at one of the numbered places (`mailstore.crashpoints`), or after so many
answers; one worker dies, or all. Then the server is started again as it is, and every
client's ledger compared with what it has.
"""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import apsw

from mailstore.crashpoints import VARIABLE, CrashPoint
from tests.crash.ledger import Found, Player, Told
from tests.support.client import Client, Disconnected
from tests.support.server import ACCOUNTS, ServerProcess

CLIENTS = 4
_LOST = (Disconnected, OSError)
_HOUR = 3_600
_LONGEST = 60.0  # seconds of a round that reaches no crash point

POINTS = tuple(
    point
    for point in CrashPoint
    if point
    not in (
        CrashPoint.FILE_DROPPED,  # tests/crash/test_reclaim.py: hours have to pass
        CrashPoint.SNAPSHOT_WRITTEN,  # tests/mailstore/test_upgrade.py
        CrashPoint.SNAPSHOT_TAKEN,
        CrashPoint.MIGRATED,
    )
    and point < CrashPoint.ACCOUNT_FORGOTTEN  # tests/crash/test_programs.py
)


@dataclass(frozen=True, slots=True)
class Round:
    """How a round ends. ``times``: visits of the place, or answers."""

    workers: int
    times: int
    point: CrashPoint | None = None
    one_worker: bool = False  # before all die, one does, three times
    aged: bool = False  # begins with a purge and a compaction

    def __str__(self) -> str:
        how = f"at {self.point.name}" if self.point else "after so many answers"
        many = ", first one worker" if self.one_worker else ""
        aged = ", with a purge" if self.aged else ""
        return f"{self.workers} workers, {how} ({self.times}){many}{aged}"


def rounds(seed: int, count: int) -> Iterator[Round]:
    """Give rounds: every place in turn, and random ends between them."""
    dice = random.Random(seed)
    points: list[CrashPoint] = []
    for number in range(count):
        workers = dice.choice((1, 1, 2, 3))
        if number % 2:
            answers = dice.randint(20, 300)
            yield Round(workers, answers, None, workers > 1, dice.random() < 0.3)
            continue
        if not points:
            points = dice.sample(POINTS, len(POINTS))
        point = points.pop()
        late = point in _RARE
        times = dice.choice((1, 2, 3)) if late else dice.randint(1, 60)
        if point in _ONCE:
            times = 1
        yield Round(workers, times, point, aged=True)


_ONCE = frozenset(
    {CrashPoint.LIVING_COPIED, CrashPoint.SEGMENT_DROPPED, CrashPoint.SPOOL_SWEPT}
)
_RARE = _ONCE | {
    CrashPoint.CHECKPOINTING,
    CrashPoint.CHECKPOINTED,
    CrashPoint.FILE_SYNCED,
    CrashPoint.FILE_NAMED,
}


@dataclass
class Killing:
    """A store, its players, and what all of them were told."""

    folder: Path
    seed: int
    clients: int = CLIENTS
    told: Told = field(default_factory=Told)
    slowest: float = 0.0  # seconds from a start to a greeting
    reached: bool = False

    def __post_init__(self) -> None:
        self.server = ServerProcess(self.folder, more_config="")
        text = self.server.config.read_text(encoding="utf-8")
        text = text.replace("[store]\n", "[store]\nretention_days = 0\n")
        self.server.config.write_text(text, encoding="utf-8")
        self.server.add_account(ACCOUNTS[0])
        self.players = [Player(n, f"s{self.seed}") for n in range(self.clients)]
        self._answers = 0
        self._lock = threading.Lock()

    def play(self, wanted: Round) -> None:
        """Play a round, and compare. Raises `Owed` and other assertions."""
        if wanted.aged:
            self._age()
        server = self.server
        server.arguments = ("--workers", str(wanted.workers))
        if wanted.point is not None:
            server.environment = {VARIABLE: f"{wanted.point.value}:{wanted.times}"}
        server.start()
        try:
            self._run(wanted)
        finally:
            server.environment = {}
            if server.running:
                server.kill()
        begun = time.monotonic()
        server.start()
        try:
            with server.client("alice") as client:
                self.slowest = max(self.slowest, time.monotonic() - begun)
                self._compare(client)
        finally:
            server.kill()
        server.check()

    def _compare(self, client: Client) -> None:
        self.told.note(client)
        found = Found.by(client, self.told)
        for player in self.players:
            player.compare(found)
        known = {key for player in self.players for key in player.held}
        assert found.messages.keys() == known, "there are messages of nobody"

    def _run(self, wanted: Round) -> None:
        over = threading.Event()
        lost = threading.Event()
        self._answers = 0
        wrong: list[BaseException] = []

        def one(player: Player) -> None:
            try:
                self._play(player, over, lost, again=wanted.one_worker)
            except BaseException as error:  # noqa: BLE001 - told by the main thread
                wrong.append(error)
                over.set()
                lost.set()

        threads = [threading.Thread(target=one, args=(p,)) for p in self.players]
        for thread in threads:
            thread.start()
        try:
            self._end(wanted, lost, over)
        finally:
            over.set()
            if self.server.running:
                self.server.kill()
            for thread in threads:
                thread.join()
        if wrong:
            raise wrong[0]

    def _end(self, wanted: Round, lost: threading.Event, over: threading.Event) -> None:
        """Wait until the round is over; bring it about if no place does."""
        if wanted.point is not None:
            self.reached = lost.wait(_LONGEST)
            return
        kills = [wanted.times * n // 4 for n in (1, 2, 3)] if wanted.one_worker else []
        while self._answers < wanted.times and not over.wait(0.002):
            if kills and self._answers >= kills[0]:
                kills.pop(0)
                self._kill_worker()

    def _kill_worker(self) -> None:
        pid = self.server.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
        if children.split():
            os.kill(int(random.choice(children.split())), signal.SIGKILL)

    def _play(
        self,
        player: Player,
        over: threading.Event,
        lost: threading.Event,
        *,
        again: bool,
    ) -> None:
        """Work until the round is over; with ``again`` whenever a worker answers."""
        while not over.is_set():
            try:
                with self.server.client("alice") as client:
                    client.literal_plus = player.number % 2 == 0
                    if again:
                        player.compare(Found.by(client, self.told))
                    while not over.is_set():
                        player.step(client)
                        self._answered(player, client)
            except _LOST:
                lost.set()
                if not again:
                    return

    def _answered(self, player: Player, client: Client) -> None:
        with self._lock:
            self._answers += 1
            ask = self._answers % 25 == 0
        if ask and player.number == 0:
            self.told.note(client)

    def _age(self) -> None:
        """Have everything lie there for two hours, and the daily round be due."""
        for index in self.folder.glob("store/accounts/*/*/index.db"):
            database = apsw.Connection(str(index))
            database.execute("UPDATE account SET purged_at = 0")
            database.close()
            spool = index.parent / "blobs" / "spool"
            spool.mkdir(mode=0o700, parents=True, exist_ok=True)
            (spool / "left.part").touch()  # by a message that never came to its end
            for path in (index.parent / "blobs").rglob("*"):
                if path.is_file():
                    then = path.stat().st_mtime - 2 * _HOUR
                    os.utime(path, (then, then))


@contextmanager
def killing(folder: Path, seed: int) -> Iterator[Killing]:
    """Make a server to be killed; none is left running."""
    made = Killing(folder, seed)
    made.server.start()
    try:
        with made.server.client("alice") as client:
            made.told.note(client)  # the first login makes the mailboxes
        assert made.server.stop() == 0
        yield made
    finally:
        if made.server.running:
            made.server.kill()


def play(
    folder: Path, seed: int, wanted: Sequence[Round], say: Callable[[str], None]
) -> None:
    """Play rounds on one store; tells of each. Raises what is wrong."""
    with killing(folder, seed) as made:
        for number, one in enumerate(wanted, 1):
            made.reached = False
            try:
                made.play(one)
            except BaseException:
                say(f"seed {seed}, round {number} ({one}) failed")
                raise
            missed = one.point is not None and not made.reached
            held = sum(len(player.held) for player in made.players)
            say(
                f"round {number}: {one}: {made._answers} answers, {held} messages"
                + (", the place was not reached" if missed else "")
            )
        say(f"{len(wanted)} rounds; the slowest start took {made.slowest:.1f} s")
