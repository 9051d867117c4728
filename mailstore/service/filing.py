"""Messages of one mailbox put into others as well, or taken out of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from mailstore.changes import who_acts
from mailstore.index.database import Database
from mailstore.index.labels import Filed, file_messages
from mailstore.index.selection import Selection
from mailstore.model import AccountId, Filing, Stored
from mailstore.state import MailboxState
from mailstore.writer import Outcome

if TYPE_CHECKING:
    from mailstore.service.account import Account


class MailboxLabels:
    """Made by `Mailbox.labels`."""

    def __init__(
        self,
        account: Account,
        state: MailboxState,
        check: Callable[[], None],
        caught_up: Callable[[int], Awaitable[None]],
    ) -> None:
        self._account = account
        self._state = state
        self._check = check
        self._caught_up = caught_up

    @property
    def owner(self) -> AccountId:
        """Whose mailboxes they are: nobody else is to see or change them."""
        return self._account.id

    async def file(
        self,
        uids: Sequence[int],
        filing: Filing,
        *,
        unchanged_since: int | None = None,
        seen_at: int,
    ) -> Stored:
        """Put messages into other mailboxes too, or take them out: all or nothing.

        UIDs ascend. When it returns it is durable. Raises `ReadOnly`, `NotPermitted`,
        `NotFound` when the mailbox is gone, `TooMany`, `InvalidName`, `Unavailable`.
        """
        self._check()
        account, state = self._account, self._state
        account.check_writable()
        account.check_space(0)
        among = Selection.of(uids, state.uids)
        if not among:
            return Stored(state.modseq, (), missing=tuple(uids))
        await account.late.prepare_labels()
        now, most = account.now(), account.options.max_mailboxes
        me, by, apart = account.annotator, who_acts(), account.options.emailid_of_copies

        def work(database: Database) -> Outcome[Filed]:
            done = file_messages(
                database,
                state.id,
                among,
                filing,
                now,
                most,
                me=me,
                by=by,
                unchanged_since=unchanged_since,
                seen_at=seen_at,
                apart=apart,
            )
            return Outcome(done, done.deltas, names_changed=done.made)

        done = await account.lane.write(work)
        for delta in done.deltas:
            if delta.mailbox == state.id:
                await self._caught_up(delta.modseq)
        there = [uid for uid, _ in state.rows(uids)]
        known = frozenset(there)
        return Stored(
            state.modseq,
            there,
            failed=[uid for uid in done.failed if uid in known],
            missing=[uid for uid in uids if uid not in known],
        )
