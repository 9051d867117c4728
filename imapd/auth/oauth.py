"""OAUTHBEARER (RFC 7628) and XOAUTH2, which Google and Microsoft had before it.

::

    C: n,a=user@example.com,^Ahost=server.example.com^Aport=143^Aauth=Bearer TOKEN^A^A
    C: user=user@example.com^Aauth=Bearer TOKEN^A^A            (XOAUTH2)

A token that is refused is answered by JSON; the client says one thing more, and then
the exchange fails.
"""

from __future__ import annotations

import abc
import json
import re

from imapd.auth.desk import Desk, Person
from imapd.auth.messages import bounded, gs2_header, text
from imapd.session.credentials import (
    Challenge,
    Client,
    Grant,
    LoginRefused,
    MalformedExchange,
)
from mailstore.directory import Proof

_MOST = 24_576  # octets of a message
_PAIR = re.compile(r"([A-Za-z]+)=([\t\n\r -~]*)")
_BEARER = re.compile(r"bearer +([A-Za-z0-9._~+/-]+=*) *", re.IGNORECASE)
_SEPARATOR = "\x01"


class _Bearer(abc.ABC):
    """What both mechanisms do with a token, once they have found it."""

    mechanism = ""

    def __init__(self, desk: Desk, client: Client) -> None:
        self._desk = desk
        self._client = client
        self._refused: LoginRefused | None = None

    async def step(self, response: bytes | None) -> Challenge | Grant:
        """Take the token, or the word that ends a failure (RFC 7628 §3.2.3)."""
        if self._refused is not None:
            raise self._refused
        if response is None:
            return Challenge(b"")
        message = text(bounded(response, _MOST), "message", _MOST)
        user, token = self._parts(message)
        await self._desk.begin(user or "", self._client)
        try:
            return await self._enter(user, token)
        except LoginRefused as refused:
            self._refused = refused
            return Challenge(self._error())

    async def _enter(self, user: str | None, token: str) -> Grant:
        desk = self._desk
        tokens = desk.tokens
        assert tokens is not None, "the mechanism is not offered without"
        try:
            name: str = await desk.elsewhere(lambda: tokens.check(token.encode()))
        except LoginRefused as refused:
            raise desk.refuse(user or "", self._client, refused.reason) from None
        row = await desk.account_of(Person(name), "oauth")
        if row is None:
            raise desk.refuse(name, self._client, "no such account")
        proof = Proof(row.id)
        return desk.admit(name, proof, user, self._client, self.mechanism)

    @abc.abstractmethod
    def _parts(self, message: str) -> tuple[str | None, str]:
        """Find who is asked for (None: nobody by name) and the token."""

    @abc.abstractmethod
    def _error(self) -> bytes:
        """Say why there was no login."""


class OAuthBearer(_Bearer):
    """RFC 7628."""

    mechanism = "OAUTHBEARER"

    def _parts(self, message: str) -> tuple[str | None, str]:
        header, flag, _, authorize_as = gs2_header(message)
        if flag == "p":
            raise MalformedExchange("OAUTHBEARER binds no channel")
        rest = message[len(header) :]
        if not rest.startswith(_SEPARATOR):
            raise MalformedExchange("the message is not that of OAUTHBEARER")
        return authorize_as, _token(_pairs(rest[1:]))

    def _error(self) -> bytes:
        facts = {"status": "invalid_token"}
        options = self._desk.options
        if options.oauth_scope:
            facts["scope"] = options.oauth_scope
        if options.oauth_discovery:
            facts["openid-configuration"] = options.oauth_discovery
        return json.dumps(facts).encode("ascii")


class XOAuth2(_Bearer):
    """As Google documents it; the name is a field here and always there."""

    mechanism = "XOAUTH2"

    def _parts(self, message: str) -> tuple[str | None, str]:
        pairs = _pairs(message)
        user = pairs.get("user", "")
        if not user:
            raise MalformedExchange("the message names no user")
        return user, _token(pairs)

    def _error(self) -> bytes:
        facts = {
            "status": "401",
            "schemes": "bearer",
            "scope": self._desk.options.oauth_scope,
        }
        return json.dumps(facts).encode("ascii")


def _pairs(written: str) -> dict[str, str]:
    """Read ``key=value^A`` … ``^A`` (RFC 7628 §3.1). Raises `MalformedExchange`."""
    if not written.endswith(_SEPARATOR * 2):
        raise MalformedExchange("the message has no end")
    pairs: dict[str, str] = {}
    for piece in written[:-2].split(_SEPARATOR):
        match = _PAIR.fullmatch(piece) if piece.isascii() else None
        if match is None and not piece.startswith("user="):
            raise MalformedExchange("the message is not of keys and values")
        key, _, value = piece.partition("=")
        if key.lower() in pairs:
            raise MalformedExchange("a key is there twice")
        pairs[key.lower()] = value
    return pairs


def _token(pairs: dict[str, str]) -> str:
    match = _BEARER.fullmatch(pairs.get("auth", ""))
    if match is None:
        raise MalformedExchange("the message carries no bearer token")
    return match[1]
