"""What one login follows: its own mailboxes, and those of others that it may see.

An account's log (`mailstore.service.overview`) knows no rights, and no names but its
owner's. Here the list of names is the one that the login sees, and what is told of
others' mailboxes is what it may know (RFC 5465 §3.1, §5). Invariants:

* which of others' names there are follows from two lists that the login was shown: a
  right that was given or taken is a name that comes or goes, in whatever way;
* without the right "r" there are no counters; who gets it is told them. The list of
  names is of a moment ago: counters go by the rights of the moment that they are told;
* accounts of others are followed as long as something wanted is readable there;
* no more than `MAX_FOLLOWED` accounts of others are kept open for one session;
* an account that can't be read takes nothing from what is told of the others.

Event thread only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from mailstore.errors import StoreError, TooMany
from mailstore.model import (
    FIRST_OF_OTHERS,
    AccountChanges,
    MailboxChange,
    MailboxCounts,
    MailboxEntry,
    MailboxId,
    NameChange,
)
from mailstore.rights import NEEDS, Operation
from mailstore.service.guests import unseen_for
from mailstore.service.metadata import MailboxMetadata
from mailstore.service.name_changes import changes_in_turns
from mailstore.service.overview import Follower, Own
from mailstore.service.places import all_of

if TYPE_CHECKING:
    from mailstore.service.access import Access
    from mailstore.service.account import Account

MAX_FOLLOWED = 64  # accounts of others; each stays open, with its files


def _nothing() -> None:
    pass


@dataclass(slots=True)
class _Other:
    """Somebody else's account, and how many messages of it were unread."""

    account: Account
    follower: Follower
    metadata: MailboxMetadata
    annotated: int  # up to where it was told of annotations
    unwatch: Callable[[], None] = _nothing
    touched: bool = False  # names, rights or annotations may have changed
    # Of these there is something to tell, but their counters could not be read.
    missed: set[MailboxId] = field(default_factory=set)
    unseen: dict[MailboxId, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reached:
    """Up to where all was told. ``names`` None: nothing of others was followed."""

    version: int
    names: tuple[MailboxEntry, ...] | None
    others: Mapping[int, _Other]


class Following:
    """One session that follows all that it sees; made by `Access.follow`.

    ``about`` tells which of others' mailboxes are of interest, None: none of them.
    ``wake`` is called on the event thread when `changes` may have something to say.
    """

    def __init__(
        self,
        access: Access,
        wake: Callable[[], None],
        about: Callable[[MailboxEntry], bool] | None = None,
    ) -> None:
        self._access = access
        self._wake = wake
        self._about = about
        self._own = access.own.follow(wake)
        self._seen: tuple[MailboxEntry, ...] = ()  # all names, as they came
        self._names: tuple[MailboxEntry, ...] = ()  # those of others
        self._by_id: dict[MailboxId, MailboxEntry] = {}
        self._by_name: dict[str, MailboxEntry] = {}
        self._readable: dict[int, list[MailboxId]] = {}  # by their owners' numbers
        self._others: dict[int, _Other] = {}
        self._unwatch = _nothing

    async def begin(self, after: Reached | None = None) -> None:
        """Follow from now on, or from where another one that still follows has got to.

        Raises `Unavailable`, `TooMany` for more accounts than `MAX_FOLLOWED`.
        """
        await self._own.begin(None if after is None else after.version)
        if self._about is None:
            return
        self._unwatch = self._access.store.shares.watch(self._wake)
        if after is None or after.names is None:
            await self._look()
            return
        self._take(after.names)
        await self._attend(after.others)

    @property
    def reached(self) -> Reached | None:
        """Up to where `changes` has told; None: it follows nothing."""
        if not self._own.following:
            return None
        names = None if self._about is None else self._names
        return Reached(self._own.version, names, self._others)

    def expect(self, mailbox: MailboxId, name: str) -> None:
        """Say under which name its session sees a mailbox: `Follower.expect`.

        Others' names are looked up anew by each `changes`.
        """
        self._own.expect(mailbox, name)

    def act(self) -> None:
        """Say that the running coroutine is this session."""
        self._own.act()

    def end(self) -> None:
        """Follow no more."""
        self._own.end()
        self._unwatch()
        self._unwatch = _nothing
        for number in tuple(self._others):
            self._leave(number)

    # -- asking

    async def changes(self) -> AccountChanges:
        """Give what others did since the last call, or since `begin`.

        Of names of others also what the session itself did.
        """
        own = await self._own.changes()
        if self._about is None or own.overflow or not self._own.following:
            return own
        before, known = self._names, self._by_id
        try:
            await self._look()
        except TooMany:
            return AccountChanges(overflow=True)
        except StoreError:
            pass  # next time: what was found of one's own goes first
        names = [one for one in own.names if not self._is_elsewhere(one)]
        found = [*own.mailboxes]
        for number, other in tuple(self._others.items()):
            try:
                changes = await other.follower.changes()
            except StoreError:
                continue  # it has its place still, and tells when it can be read
            found += self._news(number, other, changes)
        if self._names is not before:
            runtime = self._access.own.runtime
            names += await changes_in_turns(runtime, before, self._names)
            found += self._readable_now(known)
        return AccountChanges(tuple(names), tuple(found))

    def annotations(self) -> list[tuple[str, Sequence[str]]]:
        """Give (mailbox, entries) of what others annotated in others' mailboxes.

        Since the last call; after `changes`, which knows who may read what.
        """
        told: list[tuple[str, Sequence[str]]] = []
        for other in self._others.values():
            if other.touched:
                other.touched = False
                told += self._annotations_of(other)
        return told

    def _annotations_of(self, other: _Other) -> Iterator[tuple[str, Sequence[str]]]:
        access, account = self._access, other.account
        since, other.annotated = other.annotated, other.metadata.version()
        if since == other.annotated:
            return
        own = [version for owner, version in access.annotated if owner == account.id]
        for name, entries in other.metadata.changes(since, own):
            known = access.known_as(account, name)
            entry = self._by_name.get(known)
            if entry is not None and entry.readable:
                yield known, entries

    def take_own(self, mailbox: MailboxId) -> Own | None:
        """Give what its own session did to one mailbox: `Follower.take_own`."""
        return self._own.take_own(mailbox)

    def entries(self) -> Sequence[MailboxEntry]:
        """Give the list of names as it was told."""
        own = self._own.entries()
        if not self._names:
            return own
        return [*(one for one in own if not self._leads_away(one)), *self._names]

    def entry(self, mailbox: MailboxId) -> MailboxEntry | None:
        """Give a mailbox's line of it."""
        return self._by_id.get(mailbox) or self._own.entry(mailbox)

    def named(self, name: str) -> MailboxEntry | None:
        """Give a name's line of it."""
        return self._by_name.get(name) or self._own.named(name)

    def counts(self, mailbox: MailboxId) -> MailboxCounts | None:
        """Give a mailbox's counts, None where they may not be known."""
        number, local = divmod(mailbox, FIRST_OF_OTHERS)
        if not number:
            return self._own.counts(mailbox)
        other, entry = self._others.get(number), self._by_id.get(mailbox)
        if other is None or entry is None or not entry.readable:
            return None
        permit = self._access.permit(other.account, MailboxId(local))
        if not NEEDS[Operation.READ].met(permit.rights()):
            return None
        counts = other.follower.counts(MailboxId(local))
        if counts is None:
            return None
        unseen = unseen_for(self._access.own, other.account, counts)
        return replace(counts, id=mailbox, unseen=unseen)

    # -- names

    async def _look(self) -> None:
        """See which names there are now, and follow the accounts that they are in."""
        entries = await self._access.mailboxes()
        if entries is self._seen:
            return
        self._seen = entries
        names = tuple(self._of_others(entries))
        if names != self._names:
            self._take(names)
        await self._attend({})

    def _take(self, names: tuple[MailboxEntry, ...]) -> None:
        self._names = names
        self._by_id = {one.id: one for one in names if one.id is not None}
        self._by_name = {one.name: one for one in names}
        self._readable = {}
        for mailbox, entry in self._by_id.items():
            if entry.readable:
                number = mailbox // FIRST_OF_OTHERS
                self._readable.setdefault(number, []).append(mailbox)

    async def _attend(self, former: Mapping[int, _Other]) -> None:
        """Follow the accounts in which something wanted may be read, and no other.

        Raises `TooMany`.
        """
        wanted = {
            one.id // FIRST_OF_OTHERS
            for one in self._names
            if one.id is not None and one.readable and self._wants(one)
        }
        if len(wanted) > MAX_FOLLOWED:
            raise TooMany
        for number in self._others.keys() - wanted:
            self._leave(number)
        for number in sorted(wanted - self._others.keys()):
            await self._follow(number, former.get(number))

    def _of_others(self, entries: Sequence[MailboxEntry]) -> Iterator[MailboxEntry]:
        for entry in entries:
            if not entry.personal:
                yield entry
            elif self._leads_away(entry):
                yield replace(entry, personal=False)

    def _leads_away(self, entry: MailboxEntry) -> bool:
        """Tell whether a name is one's own as a subscription to others' alone."""
        if entry.exists:
            return False
        return self._access.namespaces.split(entry.name) is not None

    def _is_elsewhere(self, change: NameChange) -> bool:
        sides = [one for one in (change.before, change.after) if one is not None]
        return all(self._leads_away(one) for one in sides)

    def _wants(self, entry: MailboxEntry) -> bool:
        return self._about is not None and self._about(entry)

    # -- accounts

    async def _follow(self, number: int, former: _Other | None) -> None:
        store = self._access.store
        owner = store.owner_numbered(number)
        if owner is None:
            return
        try:
            account = await store.account(owner)
        except StoreError:
            return  # one damaged account is no reason to miss the others
        follower = account.follow(self._wake, by=self._own)
        try:
            after = former.follower.version if former is not None else None
            await follower.begin(after)
        except StoreError:
            await account.close()
            return
        if number in self._others or not self._own.following:
            follower.end()
            await account.close()
            return
        metadata = MailboxMetadata(account, self._access.id)
        other = _Other(account, follower, metadata, metadata.version())
        self._others[number] = other

        def touched() -> None:
            other.touched = True
            self._wake()

        # Of rights and annotations the log of the account doesn't tell.
        other.unwatch = account.watch(touched)
        if former is not None:
            other.annotated, other.unseen = former.annotated, dict(former.unseen)
            other.touched = True
            return
        for entry in self._readable.get(number, ()):
            counts = self._counts(entry)
            if counts is not None:
                other.unseen[entry] = counts.unseen

    def _leave(self, number: int) -> None:
        other = self._others.pop(number)
        all_of(other.follower.end, other.unwatch)()
        other.account.runtime.spawn(other.account.close())

    # -- counts

    def _counts(self, mailbox: MailboxId) -> MailboxCounts | None:
        """Give a mailbox's counts; of what can't be read `changes` tells later."""
        try:
            return self.counts(mailbox)
        except StoreError:
            number, local = divmod(mailbox, FIRST_OF_OTHERS)
            self._others[number].missed.add(MailboxId(local))
            return None

    def _news(
        self, number: int, other: _Other, changes: AccountChanges
    ) -> Iterator[MailboxChange]:
        """Give what of the changes of an account may be known."""
        other.touched = other.touched or bool(changes.mailboxes)
        found = {one.mailbox: one for one in changes.mailboxes}
        missed, other.missed = [*other.missed], set()
        if changes.overflow:
            every = self._readable.get(number, ())
            missed += [MailboxId(one % FIRST_OF_OTHERS) for one in every]
        found |= {one: MailboxChange(one, messages=True) for one in missed}
        for change in found.values():
            mailbox = MailboxId(number * FIRST_OF_OTHERS + change.mailbox)
            counts = self._counts(mailbox)
            if counts is None:
                continue
            # What is unread is each person's own: others' reading changes nothing.
            before, other.unseen[mailbox] = other.unseen.get(mailbox), counts.unseen
            yield replace(change, mailbox=mailbox, unseen=before != counts.unseen)

    def _readable_now(
        self, before: dict[MailboxId, MailboxEntry]
    ) -> Iterator[MailboxChange]:
        """Give the mailboxes that may be read since a moment ago (§5.9)."""
        for mailbox, entry in self._by_id.items():
            known = before.get(mailbox)
            if not entry.readable or (known is not None and known.readable):
                continue
            counts = self._counts(mailbox)
            if counts is not None and counts.uidnext > 1:
                yield MailboxChange(mailbox, messages=True)
