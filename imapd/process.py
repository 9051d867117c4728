"""A worker as a process: its signals, its log, the word that it is ready, its end.

`imapd.app` wires what runs in it; `imapd.net.workers` starts several.
"""

from __future__ import annotations

import gc
import importlib
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from imapd import logs
from imapd.app import Application, load_spoken, log_writer
from imapd.config import Config
from imapd.indexer import IndexerPort
from imapd.net.bus import DatagramBus
from imapd.net.lanes import TwistedRuntime
from imapd.net.listen import Endpoint
from imapd.net.loop import Loop, log_twisted, new_loop
from imapd.net.signals import Lifeline, Signals, when_orphaned
from imapd.net.workers import BEAT, READY, WorkerSpec
from imapd.syntax.charset import load_charsets
from mailstore.index.database import migrations

if TYPE_CHECKING:
    from mailstore.changes import ChangeBus
    from mailstore.service.options import IndexElsewhere

_LOADED_LATE = (
    "encodings.idna",
    "imapd.features",
    "imapd.indexer",
    "imapd.net.control",
    "imapd.net.door",
    "imapd.net.server",
    "imapd.net.tls",
)
"""What is imported where it is used, so that who does not use it need not wait."""
STUCK_SECONDS = 25.0
"""A stop that takes longer ends the process all the same; the supervisor, or
systemd, would do so next. Everything acknowledged is on disk by then."""


def serve(
    config: Config,
    endpoints: Sequence[Endpoint],
    *,
    ready: Callable[[], None] | None = None,
    worker: WorkerSpec | None = None,
) -> int:
    """Run one worker in this process until it is told to stop; gives an exit code.

    To be called in the main thread. ``ready`` is called once connections are
    accepted; a ``worker`` tells its supervisor as well. Raises `ConfigError` and
    store errors before anything is accepted.
    """
    # Threads hold the interpreter for 5 ms at a time by default, ten times what an
    # answer from memory takes: the loop must get its turn sooner.
    sys.setswitchinterval(0.0005)
    writer = log_writer(config)
    writer.start()
    log_twisted(
        lambda text: logs.event("twisted", text=text),
        lambda error: logs.failure(error, where="twisted"),
    )
    try:
        loop = new_loop()
        number, run = (0, 0) if worker is None else (worker.index, worker.run)
        with _indexer_of(worker) as indexer:
            application = Application(
                config, loop, _bus_of(worker), number, run, indexer
            )
            try:
                _Process(application, loop, writer, worker).run(endpoints, ready)
            finally:
                application.close()
    finally:
        writer.stop()
    return 0


def preload(config: Config) -> None:
    """Load all that a worker is made of, before it is forked.

    No store is opened, and no thread begun.
    """
    for name in _LOADED_LATE:
        importlib.import_module(name)
    load_spoken(config)
    load_charsets()
    for schema in ("directory", "mail"):
        migrations(schema)
    gc.collect()


class _Process:
    def __init__(
        self,
        application: Application,
        loop: Loop,
        writer: logs.LogWriter,
        worker: WorkerSpec | None,
    ) -> None:
        self._application = application
        self._loop = loop
        self._writer = writer
        self._lifeline: Lifeline | None = None
        if worker is not None:
            when_orphaned(worker.control, _give_up_soon)
            self._lifeline = Lifeline(worker.control, self._stop)
            loop.addReader(self._lifeline)

    def run(
        self, endpoints: Sequence[Endpoint], ready: Callable[[], None] | None
    ) -> None:
        signals = Signals(
            {
                signal.SIGTERM: self._stop,
                signal.SIGINT: self._stop,
                signal.SIGHUP: self._reload,
            }
        )
        self._loop.addReader(signals)
        try:
            self._application.server.listen(endpoints)
            self._application.listen_to_administrators()
            self._loop.callLater(0, lambda: self._begin(ready))
            self._loop.run(installSignalHandlers=False)
            logs.event("stop", pid=os.getpid())
        finally:
            signals.close()

    def _begin(self, ready: Callable[[], None] | None) -> None:
        logs.event("start", version=self._application.version, pid=os.getpid())
        load_charsets()
        # What is there now stays: to look through it for garbage takes 10 ms a time.
        gc.collect()
        gc.freeze()
        if self._lifeline is not None:
            self._lifeline.tell(READY)
            self._beat(self._lifeline)
        if ready is not None:
            ready()

    def _beat(self, lifeline: Lifeline) -> None:
        """Say that the loop turns, a few times in the time that it may hang."""
        allowed = self._application.config.server.hung_seconds
        if allowed:
            lifeline.tell(BEAT)
            self._loop.callLater(allowed / 4, lambda: self._beat(lifeline))

    def _stop(self) -> None:
        watchdog = threading.Timer(STUCK_SECONDS, _give_up)
        watchdog.daemon = True
        watchdog.start()
        self._application.server.stop()

    def _reload(self) -> None:
        # First of all: what is told of the reload belongs in the new file, and another
        # thread writes it.
        self._writer.reopen()
        held = self._application.reload()
        self._writer.set_level(held.log.level)


def _bus_of(
    worker: WorkerSpec | None,
) -> Callable[[Loop, TwistedRuntime], ChangeBus] | None:
    if worker is None:
        return None
    inbox = socket.socket(fileno=worker.inbox)
    others = [socket.socket(fileno=other) for other in worker.others]
    return lambda loop, runtime: DatagramBus(loop, runtime, inbox, others)


@contextmanager
def _indexer_of(worker: WorkerSpec | None) -> Iterator[IndexElsewhere | None]:
    if worker is None or worker.indexer is None:
        yield None
        return
    with socket.socket(fileno=worker.indexer) as end:
        yield IndexerPort(end).tell


def _give_up_soon() -> None:
    """End a process without a supervisor, even if its loop does not turn any more."""
    time.sleep(STUCK_SECONDS)
    _give_up()


def _give_up() -> None:
    logs.event("stop-stuck", seconds=STUCK_SECONDS)
    os._exit(1)
