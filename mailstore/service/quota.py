"""The quota of an account: its roots, their limits and what is used (RFC 9208).

Limits are enforced where writing happens (`mailstore.index.quota.Bounds`), in the
store of whom the mail belongs to; here they are asked for, set, and looked at early.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from mailstore.errors import NotFound
from mailstore.index import mailboxes, quota
from mailstore.index.database import Database
from mailstore.index.recount import recount
from mailstore.lanes import Pool, in_pool
from mailstore.quotas import QuotaLimits, QuotaRoot
from mailstore.writer import Outcome

if TYPE_CHECKING:
    from mailstore.service.account import Account

T = TypeVar("T")

_AT_ONCE = 2_000  # mailboxes whose counters are summed up on the event thread


class Quota:
    """What an account may hold, and what it holds."""

    def __init__(self, account: Account) -> None:
        self._account = account

    async def roots(
        self, mailbox: str | None = None, *, limited: bool = False
    ) -> tuple[QuotaRoot, ...]:
        """Give all roots, or those that cover a mailbox, that of the account first.

        There need not be a mailbox of that name (RFC 9208 §4.1.2). With ``limited``
        only those that have a limit.
        """
        limits = self._limits()
        if limited:
            limits = quota.limited(limits)
        if not limits:
            return ()
        return await self._read(
            lambda database: tuple(quota.roots(database, limits, mailbox))
        )

    async def added_to(self, mailbox: str) -> tuple[QuotaRoot, ...]:
        """Give the roots with a limit that cover a mailbox, behind a change of ours.

        The change knew whether there are any.
        """
        if not self._account.bounds.limited:
            return ()
        return await self.roots(mailbox, limited=True)

    async def root(self, top: str) -> QuotaRoot:
        """Give one root. Raises `NotFound`."""
        for one in await self.roots():
            if one.top == top:
                return one
        raise NotFound("there is no such quota root")

    async def set(self, top: str, limits: QuotaLimits) -> None:
        """Give a root its limits, instead of those it had; it is made if it is new.

        A part of an account that has no limit is no root any more.
        """
        self._account.check_writable()

        await self._change(lambda database: quota.set_limits(database, top, limits))

    async def unset(self, top: str) -> None:
        """Forget what was set; the account itself has the default then.

        Raises `NotFound` when nothing was set.
        """
        self._account.check_writable()

        await self._change(lambda database: quota.unset(database, top))

    async def _change(self, change: Callable[[Database], None]) -> None:
        bounds = self._account.bounds

        def work(database: Database) -> Outcome[None]:
            bounds.forget()
            change(database)
            return Outcome(None)

        try:
            await self._account.lane.write(work, bounded=False)
        finally:
            bounds.forget()  # what others read meanwhile may have been undone

    async def check_room(self, coming: quota.Coming) -> None:
        """Refuse early what would be refused later. Raises `OverQuota`."""
        limits = self._limits()
        if quota.limited(limits):
            await self._read(
                lambda database: quota.check_room(database, limits, coming)
            )

    async def recount(self) -> list[str]:
        """Count all messages anew; gives a sentence for each wrong counter."""
        self._account.check_writable()

        def work(database: Database) -> Outcome[list[str]]:
            return Outcome(recount(database))

        return await self._account.lane.write(work, bounded=False)

    def _limits(self) -> quota.Limits:
        account = self._account
        account.versions.look()
        if not account.versions.quotas:
            return account.bounds.read.default()
        return account.bounds.read.of(account.readers.event)

    async def _read(self, read: Callable[[Database], T]) -> T:
        readers = self._account.readers
        if mailboxes.last_id(readers.event) <= _AT_ONCE:
            with readers.event.snapshot():
                return read(readers.event)

        def work() -> T:
            with readers.take() as database, database.snapshot():
                return read(database)

        return await in_pool(self._account.searching.runtime, Pool.READ, work)
