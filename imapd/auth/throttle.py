"""The brake on guessing: failures make the next answer from there wait.

Delays grow per network (IPv4 /24, IPv6 /64) and per account seen from a network,
and fade with time. Nobody is locked out: a delay is bounded, and a client that
logged in lately from the same address doesn't wait for what its neighbours do
(a whole office shares an address). Memory is bounded: the oldest are forgotten.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from imapd.session.admission import network_of

_MOST = 100_000  # entries of each kind
_FREE = 3  # failures that cost nothing: people mistype
_FIRST = 0.5  # seconds
_LONGEST = 15.0
_FADE = 300.0  # seconds after which one failure is forgotten
_TRUSTED = 30 * 86_400.0


@dataclass(slots=True)
class _Failures:
    count: float
    at: float


class Throttle:
    """Counts failures. ``now`` is a steady clock, in seconds."""

    def __init__(self, now: Callable[[], float], most: int = _MOST) -> None:
        self._now = now
        self._most = most
        self._failures: OrderedDict[tuple[str, str], _Failures] = OrderedDict()
        self._trusted: OrderedDict[tuple[str, str], float] = OrderedDict()

    def delay(self, account: str, address: str) -> float:
        """Give the seconds that an attempt has to wait before it is looked at."""
        if self._is_trusted(account, address):
            return 0.0
        network = network_of(address)
        return max(self._delay((network, "")), self._delay((network, account)))

    def failed(self, account: str, address: str) -> None:
        """Count a wrong password."""
        network = network_of(address)
        for key in ((network, ""), (network, account)):
            self._failures[key] = _Failures(self._count(key) + 1, self._now())
            self._failures.move_to_end(key)
        while len(self._failures) > self._most:
            self._failures.popitem(last=False)

    def succeeded(self, account: str, address: str) -> None:
        """Note a right password: its owner is at this address."""
        self._failures.pop((network_of(address), account), None)
        key = (address, account)
        self._trusted[key] = self._now()
        self._trusted.move_to_end(key)
        while len(self._trusted) > self._most:
            self._trusted.popitem(last=False)

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

    def _delay(self, key: tuple[str, str]) -> float:
        over = self._count(key) - _FREE
        if over < 1 and key[1]:
            return 0.0
        if not key[1]:
            over -= 3 * _FREE  # a network has many people
            if over < 1:
                return 0.0
        return float(min(_LONGEST, _FIRST * 2 ** min(over - 1, 10)))
