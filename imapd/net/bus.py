"""The change bus between worker processes: datagrams over socket pairs.

The supervisor makes one pair per worker and hands its sending ends to all, so there
is no path, no permission and no stale file. A datagram about mail is ``account mailbox
modseq`` in ASCII. Others hear of a change at once; of a burst in one mailbox they hear
the first, and a few milliseconds later the newest. A full queue loses nothing
important: the newest notice of each mailbox is kept and sent a little later. A datagram
on another topic (the brake on guessing, counts of connections) is ``!topic`` and what
it says; these are told once.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Sequence
from typing import Any

from imapd.net.loop import Loop
from mailstore.changes import ChangeNotice
from mailstore.lanes import Runtime
from mailstore.model import AccountId, MailboxId

_NOTICE = re.compile(rb"([!-~]{1,200}) ([0-9]{1,10}) ([0-9]{1,19})")
_RETRY_SECONDS = 0.02
_REST_SECONDS = 0.005  # between two notices of the same mailbox
_MOST_KEPT = 10_000
_PER_TURN = 256
_LONGEST = 4_096  # octets of a datagram


def unparse_notice(notice: ChangeNotice) -> bytes:
    """Write a notice as a datagram."""
    account = notice.account.encode("ascii")
    return b"%b %d %d" % (account, notice.mailbox, notice.modseq)


def parse_notice(data: bytes) -> ChangeNotice | None:
    """Read a datagram; None when it is no notice."""
    match = _NOTICE.fullmatch(data)
    if match is None:
        return None
    return ChangeNotice(
        AccountId(match[1].decode("ascii")), MailboxId(int(match[2])), int(match[3])
    )


class DatagramBus:
    """One worker's end of the bus.

    ``inbox`` receives; ``others`` are the sending ends of the other workers' pairs.
    """

    def __init__(
        self,
        loop: Loop,
        runtime: Runtime,
        inbox: socket.socket,
        others: Sequence[socket.socket],
    ) -> None:
        self._loop = loop
        self._runtime = runtime
        self._inbox = inbox
        self._others = tuple(others)
        self._kept: list[dict[tuple[AccountId, MailboxId], ChangeNotice]] = [
            {} for _ in others
        ]
        self._retrying = False
        self._resting: dict[tuple[AccountId, MailboxId], ChangeNotice | None] = {}
        self._receive: Callable[[ChangeNotice], None] | None = None
        self._topics: dict[bytes, Callable[[bytes], None]] = {}
        inbox.setblocking(False)

    def publish(self, notice: ChangeNotice) -> None:
        """Tell the other workers; on the event thread. Never blocks, never raises."""
        key = (notice.account, notice.mailbox)
        if key in self._resting:
            self._resting[key] = notice
            return
        if not self._resting:
            self._runtime.later(_REST_SECONDS, self._rested)
        self._resting[key] = None
        self._tell_all(notice)

    def _rested(self) -> None:
        waiting, self._resting = self._resting, {}
        for notice in waiting.values():
            if notice is not None:
                self.publish(notice)

    def _tell_all(self, notice: ChangeNotice) -> None:
        data = unparse_notice(notice)
        for index in range(len(self._others)):
            if not self._send(index, data):
                self._keep(index, notice)

    def subscribe(self, receive: Callable[[ChangeNotice], None]) -> None:
        """Have ``receive`` called on the event thread with the others' notices."""
        first = self._receive is None
        self._receive = receive
        if first:
            self._loop.addReader(self)

    def tell(self, topic: bytes, data: bytes) -> None:
        """Tell the other workers something once; a worker that is behind misses it."""
        datagram = b"!%b %b" % (topic, data)
        if len(datagram) <= _LONGEST:
            for index in range(len(self._others)):
                self._send(index, datagram)

    def hear(self, topic: bytes, receive: Callable[[bytes], None]) -> None:
        """Have ``receive`` called with what others `tell` on a topic."""
        self._topics[topic] = receive

    def close(self) -> None:
        """Hear nothing more."""
        if self._receive is not None:
            self._loop.removeReader(self)
        for notice in self._resting.values():
            if notice is not None:
                self._tell_all(notice)
        self._resting.clear()
        self._inbox.close()
        for other in self._others:
            other.close()

    # -- Twisted's reader

    def fileno(self) -> int:
        """The descriptor to watch."""
        return self._inbox.fileno()

    def logPrefix(self) -> str:
        """A name for Twisted's own messages."""
        return "bus"

    def doRead(self) -> None:
        """Take what arrived, but not forever."""
        for _ in range(_PER_TURN):
            try:
                data = self._inbox.recv(_LONGEST)
            except OSError:
                return
            # It may tell of what was committed since the one before it was read:
            # what is asked once a turn is to be asked anew.
            self._loop.turn += 1
            if data.startswith(b"!"):
                topic, _, told = data[1:].partition(b" ")
                if topic in self._topics:
                    self._topics[topic](told)
                continue
            notice = parse_notice(data)
            if notice is not None and self._receive is not None:
                self._receive(notice)

    def connectionLost(self, reason: Any) -> None:  # noqa: ANN401 - Twisted's
        """The loop ends."""

    # -- a full queue

    def _send(self, index: int, data: bytes) -> bool:
        try:
            self._others[index].send(data, socket.MSG_DONTWAIT)
        except OSError:
            return False
        return True

    def _keep(self, index: int, notice: ChangeNotice) -> None:
        kept = self._kept[index]
        key = (notice.account, notice.mailbox)
        known = kept.get(key)
        if known is None and len(kept) >= _MOST_KEPT:
            return  # mod-sequences are compared at every command boundary anyway
        if known is None or known.modseq < notice.modseq:
            kept[key] = notice
        if not self._retrying:
            self._retrying = True
            self._runtime.later(_RETRY_SECONDS, self._retry)

    def _retry(self) -> None:
        self._retrying = False
        for index, kept in enumerate(self._kept):
            for key, notice in list(kept.items()):
                if not self._send(index, unparse_notice(notice)):
                    break
                del kept[key]
        if any(self._kept):
            self._retrying = True
            self._runtime.later(_RETRY_SECONDS, self._retry)
