"""Identifiers of mailboxes and accounts for one login, and what they lead to.

A mailbox is found by its identifiers as by its name and never otherwise: what no name
leads this login to, no identifier does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mailstore.errors import NotFound, NotPermitted
from mailstore.index import mailboxes
from mailstore.model import FIRST_OF_OTHERS, MailboxId
from mailstore.rights import Operation
from mailstore.service.account import Account
from mailstore.service.object_ids import account_named

if TYPE_CHECKING:
    from mailstore.service.access import Access


class AccessObjectIds:
    """Made by `Access.object_ids`."""

    def __init__(self, access: Access) -> None:
        self._access = access

    def mailbox(self, number: MailboxId) -> str:
        """Give the identifier of a mailbox by its number here."""
        ids, mailbox = self._access.store.object_ids(self._access.own, number)
        return ids.mailbox(mailbox)

    def account(self, number: MailboxId) -> str:
        """Give the identifier of a mailbox's owner, by the mailbox's number here."""
        return self._access.store.object_ids(self._access.own, number)[0].account

    async def name_of(self, mailbox: str, account: str | None = None) -> str | None:
        """Give the name that leads this login to a mailbox that it may read.

        ``account`` is its owner's identifier, None: one's own account is meant. None
        when there is no such mailbox, as far as this login may know.
        """
        access = self._access
        owner = access.id if account is None else account_named(account)
        if owner is None:
            return None
        try:
            async with access.enter(owner) as there:
                return self._name_in(there, mailbox)
        except (NotFound, NotPermitted):
            return None

    def _name_in(self, account: Account, mailbox: str) -> str | None:
        """Look it up by one statement. Raises `NotPermitted`, `NotFound`."""
        access = self._access
        number = account.object_ids.mailbox_number(mailbox)
        if number is None or number >= FIRST_OF_OTHERS:
            return None
        reader = account.readers.event
        row = mailboxes.mailbox_numbered(reader, MailboxId(number))
        if row is None or not row.selectable:
            return None
        access.permit(account, row.id).check(Operation.READ)
        name = access.known_as(account, row.name)
        place = access.elsewhere(name)
        leads = access.id if place is None else access.owner_of(place)
        return name if leads == account.id else None
