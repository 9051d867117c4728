"""EXTERNAL (RFC 4422 App. A): the client's certificate says who it is.

The certificate was verified by TLS before it gets here. Whose account it is for is
the certificate map's to say; an authorization identity chooses among several.
"""

from __future__ import annotations

from imapd.auth.desk import Desk
from imapd.auth.messages import bounded, text
from imapd.session.credentials import Challenge, Client, Grant, LoginRefused
from mailstore.directory import AccountRow, Proof

_MOST = 1_024  # octets of a message


class External:
    """One message: nothing, or whom to act for."""

    def __init__(self, desk: Desk, client: Client) -> None:
        self._desk = desk
        self._client = client

    async def step(self, response: bytes | None) -> Challenge | Grant:
        """Ask for the message, or take it."""
        if response is None:
            return Challenge(b"")
        wanted = None
        if bounded(response, _MOST):
            wanted = text(response, "authorization identity")
        await self._desk.begin("", self._client)
        row = self._account(wanted)
        return self._desk.admit(
            row.name, Proof(row.id), wanted, self._client, "EXTERNAL"
        )

    def _account(self, wanted: str | None) -> AccountRow:
        rows = self._accounts()
        if wanted is not None:
            asked = self._desk.directory.resolve(wanted)
            for row in rows:
                if asked is not None and row.id == asked.id:
                    return row
        if len(rows) == 1:
            return rows[0]
        reason = "the certificate is for several accounts" if rows else "no account"
        raise self._refuse(reason)

    def _accounts(self) -> list[AccountRow]:
        certificate = self._client.channel.certificate
        if certificate is None:
            raise self._refuse("no certificate")
        # Reading certificates takes a library that most servers never need.
        from imapd.auth.certificate_names import (
            CertificateUnreadable,
            certificate_names,
        )

        try:
            names = certificate_names(certificate)
        except CertificateUnreadable as error:
            raise self._refuse(f"certificate unreadable: {error}") from None
        found: dict[str, AccountRow] = {}
        for name in self._desk.options.certificates.accounts(names):
            row = self._desk.directory.resolve(name)
            if row is not None and not row.disabled:
                found[row.id] = row
        return list(found.values())

    def _refuse(self, reason: str) -> LoginRefused:
        return self._desk.refuse("", self._client, reason)
