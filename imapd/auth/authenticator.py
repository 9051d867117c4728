"""The authenticator of a worker: its desk, and the mechanisms by name.

A new mechanism is a class with ``step`` and a line in `_KINDS`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from imapd.auth.apop import digest
from imapd.auth.cache import ProofCache
from imapd.auth.cram_md5 import CramMd5
from imapd.auth.desk import AuthOptions, Desk, Elsewhere, Event, silent
from imapd.auth.external import External
from imapd.auth.oauth import OAuthBearer, XOAuth2
from imapd.auth.password_mechanisms import Login, Plain
from imapd.auth.scram import Scram
from imapd.auth.throttle import Throttle
from imapd.session.credentials import (
    Channel,
    Client,
    Credentials,
    DigestAnswer,
    Exchange,
    Grant,
)
from imapd.session.mechanisms import MECHANISMS
from mailstore.directory import Directory
from mailstore.lanes import Runtime

Make = Callable[[Desk, Client, bool], Exchange]


@dataclass(frozen=True, slots=True)
class _Mechanism:
    """``make`` begins an exchange; its last argument: is a -PLUS offered beside it."""

    make: Make
    binds: bool = False  # wants a channel binding
    certificate: bool = False  # wants the client's certificate
    tokens: bool = False


def _scram(hash_: str, *, plus: bool) -> _Mechanism:
    def make(desk: Desk, client: Client, plus_offered: bool) -> Exchange:
        return Scram(desk, client, hash_, plus=plus, plus_offered=plus_offered)

    return _Mechanism(make, binds=plus)


def _simple(kind: Callable[[Desk, Client], Exchange]) -> Make:
    return lambda desk, client, _: kind(desk, client)


_KINDS: dict[str, _Mechanism] = {
    "SCRAM-SHA-256-PLUS": _scram("SHA-256", plus=True),
    "SCRAM-SHA-256": _scram("SHA-256", plus=False),
    "SCRAM-SHA-1-PLUS": _scram("SHA-1", plus=True),
    "SCRAM-SHA-1": _scram("SHA-1", plus=False),
    "EXTERNAL": _Mechanism(_simple(External), certificate=True),
    "OAUTHBEARER": _Mechanism(_simple(OAuthBearer), tokens=True),
    "XOAUTH2": _Mechanism(_simple(XOAuth2), tokens=True),
    "CRAM-MD5": _Mechanism(_simple(CramMd5)),
    "PLAIN": _Mechanism(_simple(Plain)),
    "LOGIN": _Mechanism(_simple(Login)),
}

_MECHANISMS = {name: _KINDS[name] for name in MECHANISMS}


_NOWHERE = Elsewhere()


class DirectoryAuthenticator:
    """`imapd.session.credentials.Authenticator` over the directory."""

    def __init__(
        self,
        directory: Directory,
        runtime: Runtime,
        options: AuthOptions | None = None,
        elsewhere: Elsewhere = _NOWHERE,
        *,
        throttle: Throttle | None = None,
        event: Event = silent,
        pause: Callable[[float], Awaitable[None]] | None = None,
    ) -> None:
        options = options or AuthOptions()
        self._desk = Desk(
            directory,
            runtime,
            options,
            throttle or Throttle(runtime.monotonic),
            ProofCache(directory.version, runtime.monotonic, options.cache_seconds),
            elsewhere.sources,
            elsewhere.tokens,
            event,
            pause,
        )
        self._offers: dict[tuple[bool, bool], tuple[str, ...]] = {}

    def login(self, credentials: Credentials, client: Client) -> Awaitable[Grant]:
        """Give what name and password prove. Raises `LoginRefused`."""
        return self._desk.password(credentials, client, "password")

    def digest(self, stamp: bytes, answer: DigestAnswer) -> Awaitable[Grant]:
        """Give what APOP's digest proves. Raises `LoginRefused`."""
        return digest(self._desk, stamp, answer)

    def mechanisms(self, channel: Channel) -> tuple[str, ...]:
        """Give the names of the SASL mechanisms for a connection, best first."""
        facts = bool(channel.bindings), channel.certificate is not None
        offer = self._offers.get(facts)
        if offer is None:
            offer = self._offers[facts] = tuple(self._offer(*facts))
        return offer

    def _offer(self, bound: bool, certified: bool) -> list[str]:
        desk = self._desk
        return [
            name
            for name, one in _MECHANISMS.items()
            if name in desk.options.mechanisms
            and (bound or not one.binds)
            and (certified or not one.certificate)
            and (desk.tokens is not None or not one.tokens)
        ]

    def exchange(self, mechanism: str, client: Client) -> Exchange:
        """Begin a SASL exchange. Raises `KeyError` for one that is not offered."""
        offered = self.mechanisms(client.channel)
        if mechanism not in offered:
            raise KeyError(mechanism)
        plus_offered = f"{mechanism}-PLUS" in offered
        return _MECHANISMS[mechanism].make(self._desk, client, plus_offered)
