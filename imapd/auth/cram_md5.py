"""CRAM-MD5 (RFC 2195): for accounts whose password is kept in clear, and no others.

The server must know the password itself, and MD5 is broken for other uses: it is off
unless an administrator turns it on, and so is the keeping of the password.
"""

from __future__ import annotations

import hmac
import re
import secrets

from imapd.auth.desk import Desk
from imapd.auth.messages import bounded, text
from imapd.session.credentials import Challenge, Client, Grant, MalformedExchange
from mailstore.directory import Proof

_RESPONSE = re.compile(r"(.+) ([0-9a-f]{32})", re.DOTALL)
_MOST = 1_024  # octets of a message


class CramMd5:
    """A challenge that was never there before, and its keyed digest."""

    def __init__(self, desk: Desk, client: Client) -> None:
        self._desk = desk
        self._client = client
        self._challenge = b""

    async def step(self, response: bytes | None) -> Challenge | Grant:
        """Give the challenge, or check its digest."""
        if not self._challenge:
            if response is not None:
                raise MalformedExchange("the server speaks first in CRAM-MD5")
            now = int(self._desk.runtime.now())
            name = secrets.token_hex(16)
            self._challenge = f"<{name}.{now}@imapd>".encode("ascii")
            return Challenge(self._challenge)
        match = _RESPONSE.fullmatch(text(bounded(response or b"", _MOST), "message"))
        if match is None:
            raise MalformedExchange("the message is not that of CRAM-MD5")
        name = match[1]
        await self._desk.begin(name, self._client)
        found = self._desk.directory.recoverable(name)
        secret = found[1] if found is not None else b"nobody's"
        digest = hmac.new(secret, self._challenge, "md5").hexdigest()
        if not hmac.compare_digest(digest, match[2]) or found is None:
            raise self._desk.refuse(
                name, self._client, "name and password do not match"
            )
        return self._desk.admit(name, Proof(found[0]), None, self._client, "CRAM-MD5")
