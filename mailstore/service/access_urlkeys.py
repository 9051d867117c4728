"""Mailbox access keys as one login reaches them (RFC 4467).

A key is the mailbox's, whoever signs with it: what is signed names who did, and his
rights are asked for again at every fetch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mailstore.rights import Operation

if TYPE_CHECKING:
    from mailstore.service.access import Access


class AccessUrlKeys:
    """The keys that one login may use; `Access.url_keys`."""

    __slots__ = ("_access",)

    def __init__(self, access: Access) -> None:
        self._access = access

    async def key(self, name: str) -> bytes | None:
        """Give a mailbox's key; None: none was made. Raises `NotFound`."""
        async with self._access.find(name, Operation.READ) as found:
            return await found.account.url_keys.key(found.name)

    async def make(self, name: str) -> bytes:
        """Give a mailbox's key, made if there is none.

        Raises `NotFound`, `NotPermitted`.
        """
        async with self._access.find(name, Operation.READ) as found:
            return await found.account.url_keys.make(found.name)

    async def reset(self, name: str | None = None) -> None:
        """Make all URLs of a mailbox worthless, or of all that are one's own.

        Raises `NotFound`, `NotPermitted`.
        """
        if name is None:
            await self._access.own.url_keys.reset()
            return
        async with self._access.find(name, Operation.ADMINISTER) as found:
            await found.account.url_keys.reset(found.name)
