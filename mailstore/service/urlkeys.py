"""UrlKeys: an account's mailbox access keys, made when they are first needed.

Keys leave the store only for who signs URLs or proves their signature.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from mailstore.errors import NotFound
from mailstore.index import urlkeys
from mailstore.index.database import Database
from mailstore.index.mailboxes import mailbox_named
from mailstore.writer import Outcome

if TYPE_CHECKING:
    from mailstore.service.account import Account

_SIZE = 32  # octets; RFC 4467 §7 wants 16 at least


class UrlKeys:
    """The keys of one account; `Account.url_keys`."""

    __slots__ = ("_account",)

    def __init__(self, account: Account) -> None:
        self._account = account

    async def key(self, name: str) -> bytes | None:
        """Give a mailbox's key; None: none was made. Raises `NotFound`."""
        return urlkeys.key_of(self._account.readers.event, name)

    async def make(self, name: str) -> bytes:
        """Give a mailbox's key, made if there is none. Raises `NotFound`."""
        found = await self.key(name)
        if found is not None:
            return found
        self._account.check_writable()
        if not mailbox_named(self._account.readers.event, name).selectable:
            raise NotFound
        secret = secrets.token_bytes(_SIZE)

        def work(database: Database) -> Outcome[bytes]:
            return Outcome(urlkeys.make_key(database, name, secret))

        return await self._account.lane.write(work)

    async def reset(self, name: str | None = None) -> None:
        """Make all URLs of a mailbox worthless, or of all. Raises `NotFound`."""
        self._account.check_writable()
        secret = secrets.token_bytes(_SIZE)

        def work(database: Database) -> Outcome[None]:
            if name is None:
                urlkeys.reset_keys(database)
            else:
                urlkeys.reset_key(database, name, secret)
            return Outcome(None)

        await self._account.lane.write(work)
