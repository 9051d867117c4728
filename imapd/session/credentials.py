"""What a login consists of: who is there, what is proved, what is granted.

These are the values between a session and `imapd.auth`, without a connection and
without a mechanism.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from imapd.syntax.secret import Secret
from mailstore.model import AccountId


@dataclass(frozen=True, slots=True)
class Channel:
    """What TLS knows of a connection; nothing without TLS.

    ``bindings`` are channel bindings by their type (RFC 5056), ``certificate`` is the
    client's, as DER, if it was verified.
    """

    bindings: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    certificate: bytes | None = field(default=None, repr=False)


NO_CHANNEL = Channel()


@dataclass(frozen=True, slots=True)
class Client:
    """Who wants to log in, as far as the connection tells. ``id`` is for the log."""

    address: str
    channel: Channel = NO_CHANNEL
    protocol: str = "imap"
    id: str = ""


@dataclass(frozen=True, slots=True)
class Challenge:
    """The server's next message in a SASL exchange, not yet base64."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Credentials:
    """A name and a password; ``authorize_as``: for whom to act (RFC 4422 §2)."""

    name: str
    password: Secret
    authorize_as: str | None = None


@dataclass(frozen=True, slots=True)
class DigestAnswer:
    """A name, and what its owner makes of a stamp (RFC 1939 §7)."""

    name: str
    digest: str
    client: Client


@dataclass(frozen=True, slots=True)
class Grant:
    """What a login gives: an account, whole or to be read only.

    ``admin`` is who acts for the account's owner, if it is somebody else; ``by``
    the app password that was used, if it was one.
    """

    account: AccountId
    user: str
    mechanism: str
    readonly: bool = False
    admin: str | None = None
    by: str | None = None


class LoginRefused(Exception):
    """Nobody is let in.

    ``user`` and ``reason`` are for the log; the client learns ``code`` alone
    (RFC 5530 §3), so that no answer tells which accounts there are.
    """

    def __init__(
        self, user: str, reason: str, code: str = "AUTHENTICATIONFAILED"
    ) -> None:
        super().__init__(reason)
        self.user = user
        self.reason = reason
        self.code = code


class MalformedExchange(ValueError):
    """A client's message is not the mechanism's; the text says what is wrong."""


class Exchange(Protocol):
    """One SASL exchange, without a connection (RFC 4422 §3)."""

    def step(self, response: bytes | None) -> Awaitable[Challenge | Grant]:
        """Take the client's message (None: there is no initial response).

        Raises `MalformedExchange`, `LoginRefused`, and store errors when it cannot
        tell.
        """
        ...


class Authenticator(Protocol):
    """Proves who somebody is; `imapd.auth` provides it."""

    def login(self, credentials: Credentials, client: Client) -> Awaitable[Grant]:
        """Give what name and password prove.

        May take its time on purpose. Raises `LoginRefused`, and store errors when it
        cannot tell.
        """
        ...

    def digest(self, stamp: bytes, answer: DigestAnswer) -> Awaitable[Grant]:
        """Give what the MD5 digest of a stamp and a password proves (APOP).

        As `login`; for accounts whose password is kept in clear.
        """
        ...

    def mechanisms(self, channel: Channel) -> tuple[str, ...]:
        """Names of the SASL mechanisms that a connection may use, best first."""
        ...

    def exchange(self, mechanism: str, client: Client) -> Exchange:
        """Begin a SASL exchange; raises `KeyError` for a mechanism not offered."""
        ...
