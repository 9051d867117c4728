"""The mailboxes of one account that are in memory, and how they stay true.

States follow the lane's commits by deltas. What other processes commit is found by
comparing mod-sequences (`behind`) and read from the database (`catch_up`). Event
thread only, except what runs inside ``in_pool``.
"""

from __future__ import annotations

import contextlib
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from mailstore.errors import NotFound, Unavailable
from mailstore.index import entries, mailboxes
from mailstore.index.database import Database
from mailstore.index.records import ChangedFlags, Delta, NewColumns
from mailstore.lanes import Pool, Runtime, in_pool
from mailstore.model import MailboxId
from mailstore.search.table import SortTable
from mailstore.service.readers import Readers
from mailstore.state import MailboxState
from mailstore.writer import Lane

T = TypeVar("T")

_AT_ONCE = 2_000  # rows that may be read on the event thread (about 2 ms)
_KEPT = 200_000  # messages of mailboxes that stay in memory while nobody looks


@dataclass(slots=True)
class Opened:
    """A state, who uses it, and when the database was last compared with it."""

    state: MailboxState
    told: dict[object, int] = field(default_factory=dict)  # by session: its modseq
    seen_version: int = -1
    sorting: SortTable = field(default_factory=SortTable)

    def forget(self) -> None:
        """Drop the history that every session knows."""
        if self.told:
            self.state.forget_history(min(self.told.values()))


class OpenMailboxes:
    """The states of one account, by mailbox."""

    def __init__(self, runtime: Runtime, readers: Readers, lane: Lane) -> None:
        self._runtime = runtime
        self._readers = readers
        self._lane = lane
        self._states: OrderedDict[MailboxId, Opened] = OrderedDict()

    def get(self, mailbox: MailboxId) -> Opened | None:
        """Give an open mailbox."""
        return self._states.get(mailbox)

    async def open(self, name: str) -> Opened:
        """Load a mailbox, unless it is in memory. Raises `NotFound`."""
        row = mailboxes.mailbox_named(self._readers.event, name)
        if not row.selectable:
            raise NotFound("that name has no mailbox, only inferior names")
        opened = self._states.get(row.id)
        if opened is None:
            if row.messages <= _AT_ONCE:
                state = _load(self._readers.event, row.id)
            else:
                state = await self._in_pool(lambda db: _load(db, row.id))
            opened = self._states.setdefault(row.id, Opened(state))
        self._states.move_to_end(row.id)
        self._shrink()
        if self.behind(opened):
            await self.catch_up(opened)
        return opened

    def release(self, opened: Opened, session: object) -> None:
        """Note that a session has left."""
        opened.told.pop(session, None)
        opened.forget()
        if opened.state.gone and not opened.told:
            self._states.pop(opened.state.id, None)
        self._shrink()

    def _shrink(self) -> None:
        idle = [m for m, o in self._states.items() if not o.told]
        kept = sum(len(self._states[m].state.uids) for m in idle)
        for mailbox in idle[:-1]:  # the newest stays, whatever its size
            if kept <= _KEPT:
                return
            kept -= len(self._states.pop(mailbox).state.uids)

    # -- following

    def follow(self, delta: Delta) -> None:
        """Take over a commit of this account's lane."""
        opened = self._states.get(delta.mailbox)
        if opened is None:
            return
        if opened.state.apply(delta):
            self._wake(opened.state)
        else:
            self._runtime.spawn(self.catch_up(opened))

    def behind(self, opened: Opened) -> bool:
        """Tell whether the database knows more than the state: cheap, no rows."""
        state = opened.state
        if state.gone:
            return False
        reader = self._readers.event
        version = reader.data_version()
        if version == opened.seen_version:
            return False
        highest = mailboxes.highestmodseq(reader, state.id)
        if highest == state.modseq:
            opened.seen_version = version
            return False
        # A commit of our own lane reaches the state by its delta, in a moment.
        return highest is None or highest != self._lane.committing.get(state.id)

    async def catch_up(self, opened: Opened) -> None:
        """Read what others have committed, until the state is there."""
        state = opened.state
        for _ in range(8):
            if state.gone:
                return
            since, uidnext = state.modseq, state.uidnext
            read = _reading(state.id, since, uidnext)
            if len(state.uids) <= _AT_ONCE:
                delta = read(self._readers.event)
            else:
                delta = await self._in_pool(read)
            if delta is None or (state.modseq == since and state.apply(delta)):
                self._wake(state)
                return

    async def look(self, opened: Opened) -> None:
        """Catch up behind a commit, if that can be: what is done is done."""
        with contextlib.suppress(Unavailable):
            if self.behind(opened):
                await self.catch_up(opened)

    def watched(self) -> list[Opened]:
        """Give the mailboxes whose changes somebody waits for."""
        return [opened for opened in self._states.values() if opened.state.watchers]

    def _wake(self, state: MailboxState) -> None:
        """Tell who waits, one by one: with the sockets' turn in between if many do."""
        for watcher in tuple(state.watchers):
            self._runtime.deliver(watcher)

    async def _in_pool(self, work: Callable[[Database], T]) -> T:
        def run() -> T:
            with self._readers.take() as database:
                return work(database)

        return await in_pool(self._runtime, Pool.READ, run)


def _load(database: Database, mailbox: MailboxId) -> MailboxState:
    with database.snapshot():
        row = mailboxes.mailbox_numbered(database, mailbox)
        if row is None:
            raise NotFound
        names = entries.keywords(database, mailbox)
        return MailboxState(row, entries.load(database, mailbox), names)


def _reading(
    mailbox: MailboxId, since: int, uidnext: int
) -> Callable[[Database], Delta | None]:
    """Make the read that brings a state from ``since`` to the present."""

    def read(database: Database) -> Delta | None:
        with database.snapshot():
            highest = mailboxes.highestmodseq(database, mailbox)
            row = mailboxes.mailbox_numbered(database, mailbox)
            if row is None:
                return Delta(mailbox, since, highest or since + 1, gone=True)
            if highest == since or highest is None:
                return None
            changed = entries.masks_since(database, mailbox, since, uidnext)
            new = entries.entries_from(database, mailbox, uidnext)
            return Delta(
                mailbox,
                since,
                highest,
                row.uidnext,
                new=new,
                added=NewColumns.of(new),
                changed=ChangedFlags.of_several(changed),
                vanished=entries.vanished_since(database, mailbox, since),
                keywords=entries.keywords(database, mailbox),
            )

    return read
