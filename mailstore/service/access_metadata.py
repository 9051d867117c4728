"""Annotations as one login reaches them: its own mailboxes', and those of others.

Private entries belong to who asks, whoever the mailbox belongs to (RFC 5464 §3.3).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from mailstore.errors import InvalidUse, NotFound, NotPermitted
from mailstore.index.metadata import is_shared
from mailstore.model import Depth
from mailstore.rights import Operation
from mailstore.service.metadata import SPECIAL_USE, MailboxMetadata

if TYPE_CHECKING:
    from mailstore.service.access import Access, Found

Values = Sequence[tuple[str, bytes | None]]


class AccessMetadata:
    """The annotations that one login sees; `Access.metadata`."""

    def __init__(self, access: Access) -> None:
        self._access = access

    def _of(self, found: Found) -> MailboxMetadata:
        return MailboxMetadata(found.account, self._access.id)

    # -- reading

    async def get(
        self, name: str, entries: Sequence[str], depth: Depth = Depth.NONE
    ) -> Values:
        """Give entries with their values, as `MailboxMetadata.get`.

        Raises `NotFound`, `NotPermitted`.
        """
        if self._access.unlisted(name):
            return await self._access.own.metadata.get(name, entries, depth)
        async with self._access.find(name, Operation.ANNOTATE) as found:
            values = await self._of(found).get(found.name, entries, depth)
            if found.account.id == self._access.id:
                return values
            # What a mailbox is to its owner it isn't to others.
            return [
                (entry, None if entry.lower() == SPECIAL_USE else value)
                for entry, value in values
                if depth is Depth.NONE or entry.lower() != SPECIAL_USE
            ]

    async def sizes(
        self, name: str, entries: Sequence[str], depth: Depth = Depth.NONE
    ) -> Sequence[tuple[str, int]]:
        """Give entries with the octets of their values, as `MailboxMetadata.sizes`.

        Raises `NotFound`, `NotPermitted`.
        """
        if self._access.unlisted(name):
            return await self._access.own.metadata.sizes(name, entries, depth)
        async with self._access.find(name, Operation.ANNOTATE) as found:
            sizes = await self._of(found).sizes(found.name, entries, depth)
            if found.account.id == self._access.id:
                return sizes
            return [
                (entry, 0 if entry.lower() == SPECIAL_USE else size)
                for entry, size in sizes
                if depth is Depth.NONE or entry.lower() != SPECIAL_USE
            ]

    async def get_all(
        self, names: Sequence[str], entries: Sequence[str]
    ) -> Mapping[str, Values]:
        """Give entries of many mailboxes; those that one can't read are left out."""
        access = self._access
        own = [] if access.own.acls.version else access.all_own(names)
        found = dict(await self._access.own.metadata.get_all(own, entries))
        for name in names:
            if name not in found:
                try:
                    found[name] = await self.get(name, entries)
                except (NotFound, NotPermitted):
                    continue
        return found

    # -- following

    def version(self) -> int:
        """Give the version of the last change in one's own mailboxes."""
        return self._access.own.metadata.version()

    def changes(
        self, since: int, own: Collection[int]
    ) -> Sequence[tuple[str, Sequence[str]]]:
        """Give (mailbox, entries) of what others changed in one's own mailboxes."""
        return self._access.own.metadata.changes(since, own)

    # -- writing

    async def set(self, name: str, values: Mapping[str, bytes | None]) -> int:
        """Set entries, None to remove one: all or nothing. Gives the change's version,
        0 in somebody else's mailbox.

        Raises `NotFound`, `NotPermitted`, `TooBig`, `TooMany`, `InvalidUse`.
        """
        if self._access.unlisted(name):
            return await self._access.own.metadata.set(name, values)
        shared = any(is_shared(entry) for entry in values)
        operation = Operation.ANNOTATE_ALL if shared else Operation.ANNOTATE
        self._access.check_writable()
        async with self._access.find(name, operation) as found:
            mine = found.account.id == self._access.id
            if not mine and any(e.lower() == SPECIAL_USE for e in values):
                raise InvalidUse("others' mailboxes have no use here")
            version = await self._of(found).set(found.name, values, found.permit.guard)
            if mine:
                return version
            self._access.annotated.append((found.account.id, version))
            return 0
