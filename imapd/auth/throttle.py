"""The brake on guessing: failures make the next answer from there wait.

Delays grow per network (IPv4 address, IPv6 /64), per account seen from a network, and
per account from wherever; they fade with time. Nobody is locked out: a delay is
bounded, and a client that logged in lately from the same address doesn't wait for
what others do (a whole office shares an address). Memory is bounded: the oldest are
forgotten. Workers tell each other what they counted.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from imapd.session.admission import network_of

_MOST = 100_000  # entries of each kind
_FREE = 3  # failures that cost nothing: people mistype
_FREE_NETWORK = 12  # a network has many people
_FREE_ANYWHERE = 20  # of an account, from networks that it never used
_FIRST = 0.5  # seconds
_LONGEST = 15.0
_FADE = 300.0  # seconds after which one failure is forgotten
_TRUSTED = 30 * 86_400.0
_NEWS = 60.0  # seconds for which others needn't hear of the same success again
_FAILED, _SUCCEEDED = "F", "S"


@dataclass(slots=True)
class _Failures:
    count: float
    at: float


class Throttle:
    """Counts failures. ``now`` is a steady clock, in seconds."""

    def __init__(self, now: Callable[[], float], most: int = _MOST) -> None:
        self._now = now
        self._most = most
        self._tell: Callable[[bytes], None] | None = None
        self._failures: OrderedDict[tuple[str, str], _Failures] = OrderedDict()
        self._trusted: OrderedDict[tuple[str, str], float] = OrderedDict()

    def share(self, tell: Callable[[bytes], None]) -> None:
        """Have ``tell`` send notes to the other workers, for their `hear`."""
        self._tell = tell

    def delay(self, account: str, address: str) -> float:
        """Give the seconds that an attempt has to wait before it is looked at.

        ``account`` is empty when the attempt doesn't say who it is.
        """
        if account and self._is_trusted(account, address):
            return 0.0
        network = network_of(address)
        found = self._seconds((network, ""), _FREE_NETWORK)
        if account:
            here = self._seconds((network, account), _FREE)
            anywhere = self._seconds(("", account), _FREE_ANYWHERE)
            found = max(found, here, anywhere)
        return found

    def failed(self, account: str, address: str) -> None:
        """Count a wrong password."""
        self._note_failure(account, address)
        self._note(_FAILED, account, address)

    def succeeded(self, account: str, address: str) -> None:
        """Note a right password: its owner is at this address.

        The others hear of it once a minute, of one that ends failures always: a
        program that connects for each command would have them do as much as itself.
        """
        if self._note_success(account, address):
            self._note(_SUCCEEDED, account, address)

    def hear(self, data: bytes) -> None:
        """Take the note of another worker."""
        try:
            kind, account, address = json.loads(data)
        except (ValueError, TypeError):
            return
        if kind == _FAILED:
            self._note_failure(str(account), str(address))
        elif kind == _SUCCEEDED:
            self._note_success(str(account), str(address))

    def _note_failure(self, account: str, address: str) -> None:
        network = network_of(address)
        keys = [(network, "")]
        if account:
            keys += [(network, account), ("", account)]
        for key in keys:
            self._failures[key] = _Failures(self._count(key) + 1, self._now())
            self._failures.move_to_end(key)
        while len(self._failures) > self._most:
            self._failures.popitem(last=False)

    def _note_success(self, account: str, address: str) -> bool:
        """Tell whether it is news to the others."""
        ended = self._failures.pop((network_of(address), account), None)
        key, now = (address, account), self._now()
        since = self._trusted.get(key)
        news = since is None or now - since >= _NEWS
        if news:
            self._trusted[key] = now
        self._trusted.move_to_end(key)
        while len(self._trusted) > self._most:
            self._trusted.popitem(last=False)
        return news or ended is not None

    def _is_trusted(self, account: str, address: str) -> bool:
        since = self._trusted.get((address, account))
        if since is None or self._now() - since > _TRUSTED:
            return False
        # Somebody at that address who guesses at this very account is slowed down.
        return self._count((network_of(address), account)) <= 2 * _FREE

    def _count(self, key: tuple[str, str]) -> float:
        found = self._failures.get(key)
        if found is None:
            return 0.0
        return max(0.0, found.count - (self._now() - found.at) / _FADE)

    def _seconds(self, key: tuple[str, str], free: int) -> float:
        over = self._count(key) - free
        if over < 1:
            return 0.0
        return float(min(_LONGEST, _FIRST * 2 ** min(over - 1, 10)))

    def _note(self, kind: str, account: str, address: str) -> None:
        if self._tell is not None:
            text = json.dumps([kind, account, address], ensure_ascii=False)
            self._tell(text.encode("utf-8", "replace"))
