"""The supervisor: it holds the listening sockets and keeps the workers alive.

It opens no mail, no database and no event loop, and has one thread: there is next to
nothing in it that can fail, and nothing that would not survive a fork. Every worker is
a process of its own that is handed its sockets; `imapd.net.forking` starts it. When a
worker dies its sockets stay open here, and the connections that wait in them are served
by the next one.

A worker says on its control socket when it accepts connections, and from then on now
and then that its loop turns: one that hangs is ended and replaced. When that socket
closes because the supervisor is gone, the worker stops too.

A row without endpoints is the indexer's: a process that serves nobody and fills the
text indexes of which the workers tell it.

It must not know what a worker does.
"""

from __future__ import annotations

import contextlib
import selectors
import signal
import socket
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from imapd import logs
from imapd.net.listen import Endpoint

READY = b"R"
BEAT = b"B"
"""Said by a worker's event loop now and then: it turns."""
FIRST_DELAY = 0.25
LONGEST_DELAY = 30.0
STEADY_SECONDS = 60.0
"""A worker that lived so long was healthy: the next delay is the first again."""
STOP_SECONDS = 30.0

_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)


@dataclass(frozen=True, slots=True)
class WorkerSpec:
    """What a worker is handed: numbers of inherited descriptors.

    ``run`` counts all workers that the supervisor ever started. ``others`` tell the
    other workers of changes, ``indexer`` the indexer of accounts, if there is one.
    """

    index: int
    run: int
    endpoints: tuple[Endpoint, ...]
    control: int
    inbox: int
    others: tuple[int, ...]
    indexer: int | None = None

    @property
    def descriptors(self) -> tuple[int, ...]:
        """All descriptors that it inherits."""
        listening = (endpoint.descriptor for endpoint in self.endpoints)
        indexer = () if self.indexer is None else (self.indexer,)
        return (*listening, self.control, self.inbox, *self.others, *indexer)


class WorkerProcess(Protocol):
    """A child of this process."""

    def poll(self) -> int | None:
        """Give its exit code once it has ended; negative: the signal that ended it."""
        ...

    def send_signal(self, number: signal.Signals) -> None:
        """Send it a signal, unless it has ended."""
        ...


Start = Callable[[WorkerSpec, Collection[int]], WorkerProcess]
"""Starts a worker. It must not keep the further descriptors: they are its parent's."""


@dataclass(eq=False, slots=True)
class _Slot:
    """One worker's place; the process in it changes."""

    index: int
    process: WorkerProcess | None = None
    control: socket.socket | None = None
    ready: bool = False
    started: float = 0.0
    delay: float = FIRST_DELAY
    restart_at: float | None = field(default=None)
    heard: float | None = None  # when it said last that it turns; None: never


def _nothing() -> None:
    """Do nothing."""


class Supervisor:
    """Runs one worker process per row of endpoints, the indexer for an empty row.

    ``start`` makes a worker's process; ``announce`` is called once, when all workers
    accept connections, ``hangup`` on SIGHUP, before the workers hear of it.
    """

    def __init__(
        self,
        rows: Sequence[Sequence[Endpoint]],
        start: Start,
        announce: Callable[[], None],
        *,
        hangup: Callable[[], None] = _nothing,
        hung_seconds: float = 0.0,
    ) -> None:
        self._rows = rows
        self._start = start
        self._announce = announce
        self._hangup = hangup
        self._hung_seconds = hung_seconds
        self._runs = 0
        self._announced = False
        self._stopping = False
        self._code = 0
        self._kill_at = 0.0
        self._slots = [_Slot(index) for index in range(len(rows))]
        self._pairs = [
            socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM) for _ in rows
        ]
        self._selector = selectors.DefaultSelector()
        self._wakes: tuple[int, ...] = ()

    def run(self) -> int:
        """Run until a signal says stop, and all workers have; gives an exit code."""
        wake, woken = socket.socketpair()
        wake.setblocking(False)
        woken.setblocking(False)
        self._wakes = wake.fileno(), woken.fileno()
        before_fd = signal.set_wakeup_fd(woken.fileno(), warn_on_full_buffer=False)
        before = {number: signal.signal(number, _ignore) for number in _SIGNALS}
        self._selector.register(wake, selectors.EVENT_READ, None)
        try:
            for slot in self._slots:
                self._spawn(slot)
            while not self._done():
                self._turn(wake)
            return self._code
        finally:
            signal.set_wakeup_fd(before_fd)
            for number, handler in before.items():
                signal.signal(number, handler)
            for one in (wake, woken, *(end for pair in self._pairs for end in pair)):
                one.close()
            self._selector.close()

    def _done(self) -> bool:
        return self._stopping and all(slot.process is None for slot in self._slots)

    def _turn(self, wake: socket.socket) -> None:
        for key, _ in self._selector.select(self._timeout()):
            if key.data is None:
                with contextlib.suppress(BlockingIOError):
                    self._obey(wake.recv(4096))
            else:
                self._listen_to(key.data)
        self._reap()
        now = time.monotonic()
        self._end_hung(now)
        for slot in self._slots:
            if slot.restart_at is not None and slot.restart_at <= now:
                self._spawn(slot)
        if self._stopping and now >= self._kill_at:
            self._signal(signal.SIGKILL)

    def _end_hung(self, now: float) -> None:
        """End workers whose loop has not turned for long; they are replaced.

        What they said is read before, so that nobody is ended because this process had
        no turn itself.
        """
        for slot in self._slots:
            late = self._late_at(slot)
            if late is None or now < late or slot.process is None:
                continue
            logs.event("worker-hung", worker=slot.index, seconds=self._hung_seconds)
            slot.heard = None
            slot.process.send_signal(signal.SIGKILL)

    def _late_at(self, slot: _Slot) -> float | None:
        if slot.heard is None or not self._hung_seconds or self._stopping:
            return None
        return slot.heard + self._hung_seconds

    def _timeout(self) -> float | None:
        times = [s.restart_at for s in self._slots if s.restart_at is not None]
        late = map(self._late_at, self._slots)
        times += [when for when in late if when is not None]
        if self._stopping:
            times.append(self._kill_at)
        return max(0.0, min(times) - time.monotonic()) if times else None

    def _obey(self, numbers: bytes) -> None:
        if signal.SIGTERM in numbers or signal.SIGINT in numbers:
            self._stop()
        elif signal.SIGHUP in numbers:
            try:
                self._hangup()
            except Exception as error:  # noqa: BLE001 - the workers live by this process
                logs.failure(error, where="hangup")
            self._signal(signal.SIGHUP)

    def _stop(self, code: int = 0) -> None:
        if not self._stopping:
            self._stopping = True
            self._code = code
            self._kill_at = time.monotonic() + STOP_SECONDS
        for slot in self._slots:
            slot.restart_at = None
        self._signal(signal.SIGTERM)

    def _signal(self, number: signal.Signals) -> None:
        for slot in self._slots:
            if slot.process is not None:
                slot.process.send_signal(number)

    def _spawn(self, slot: _Slot) -> None:
        slot.restart_at = None
        try:
            self._begin(slot)
        except OSError as error:
            # No more processes or descriptors: what runs goes on, and this one waits.
            if not self._announced:
                raise
            self._forget_control(slot)
            slot.started = time.monotonic()
            delay = self._plan_restart(slot)
            logs.event(
                "worker-not-started",
                worker=slot.index,
                error=str(error),
                restart_seconds=delay,
            )

    def _begin(self, slot: _Slot) -> None:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        self._selector.register(ours, selectors.EVENT_READ, slot)
        slot.control, slot.ready, slot.heard = ours, False, None
        with theirs:
            spec = WorkerSpec(
                slot.index,
                self._runs,
                tuple(self._rows[slot.index]),
                theirs.fileno(),
                self._pairs[slot.index][0].fileno(),
                self._others(slot.index),
                self._indexer(slot.index),
            )
            self._runs += 1
            slot.process = self._start(spec, self._own() - set(spec.descriptors))
        slot.started = time.monotonic()

    def _own(self) -> set[int]:
        """All descriptors that are open here.

        Above all the ends of the workers' control sockets: as long as another worker
        had one, its owner would not notice that this process is gone.
        """
        controls = (slot.control for slot in self._slots if slot.control is not None)
        ends = (end for pair in self._pairs for end in pair)
        return {
            *(one.fileno() for one in (*controls, *ends)),
            *(endpoint.descriptor for row in self._rows for endpoint in row),
            self._selector.fileno(),
            *self._wakes,
        }

    def _others(self, index: int) -> tuple[int, ...]:
        """The sending ends of the other workers' pairs; the indexer tells nobody."""
        if not self._rows[index]:
            return ()
        return tuple(
            pair[1].fileno()
            for other, pair in enumerate(self._pairs)
            if other != index and self._rows[other]
        )

    def _indexer(self, index: int) -> int | None:
        for other, pair in enumerate(self._pairs):
            if other != index and not self._rows[other]:
                return pair[1].fileno()
        return None

    def _listen_to(self, slot: _Slot) -> None:
        assert slot.control is not None
        try:
            data = slot.control.recv(64)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._forget_control(slot)
            return
        if BEAT in data:
            slot.heard = time.monotonic()
        slot.ready = True
        if not self._announced and all(other.ready for other in self._slots):
            self._announced = True
            self._announce()

    def _forget_control(self, slot: _Slot) -> None:
        if slot.control is not None:
            self._selector.unregister(slot.control)
            slot.control.close()
            slot.control = None

    def _reap(self) -> None:
        for slot in self._slots:
            code = None if slot.process is None else slot.process.poll()
            if code is None:
                continue
            slot.process = None
            self._forget_control(slot)
            if self._stopping:
                continue
            if not self._announced:
                # It could not even begin; trying again would fail in the same way.
                self._stop(code if code > 0 else 1)
                continue
            delay = self._plan_restart(slot)
            logs.event(
                "worker-died", worker=slot.index, code=code, restart_seconds=delay
            )

    def _plan_restart(self, slot: _Slot) -> float:
        now = time.monotonic()
        if now - slot.started >= STEADY_SECONDS:
            slot.delay = FIRST_DELAY
        delay = slot.delay
        slot.restart_at = now + delay
        slot.delay = min(delay * 2, LONGEST_DELAY)
        return delay


def _ignore(*_: object) -> None:
    """A signal's work is done where its number is read."""
