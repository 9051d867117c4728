"""A mailbox that shows what another one has lost, as one session has selected it.

It can be read, and copied from; nothing in it can be changed, by anybody. It is brought
up to date before each command, and while somebody waits. It must not know its name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from mailstore.errors import NotFound, NotPermitted
from mailstore.index import annotate, entries, removed
from mailstore.index.copying import CopyDone
from mailstore.index.database import Database
from mailstore.index.records import MailboxRow
from mailstore.index.removed import source_of
from mailstore.index.selection import Selection
from mailstore.lanes import Pool, in_pool
from mailstore.model import Acting, Copied, MailboxId
from mailstore.quotas import QuotaRoot
from mailstore.rights import NEEDS, Operation, Right
from mailstore.service.acls import PersonPermit
from mailstore.service.mailbox import Mailbox
from mailstore.service.opened import Opened
from mailstore.service.places import Target
from mailstore.service.transfer import MOST, NOTES, Source, Taken, send
from mailstore.state import MailboxState
from mailstore.writer import Outcome

if TYPE_CHECKING:
    from mailstore.service.account import Account

T = TypeVar("T")

_LOOK_SECONDS = 60  # after which one looks whether something is too old by now
_REFUSED = "what was deleted can be read and copied, and nothing else"
_ALLOWED = frozenset({Operation.READ, Operation.KNOW_OWN_RIGHTS})


def lost_since(account: Account) -> int:
    """Give since when removals are remembered, in seconds since the epoch."""
    retention = account.options.retention
    return account.now() - retention if retention else 2**62


async def read(account: Account, work: Callable[[Database], T]) -> T:
    """Read an account's index in one snapshot, on a thread."""

    def run() -> T:
        with account.readers.take() as database, database.snapshot():
            return work(database)

    return await in_pool(account.runtime, Pool.READ, run)


def refuse(operation: Operation) -> None:
    """Refuse all but reading. Raises `NotPermitted`."""
    if operation not in _ALLOWED:
        raise NotPermitted(_REFUSED)


class RemovedPermit(PersonPermit):
    """What the owner of a mailbox may do to what it has lost, if he may read it."""

    __slots__ = ()

    def rights(self) -> Right:
        """Give the rights: to look it up, and to read it."""
        may_read = NEEDS[Operation.READ].met(super().rights())
        return Right.LOOKUP | Right.READ if may_read else Right(0)

    def check(self, operation: Operation) -> None:
        """Refuse all but reading. Raises `NotPermitted`, `NotFound`."""
        if not self.rights():
            raise NotFound
        refuse(operation)


class Stock:
    """Numbers what one mailbox has lost; keeps the state that shows it."""

    def __init__(self, account: Account, mailbox: MailboxId) -> None:
        self._account = account
        self._mailbox = mailbox
        self._looked = 0  # when it was last looked at each tombstone
        self._mark: tuple[int, ...] = ()

    async def take(self, name: str | None) -> None:
        """Number what was removed since the last time. Raises `Unavailable`.

        ``name`` is what it is shown under by now; None: that has not changed.
        """
        account, mailbox = self._account, self._mailbox
        after, now = lost_since(account), account.now()

        def is_behind(database: Database) -> bool:
            return removed.is_behind(database, mailbox, after) or (
                name is not None and name != removed.shown_name(database, mailbox)
            )

        def work(database: Database) -> Outcome[None]:
            removed.take_stock(database, mailbox, name, after, now)
            return Outcome(None)

        if await read(account, is_behind):
            # Durable: a UID that was told may not come back with another content.
            await account.lane.write(work, bounded=False)

    async def row(self, name: str) -> MailboxRow:
        """Give the counters, up to date. Raises `NotFound`, `Unavailable`."""
        await self.take(name)
        mailbox = self._mailbox
        row = await read(self._account, lambda db: removed.shown_row(db, mailbox))
        if row is None:
            raise NotFound  # purged in this moment
        return row

    async def open(self, name: str) -> Opened:
        """Load what is shown, unless it is in memory. Raises as `row` does."""
        row = await self.row(name)
        opened = self._account.opened.get(row.id)
        if opened is None:
            state = await read(self._account, self._load)
            opened = self._account.opened.keep(state, self)
        opened.state.uidvalidity = row.uidvalidity
        await self._account.opened.catch_up(opened)
        return opened

    def _load(self, database: Database) -> MailboxState:
        row = removed.shown_row(database, self._mailbox)
        if row is None:
            raise NotFound
        loaded = removed.load(database, self._mailbox)
        return MailboxState(row, loaded, entries.keywords(database, self._mailbox))

    # -- keeping the state

    def behind(self, opened: Opened) -> bool:
        """Tell whether something may have been removed, brought back or forgotten."""
        account = self._account
        if account.now() - self._looked >= _LOOK_SECONDS:
            return True
        return account.readers.look() != opened.seen_version

    async def catch_up(self, opened: Opened) -> None:
        """Take stock, and have the state follow."""
        account, state = self._account, opened.state
        version, looked = account.readers.look(), account.now()
        mailbox = self._mailbox
        mark = await read(account, lambda db: removed.mark(db, mailbox))
        if mark == self._mark and looked - self._looked < _LOOK_SECONDS:
            opened.seen_version = version  # what was committed is elsewhere
            return
        await self.take(None)
        since, known = state.modseq, state.uids[:]
        delta = await read(
            account, lambda db: removed.changes(db, mailbox, since, known)
        )
        if delta is not None and state.modseq == since:
            state.apply(delta)
        opened.seen_version, self._looked, self._mark = version, looked, mark


@dataclass(frozen=True, slots=True)
class RemovedSource(Source):
    """Messages that were removed, by the UIDs with which they are shown."""

    def copy(
        self,
        database: Database,
        target: Target,
        me: str,
        now: int,
        by: Acting | None,  # noqa: ARG002 - nothing is removed
        *,
        move: bool,
    ) -> CopyDone:
        """Copy them within the account. Raises `NotPermitted` for a move."""
        if move:
            refuse(Operation.MOVE_OUT)
        return removed.copy(
            database,
            self.mailbox,
            self.among,
            target.name,
            now,
            me=me,
            settable=target.settable,
            annotates=target.annotates,
            apart=target.account.options.emailid_of_copies,
            most_notes=target.account.options.annotations_of_mailbox,
        )

    def take(self, database: Database, me: str) -> Taken:
        """Read them for another account."""
        found = removed.shown(database, self.mailbox, self.among, MOST + 1)
        uids = {one.was: one.uid for one in found[:MOST]}
        notes = annotate.to_carry(database, self.mailbox, me, sorted(uids), NOTES)
        return Taken(
            [one.selected for one in found],
            entries.keywords(database, self.mailbox),
            {uids[was]: some for was, some in notes.items()},
        )


class RemovedMailbox(Mailbox):
    """One session's handle of what a mailbox has lost; made by `AccessRemoved.open`."""

    def claim_recent(self) -> tuple[int, int]:
        """Give no messages: none is new to anybody."""
        return 1, 0

    async def limits(self) -> tuple[QuotaRoot, ...]:
        """Give no quota roots: what was removed counts for none."""
        return ()

    async def _copy(self, uids: Sequence[int], to: str, *, move: bool) -> Copied:
        state = self._state
        among = Selection.of(uids, state.uids)
        source = RemovedSource(self._account, source_of(state.id), among)
        async with self._place.target(to) as target:
            done = await send(source, target, self._me, move=move)
        return target.copied(done)
