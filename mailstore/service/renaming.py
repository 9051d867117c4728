"""RENAME: another name for a mailbox; INBOX gives its mail away (RFC 3501 §6.3.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mailstore.changes import who_acts
from mailstore.errors import AlreadyExists
from mailstore.index import mailboxes, metadata
from mailstore.index.copying import move_all
from mailstore.index.database import Database
from mailstore.model import INBOX, MailboxId
from mailstore.service.acls import FULL, Guard, Permit, unguarded
from mailstore.writer import Outcome

if TYPE_CHECKING:
    from mailstore.service.account import Account


async def rename(
    account: Account,
    old: str,
    new: str,
    permit: Permit = FULL,
    guard: Guard = unguarded,
) -> MailboxId | None:
    """Rename a mailbox of an account; gives and raises what `Account.rename` does.

    ``permit`` and ``guard`` may refuse the old and the new name in the transaction.
    """
    now, most = account.now(), account.options.max_mailboxes
    by = who_acts()

    def check(database: Database) -> None:
        permit.guard(database, old)
        guard(database)

    def work(database: Database) -> Outcome[MailboxId | None]:
        check(database)
        row = mailboxes.rename(database, old, new, now, most)
        return Outcome(row.id if row.selectable else None, names_changed=True)

    def empty_inbox(database: Database) -> Outcome[MailboxId | None]:
        check(database)
        inbox = mailboxes.mailbox_named(database, INBOX)
        mailboxes.create(database, new, None, now, most)
        made = mailboxes.mailbox_named(database, new)
        metadata.copy(database, inbox.id, made.id, now)
        done = move_all(database, inbox.id, new, now, by)
        return Outcome(made.id, done.deltas, names_changed=True)

    if new == INBOX:
        raise AlreadyExists
    return await account.lane.write(empty_inbox if old == INBOX else work)
