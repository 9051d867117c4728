"""Who may share something with whom, as far as the directory knows.

The lists of rights stand in their owners' indexes, and are the truth. That an
identifier is named in one of an owner's lists is noted here, so that finding what
somebody may see opens the accounts of those owners alone. A note comes before the
entry and goes behind it: it may name too many owners, which costs a look, and never
too few.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from mailstore.directory.database import DirectoryDatabase
from mailstore.errors import NotFound
from mailstore.index import accounts, acl, addresses
from mailstore.index.database import Database
from mailstore.model import AccountId
from mailstore.rights import Person


class Sharing:
    """The notes, and what a list may call somebody."""

    def __init__(self, database: DirectoryDatabase) -> None:
        self._database = database

    def person(self, account: AccountId) -> Person:
        """Give what is known of an account. Raises `NotFound` when it was removed."""
        reader = self._database.reader
        row = accounts.account_with_id(reader, account)
        if row is None:
            raise NotFound("no such account")
        groups = frozenset(g.key for g in addresses.groups_of(reader, account))
        return Person(account, groups, row.admin)

    def owners_for(self, person: Person) -> list[AccountId]:
        """Give the owners whose lists may name somebody, in order."""
        return acl.owners_for(self._database.reader, person.identifiers)

    def of(self, owner: AccountId) -> set[str]:
        """Give the identifiers that an owner's lists may name."""
        return acl.shares_of(self._database.reader, owner)

    def note(self, owner: AccountId, identifiers: Iterable[str]) -> None:
        """Note identifiers before, and again behind, the commit that names them.

        Writes where it is news alone: not for the event thread.
        """
        missing = set(identifiers) - self.of(owner)
        if missing:
            self._database.note(lambda db: acl.add_shares(db, owner, missing))

    def tidy(self, owner: AccountId, named: Callable[[], set[str]]) -> None:
        """Have the notes be what an owner's lists name.

        ``named`` reads the lists, inside the transaction: a note that comes later is
        of a commit that comes later. Not for the event thread.
        """

        def work(database: Database) -> None:
            noted, there = acl.shares_of(database, owner), named()
            acl.drop_shares(database, owner, noted - there)
            acl.add_shares(database, owner, there - noted)

        self._database.note(work)
