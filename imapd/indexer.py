"""The indexer: a process beside the workers that fills the text indexes.

Words and folded texts are made by Python and take milliseconds a message. On a thread
of a worker they would keep its event loop from the interpreter for a good part of that
time, at each of the several times that an APPEND changes threads. Here they delay
nobody, and with a low priority they take only what processors the sessions leave.

Workers tell it of accounts by datagrams over a socket pair that the supervisor made:
``+`` and the account's id, or ``!`` and the id where the index has to be made anew.
A datagram that is lost costs nothing but time: the next arrival tells again.
"""

from __future__ import annotations

import os
import re
import selectors
import signal
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING

from imapd import logs
from imapd.app import log_writer
from imapd.net.signals import Lifeline, Signals
from imapd.net.workers import READY
from mailstore.model import AccountId
from mailstore.service.filling import Filler

if TYPE_CHECKING:
    from imapd.config import Config
    from imapd.net.workers import WorkerSpec

NICENESS = 19
"""How far its priority is below that of the workers: as far as can be. On a machine
that is busy it gets a seventieth of a processor beside each of them."""

_NOTICE = re.compile(rb"([+!])([0-9a-f]{32})")
_ELSEWHERE_SECONDS = 1.0  # until a piece that could not be done is tried again
_LONGEST = 64


class IndexerPort:
    """The workers' end: tells the indexer of accounts."""

    def __init__(self, indexer: socket.socket) -> None:
        self._indexer = indexer

    def tell(self, account: AccountId, anew: bool) -> bool:
        """Have an account's index filled; False when its queue is full just now."""
        try:
            notice = b"%b%b" % (b"!" if anew else b"+", account.encode("ascii"))
            self._indexer.send(notice, socket.MSG_DONTWAIT)
        except OSError:
            return False
        return True


class _Stopped(Exception):
    """The server ends; what is half done is done again by the next one."""


class Indexer:
    """Reads what it is told, fills, and looks up in between.

    ``watched`` are further descriptors, each with what is called when one can be read.
    """

    def __init__(
        self,
        filler: Callable[[Callable[[], None]], Filler],
        inbox: socket.socket,
        watched: dict[int, Callable[[], None]],
    ) -> None:
        self._inbox = inbox
        self._filler = filler(self._look_up)
        self._stopping = False
        self._selector = selectors.DefaultSelector()
        inbox.setblocking(False)
        for descriptor, call in {**watched, inbox.fileno(): self._hear}.items():
            self._selector.register(descriptor, selectors.EVENT_READ, call)

    def stop(self) -> None:
        """Have `run` end, also in the middle of a piece."""
        self._stopping = True

    def run(self) -> None:
        """Work until `stop` is called."""
        at_once = True
        while not self._stopping:
            timeout = None
            if self._filler.due:
                timeout = 0.0 if at_once else _ELSEWHERE_SECONDS
            self._take(timeout)
            if self._filler.due and not self._stopping:
                try:
                    at_once = self._filler.turn()
                except _Stopped:
                    break
        self._selector.close()

    def _take(self, timeout: float | None) -> None:
        for key, _ in self._selector.select(timeout):
            key.data()

    def _look_up(self) -> None:
        self._take(0.0)
        if self._stopping:
            raise _Stopped

    def _hear(self) -> None:
        while True:
            try:
                match = _NOTICE.fullmatch(self._inbox.recv(_LONGEST))
            except OSError:
                return
            if match is not None:
                account = AccountId(match[2].decode("ascii"))
                self._filler.wanted(account, anew=match[1] == b"!")


def index(config: Config, spec: WorkerSpec) -> int:
    """Be the indexer until the supervisor ends it, or is gone; gives an exit code."""
    os.nice(NICENESS)
    writer = log_writer(config)
    writer.start()
    stops: list[Callable[[], None]] = []

    def stop() -> None:
        for one in stops:
            one()

    signals = Signals(
        {signal.SIGTERM: stop, signal.SIGINT: stop, signal.SIGHUP: writer.reopen}
    )
    lifeline = Lifeline(spec.control, stop)
    inbox = socket.socket(fileno=spec.inbox)
    try:
        indexer = Indexer(
            lambda pause: Filler(config.store.path, pause),
            inbox,
            {signals.fileno(): signals.doRead, lifeline.fileno(): lifeline.doRead},
        )
        stops.append(indexer.stop)
        lifeline.tell(READY)
        indexer.run()
    except Exception as error:  # noqa: BLE001 - the supervisor starts another
        logs.failure(error, where="indexer")
        return 1
    finally:
        inbox.close()
        lifeline.connectionLost(None)
        signals.close()
        writer.stop()
    return 0
