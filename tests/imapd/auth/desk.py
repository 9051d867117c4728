"""An authenticator over a directory with ann and bob, and a client of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from imapd.auth import AuthOptions, DirectoryAuthenticator, Elsewhere
from imapd.session.credentials import (
    NO_CHANNEL,
    Challenge,
    Channel,
    Client,
    Credentials,
    Grant,
    LoginRefused,
)
from imapd.session.mechanisms import MECHANISMS
from imapd.syntax.secret import Secret
from mailstore.directory import Directory
from mailstore.lanes import Pool
from mailstore.model import AccountId
from tests.support.furnished import CHEAP
from tests.support.stepping import SteppingRuntime

HERE, THERE = "192.0.2.7", "198.51.100.9"
BOUND = Channel({"tls-exporter": b"e" * 32, "tls-server-end-point": b"p" * 32})


class Desk:
    """Everything that a login needs; ``pauses`` are the waits that were asked for."""

    def __init__(
        self,
        path: Path,
        options: AuthOptions | None = None,
        elsewhere: Elsewhere | None = None,
    ) -> None:
        self.runtime = SteppingRuntime()
        self.directory = Directory(path / "directory.db", self.runtime, CHEAP)
        self.ids = {
            name: self.directory.create(name, b"pw of " + name.encode())
            for name in ("ann", "bob")
        }
        self.pauses: list[float] = []
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.authenticator = DirectoryAuthenticator(
            self.directory,
            self.runtime,
            options or AuthOptions(mechanisms=MECHANISMS),
            elsewhere or Elsewhere(),
            event=lambda kind, **facts: self.events.append((kind, facts)),
            pause=self._pause,
        )

    async def _pause(self, seconds: float) -> None:
        self.pauses.append(seconds)

    def login(
        self, name: str, password: bytes, address: str = HERE, **more: Any
    ) -> Grant:
        credentials = Credentials(name, Secret(password), **more)
        found: Grant = self.runtime.run(
            self.authenticator.login(credentials, Client(address))  # type: ignore[arg-type]
        )
        return found

    def check(
        self, name: str, password: bytes, address: str = HERE
    ) -> AccountId | None:
        try:
            return self.login(name, password, address).account
        except LoginRefused:
            return None

    def talk(
        self,
        mechanism: str,
        *messages: bytes | None,
        channel: Channel = NO_CHANNEL,
        address: str = HERE,
    ) -> Challenge | Grant:
        """Send messages of an exchange; gives the answer to the last."""
        exchange = self.authenticator.exchange(mechanism, Client(address, channel))
        outcome: Challenge | Grant = Challenge(b"")
        for message in messages:
            outcome = self.runtime.run(exchange.step(message))  # type: ignore[arg-type]
        return outcome

    @property
    def hashed(self) -> int:
        return self.runtime.pools.count(Pool.PASSWORD)

    def close(self) -> None:
        self.directory.close()
