"""Access: what one login reaches, in its own account and in those of others.

Handlers see this and nothing else of the store. A name leads to its owner's account
(`Namespaces`) and each call is checked once, here or in the `Mailbox` that it opens,
against the rights that its person has at that moment. Who lacks the right to know of a
mailbox is answered as if it weren't there (RFC 4314 §6). Invariants:

* a name that is one's own mailbox's is one's own, also where it begins as a namespace;
* others' mailboxes have numbers that no mailbox of one's own has;
* as long as an account has no list, its owner's calls cost nothing more.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mailstore.errors import InvalidUse, NotFound, NotPermitted
from mailstore.index import mailboxes
from mailstore.index.records import MailboxRow
from mailstore.model import (
    AccountId,
    Appended,
    Arrival,
    MailboxEntry,
    MailboxId,
    MailboxStatus,
    MessageSink,
    SpecialUse,
)
from mailstore.rights import NEEDS, Operation, Person
from mailstore.service import making
from mailstore.service.account import Account
from mailstore.service.acls import Guard, Permit, PersonPermit, unguarded
from mailstore.service.following import Following
from mailstore.service.guests import status_for, visitor, whose_flags
from mailstore.service.mailbox import Mailbox
from mailstore.service.namespaces import Elsewhere, Namespaces
from mailstore.service.options import StoreOptions
from mailstore.service.places import Place, Target
from mailstore.service.statuses import Expected
from mailstore.service.visible import Visible, merged

if TYPE_CHECKING:
    from mailstore.service.access_metadata import AccessMetadata
    from mailstore.service.access_objects import AccessObjectIds
    from mailstore.service.access_quota import AccessQuota
    from mailstore.service.access_removed import AccessRemoved
    from mailstore.service.access_urlkeys import AccessUrlKeys
    from mailstore.service.rights_lists import AccessRights
    from mailstore.service.store import Store


_OWN_NOTES = 256  # of one's own changes that needn't be told as news


@dataclass(frozen=True, slots=True)
class Found:
    """A mailbox or a bare name that was found, and what may be done to it.

    Without a ``row`` it shows what another mailbox has lost (`AccessRemoved`): no name
    of the account's own mailboxes.
    """

    account: Account
    name: str
    permit: Permit
    row: MailboxRow | None = None


class Access:
    """One login's view of the store; made by `Store.access`, ended by `close`."""

    def __init__(self, store: Store, own: Account, *, readonly: bool) -> None:
        self._store = store
        self.own = own
        self.readonly = readonly
        self._person: Person | None = None
        self._person_version = -1
        self._visible = Visible(self)
        # (owner, version) of what it annotated itself in others' mailboxes
        self.annotated: deque[tuple[AccountId, int]] = deque(maxlen=_OWN_NOTES)

    # -- who, and where

    @property
    def id(self) -> AccountId:
        """The account that is logged in."""
        return self.own.id

    @property
    def name(self) -> str:
        """Its name."""
        return self.own.name

    @property
    def options(self) -> StoreOptions:
        """How the store keeps mail, as it is configured now."""
        return self.own.options

    @property
    def namespaces(self) -> Namespaces:
        """Which names lead to others."""
        return self.options.namespaces

    @property
    def store(self) -> Store:
        """The store that all accounts are in."""
        return self._store

    def person(self) -> Person:
        """Give who is logged in, with the groups of this moment."""
        version = self._store.directory.version()
        if self._person is None or version != self._person_version:
            self._person = self._store.directory.sharing.person(self.own.id)
            self._person_version = version
        return self._person

    def now(self) -> int:
        """Give the time in seconds since the epoch."""
        return self.own.now()

    def check_writable(self) -> None:
        """Refuse who may only read. Raises `NotPermitted`."""
        self.own.check_writable()

    @asynccontextmanager
    async def enter(self, owner: AccountId) -> AsyncIterator[Account]:
        """Open somebody's account for the length of a block. Raises `NotFound`."""
        if owner == self.own.id:
            yield self.own
            return
        account = await self._store.account(owner, readonly=self.readonly)
        try:
            yield account
        finally:
            await account.close()

    def owner_of(self, place: Elsewhere) -> AccountId | None:
        """Give the owner of a name, None if there is none."""
        directory = self._store.directory
        if place.removed:
            return None
        if place.owner is None:
            found = directory.public()
        else:
            found = directory.find(place.owner)
        return None if found is None or found.id == self.own.id else found.id

    def elsewhere(self, name: str) -> Elsewhere | None:
        """Tell whose a name is; None: one's own."""
        place = self.namespaces.split(name)
        if place is None or self._is_own(name):
            return None
        return place

    def _is_own(self, name: str) -> bool:
        return bool(mailboxes.ids_named(self.own.readers.event, [name]))

    def knows(self, name: str) -> bool:
        """Tell whether a name is one's own mailbox's, or is others' to know."""
        return self.elsewhere(name) is not None or self._is_own(name)

    def number(self, account: Account, mailbox: MailboxId) -> MailboxId:
        """Give a mailbox's number among all that this login reaches."""
        if account.id == self.own.id:
            return mailbox
        return self._store.number(account, mailbox)

    def permit(self, account: Account, mailbox: MailboxId) -> Permit:
        """Give what may be done to a mailbox."""
        own = account.id == self.own.id and not account.public
        return PersonPermit(account, mailbox, visitor(self, account), own=own)

    @asynccontextmanager
    async def find(self, name: str, operation: Operation) -> AsyncIterator[Found]:
        """Find a name of any owner, and check that something may be done to it.

        Raises `NotFound`, `NotPermitted`.
        """
        place = self.elsewhere(name)
        if place is not None and place.removed:
            yield Found(self.own, name, await self.removed.check(place.name, operation))
            return
        owner = self.own.id if place is None else self.owner_of(place)
        if owner is None:
            raise NotFound
        local = name if place is None else place.name
        async with self.enter(owner) as account:
            row = mailboxes.mailbox_named(account.readers.event, local)
            permit = self.permit(account, row.id)
            permit.check(operation)
            yield Found(account, local, permit, row)

    @asynccontextmanager
    async def target(self, name: str) -> AsyncIterator[Target]:
        """Find where messages may go to. Raises `NotFound`, `NotPermitted`."""
        if self.unlisted(name):
            yield Target(self.own, name, me=self.own.annotator)
            return
        async with self.find(name, Operation.INSERT) as found:
            me, whose = self.own.annotator, whose_flags(self.own, found.account)
            yield Target(found.account, found.name, found.permit, me, whose)

    def unlisted(self, name: str) -> bool:
        """Tell whether a name is one's own in an account that never had a list."""
        return self.own.acls.version == 0 and self.elsewhere(name) is None

    async def accepts(self, name: str) -> bool:
        """Tell whether there is a mailbox of that name, as far as one may know."""
        try:
            async with self.find(name, Operation.INSERT) as found:
                return found.row is not None and found.row.selectable
        except NotPermitted:
            return True
        except NotFound:
            return False

    # -- names

    async def mailboxes(self, *, removed: bool = False) -> tuple[MailboxEntry, ...]:
        """Give all names that one may see: `Account.mailboxes`, and those of others.

        With ``removed`` also those of what one's own have lost.
        """
        entries = await self._visible.entries()
        if not (removed and self.namespaces.deleted):
            return entries
        return merged(entries, await self.removed.entries())

    async def create(
        self, name: str, special_use: SpecialUse | None = None
    ) -> MailboxId:
        """Make a mailbox, with the parents it lacks. In one's own account all are
        subscribed.

        Raises `AlreadyExists`, `NotPermitted`, `InvalidUse`, `TooMany`.
        """
        place = self.elsewhere(name)
        if place is None:
            listed = self.own.acls.version > 0
            guard = self.may_make(self.own, name) if listed else unguarded
            return await self.own.create(name, special_use, guard=guard)
        if special_use is not None:
            raise InvalidUse("others' mailboxes have no use here")
        owner = self.owner_of(place)
        if owner is None or not place.name:
            raise NotPermitted(making.NOT_THERE)
        async with self.enter(owner) as account:
            guard = self.may_make(account, place.name)
            made = await account.create(place.name, guard=guard)
            await self.own.subscribe(self.known_as(account, place.name), elsewhere=True)
            return self.number(account, made)

    def known_as(self, account: Account, name: str) -> str:
        """Give the name by which this login knows a mailbox of an account."""
        if account.id == self.own.id:
            return name
        if account.public:
            return self.namespaces.of_public(name)
        return self.namespaces.of_person(account.name, name)

    def may_make(self, account: Account, name: str) -> Guard:
        """Check that a name may be made, and give what checks it once more."""
        check = making.may_make(account.id, name, self.person(), public=account.public)
        check(account.readers.event)
        return check

    async def delete(self, name: str) -> None:
        """Delete a mailbox as `Account.delete`. Raises `NotPermitted` too."""
        if self.unlisted(name):
            await self.own.delete(name)
            return
        async with self.find(name, Operation.REMOVE) as found:
            await found.account.delete(found.name, found.permit)
            if found.account.acls.version:
                await self._store.tidy_shares(found.account)

    async def rename(self, old: str, new: str) -> MailboxId | None:
        """Rename a mailbox as `Account.rename`, within its owner's.

        Raises `NotPermitted` too, and `InvalidName` for a name of another owner.
        """
        from mailstore.service.access_renaming import rename

        return await rename(self, old, new)

    async def subscribe(self, name: str) -> None:
        """Put an existing name on one's own list of LSUB. Raises `NotFound`."""
        if self.elsewhere(name) is None:
            await self.own.subscribe(name)
            return
        async with self.find(name, Operation.SEE) as found:
            known = self.known_as(found.account, found.name)
        await self.own.subscribe(known, elsewhere=True)

    async def unsubscribe(self, name: str) -> None:
        """Take a name off the list of LSUB; no error if it isn't there."""
        await self.own.unsubscribe(name)

    def follow(
        self,
        wake: Callable[[], None],
        about: Callable[[MailboxEntry], bool] | None = None,
    ) -> Following:
        """Give what tells of changes in one's own mailboxes.

        And in those of others that it is ``about``.
        """
        return Following(self, wake, about)

    def watch(self, wake: Callable[[], None]) -> Callable[[], None]:
        """Call ``wake`` when names or annotations may have changed; gives its end."""
        return self.own.watch(wake)

    # -- mailboxes

    def status_now(self, name: str, expected: Expected) -> MailboxStatus | None:
        """Give counters as `Statuses.one`; None: ask `status`, without ``recent``."""
        return self.own.counters.one(name, expected) if self.unlisted(name) else None

    async def status(
        self, name: str, *, recent: bool = True, deleted_octets: bool = False
    ) -> MailboxStatus:
        """Give a mailbox's counters. Raises `NotFound`, `NotPermitted`."""
        if self.unlisted(name):
            return await self.own.status(
                name, recent=recent, deleted_octets=deleted_octets
            )
        place = self.elsewhere(name)
        if place is not None and place.removed:
            return await self.removed.status(place.name)
        async with self.find(name, Operation.READ) as found:
            status = await found.account.status(
                found.name, recent=recent, deleted_octets=deleted_octets
            )
            seen = status_for(self.own, found.account, status)
            return seen._replace(id=self.number(found.account, status.id))

    async def statuses(
        self,
        names: Sequence[str],
        *,
        recent: bool = True,
        deleted_octets: bool = False,
    ) -> Mapping[str, MailboxStatus]:
        """Give the counters of mailboxes; those that one can't read are left out."""
        own = self.all_own(names)
        if self.own.acls.version:
            own = [name for name in own if self._readable(name)]
        done = await self.own.statuses(
            own, recent=recent, deleted_octets=deleted_octets
        )
        found = dict(done)
        for name in set(names).difference(own):
            try:
                found[name] = await self.status(
                    name, recent=recent, deleted_octets=deleted_octets
                )
            except (NotFound, NotPermitted):
                continue
        return found

    def all_own(self, names: Sequence[str]) -> list[str]:
        """Give those names that lead nowhere else."""
        return [name for name in names if self.namespaces.split(name) is None]

    def _readable(self, name: str) -> bool:
        found = mailboxes.ids_named(self.own.readers.event, [name])
        if name not in found:
            return False
        rights = self.permit(self.own, found[name]).rights()
        return NEEDS[Operation.READ].met(rights)

    async def open(self, name: str, *, readonly: bool = False) -> Mailbox:
        """Select a mailbox. Raises `NotFound`, `NotPermitted`, `Unavailable`."""
        place = self.elsewhere(name)
        if place is not None and place.removed:
            return await self.removed.open(place.name)
        owner = self.own.id if place is None else self.owner_of(place)
        if owner is None:
            raise NotFound
        local = name if place is None else place.name
        if owner == self.own.id:
            return await self._open(self.own, local, name, readonly=readonly)
        account = await self._store.account(owner, readonly=self.readonly)
        try:
            known = self.known_as(account, local)
            return await self._open(account, local, known, readonly=readonly)
        except BaseException:
            await account.close()
            raise

    async def _open(
        self, account: Account, local: str, name: str, *, readonly: bool
    ) -> Mailbox:
        # Asked first: what is hidden from somebody isn't loaded for him.
        row = account.opened.row(local)
        permit = self.permit(account, row.id)
        permit.check(Operation.READ)
        whose = whose_flags(self.own, account)
        opened = account.opened.at_hand(row, whose)
        if opened is None:
            opened = await account.opened.open(local, whose, row)
            permit.check(Operation.READ)
        place = Place(
            account,
            self.number(account, row.id),
            permit,
            local,
            self.own.annotator,
            self.target,
            *(() if account is self.own else (account.close,)),
        )
        readonly = readonly or self.readonly
        return Mailbox(account, name, opened, readonly=readonly, place=place)

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
        """Agree to take a message: `Account.admit`. Raises `NotPermitted` too."""
        if instead_of is None and self.unlisted(name):
            return await self.own.admit(name, size, waiting=waiting, bounded=bounded)
        async with self.target(name) as target:
            account, gone = target.account, None
            if instead_of is not None:
                mailbox = self._store.id_in(account, instead_of[0], self.own)
                gone = None if mailbox is None else (mailbox, instead_of[1])
            return await account.admit(
                target.name, size, waiting=waiting, instead_of=gone, bounded=bounded
            )

    async def append(self, name: str, arrivals: Sequence[Arrival]) -> Appended:
        """Store messages: `Account.append`; of their flags those that may be set there.

        Raises `NotPermitted` too (RFC 4314 §4).
        """
        if self.unlisted(name):
            return await Target(self.own, name, me=self.own.annotator).take(arrivals)
        async with self.target(name) as target:
            return await target.take(arrivals)

    # -- what else belongs to mailboxes

    @property
    def metadata(self) -> AccessMetadata:
        """The annotations of mailboxes (RFC 5464)."""
        from mailstore.service.access_metadata import AccessMetadata

        return AccessMetadata(self)

    @property
    def quota(self) -> AccessQuota:
        """What may be kept (RFC 9208)."""
        from mailstore.service.access_quota import AccessQuota

        return AccessQuota(self)

    @property
    def url_keys(self) -> AccessUrlKeys:
        """What signs URLs of mailboxes (RFC 4467)."""
        from mailstore.service.access_urlkeys import AccessUrlKeys

        return AccessUrlKeys(self)

    @property
    def removed(self) -> AccessRemoved:
        """What one's own mailboxes have lost."""
        from mailstore.service.access_removed import AccessRemoved

        return AccessRemoved(self)

    @property
    def rights(self) -> AccessRights:
        """The lists of rights (RFC 4314)."""
        from mailstore.service.rights_lists import AccessRights

        return AccessRights(self)

    @property
    def object_ids(self) -> AccessObjectIds:
        """The identifiers of mailboxes and their owners (RFC 8474)."""
        from mailstore.service.access_objects import AccessObjectIds

        return AccessObjectIds(self)

    async def close(self) -> None:
        """End it; accounts stay open for the next who asks."""
        await self.own.close()
