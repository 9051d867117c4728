"""Who may connect: counts of connections against the limits.

Workers tell each other their counts per address and per account: at once, unless a
worker has less than an eighth of what is allowed; then within a fiftieth of a second.
Limits that say "per worker process" are of one worker alone.

An address is an IPv4 address or an IPv6 network of 64 bits, which is what one
person usually has. Strangers (connections that are not logged in) may crowd out
each other, never people: when there are too many, the oldest of the address that
has most of them is dropped.
"""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

from imapd.session.limits import Limits
from imapd.session.shared_counts import SharedCounts
from mailstore.lanes import Runtime
from mailstore.model import AccountId

_FEW = 8  # the part of a limit below which others needn't know at once


@lru_cache(maxsize=4096)
def network_of(address: str) -> str:
    """Give the key under which an address is counted."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)


@dataclass(eq=False, slots=True)
class Ticket:
    """One admitted connection. ``drop`` ends it, ``stranger`` tells if it may be.

    One that is ``trusted`` is a server of ours, which never logs in.
    """

    network: str
    drop: Callable[[], None] = field(repr=False)
    stranger: Callable[[], bool] = field(repr=False)
    trusted: bool = False


class ConnectionAdmission:
    """Counts connections. Used on the event thread only."""

    def __init__(self, limits: Callable[[], Limits]) -> None:
        self._limits = limits
        # By network; a dict keeps the order of arrival.
        self._tickets: dict[str, dict[Ticket, None]] = {}
        self._total = 0
        self._trusted = 0
        self._sessions = 0
        self._strangers: Counter[str] = Counter()
        self._accounts: Counter[AccountId] = Counter()
        self._shared: SharedCounts | None = None

    def share(self, runtime: Runtime, tell: Callable[[bytes], None]) -> None:
        """Have ``tell`` send our counts to the other workers, for their `hear`."""
        self._shared = SharedCounts(runtime, tell)

    def hear(self, data: bytes) -> None:
        """Take counts of another worker."""
        if self._shared is not None:
            self._shared.hear(data)

    def _elsewhere(self, kind: str, key: str) -> int:
        return 0 if self._shared is None else self._shared.count(kind, key)

    def _tell(self, kind: str, key: str, count: int, most: int) -> None:
        if self._shared is not None:
            self._shared.set(kind, key, count, soon=count < most // _FEW)

    def _tell_address(self, network: str, count: int) -> None:
        self._tell("address", network, count, self._limits().connections_per_address)

    def _tell_account(self, account: AccountId) -> None:
        most = self._limits().connections_per_account
        self._tell("account", account, self._accounts[account], most)

    @property
    def connections(self) -> int:
        """All connections now."""
        return self._total

    @property
    def strangers(self) -> int:
        """Connections that are not logged in."""
        return self._total - self._trusted - self._sessions

    def connect(
        self,
        address: str,
        drop: Callable[[], None],
        stranger: Callable[[], bool],
        *,
        trusted: bool = False,
    ) -> Ticket | str:
        """Admit a connection, or say in words why not.

        ``drop`` must end it at once, ``stranger`` tells whether it is not logged in.
        Those that are ``trusted`` are bounded with all others alone: an MTA has as many
        as it has processes.
        """
        limits = self._limits()
        network = network_of(address)
        mine = self._tickets.get(network, {})
        if self._total >= limits.connections:
            return "too many connections"
        if trusted:
            return self._admit(Ticket(network, drop, stranger, trusted=True))
        there = self._elsewhere("address", network)
        if len(mine) + there >= limits.connections_per_address:
            return "too many connections from your address"
        if self.strangers >= limits.connections_unauthenticated:
            self._drop_a_stranger()
        return self._admit(Ticket(network, drop, stranger))

    def _admit(self, ticket: Ticket) -> Ticket:
        mine = self._tickets.setdefault(_key(ticket), {})
        mine[ticket] = None
        self._total += 1
        if ticket.trusted:
            self._trusted += 1
        else:
            self._tell_address(ticket.network, len(mine))
            self._count_strangers(ticket.network, 1)
        return ticket

    def disconnect(self, ticket: Ticket) -> None:
        """Take a connection off the counts. Harmless when it was taken off before."""
        mine = self._tickets.get(_key(ticket), {})
        if ticket not in mine:
            return
        del mine[ticket]
        if not mine:
            del self._tickets[_key(ticket)]
        self._total -= 1
        if ticket.trusted:
            self._trusted -= 1
        else:
            self._tell_address(ticket.network, len(mine))
            self._count_strangers(ticket.network, -1)

    def login(self, account: AccountId, address: str) -> bool:
        """Count a session of an account; False when it has too many."""
        held = self._accounts[account] + self._elsewhere("account", account)
        if held >= self._limits().connections_per_account:
            return False
        self._accounts[account] += 1
        self._tell_account(account)
        self._sessions += 1
        self._count_strangers(network_of(address), -1)
        return True

    def logout(self, account: AccountId, address: str) -> None:
        """Take the session off the count; its connection is a stranger's again."""
        self._accounts[account] -= 1
        self._tell_account(account)
        if not self._accounts[account]:
            del self._accounts[account]
        self._sessions -= 1
        self._count_strangers(network_of(address), 1)

    def _count_strangers(self, network: str, change: int) -> None:
        # A connection may be lost before its session has logged out: then the
        # number is below zero for a moment.
        self._strangers[network] += change
        if self._strangers[network] == 0:
            del self._strangers[network]

    def _drop_a_stranger(self) -> None:
        """End the oldest stranger of the address that has most of them."""
        if not self._strangers:
            return
        busiest = max(self._strangers, key=self._strangers.__getitem__)
        for ticket in self._tickets.get(busiest, {}):
            if ticket.stranger():
                self.disconnect(ticket)
                ticket.drop()
                return


def _key(ticket: Ticket) -> str:
    """Give where a ticket is kept: one machine may be trusted in one way only."""
    return f"trusted {ticket.network}" if ticket.trusted else ticket.network
