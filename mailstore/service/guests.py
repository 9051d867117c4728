"""What somebody has for himself in a mailbox that isn't his: flags, as \\Seen."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from mailstore.index import private
from mailstore.index.private import Private
from mailstore.model import SEEN, MailboxCounts, MailboxStatus
from mailstore.rights import Person

if TYPE_CHECKING:
    from mailstore.service.access import Access
    from mailstore.service.account import Account


def whose_flags(own: Account, account: Account) -> Private | None:
    """Give whose private flags a login has in an account; None: the shared ones.

    In public mailboxes everybody is a guest, administrators too.
    """
    mask = own.options.private_flags
    return Private(own.id, mask) if mask and own.id != account.id else None


def status_for(own: Account, account: Account, status: MailboxStatus) -> MailboxStatus:
    """Give the counters of a mailbox as a login has them: what is unread for it."""
    whose = whose_flags(own, account)
    if whose is None or not whose.mask & SEEN:
        return status
    seen = private.seen(account.readers.event, [status.id], whose.person)
    # Of two moments: a message may have come or gone between them.
    unseen = max(0, status.messages - seen.get(status.id, 0))
    return status._replace(unseen=unseen)


def unseen_for(own: Account, account: Account, counts: MailboxCounts) -> int:
    """Count what is unread for a login in a mailbox of an account."""
    whose = whose_flags(own, account)
    if whose is None or not whose.mask & SEEN:
        return counts.unseen
    seen = private.seen(account.readers.event, [counts.id], whose.person)
    return max(0, counts.messages - seen.get(counts.id, 0))


def visitor(access: Access, account: Account) -> Callable[[], Person | None]:
    """Give what tells who comes to an account; None once its owner was removed.

    The account stays open for those who are in it: nobody is to read there any more.
    """
    if account is access.own:
        return access.person
    directory, known = access.store.directory, None

    def whom() -> Person | None:
        nonlocal known
        person = access.person()  # another one after each change of the directory
        if person is not known:
            known = None if directory.by_id(account.id) is None else person
        return known

    return whom
