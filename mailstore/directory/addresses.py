"""Domains, aliases and groups: names that lead to accounts."""

from __future__ import annotations

from collections.abc import Iterable

from mailstore.directory.database import DirectoryDatabase
from mailstore.directory.names import lookup_key, normal, parted
from mailstore.errors import InvalidName
from mailstore.index import accounts, addresses
from mailstore.index.addresses import AliasRow, DomainRow, GroupRow
from mailstore.index.database import Database
from mailstore.model import AccountId


class Addresses:
    """Which accounts an address leads to.

    ``default_domain`` is added to, or taken off, a name that nobody has otherwise.
    """

    def __init__(self, database: DirectoryDatabase, default_domain: str = "") -> None:
        self._database = database
        self._default = lookup_key(default_domain) if default_domain else ""

    def accounts(self, address: str) -> list[AccountId]:
        """Give the accounts that a name or address leads to; none: nobody.

        An account's own name comes before an alias; then the domain that the
        address's domain stands for, then the default domain.
        """
        try:
            key = lookup_key(address)
        except InvalidName:
            return []
        for one in self._forms(key):
            found = accounts.account_with_key(self._database.reader, one)
            if found is not None:
                return [found.id]
            targets = addresses.alias_targets(self._database.reader, one)
            if targets:
                return targets
        return []

    def catch_all(self, address: str) -> list[AccountId]:
        """Give the accounts that get what is nobody's in the address's domain.

        They are those of the alias ``@domain``.
        """
        try:
            local, domain = parted(lookup_key(address))
        except InvalidName:
            return []
        if not local or domain is None:
            return []
        return self.accounts(f"@{domain}")

    def group_keys(self, address: str) -> list[str]:
        """Give the names that a group of that address may have."""
        try:
            return list(self._forms(lookup_key(address)))
        except InvalidName:
            return []

    def _forms(self, key: str) -> Iterable[str]:
        yield key
        local, domain = parted(key)
        if domain is None:
            if self._default:
                yield f"{local}@{self._default}"
            return
        known = addresses.domain(self._database.reader, domain)
        if known is not None and known.target is not None:
            domain = known.target
            yield f"{local}@{domain}"
        if domain == self._default and local:
            yield local

    # -- domains

    def domains(self) -> list[DomainRow]:
        """Give all domains, by name."""
        return addresses.domains(self._database.reader)

    def is_domain(self, name: str) -> bool:
        """Tell whether a domain is ours: it was added, or is the default."""
        try:
            key = _domain_key(name)
        except InvalidName:
            return False
        if self._default and key == self._default:
            return True
        return addresses.domain(self._database.reader, key) is not None

    def add_domain(self, name: str, stands_for: str | None = None) -> None:
        """Add a domain. Raises `AlreadyExists`, `InvalidName`, `NotFound`."""
        key = _domain_key(name)
        target = None if stands_for is None else _domain_key(stands_for)
        row = DomainRow(key, normal(name), target)
        self._database.write(lambda database: addresses.add_domain(database, row))

    def remove_domain(self, name: str) -> None:
        """Forget a domain. Raises `NotFound`, `InvalidName`."""
        key = _domain_key(name)
        self._database.write(lambda database: addresses.remove_domain(database, key))

    # -- aliases

    def aliases(self) -> list[AliasRow]:
        """Give all aliases, by name."""
        return addresses.aliases(self._database.reader)

    def add_alias(self, name: str, account: AccountId) -> None:
        """Have an address lead to an account. Raises `AlreadyExists`, `InvalidName`."""
        key, shown = lookup_key(name), normal(name)
        self._database.write(
            lambda database: addresses.add_alias(database, key, shown, account)
        )

    def remove_alias(self, name: str, account: AccountId | None = None) -> None:
        """Forget an alias, or one account of it. Raises `NotFound`, `InvalidName`."""
        key = lookup_key(name)
        self._database.write(
            lambda database: addresses.remove_alias(database, key, account)
        )


def _domain_key(name: str) -> str:
    key = lookup_key(name)
    if "@" in key or key.startswith(".") or key.endswith("."):
        raise InvalidName("a domain is written as example.org")
    return key


class Groups:
    """Groups of accounts. Rights are given to them elsewhere."""

    def __init__(self, database: DirectoryDatabase) -> None:
        self._database = database

    def all(self) -> list[GroupRow]:
        """Give all groups, by name."""
        return addresses.groups(self._database.reader)

    def of(self, account: AccountId) -> list[str]:
        """Give the names of the groups that an account is in."""
        found = addresses.groups_of(self._database.reader, account)
        return [row.name for row in found]

    def members(self, name: str) -> list[AccountId]:
        """Give a group's accounts; none if there is no such group."""
        return addresses.members(self._database.reader, lookup_key(name))

    def add(self, name: str) -> None:
        """Make a group. Raises `AlreadyExists`, `InvalidName`."""
        row = GroupRow(lookup_key(name), normal(name))
        self._database.write(lambda database: addresses.add_group(database, row))

    def remove(self, name: str) -> None:
        """Forget a group. Raises `NotFound`, `InvalidName`."""
        key = lookup_key(name)
        self._database.write(lambda database: addresses.remove_group(database, key))

    def join(self, name: str, account: AccountId) -> None:
        """Put an account into a group. Raises `NotFound`, `InvalidName`."""
        key = lookup_key(name)
        self._database.write(
            lambda database: addresses.join(database, key, account, "")
        )

    def leave(self, name: str, account: AccountId) -> None:
        """Take an account out of a group. Raises `NotFound`, `InvalidName`."""
        key = lookup_key(name)
        self._database.write(lambda database: addresses.leave(database, key, account))

    def are(self, account: AccountId, names: Iterable[str], source: str) -> bool:
        """Tell whether a source's groups of an account are just these."""
        reader = self._database.reader
        told = addresses.keys_from(reader, account, source)
        held = {row.key for row in addresses.groups_of(reader, account)}
        wanted = set(_wanted(names))
        return told <= wanted <= held

    def follow(self, account: AccountId, names: Iterable[str], source: str) -> None:
        """Have an account be in just these of a source's groups, made where needed.

        What an administrator has done is left alone. Names that cannot be groups
        are passed over.
        """
        wanted = _wanted(names)

        def work(database: Database) -> None:
            addresses.leave_all(database, account, source)
            for key, name in wanted.items():
                if addresses.group(database, key) is None:
                    addresses.add_group(database, GroupRow(key, name))
                addresses.join(database, key, account, source)

        self._database.write(work)


def _wanted(names: Iterable[str]) -> dict[str, str]:
    found = {}
    for name in names:
        try:
            found[lookup_key(name)] = normal(name)
        except InvalidName:
            continue
    return found
