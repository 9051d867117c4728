"""Places: a mailbox of some account, and what who came there may do in it.

`Account` makes places where everything is allowed, `Access` those of one login. A
`Mailbox` is at a `Place`; what is copied or appended goes to a `Target`.
"""

from __future__ import annotations

from array import array
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from mailstore.index.private import Private
from mailstore.model import Appended, Arrival, Copied, MailboxId
from mailstore.quotas import QuotaRoot
from mailstore.rights import ALL, NEEDS, Operation, may_set, settable_mask
from mailstore.service.acls import FULL, Permit
from mailstore.service.arrivals import Terms

if TYPE_CHECKING:
    from mailstore.service.account import Account


class Target(NamedTuple):
    """Where messages go to: a mailbox by the name that its owner gave it."""

    account: Account
    name: str
    permit: Permit = FULL
    me: str = ""
    whose: Private | None = None  # who has flags for himself there

    @property
    def settable(self) -> int:
        """The flags that new messages may have, as a mask; -1 means all."""
        return settable_mask(self.permit.rights())

    def allowed(self, arrival: Arrival) -> Arrival:
        """Give a message without the flags that it may not have (RFC 4314 §4).

        So with shared annotations.
        """
        rights = self.permit.rights()
        if rights == ALL:
            return arrival
        flags = tuple([flag for flag in arrival.flags if may_set(rights, flag)])
        notes = arrival.annotations
        if not self.annotates:
            notes = tuple([one for one in notes if one.name.private])
        if (flags, notes) == (arrival.flags, arrival.annotations):
            return arrival
        return arrival._replace(flags=flags, annotations=notes)

    @property
    def annotates(self) -> bool:
        """Whether new messages may have shared annotations (RFC 5257 §4.10)."""
        return NEEDS[Operation.ANNOTATE_MESSAGES].met(self.permit.rights())

    @property
    def tells(self) -> bool:
        """Whether the UIDs there are told: to who may read (RFC 4315 §3)."""
        return NEEDS[Operation.READ].met(self.permit.rights())

    def appended(self, done: Appended) -> Appended:
        """Give what may be told of new messages: no UIDs where nothing is."""
        return done if self.tells else replace(done, uids=())

    def copied(self, done: Copied) -> Copied:
        """Give what may be told of copies, as `appended` does."""
        if self.tells:
            return done
        return replace(done, target=array("I"))

    async def take(self, arrivals: Sequence[Arrival]) -> Appended:
        """Store messages with the flags that they may have; tells what may be told.

        Raises what `append` does.
        """
        done = await self.append([self.allowed(one) for one in arrivals])
        return self.appended(done)

    async def append(
        self,
        arrivals: Sequence[Arrival],
        *,
        instead_of: tuple[MailboxId, int] | None = None,
        token: str = "",
    ) -> Appended:
        """Store messages as `Account.append` does. Raises `NotPermitted` too."""
        self.permit.check(Operation.INSERT)
        return await self.account.append(
            self.name,
            arrivals,
            instead_of=instead_of,
            me=self.me,
            terms=Terms(self.permit.guard, token=token, whose=self.whose),
        )


FindTarget = Callable[[str], AbstractAsyncContextManager[Target]]


def all_of(*ends: Callable[[], None]) -> Callable[[], None]:
    """Give one end of several things."""

    def end() -> None:
        for one in ends:
            one()

    return end


async def _nothing() -> None:
    pass


class Place(NamedTuple):
    """Where an open mailbox is, for who opened it.

    ``number`` is its id among all that he can open, ``name`` what its owner calls it,
    ``me`` whose private annotations he has; ``find`` reads the names that he gives to
    targets, ``leave`` is called at the end.
    """

    account: Account
    number: MailboxId
    permit: Permit = FULL
    name: str = ""
    me: str = ""
    find: FindTarget | None = None
    leave: Callable[[], Awaitable[None]] = _nothing

    async def limits(self, name: str) -> tuple[QuotaRoot, ...]:
        """Give the limits of a mailbox called ``name`` here, to its owner alone."""
        if self.me and self.me != self.account.annotator:
            return ()  # RFC 9208 §8: how full it is tells of all that he has
        return await self.account.quota.roots(self.name or name, limited=True)

    @asynccontextmanager
    async def target(self, name: str) -> AsyncIterator[Target]:
        """Give the target of a name, open for the length of the block.

        Raises `NotFound`, `NotPermitted`.
        """
        if self.find is None:
            yield Target(self.account, name)
            return
        async with self.find(name) as found:
            yield found
