"""Quota as one login sees it: that of its own account, and nothing of others'.

What is written to somebody else's mailbox counts for its owner, who alone is told.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mailstore.quotas import QuotaLimits, QuotaRoot
from mailstore.rights import Operation

if TYPE_CHECKING:
    from mailstore.service.access import Access


class AccessQuota:
    """The quota roots that one login may know of; `Access.quota`."""

    __slots__ = ("_access",)

    def __init__(self, access: Access) -> None:
        self._access = access

    async def roots(
        self, mailbox: str | None = None, *, limited: bool = False
    ) -> tuple[QuotaRoot, ...]:
        """Give one's own roots as `Quota.roots`, none of somebody else's mailbox.

        Raises `NotFound` and `NotPermitted` for one that can't be read.
        """
        access = self._access
        if mailbox is not None and access.elsewhere(mailbox) is not None:
            async with access.find(mailbox, Operation.READ):
                return ()
        return await access.own.quota.roots(mailbox, limited=limited)

    async def added_to(self, mailbox: str) -> tuple[QuotaRoot, ...]:
        """Give one's own roots as `Quota.added_to`, none of somebody else's mailbox."""
        access = self._access
        if access.elsewhere(mailbox) is not None:
            return await self.roots(mailbox, limited=True)
        return await access.own.quota.added_to(mailbox)

    async def root(self, top: str) -> QuotaRoot:
        """Give one of one's own roots. Raises `NotFound`."""
        return await self._access.own.quota.root(top)

    async def set(self, top: str, limits: QuotaLimits) -> None:
        """Give a root its limits, as `Quota.set`."""
        await self._access.own.quota.set(top, limits)
