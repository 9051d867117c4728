"""The mailboxes of one account that are in memory, and how they stay true.

States follow the lane's commits by deltas. What other processes commit is found by
comparing mod-sequences (`behind`) and read from the database (`catch_up`). Event
thread only, except what runs inside ``in_pool``.
"""

from __future__ import annotations

import contextlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol, TypeVar

from mailstore.errors import NotFound, StoreError, Unavailable
from mailstore.index import entries, mailboxes, private
from mailstore.index.database import Database
from mailstore.index.private import Private
from mailstore.index.records import Delta, MailboxRow
from mailstore.index.removed import removed_id
from mailstore.lanes import Pool, Runtime, in_pool
from mailstore.model import AccountId, Edition, MailboxId
from mailstore.personal_state import PersonalState
from mailstore.search.table import SortTable
from mailstore.service.missed import Missed, TooMuch
from mailstore.service.readers import Readers
from mailstore.service.versions import Versions
from mailstore.state import MailboxState
from mailstore.writer import Lane

T = TypeVar("T")
_Key = tuple[MailboxId, Private | None]

_AT_ONCE = 2_000  # rows that may be read on the event thread (about 2 ms)
_ROWS = 64  # that are remembered
_KEPT = 200_000  # weight of mailboxes that stay in memory while nobody looks
_OCTETS = 50  # that a message takes of a state


class Keeper(Protocol):
    """Keeps a state true that shows no mailbox's own rows."""

    def behind(self, opened: Opened) -> bool:
        """Tell whether something may have changed."""
        ...

    async def catch_up(self, opened: Opened) -> None:
        """Look, and have the state follow."""
        ...


@dataclass(slots=True)
class Opened:
    """A state, who uses it, and when the database was last compared with it."""

    state: MailboxState
    whose: Private | None = None  # whose flags it has; None: the shared ones
    told: dict[object, int] = field(default_factory=dict)  # by session: its modseq
    seen_version: int = -1
    reading: bool = False  # what others have committed, by a notice
    noticed: bool = False  # again, meanwhile
    failed: bool = False  # could not be read, as was reported
    sorting: SortTable = field(default_factory=SortTable)
    keeper: Keeper | None = None

    @property
    def weight(self) -> int:
        """Tell about how much memory it takes, in messages of a state."""
        return self.state.weight + self.sorting.octets // _OCTETS

    def edition(self, account: AccountId, versions: Versions) -> Edition | None:
        """Give as of when its messages are known; None where it has none of its own."""
        if self.keeper is not None:
            return None
        versions.look()
        state = self.state
        return Edition(account, state.id, state.uidvalidity, versions.names)

    def forget(self) -> None:
        """Drop the history that every session knows."""
        if self.told:
            self.state.forget_history(min(self.told.values()))


class OpenMailboxes:
    """The states of one account, by mailbox."""

    def __init__(
        self, runtime: Runtime, readers: Readers, versions: Versions, lane: Lane
    ) -> None:
        self._runtime = runtime
        self._readers = readers
        self._versions = versions
        self._lane = lane
        self._states: OrderedDict[_Key, Opened] = OrderedDict()
        self._personal: set[_Key] = set()  # those that are as a person sees them
        self._left = 0  # weight of mailboxes that were left since `_shrink`
        self._rows: dict[str, MailboxRow] = {}
        self._rows_version = -1  # of the database, at which they were read

    def get(self, mailbox: MailboxId) -> Opened | None:
        """Give an open mailbox with the flags that are shared."""
        return self._states.get((mailbox, None))

    def all_of(self, mailbox: MailboxId) -> list[Opened]:
        """Give the states of an open mailbox, also those of persons."""
        shared = self._states.get((mailbox, None))
        found = [] if shared is None else [shared]
        if self._personal:
            keys = [key for key in self._personal if key[0] == mailbox]
            found += [self._states[key] for key in keys]
        return found

    def _drop(self, key: _Key) -> None:
        self._personal.discard(key)
        self._states.pop(key, None)

    def row(self, name: str) -> MailboxRow:
        """Give a mailbox's row, as it is by the last commit. Raises `NotFound`.

        Clients go to and fro between few mailboxes, in which little happens.
        """
        # In this order: what is read then may be newer than the version, not older.
        version = self._readers.look()
        if version != self._rows_version or len(self._rows) >= _ROWS:
            self._rows, self._rows_version = {}, version
        row = self._rows.get(name)
        if row is None:
            row = mailboxes.mailbox_named(self._readers.event, name)
            self._rows[name] = row
        return row

    def at_hand(self, row: MailboxRow, whose: Private | None) -> Opened | None:
        """Give a mailbox as `open` does, if there is nothing to wait for.

        ``row`` is what `row` has just given.
        """
        key = (row.id, whose)
        opened = self._states.get(key)
        if opened is None or not row.selectable:
            return None
        if opened.seen_version != self._rows_version and self.behind(opened):
            return None
        self._states.move_to_end(key)
        return opened

    async def open(
        self, name: str, whose: Private | None = None, row: MailboxRow | None = None
    ) -> Opened:
        """Load a mailbox, unless it is in memory; as a person sees it, if one is given.

        ``row`` is what was just read of it. Raises `NotFound`.
        """
        row = row or self.row(name)
        if not row.selectable:
            raise NotFound("that name has no mailbox, only inferior names")
        key = (row.id, whose)
        opened = self._states.get(key)
        if opened is not None:
            self._states.move_to_end(key)
        else:
            if row.messages <= _AT_ONCE:
                state = _load(self._readers.event, row.id, whose)
            else:
                state = await self._in_pool(lambda db: _load(db, row.id, whose))
            opened = self._states.setdefault(key, Opened(state, whose))
            if whose is not None:
                self._personal.add(key)
            self._states.move_to_end(key)
            self._shrink()
        if self.behind(opened):
            await self.catch_up(opened)
        if opened.state.lost:
            return await self.open(name, whose)
        return opened

    def keep(self, state: MailboxState, keeper: Keeper) -> Opened:
        """Have a state in memory that somebody else keeps true, unless one is there."""
        opened = self._states.setdefault((state.id, None), Opened(state, keeper=keeper))
        self._states.move_to_end((state.id, None))
        self._shrink()
        return opened

    def release(self, opened: Opened, session: object) -> None:
        """Note that a session has left."""
        opened.told.pop(session, None)
        opened.forget()
        if opened.told:
            return
        if opened.state.gone:
            self._drop((opened.state.id, opened.whose))
        self._left += opened.weight
        if self._left > _KEPT // 8:
            self._shrink()

    def _shrink(self) -> None:
        """Drop what nobody looks at any more, the longest unused first.

        That goes through all of them: not for each small mailbox that is left.
        """
        self._left = 0
        idle = [key for key, o in self._states.items() if not o.told]
        kept = sum(self._states[key].weight for key in idle)
        for key in idle[:-1]:  # the newest stays, whatever its size
            if kept <= _KEPT:
                return
            kept -= self._states[key].weight
            self._drop(key)

    # -- following

    def follow(self, delta: Delta) -> None:
        """Take over a commit of this account's lane."""
        for opened in self.all_of(delta.mailbox):
            if opened.state.follow(delta):
                self._wake(opened.state)
            elif opened.told:
                self._runtime.spawn(self._unasked(opened, self.catch_up))
        if delta.vanished or delta.gone:
            self._lost(delta.mailbox)

    def hinted(self, mailbox: MailboxId) -> None:
        """Hear that another process has committed something."""
        for opened in self.all_of(mailbox):
            if opened.state.watchers:
                self._runtime.spawn(self._unasked(opened, self.heed))
        self._lost(mailbox)

    def _lost(self, mailbox: MailboxId) -> None:
        """Look again, in a moment, for those who watch what a mailbox has lost."""
        for opened in self.all_of(removed_id(mailbox)):
            if opened.state.watchers:
                # Not now: the lane delivers, and looking may have to write.
                self._runtime.later(0, partial(self._begin_look, opened))

    def _begin_look(self, opened: Opened) -> None:
        self._runtime.spawn(self._unasked(opened, self._look_again))

    async def _unasked(
        self, opened: Opened, work: Callable[[Opened], Awaitable[None]]
    ) -> None:
        """Do what no command waits for; what fails again and again is raised once.

        Each notice of a mailbox with a damaged index would be reported. Who runs a
        command there is told what is wrong.
        """
        try:
            await work(opened)
        except StoreError:
            if opened.failed:
                return
            opened.failed = True
            raise
        opened.failed = False

    async def _look_again(self, opened: Opened) -> None:
        with contextlib.suppress(Unavailable):
            await self.heed(opened)

    def behind(self, opened: Opened) -> bool:
        """Tell whether the database knows more than the state: cheap, no rows."""
        state = opened.state
        if state.gone or state.lost:
            return False
        if opened.keeper is not None:
            return opened.keeper.behind(opened)
        version = self._readers.look()
        if version == opened.seen_version:
            return False
        highest = self._versions.highestmodseq(state.id)
        if highest == state.modseq:
            opened.seen_version = version
            return False
        # A commit of our own lane reaches the state by its delta, in a moment.
        coming = self._lane.committing
        return highest is None or not coming.brings(state.id, state.modseq, highest)

    async def heed(self, opened: Opened) -> None:
        """Follow a notice of another worker's commit, if somebody waits for it.

        Else it is read by the next command, all at once. One reading at a time: however
        fast others write, all that came meanwhile is read by one more.
        """
        opened.noticed = True
        if opened.reading:
            return
        opened.reading = True
        try:
            while opened.noticed:
                opened.noticed = False
                if opened.state.watchers and self.behind(opened):
                    await self.catch_up(opened)
        finally:
            opened.reading = False

    async def catch_up(self, opened: Opened) -> None:
        """Read what others have committed, until the state is there."""
        state = opened.state
        if opened.keeper is not None:
            modseq = state.modseq
            await opened.keeper.catch_up(opened)
            if state.modseq != modseq:
                self._wake(state)
            return
        for _ in range(8):
            if state.gone or state.lost:
                return
            since, uidnext = state.modseq, state.uidnext
            read = Missed(state.id, since, state.uids, uidnext, opened.whose)
            try:
                delta = read.at_once(self._readers.event)
            except TooMuch:
                delta = await self._in_pool(read)
            if delta is not None and delta.modseq < since and not delta.gone:
                self._give_up(opened)
                return
            if delta is None or (state.modseq == since and state.apply(delta)):
                self._wake(state)
                return

    def _give_up(self, opened: Opened) -> None:
        """Have a mailbox loaded anew, whose HIGHESTMODSEQ is lower than it was.

        Another index was put in its place, or it was damaged: what has changed cannot
        be told from what is known (RFC 7162 §3.1.1). Its sessions end.
        """
        state = opened.state
        state.lost = True
        key = (state.id, opened.whose)
        if self._states.get(key) is opened:
            self._drop(key)
        self._wake(state)

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


def _load(
    database: Database, mailbox: MailboxId, whose: Private | None
) -> MailboxState:
    with database.snapshot():
        row = mailboxes.mailbox_numbered(database, mailbox)
        if row is None:
            raise NotFound
        names = entries.keywords(database, mailbox)
        loaded = entries.load(database, row)
        if whose is None:
            return MailboxState(row, loaded, names)
        marks = private.load(database, mailbox, whose)
        return PersonalState(row, loaded, names, whose, marks)
