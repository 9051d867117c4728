"""SASL mechanisms that carry a password: PLAIN (RFC 4616) and LOGIN.

LOGIN has no standard (draft-murchison-sasl-login); Outlook and some libraries use
nothing else.
"""

from __future__ import annotations

from imapd.auth.desk import Desk
from imapd.auth.messages import bounded, text
from imapd.session.credentials import (
    Challenge,
    Client,
    Credentials,
    Grant,
    MalformedExchange,
)
from imapd.syntax.secret import Secret

_MOST = 2_048 + 1_024  # octets of a message


class Plain:
    """``[authzid] NUL authcid NUL passwd``, in one message."""

    def __init__(self, desk: Desk, client: Client) -> None:
        self._desk = desk
        self._client = client

    async def step(self, response: bytes | None) -> Challenge | Grant:
        """Ask for the message, or check it."""
        if response is None:
            return Challenge(b"")
        parts = bounded(response, _MOST).split(b"\x00")
        if len(parts) != 3 or not parts[2]:
            raise MalformedExchange("the message is not that of PLAIN")
        authorize, name, password = parts
        credentials = Credentials(
            text(name, "user name"),
            Secret(password),
            text(authorize, "authorization identity") if authorize else None,
        )
        return await self._desk.password(credentials, self._client, "PLAIN")


class Login:
    """Two prompts, two answers."""

    def __init__(self, desk: Desk, client: Client) -> None:
        self._desk = desk
        self._client = client
        self._name: str | None = None

    async def step(self, response: bytes | None) -> Challenge | Grant:
        """Ask for the name, then for the password, then check both."""
        if response is None:
            return Challenge(b"Username:")
        bounded(response, _MOST)
        if self._name is None:
            self._name = text(response, "user name")
            return Challenge(b"Password:")
        if not response or 0 in response:
            raise MalformedExchange("the password is not possible")
        credentials = Credentials(self._name, Secret(response))
        return await self._desk.password(credentials, self._client, "LOGIN")
