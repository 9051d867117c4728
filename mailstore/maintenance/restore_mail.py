"""`imapd restore --account`: what a backup has and a running account lacks.

Messages come in as any others do: with new UIDs (RFC 3501 §2.3.1.1: none comes back),
in transactions of the account's lane, so that sessions are told of them. A message is
the same when its octets are. One that is in its mailbox still is not restored, nor one
that has been moved since: it is in another mailbox, where the backup has no copy of it.

It must not know how somebody says which messages are meant.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from mailstore.blobs.pool import Pool
from mailstore.errors import AlreadyExists, Corrupt, NotFound, StoreError, Unavailable
from mailstore.index import annotate, comparing, entries, mailboxes, private
from mailstore.index.comparing import EVERY, Message, WantedMessages
from mailstore.index.database import Database
from mailstore.index.keywords import flag_names
from mailstore.lanes import Pool as Threads
from mailstore.lanes import in_pool
from mailstore.maintenance.batches import batches
from mailstore.model import (
    DELETED,
    SYSTEM_FLAGS,
    Arrival,
    MailboxId,
)
from mailstore.service import Account, Store
from mailstore.writer import Outcome

Progress = Callable[[str, int, int], None]
"""Told (mailbox, messages so far, of so many)."""

_AT_ONCE = 128  # messages
_OCTETS = 8 * 2**20
_NOTES = 2**26  # octets of annotations of one group
_PIECE = 2**20


@dataclass(frozen=True, slots=True)
class WantedMail:
    """What is to be restored; no mailbox: all of them.

    ``into`` is another mailbox than the one that had it. With ``duplicates`` what is
    there still comes once more. ``strict``: what has been moved since comes too.
    """

    mailbox: str | None = None
    messages: WantedMessages = EVERY
    into: str | None = None
    duplicates: bool = False
    strict: bool = False


@dataclass(slots=True)
class Plan:
    """What is to come into one mailbox, and what is there without that."""

    name: str
    source: MailboxId
    was: str  # its name in the backup
    make: bool
    missing: Sequence[Message] = ()
    there: int = 0  # in the mailbox
    elsewhere: int = 0  # was moved since

    @property
    def bare(self) -> list[int]:
        """The UIDs of what is missing and comes without flags: they are damaged."""
        return [one.uid for one in self.missing if not one.has_flags]


@dataclass(slots=True)
class MailRestored:
    """What came of a plan; ``lost`` are messages that the backup cannot give.

    ``bare`` are those that came without their flags. Both by their old UIDs.
    """

    plan: Plan
    restored: int = 0
    lost: list[tuple[int, str]] = field(default_factory=list)
    bare: list[int] = field(default_factory=list)


class MailRestore:
    """Brings mail of one account of a point into an account that is open.

    ``index`` is the copy of its index, brought up to date, ``me`` the account's id in
    it.
    """

    def __init__(
        self,
        store: Store,
        account: Account,
        index: Database,
        pool: Pool,
        me: str,
        progress: Progress | None = None,
    ) -> None:
        self.store = store
        self.account = account
        self.index = index
        self.me = me
        self._pool = pool
        self._progress = progress

    # -- what is missing

    async def plans(self, wanted: WantedMail) -> list[Plan]:
        """Find what is missing of what is wanted.

        Raises `NotFound` when the backup has no such mailbox.
        """
        account = self.account

        def work() -> list[Plan]:
            with account.readers.take() as live, live.snapshot():
                return list(self._plans(live, wanted))

        return await in_pool(account.runtime, Threads.READ, work)

    def _plans(self, live: Database, wanted: WantedMail) -> Iterator[Plan]:
        before, now = comparing.selectable(self.index), comparing.selectable(live)
        names = sorted(before) if wanted.mailbox is None else [wanted.mailbox]
        if wanted.mailbox is not None and wanted.mailbox not in before:
            raise NotFound("the backup has no such mailbox")
        moved: Counter[bytes] = Counter()
        if wanted.into is None and not (wanted.duplicates or wanted.strict):
            moved = self._moved(live, before, now)
        for was in names:
            name = wanted.into or was
            there: Counter[bytes] = Counter()
            if name in now and not wanted.duplicates:
                there = entries.digests(live, now[name])
            plan = Plan(name, before[was], was, name not in now)
            # Mail is to come back, whatever has become of its flags.
            found = comparing.messages(
                self.index, plan.source, wanted.messages, flags_may_lack=True
            )
            plan.missing = list(_missing(plan, found, there, moved))
            if plan.missing or (plan.make and wanted.messages.all):
                yield plan
            elif found:
                plan.make = False
                yield plan

    def _moved(
        self, live: Database, before: dict[str, MailboxId], now: dict[str, MailboxId]
    ) -> Counter[bytes]:
        """Count what is in a mailbox now that it had not, or not so often."""
        found: Counter[bytes] = Counter()
        for name, mailbox in now.items():
            more = entries.digests(live, mailbox)
            if name in before:
                more -= entries.digests(self.index, before[name])
            found += more
        return found

    # -- bringing it in

    async def restore(self, plan: Plan) -> MailRestored:
        """Bring in what is missing; what was brought in stays if the rest fails.

        Raises `Unavailable`, `TooMany`.
        """
        done, bare = MailRestored(plan), set(plan.bare)
        if plan.make:
            await self._make(plan)
        names = entries.keywords(self.index, plan.source)
        for some in batches(plan.missing, _AT_ONCE, _OCTETS):
            await self._append(done, some, names)
            if self._progress is not None:
                self._progress(plan.name, done.restored, len(plan.missing))
        done.bare = sorted(bare - {uid for uid, _ in done.lost})
        return done

    async def _make(self, plan: Plan) -> None:
        """Make a mailbox as it was.

        Under another name, or out of another account, it is nobody else's.
        """
        account, now = self.account, self.account.now()
        with suppress(AlreadyExists):
            id_ = await account.create(plan.name, bounded=False)
            if plan.name != plan.was:
                return
            what = comparing.character(self.index, plan.source)
            if self.me != account.id:
                what = what.of_another(self.me, account.id)
            else:
                what = replace(what, rights=self._rights(plan, what.rights))

            def work(database: Database) -> Outcome[None]:
                comparing.give(database, id_, what, now)
                return Outcome(None, names_changed=True)

            await self.store.note_shares(account, what.identifiers)
            await account.lane.write(work, bounded=False)
            await self.store.note_shares(account, what.identifiers)

    def _rights(
        self, plan: Plan, then: Sequence[tuple[str, str]]
    ) -> Sequence[tuple[str, str]]:
        """Give what others may do in a mailbox that is made again.

        Rights that were taken since the backup do not come back, as far as the account
        still knows the mailbox: under another name, or as a deleted one.
        """
        row = mailboxes.mailbox_numbered(self.index, plan.source)
        assert row is not None, "it is one of the backup's mailboxes"
        with self.account.readers.take() as live:
            since = comparing.rights_since(live, row.id, row.uidvalidity)
        return then if since is None else since

    async def _append(
        self, done: MailRestored, some: Sequence[Message], names: tuple[str, ...]
    ) -> None:
        wanted = [one.uid for one in some]
        notes = annotate.to_carry(self.index, done.plan.source, self.me, wanted, _NOTES)
        own = self._of_guests(done.plan, wanted)
        arrivals: list[Arrival] = []
        uids: list[int] = []
        for one in some:
            try:
                content = self._content(one)
            except (NotFound, Corrupt) as error:
                done.lost.append((one.uid, str(error)))
                continue
            uids.append(one.uid)
            arrivals.append(
                Arrival(
                    content,
                    tuple(flags_of(one.mask & ~DELETED, names)),
                    one.date,
                    binary=True,
                    annotations=notes.get(one.uid, ()),
                    private=own.get(one.uid, ()),
                )
            )
        await self._store(done, uids, arrivals)

    def _of_guests(
        self, plan: Plan, uids: Sequence[int]
    ) -> dict[int, tuple[tuple[str, int], ...]]:
        """Give the flags that guests had for themselves, by UID.

        Not of another account's guests, nor for another mailbox.
        """
        if self.me != self.account.id or plan.name != plan.was:
            return {}
        found: dict[int, tuple[tuple[str, int], ...]] = {}
        marks = private.of_everybody(self.index, plan.source, uids)
        for person, own in marks.items():
            for uid, flags in own.items():
                found[uid] = (*found.get(uid, ()), (person, flags))
        return found

    async def _store(
        self, done: MailRestored, uids: Sequence[int], arrivals: Sequence[Arrival]
    ) -> None:
        if not arrivals:
            return
        try:
            await self.account.append(done.plan.name, arrivals, bounded=False)
        except Unavailable:
            raise  # none of the others would come in either
        except StoreError as error:
            if len(arrivals) == 1:
                if not arrivals[0].annotations:
                    done.lost.append((uids[0], str(error)))
                    return
                # Rather without them than not at all.
                arrivals = [arrivals[0]._replace(annotations=())]
            for uid, arrival in zip(uids, arrivals, strict=True):  # which of them
                await self._store(done, [uid], [arrival])
        else:
            done.restored += len(arrivals)

    def _content(self, one: Message) -> bytes:
        """Read a message, proved. Raises `NotFound`, `Corrupt`."""
        reader, _ = self._pool.open(one.digest)
        with reader:
            if reader.digest() != one.digest:
                raise Corrupt("its bytes in the backup are damaged")
            return reader.pread(0, reader.size)


def _missing(
    plan: Plan,
    found: Sequence[Message],
    there: Counter[bytes],
    moved: Counter[bytes],
) -> Iterator[Message]:
    for one in found:
        if there[one.digest] > 0:
            there[one.digest] -= 1
            plan.there += 1
        elif moved[one.digest] > 0:
            moved[one.digest] -= 1
            plan.elsewhere += 1
        else:
            yield one


def flags_of(mask: int, names: tuple[str, ...]) -> list[str]:
    """Give the flags of a mask by name."""
    system = [flag for flag, bit in SYSTEM_FLAGS.items() if mask & bit]
    return system + flag_names(mask, names)
