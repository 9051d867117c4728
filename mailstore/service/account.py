"""Account: one person's mailboxes by name. All sessions of a worker share it.

Names are those of `mailstore.model`: Unicode, levels parted by ``/``, INBOX in
capitals; who calls has checked their form (`imapd.syntax.mailbox`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from mailstore.blobs import Folders, open_blobs
from mailstore.changes import ChangeNotice, who_acts
from mailstore.errors import InvalidName, NotFound, TooBig
from mailstore.index import entries, mailboxes, quota, upkeep
from mailstore.index.database import Database
from mailstore.index.labels import LabelChanges
from mailstore.index.records import MailboxRow
from mailstore.lanes import Pool, in_pool
from mailstore.maintenance.reclaim import ReclaimJob
from mailstore.model import (
    DELIMITER,
    INBOX,
    AccountId,
    Appended,
    Arrival,
    MailboxEntry,
    MailboxId,
    MailboxStatus,
    MessageSink,
    SpecialUse,
)
from mailstore.running import Rules
from mailstore.service.acls import FULL, Acls, Guard, Permit, unguarded
from mailstore.service.annotations import check_sizes
from mailstore.service.arrivals import AppendJob, Terms
from mailstore.service.indexing import ARRIVAL_WAIT, Indexing
from mailstore.service.late import LateFacts
from mailstore.service.mailbox import Mailbox
from mailstore.service.metadata import MailboxMetadata
from mailstore.service.names import Names
from mailstore.service.object_ids import ObjectIds
from mailstore.service.opened import OpenMailboxes
from mailstore.service.options import StoreOptions, Surroundings
from mailstore.service.overview import Follower, Overview
from mailstore.service.quota import Quota
from mailstore.service.readers import Readers
from mailstore.service.renaming import rename
from mailstore.service.searching import SearchParts, Turns
from mailstore.service.sorting import SortParts
from mailstore.service.space import Space
from mailstore.service.statuses import Statuses
from mailstore.service.surrogates import Surrogates
from mailstore.service.urlkeys import UrlKeys
from mailstore.service.versions import Versions
from mailstore.writer import Lane, Outcome

_NAMES = MailboxId(0)  # of a notice: the list of names
_PURGE_EVERY = 86_400


class Account:
    """An open account; made by `Store.account`, given back by `close`."""

    readonly = False
    """Whether who opened it may change nothing."""

    def __init__(
        self,
        id_: AccountId,
        name: str,
        folder: Path,
        around: Surroundings,
        *,
        public: bool = False,
    ) -> None:
        self.id = id_
        self.name = name
        self.public = public  # the owner is no person
        self.users = 0
        self._folder = folder
        self.runtime = self._runtime = runtime = around.runtime
        self._around = around
        self._space = Space(folder, runtime.monotonic)
        self.bounds = quota.Bounds(
            lambda: self.options.quota, lambda _: self.readers.look()
        )
        self.lane = self._open_lane()
        self.lane.recover()
        self.readers = Readers(folder / "index.db", runtime.turn)
        self.versions = versions = Versions(self.readers)
        self.acls = Acls(runtime, self.readers, versions)
        self.late = LateFacts(runtime, self.readers, self.blobs, self.lane)
        self.object_ids = ObjectIds(upkeep.token(self.readers.event), id_)
        elsewhere = around.index_elsewhere
        self.indexing = Indexing(
            folder,
            self.readers,
            self.blobs,
            runtime,
            elsewhere and partial(elsewhere, id_),
        )
        turns, link = Turns(runtime), self.late.linking.finish
        self.searching = SearchParts(
            runtime, self.readers, self.blobs, self.indexing, turns, around.kept, link
        )
        self.sorting = SortParts(runtime, self.readers, self.blobs, self.lane, turns)
        self.surrogates = Surrogates(self.readers.event, versions)
        self.opened = OpenMailboxes(runtime, self.readers, versions, self.lane)
        self._names = Names(runtime, self.readers, versions)
        self.counters = Statuses(
            runtime, self.readers, self.opened, self.object_ids, lambda: self.options
        )
        self._overview = Overview(runtime, self.readers, self._names)
        self._watchers: dict[object, Callable[[], None]] = {}
        self._looked = -1  # the database's version at the last `look`

    def _open_lane(self) -> Lane:
        """Open what is written to."""
        folder, around = self._folder, self._around
        if not (folder / "index.db").exists():
            # Nobody has come further than this: its names may not be durable yet.
            Folders(around.files, folder.parents[2]).need(folder)
        engine, durable = around.options.blob_engine, around.options.durable_flags
        start = partial(self._runtime.start, Pool.READ)
        self.blobs = open_blobs(folder / "blobs", engine, around.files, start)
        return Lane(
            Database.open(folder / "index.db"),
            self.blobs,
            self._runtime,
            self._delivered,
            rules=Rules(
                self.bounds.around, LabelChanges(lambda: self.options.labels).follow
            ),
            durable_flags=durable,
            make_room=around.reserve.give,
        )

    @property
    def options(self) -> StoreOptions:
        """How the store keeps mail, as it is configured now."""
        return self._around.options

    @property
    def annotator(self) -> str:
        """Whose private annotations of messages who opened it sees, and makes."""
        return str(self.id)

    @property
    def metadata(self) -> MailboxMetadata:
        """The annotations of its mailboxes (RFC 5464)."""
        return MailboxMetadata(self)

    @property
    def url_keys(self) -> UrlKeys:
        """What signs URLs of its mailboxes (RFC 4467)."""
        return UrlKeys(self)

    @property
    def quota(self) -> Quota:
        """What it may hold, and holds (RFC 9208)."""
        return Quota(self)

    def check_writable(self) -> None:
        """Refuse who may only read. Raises `NotPermitted`."""

    # -- names

    async def mailboxes(self) -> tuple[MailboxEntry, ...]:
        """Give all names: mailboxes, bare parents, subscriptions that outlived one.

        INBOX first, then in order, parents before their children.
        """
        return await self._names.entries()

    async def create(
        self,
        name: str,
        special_use: SpecialUse | None = None,
        *,
        bounded: bool = True,
        guard: Guard = unguarded,
    ) -> MailboxId:
        """Make a mailbox, with the parents it lacks; all are subscribed.

        Raises `AlreadyExists`, `TooMany`, `Unavailable`, `OverQuota` if ``bounded``.
        """
        self.check_writable()
        if self.public and name.partition(DELIMITER)[0] == INBOX:
            raise InvalidName("nobody's mail arrives in a public INBOX")
        now, most = self.now(), self.options.max_mailboxes

        def work(database: Database) -> Outcome[MailboxRow]:
            guard(database)
            row = mailboxes.create(database, name, special_use, now, most)
            return Outcome(row, names_changed=True)

        return (await self.lane.write(work, bounded=bounded)).id

    async def delete(self, name: str, permit: Permit = FULL) -> None:
        """Delete a mailbox and its messages; its children stay (RFC 3501 §6.3.4).

        Raises `NotPermitted` for INBOX, `NotFound`, `HasChildren` for a bare name
        that has children.
        """
        self.check_writable()
        now, by = self.now(), who_acts()

        def work(database: Database) -> Outcome[None]:
            permit.guard(database, name)
            delta = mailboxes.delete(database, name, now, by)
            return Outcome(None, (delta,), names_changed=True)

        await self.lane.write(work)

    async def rename(
        self, old: str, new: str, permit: Permit = FULL, guard: Guard = unguarded
    ) -> MailboxId | None:
        """Rename a mailbox with its children; INBOX gives its messages away.

        Gives what has the new name, None if that is a bare one. RFC 3501 §6.3.5. Raises
        `NotFound`, `AlreadyExists`, `InvalidName`, `TooMany`, `OverQuota` by the names.
        """
        self.check_writable()
        return await rename(self, old, new, permit, guard)

    async def subscribe(self, name: str, *, elsewhere: bool = False) -> None:
        """Put an existing name on the list of LSUB, ``elsewhere`` any name.

        Raises `NotFound`.
        """
        await self._set_subscribed(name, subscribed=True, elsewhere=elsewhere)

    async def unsubscribe(self, name: str) -> None:
        """Take a name off the list of LSUB; no error if it isn't there."""
        await self._set_subscribed(name, subscribed=False)

    async def _set_subscribed(
        self, name: str, *, subscribed: bool, elsewhere: bool = False
    ) -> None:
        self.check_writable()

        def work(database: Database) -> Outcome[None]:
            if not elsewhere:
                mailboxes.set_subscribed(database, name, subscribed=subscribed)
            else:
                mailboxes.subscribe_elsewhere(database, name)
            return Outcome(None, names_changed=True)

        await self.lane.write(work)

    def follow(self, wake: Callable[[], None], by: Follower | None = None) -> Follower:
        """Give what tells of changes in all mailboxes; ``wake`` is called for each.

        It is idle until `Follower.begin`.
        """
        return Follower(self._overview, wake, by)

    def watch(self, wake: Callable[[], None]) -> Callable[[], None]:
        """Call ``wake`` when names or annotations may have changed; gives its end."""
        key = object()
        self._watchers[key] = wake

        def end() -> None:
            self._watchers.pop(key, None)

        return end

    # -- mailboxes

    async def status(
        self, name: str, *, recent: bool = True, deleted_octets: bool = False
    ) -> MailboxStatus:
        """Give a mailbox's counters (RFC 3501 §6.3.10). Raises `NotFound`."""
        found = await self.statuses(
            (name,), recent=recent, deleted_octets=deleted_octets
        )
        if not found:
            mailboxes.mailbox_named(self.readers.event, name)
            raise NotFound("that name has no mailbox, only inferior names")
        return found[name]

    async def statuses(
        self,
        names: Sequence[str],
        *,
        recent: bool = True,
        deleted_octets: bool = False,
    ) -> Mapping[str, MailboxStatus]:
        """Give the counters of mailboxes; names without one are left out.

        Without ``recent`` no message is counted: `MailboxStatus.recent` is 0 then. With
        ``deleted_octets`` messages with \\Deleted are summed up.
        """
        return await self.counters.of(
            names, recent=recent, deleted_octets=deleted_octets
        )

    async def open(self, name: str, *, readonly: bool = False) -> Mailbox:
        """Select a mailbox. Raises `NotFound`, `Unavailable`, `Corrupt`."""
        opened = await self.opened.open(name)
        return Mailbox(self, name, opened, readonly=readonly or self.readonly)

    # -- arrival

    async def admit(
        self,
        name: str,
        size: int,
        *,
        waiting: int = 0,
        instead_of: tuple[MailboxId, int] | None = None,
        bounded: bool = True,
    ) -> MessageSink:
        """Agree to take a message of ``size`` octets; gives what takes its bytes.

        ``waiting`` are octets of messages that were admitted before, and will be
        stored together with this one; ``instead_of`` is as for `append`. The quota
        holds when they are stored; if ``bounded`` it is looked at now. Raises
        `NotFound`, `TooBig`, `OverQuota` or `Unavailable` before a byte is sent.
        """
        self.check_writable()
        self._names.check_target(name)
        if size > self.options.max_message:
            raise TooBig
        self.check_space(size)
        if bounded:
            coming = quota.Coming(name, size, waiting, instead_of)
            await self.quota.check_room(coming)
        return self.blobs.writer(size, waiting)

    async def append(
        self,
        name: str,
        arrivals: Sequence[Arrival],
        *,
        instead_of: tuple[MailboxId, int] | None = None,
        bounded: bool = True,
        me: str = "",
        terms: Terms | None = None,
    ) -> Appended:
        """Store messages in a mailbox, in order: all of them or none.

        With ``instead_of`` the message of that mailbox and UID goes at the same
        moment. ``bounded``: the quota holds. ``me``: whose private annotations come.
        ``terms`` are given in place of ``bounded``. When it returns they are durable.
        Raises `NotFound`, `InvalidContent`, `TooBig`, `TooMany`, `NoSuchPart`,
        `OverQuota`, `Unavailable`, `Expunged` when the other one is gone.
        """
        self.check_writable()
        self.check_space(0)
        for arrival in arrivals:
            check_sizes(arrival.annotations, self.options)
        job = AppendJob(
            name,
            arrivals,
            self._runtime.now(),
            self.options.max_message,
            instead_of=instead_of,
            annotating=(me or self.annotator, self.options),
            terms=terms or Terms(bounded=bounded),
        )
        arrived = await self.lane.submit(job)
        delta = arrived.delta
        uids = tuple([row.uid for row in delta.new])
        return Appended(delta.mailbox, arrived.uidvalidity, uids, delta.modseq)

    async def digests(self, name: str) -> Counter[bytes]:
        """Count a mailbox's messages by their SHA-256. Raises `NotFound`."""
        row = mailboxes.mailbox_named(self.readers.event, name)

        def read() -> Counter[bytes]:
            with self.readers.take() as database:
                return entries.digests(database, row.id)

        return await in_pool(self._runtime, Pool.READ, read)

    def check_space(self, size: int) -> None:
        """Refuse what would fill the disk. Raises `Unavailable`.

        A reserve stays, so that expunging goes on working.
        """
        self._space.check(self.options.free_space_floor, size)

    # -- upkeep

    async def purge(self) -> int:
        """Forget what was expunged long ago; gives the number of messages."""
        now = self.now()
        before = now - self.options.retention

        def work(database: Database) -> Outcome[upkeep.Purged]:
            return Outcome(upkeep.purge(database, before, now))

        return (await self.lane.write(work, bounded=False)).tombstones

    async def reclaim(self) -> int:
        """Give back the space of what was purged; gives the number of files removed."""
        removed, more = 0, True
        while more:
            job = ReclaimJob(self.readers, self._runtime.now())
            done = await self.lane.submit(job)
            removed, more = removed + done.removed, done.more
        return removed

    def purge_due(self) -> bool:
        """Tell whether the daily purge is due."""
        return self.now() - upkeep.purged_at(self.readers.event) >= _PURGE_EVERY

    def now(self) -> int:
        """Give the time in seconds since the epoch."""
        return int(self._runtime.now())

    def note_recent(self, mailbox: MailboxId, recent_from: int) -> None:
        """Have it written, some time, which messages were \\Recent once."""

        def work(database: Database) -> Outcome[None]:
            mailboxes.claim_recent(database, mailbox, recent_from)
            return Outcome(None)

        async def write() -> None:
            await self.lane.write(work, durable=False)

        self._runtime.spawn(write())

    # -- following

    def _delivered(self, outcomes: Sequence[Outcome[Any]]) -> None:
        """Memory, then notices: the answers follow when this returns."""
        self.readers.wrote(flags_alone=all(map(_is_of_flags, outcomes)))
        arrived = False
        for outcome in outcomes:
            if outcome.names_changed:
                self._overview.renamed(outcome.by)
            for delta in outcome.deltas:
                arrived = arrived or bool(delta.new)
                self.opened.follow(delta)
                self._overview.committed(delta, outcome.by)
                self._around.bus.publish(
                    ChangeNotice(self.id, delta.mailbox, delta.modseq)
                )
        if arrived:
            self.indexing.wanted(ARRIVAL_WAIT)
        if any(outcome.names_changed for outcome in outcomes):
            self._around.bus.publish(ChangeNotice(self.id, _NAMES, 0))
            self._wake()

    def _wake(self) -> None:
        for wake in tuple(self._watchers.values()):
            # One by one, with the sockets' turn in between when they are many.
            self._runtime.deliver(wake)

    def noticed(self, mailbox: MailboxId) -> None:
        """Another worker has committed something."""
        if mailbox == _NAMES:
            self._overview.renamed()
            self._wake()
            return
        self._overview.hinted(mailbox)
        self.opened.hinted(mailbox)

    async def look(self) -> None:
        """Look for what programs that tell nobody have committed (`imapd import`).

        For those who wait to be woken; whoever runs a command looks by itself.
        """
        watched = self.opened.watched()
        if not watched and not self._overview.followed:
            return
        version = self.readers.look()
        if version == self._looked:
            return
        self._looked = version
        for opened in watched:
            if self.opened.behind(opened):
                await self.opened.catch_up(opened)
        await self._overview.suspect()
        if self.acls.changed():
            self._wake()

    async def close(self) -> None:
        """Give the account back; it stays open for the next who asks."""
        self.users -= 1

    def shut(self) -> None:
        """Close files and connections, everything durable. Blocks for a moment."""
        self.indexing.close()
        self.lane.close()
        self.readers.close()
        self.blobs.close()


def _is_of_flags(outcome: Outcome[Any]) -> bool:
    """Tell whether a commit was about flags of messages, and nothing else."""
    if outcome.names_changed or not outcome.deltas:
        return False
    return all(one.of_flags for one in outcome.deltas)
