"""The names that one login sees: its own, and what others let it see.

A name of somebody else is there for who has the right to look it up, and nothing of it
else: a superior that is hidden, or that doesn't exist, shows as a name without a
mailbox if something below it is seen, and whether there are inferior ones is told of
those that are seen (RFC 4314 §4 and §6). Special uses are their owner's.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from mailstore.errors import StoreError
from mailstore.model import DELIMITER, AccountId, MailboxEntry, MailboxId
from mailstore.rights import Acl, Person, Right
from mailstore.service.acls import rights_in
from mailstore.service.names import name_order

if TYPE_CHECKING:
    from mailstore.service.access import Access
    from mailstore.service.account import Account

_Read = tuple[tuple[MailboxEntry, ...], Mapping[MailboxId, Acl]]


class Visible:
    """Puts the lists together, again only when one of them has changed."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._made_of: tuple[object, ...] = ()
        self._entries: tuple[MailboxEntry, ...] = ()

    async def entries(self) -> tuple[MailboxEntry, ...]:
        """Give all names, one's own INBOX first, parents before their children."""
        access = self._access
        own = await access.own.mailboxes()
        person = access.person()
        owners = self._owners(person)
        if not owners:
            return own
        found: list[tuple[Account, _Read]] = []
        for owner in owners:
            try:
                async with access.enter(owner) as account:
                    names = await account.mailboxes()
                    found.append((account, (names, await account.acls.every())))
            except StoreError:
                # Removed this very moment, or damaged: whatever somebody shares with
                # all must not take their own names from them.
                continue
        parts = [part for _, read in found for part in read]
        made_of = (own, person, access.namespaces, *parts)
        if not _same(made_of, self._made_of):
            shared = [
                entry
                for account, (names, lists) in found
                for entry in visible_entries(access, account, names, lists, person)
            ]
            self._made_of, self._entries = made_of, merged(own, shared)
        return self._entries

    def _owners(self, person: Person) -> list[AccountId]:
        """Give the owners that may let this person see something."""
        access = self._access
        directory = access.store.directory
        owners = set(directory.sharing.owners_for(person))
        public = directory.public()
        if public is not None and not access.namespaces.shared:
            owners.discard(public.id)
        elif public is not None and person.admin:
            owners.add(public.id)
        if not access.namespaces.other_users:
            owners.intersection_update({public.id} if public is not None else ())
        owners.discard(access.own.id)
        return sorted(owners)


def _same(one: tuple[object, ...], two: tuple[object, ...]) -> bool:
    return len(one) == len(two) and all(map(operator.is_, one, two))


def visible_entries(
    access: Access,
    account: Account,
    names: tuple[MailboxEntry, ...],
    lists: Mapping[MailboxId, Acl],
    person: Person,
) -> Iterable[MailboxEntry]:
    """Give what a person sees of an account, as he calls it."""
    for entry in names:
        if entry.id is None or not entry.exists:
            continue
        rights = rights_in(account, lists.get(entry.id, ()), person)
        if not rights & Right.LOOKUP:
            continue
        name = access.known_as(account, entry.name)
        if "*" in name or "%" in name:
            continue  # no LIST could name it alone, see `imapd.syntax.mailbox`
        usable = bool(rights & (Right.READ | Right.INSERT))
        yield MailboxEntry(
            name,
            exists=True,
            selectable=entry.selectable and usable,
            has_children=False,
            subscribed=False,
            id=access.number(account, entry.id),
            personal=False,
            readable=bool(rights & Right.READ),
        )


def merged(
    own: tuple[MailboxEntry, ...], shared: Iterable[MailboxEntry]
) -> tuple[MailboxEntry, ...]:
    """Put one's own names and those of others into one list.

    A mailbox of one's own goes before one of the same name that isn't; what one has
    subscribed to of others' is told of theirs.
    """
    found = {entry.name: entry for entry in own}
    parents: set[str] = set()
    for entry in shared:
        mine = found.get(entry.name)
        if mine is not None and mine.exists:
            continue
        subscribed = mine is not None and mine.subscribed
        found[entry.name] = replace(entry, subscribed=subscribed)
        levels = entry.name.split(DELIMITER)
        parents |= {DELIMITER.join(levels[:n]) for n in range(1, len(levels))}
    for name in parents:
        there = found.get(name)
        if there is None:
            there = _bare(name)
        elif not there.exists:
            there = replace(_bare(name), subscribed=there.subscribed)
        found[name] = replace(there, has_children=True)
    return tuple(sorted(found.values(), key=name_order))


def _bare(name: str) -> MailboxEntry:
    """Give a name that is there for the sake of others below it."""
    return MailboxEntry(
        name,
        exists=True,
        selectable=False,
        has_children=True,
        subscribed=False,
        personal=False,
    )
