"""The lists of rights, as people read and change them (RFC 4314 §3).

`RightsLists` belongs to who runs the server; `AccessRights` is what a login may do.
Identifiers are written as names: ``bob``, ``group:sales``, ``anyone``,
``authenticated``, ``owner``, each with a dash before it for what is taken. ``user:bob``
is ``bob`` too, for who is called like one of the others.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mailstore.directory import Directory
from mailstore.directory.names import lookup_key
from mailstore.errors import InvalidName, NotFound, NotPermitted, StoreError
from mailstore.index import acl, mailboxes
from mailstore.index.database import Database
from mailstore.index.records import MailboxRow
from mailstore.rights import (
    ALL,
    ANYONE,
    AUTHENTICATED,
    KEPT,
    NEGATIVE,
    OWNER,
    Acl,
    Grant,
    Operation,
    Person,
    Reckoning,
    Right,
    group_of,
    of_group,
    of_user,
    reckon,
    user_of,
)
from mailstore.writer import Outcome

if TYPE_CHECKING:
    from mailstore.service.access import Access
    from mailstore.service.account import Account
    from mailstore.service.store import Store

_WORDS = (ANYONE, AUTHENTICATED, OWNER)
_USER, _GROUP = "user:", "group:"
MOST_ENTRIES = 1_000  # of one list


class Change(enum.Enum):
    """How rights change those that an identifier has already."""

    REPLACE = ""
    ADD = "+"
    REMOVE = "-"

    def apply(self, before: Right, rights: Right) -> Right:
        """Give the rights afterwards."""
        match self:
            case Change.ADD:
                return before | rights
            case Change.REMOVE:
                return before & ~rights
            case _:
                return rights


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a list, with the identifier as it is written."""

    identifier: str
    rights: Right


@dataclass(frozen=True, slots=True)
class Grantable:
    """What an identifier always has, and what it may be given one by one."""

    always: Right
    optional: Right


def read_identifier(directory: Directory, text: str, *, gone: bool = False) -> Grant:
    """Read an identifier, as a grant of nothing.

    With ``gone`` a group may have been removed. Raises `InvalidName` when nobody can
    be called so, or nobody is.
    """
    negative = text.startswith(NEGATIVE)
    name = text.removeprefix(NEGATIVE)
    key = lookup_key(name)
    if key in _WORDS:
        return Grant(key, Right(0), negative)
    if key.startswith(_GROUP):
        group = lookup_key(key.removeprefix(_GROUP))
        if not gone and not any(row.key == group for row in directory.groups.all()):
            raise InvalidName("there is no such group")
        return Grant(of_group(group), Right(0), negative)
    found = directory.resolve(name.removeprefix(_USER))
    if found is None:
        raise InvalidName("there is no such account or group")
    return Grant(of_user(found.id), Right(0), negative)


def write_identifier(directory: Directory, grant: Grant) -> str | None:
    """Write an identifier; None for somebody who was removed, and can't come back.

    A group that was removed may be made again, with other people in it: it is told.
    """
    dash = NEGATIVE if grant.negative else ""
    account, group = user_of(grant.identifier), group_of(grant.identifier)
    if account is not None:
        row = directory.by_id(account)
        if row is None:
            return None
        key = lookup_key(row.name)
        plain = key not in _WORDS and not key.startswith((_USER, _GROUP, NEGATIVE))
        return dash + (row.name if plain else _USER + row.name)
    if group is not None:
        names = {one.key: one.name for one in directory.groups.all()}
        return f"{dash}{_GROUP}{names.get(group, group)}"
    return dash + grant.identifier


class RightsLists:
    """The lists of one account's mailboxes, for who may do all."""

    def __init__(self, store: Store, account: Account) -> None:
        self._store = store
        self._account = account

    def row(self, name: str) -> MailboxRow:
        """Give a mailbox by its owner's name for it. Raises `NotFound`."""
        return mailboxes.mailbox_named(self._account.readers.event, name)

    def entries(self, name: str) -> Sequence[Entry]:
        """Give a list: the owner first, though it doesn't speak of him."""
        grants = self._account.acls.of(self.row(name).id)
        owner = self._owner()
        default = reckon(grants, {owner.identifier}, owns=True).by_default
        first = [owner] if default else []
        mine = [one for one in grants if self._is_owner(one)]
        others = [one for one in grants if not self._is_owner(one)]
        found = []
        for one in (*first, *mine, *others):
            written = write_identifier(self._store.directory, one)
            if written is not None:
                kept = KEPT if self._is_owner(one) else Right(0)
                found.append(Entry(written, one.rights | kept))
        return found

    def others(self, name: str) -> Sequence[Entry]:
        """Give who else has rights. Raises `NotFound`."""
        found = []
        for one in self._account.acls.of(self.row(name).id):
            written = write_identifier(self._store.directory, one)
            if written is not None and not self._is_owner(one):
                found.append(Entry(written, one.rights))
        return found

    def _owner(self) -> Grant:
        account = self._account
        return Grant(OWNER if account.public else of_user(account.id), ALL)

    def _is_owner(self, grant: Grant) -> bool:
        owners = {OWNER}
        if not self._account.public:
            owners.add(of_user(self._account.id))
        return not grant.negative and grant.identifier in owners

    async def change(
        self, name: str, identifier: str, change: Change, rights: Right
    ) -> None:
        """Set, add or remove rights of an identifier.

        Raises `NotFound`, `InvalidName` for the identifier.
        """
        who = read_identifier(self._store.directory, identifier)
        shares = () if who.negative else (who.identifier,)
        await self._store.note_shares(self._account, shares)
        row = self.row(name)

        def work(database: Database) -> Outcome[bool]:
            acl.check_name(database, row.id, name)
            before = acl.acl_of(database, row.id)
            after = change.apply(self._rights(before, who), rights)
            if after or self._is_owner(who):
                acl.put(database, row.id, who.key, after)
            else:
                acl.drop(database, row.id, who.key)
            if len(before) >= MOST_ENTRIES and after:
                acl.check_count(database, row.id, MOST_ENTRIES)
            return Outcome(bool(after), names_changed=True)

        await self._write(work, shares)

    def _rights(self, before: Acl, who: Grant) -> Right:
        found = [one.rights for one in before if one.key == who.key]
        if found:
            return found[0]
        default = reckon(before, {self._owner().identifier}, owns=True).by_default
        return ALL if default and self._is_owner(who) else Right(0)

    async def drop(self, name: str, identifier: str) -> None:
        """Take an identifier off a list. Raises `NotFound`, `InvalidName`."""
        directory = self._store.directory
        row = self.row(name)
        who = read_identifier(directory, identifier, gone=True)
        if all(one.key != who.key for one in self._account.acls.of(row.id)):
            read_identifier(directory, identifier)  # nobody is no slip of the pen

        def work(database: Database) -> Outcome[bool]:
            acl.check_name(database, row.id, name)
            acl.drop(database, row.id, who.key)
            return Outcome(False, names_changed=True)

        await self._write(work, ())

    async def _write(
        self, work: Callable[[Database], Outcome[bool]], shares: Sequence[str]
    ) -> None:
        """Change a list; ``work`` tells whether it names ``shares`` afterwards."""
        self._account.check_writable()
        named = await self._account.lane.write(work)
        await self._store.tidy_shares(self._account)
        if named:
            # Somebody else may have tidied between the note and the commit. The list
            # has changed: that the note fails is no reason to say otherwise.
            with suppress(StoreError):
                await self._store.note_shares(self._account, shares)

    def grantable(self, identifier: str) -> Grantable:
        """Tell what an identifier may be given (RFC 4314 §3.7). No right is tied.

        Raises `InvalidName`.
        """
        who = read_identifier(self._store.directory, identifier)
        always = KEPT if self._is_owner(who) else Right(0)
        return Grantable(always, ALL & ~always)

    def explain(self, name: str, person: Person) -> Reckoning:
        """Say which entries make somebody's rights what they are."""
        grants = self._account.acls.of(self.row(name).id)
        owns = person.owns(self._account.id, public=self._account.public)
        return reckon(grants, person.identifiers, owns=owns)


class AccessRights:
    """The lists of rights that one login may read and change; `Access.rights`."""

    def __init__(self, access: Access) -> None:
        self._access = access

    async def entries(self, name: str) -> Sequence[Entry]:
        """Give a mailbox's list. Raises `NotFound`, `NotPermitted`."""
        async with self._access.find(name, Operation.ADMINISTER) as found:
            return RightsLists(self._access.store, found.account).entries(found.name)

    async def change(
        self, name: str, identifier: str, change: Change, rights: Right
    ) -> None:
        """Set, add or remove rights of an identifier.

        Raises `NotFound`, `NotPermitted`, `InvalidName` for the identifier.
        """
        self._access.check_writable()
        async with self._access.find(name, Operation.ADMINISTER) as found:
            lists = RightsLists(self._access.store, found.account)
            await lists.change(found.name, identifier, change, rights)

    async def drop(self, name: str, identifier: str) -> None:
        """Take an identifier off a list. Raises what `change` does."""
        self._access.check_writable()
        async with self._access.find(name, Operation.ADMINISTER) as found:
            lists = RightsLists(self._access.store, found.account)
            await lists.drop(found.name, identifier)

    async def all_mine(self, names: Sequence[str]) -> Mapping[str, Right]:
        """Give one's own rights to many; what one may not know of is left out."""
        access = self._access
        own = [] if access.own.acls.version else access.all_own(names)
        found = dict.fromkeys(own, ALL)
        for name in names:
            if name not in found:
                try:
                    found[name] = await self.mine(name)
                except (NotFound, NotPermitted):
                    continue
        return found

    async def mine(self, name: str) -> Right:
        """Give one's own rights. Raises `NotFound`, `NotPermitted`."""
        operation = Operation.KNOW_OWN_RIGHTS
        async with self._access.find(name, operation) as found:
            return found.permit.rights()

    async def grantable(self, name: str, identifier: str) -> Grantable:
        """Tell what an identifier may be given. Raises what `change` does."""
        async with self._access.find(name, Operation.ADMINISTER) as found:
            return RightsLists(self._access.store, found.account).grantable(identifier)
