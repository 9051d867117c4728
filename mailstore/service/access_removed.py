"""What one's own mailboxes have lost, by the names that its owner gives to it.

Nobody else reaches any of it, whatever rights he has to the mailboxes: names lead here
in one's own account alone. The owner does where he may read the mailbox.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from mailstore.errors import NotFound
from mailstore.index import removed
from mailstore.index.removed import removed_id
from mailstore.index.undelete import Place as Lost
from mailstore.model import MailboxEntry, MailboxId, MailboxStatus
from mailstore.rights import NEEDS, Operation
from mailstore.service.places import Place
from mailstore.service.removed import (
    RemovedMailbox,
    RemovedPermit,
    Stock,
    lost_since,
    read,
    refuse,
)

if TYPE_CHECKING:
    from mailstore.service.access import Access
    from mailstore.service.mailbox import Mailbox


class AccessRemoved:
    """Made by `Access.removed`; names are those behind the namespace's own."""

    __slots__ = ("_access", "_own")

    def __init__(self, access: Access) -> None:
        self._access = access
        self._own = access.own

    async def entries(self) -> Sequence[MailboxEntry]:
        """Give the names under which something can be read."""
        return [
            MailboxEntry(
                self._access.namespaces.of_removed(name),
                exists=True,
                selectable=True,
                has_children=False,
                subscribed=False,
                id=removed_id(lost.id),
                personal=False,
            )
            for name, lost in (await self._names()).items()
        ]

    async def check(self, name: str, operation: Operation) -> RemovedPermit:
        """Give what may be done to a mailbox. Raises `NotFound`, `NotPermitted`."""
        refuse(operation)
        return self._permit((await self._find(name)).id)

    async def status(self, name: str) -> MailboxStatus:
        """Give the counters of a mailbox. Raises `NotFound`, `Unavailable`."""
        lost = await self._find(name)
        row = await Stock(self._own, lost.id).row(name)
        most, ids = self._own.options.max_message, self._own.object_ids
        return row.status(0, most, ids.of_mailbox(row.id))

    async def open(self, name: str) -> Mailbox:
        """Select a mailbox, to read it. Raises `NotFound`, `Unavailable`."""
        own, lost = self._own, await self._find(name)
        opened = await Stock(own, lost.id).open(name)
        place = Place(
            own,
            opened.state.id,
            self._permit(lost.id),
            me=own.annotator,
            find=self._access.target,
        )
        known = self._access.namespaces.of_removed(name)
        return RemovedMailbox(own, known, opened, readonly=True, place=place)

    async def _find(self, name: str) -> Lost:
        found = (await self._names()).get(name)
        if found is None:
            raise NotFound
        return found

    async def _names(self) -> Mapping[str, Lost]:
        after = lost_since(self._own)
        places = await read(self._own, lambda db: removed.lost_places(db, after))
        return names_of([one for one in places if self._may_read(one.id)])

    def _may_read(self, mailbox: MailboxId) -> bool:
        return NEEDS[Operation.READ].met(self._permit(mailbox).rights())

    def _permit(self, mailbox: MailboxId) -> RemovedPermit:
        return RemovedPermit(self._own, mailbox, self._access.person)


def names_of(places: Sequence[Lost]) -> Mapping[str, Lost]:
    """Name mailboxes that have lost something, each otherwise.

    One that is there has its own name. Of those that were deleted the newest has the
    name that it had, if no other has it; else it is told when that was.
    """
    found: dict[str, Lost] = {}
    for lost in sorted(places, key=lambda one: (one.gone, -one.at, -one.id)):
        name, number = lost.name, 1
        while name in found:
            day = datetime.fromtimestamp(lost.at, UTC).strftime("%Y-%m-%d")
            again = f", {number}" if number > 1 else ""
            name, number = f"{lost.name} (deleted {day}{again})", number + 1
        found[name] = lost
    return found
