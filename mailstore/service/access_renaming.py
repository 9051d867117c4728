"""RENAME for one login: in its own account, and within that of somebody else.

RFC 4314 §4: who renames needs the right to remove the mailbox and all below it, and to
make one where it goes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mailstore.errors import InvalidName, NotPermitted
from mailstore.index import mailboxes
from mailstore.index.database import Database
from mailstore.model import DELIMITER, INBOX, MailboxId
from mailstore.rights import NEEDS, Operation
from mailstore.service.account import Account
from mailstore.writer import Outcome

if TYPE_CHECKING:
    from mailstore.service.access import Access


async def rename(access: Access, old: str, new: str) -> MailboxId | None:
    """Rename a mailbox; gives and raises what `Access.rename` does."""
    if access.unlisted(old) and access.elsewhere(new) is None:
        return await access.own.rename(old, new)
    async with access.find(old, Operation.REMOVE) as found:
        account = found.account
        place = access.elsewhere(new)
        owner = access.own.id if place is None else access.owner_of(place)
        if owner != account.id:
            raise InvalidName("a mailbox stays with its owner; move its messages")
        to = new if place is None else place.name
        owns = access.person().owns(account.id, public=account.public)
        if not to or (found.name == INBOX and not owns):
            raise NotPermitted
        guard = access.may_make(account, to)
        await _check_inferior(access, account, found.name)
        renamed = await account.rename(found.name, to, found.permit, guard)
        if account is not access.own:
            was, now = (access.known_as(account, one) for one in (found.name, to))
            await _move_subscriptions(access, was, now)
        return None if renamed is None else access.number(account, renamed)


async def _check_inferior(access: Access, account: Account, name: str) -> None:
    """Check that all that goes along may go. Raises `NotPermitted`."""
    below = name + DELIMITER
    for entry in await account.mailboxes():
        if entry.id is None or not entry.name.startswith(below):
            continue
        rights = access.permit(account, entry.id).rights()
        if not NEEDS[Operation.REMOVE].met(rights):
            raise NotPermitted


async def _move_subscriptions(access: Access, old: str, new: str) -> None:
    """Follow a mailbox of another account to its new name."""

    def work(database: Database) -> Outcome[None]:
        mailboxes.move_subscriptions(database, old, new)
        return Outcome(None, names_changed=True)

    await access.own.lane.write(work)
