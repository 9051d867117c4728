"""What an administrator may know of a session, and which sessions are meant.

Never what is secret, and nothing of mail: names of mailboxes and commands, numbers,
what the client says of itself (RFC 2971).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class SessionFacts:
    """One session. Times in seconds; ``since`` is of the wall clock.

    ``id`` is unique over all workers; ``tls`` the version, None without TLS of our
    own (``secure`` tells whether there is any); ``mailbox`` the selected one;
    ``command`` the one that runs, or whose literals are on their way.
    """

    id: str
    user: str
    admin: str | None
    address: str
    protocol: str
    secure: bool
    tls: str | None
    since: float
    idle: float
    mailbox: str | None
    readonly: bool
    command: str | None
    command_seconds: float | None
    commands: int
    octets_in: int
    octets_out: int
    client: Mapping[str, str | None] = field(default_factory=dict)
    pid: int = 0

    def as_data(self) -> dict[str, Any]:
        """Give what JSON can hold."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which sessions are meant: those that fit one of each kind that is not empty.

    ``users`` are names of accounts: whose session it is, or who acts in it.
    ``networks`` may be single addresses. Nothing at all means every session.
    """

    ids: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for network in self.networks:
            ipaddress.ip_network(network)  # raises ValueError

    def fits(self, facts: SessionFacts) -> bool:
        """Tell whether a session is meant."""
        return bool(
            (not self.ids or facts.id in self.ids)
            and (not self.users or {facts.user, facts.admin} & set(self.users))
            and (not self.networks or self._is_near(facts.address))
        )

    def _is_near(self, address: str) -> bool:
        try:
            found = ipaddress.ip_address(address.partition("%")[0])
        except ValueError:
            return False
        if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
            found = found.ipv4_mapped
        return any(found in ipaddress.ip_network(one) for one in self.networks)
