"""Domains, aliases and groups as rows of the directory. Keys are compared forms."""

from __future__ import annotations

from dataclasses import dataclass

from mailstore.errors import AlreadyExists, NotFound
from mailstore.index.database import Database
from mailstore.model import AccountId


@dataclass(frozen=True, slots=True)
class DomainRow:
    """A domain of ours; ``target`` is the key of the one that it stands for."""

    key: str
    name: str
    target: str | None


@dataclass(frozen=True, slots=True)
class AliasRow:
    """An address that leads to an account."""

    name: str
    account: AccountId


@dataclass(frozen=True, slots=True)
class GroupRow:
    """A group of accounts."""

    key: str
    name: str


def domains(database: Database) -> list[DomainRow]:
    """Give all domains, by name."""
    rows = database.all("SELECT key, name, target FROM domain ORDER BY key")
    return [DomainRow(*row) for row in rows]


def domain(database: Database, key: str) -> DomainRow | None:
    """Give one domain."""
    row = database.one("SELECT key, name, target FROM domain WHERE key = ?", (key,))
    return None if row is None else DomainRow(*row)


def add_domain(database: Database, row: DomainRow) -> None:
    """Add a domain. Raises `AlreadyExists`, `NotFound` for its target."""
    if domain(database, row.key) is not None:
        raise AlreadyExists("there is such a domain")
    if row.target is not None:
        target = domain(database, row.target)
        if target is None or target.target is not None:
            raise NotFound("no such domain to stand for")
    database.execute(
        "INSERT INTO domain VALUES (?, ?, ?)", (row.key, row.name, row.target)
    )


def remove_domain(database: Database, key: str) -> None:
    """Forget a domain, with those that stand for it. Raises `NotFound`."""
    if domain(database, key) is None:
        raise NotFound("no such domain")
    database.execute("DELETE FROM domain WHERE key = ? OR target = ?", (key, key))


def aliases(database: Database) -> list[AliasRow]:
    """Give all aliases, by name."""
    rows = database.all("SELECT name, account FROM alias ORDER BY key, account")
    return [AliasRow(name, AccountId(account)) for name, account in rows]


def alias_targets(database: Database, key: str) -> list[AccountId]:
    """Give the accounts that an alias leads to."""
    rows = database.all(
        "SELECT account FROM alias WHERE key = ? ORDER BY account", (key,)
    )
    return [AccountId(account) for (account,) in rows]


def add_alias(database: Database, key: str, name: str, account: AccountId) -> None:
    """Have an address lead to an account. Raises `AlreadyExists`."""
    if database.one("SELECT 1 FROM account WHERE key = ?", (key,)):
        raise AlreadyExists("there is an account of that name")
    if account in alias_targets(database, key):
        raise AlreadyExists("that alias leads there already")
    database.execute("INSERT INTO alias VALUES (?, ?, ?)", (key, name, account))


def remove_alias(database: Database, key: str, account: AccountId | None) -> None:
    """Forget an alias, or one of its accounts. Raises `NotFound`."""
    gone = database.all(
        "DELETE FROM alias WHERE key = ? AND (?2 IS NULL OR account = ?2) "
        "RETURNING account",
        (key, account),
    )
    if not gone:
        raise NotFound("no such alias")


def groups(database: Database) -> list[GroupRow]:
    """Give all groups, by name."""
    rows = database.all("SELECT key, name FROM person_group ORDER BY key")
    return [GroupRow(*row) for row in rows]


def group(database: Database, key: str) -> GroupRow | None:
    """Give one group."""
    row = database.one("SELECT key, name FROM person_group WHERE key = ?", (key,))
    return None if row is None else GroupRow(*row)


def add_group(database: Database, row: GroupRow) -> None:
    """Make a group. Raises `AlreadyExists`."""
    if group(database, row.key) is not None:
        raise AlreadyExists("there is such a group")
    database.execute("INSERT INTO person_group VALUES (?, ?)", (row.key, row.name))


def remove_group(database: Database, key: str) -> None:
    """Forget a group. Raises `NotFound`."""
    if group(database, key) is None:
        raise NotFound("no such group")
    database.execute("DELETE FROM person_group WHERE key = ?", (key,))
    database.execute("DELETE FROM membership WHERE person_group = ?", (key,))


def members(database: Database, key: str) -> list[AccountId]:
    """Give a group's accounts."""
    rows = database.all(
        "SELECT account FROM membership WHERE person_group = ? ORDER BY account", (key,)
    )
    return [AccountId(account) for (account,) in rows]


def groups_of(database: Database, account: AccountId) -> list[GroupRow]:
    """Give the groups that an account is in, by name."""
    rows = database.all(
        "SELECT g.key, g.name FROM membership m JOIN person_group g "
        "ON g.key = m.person_group WHERE m.account = ? ORDER BY g.key",
        (account,),
    )
    return [GroupRow(*row) for row in rows]


def keys_from(database: Database, account: AccountId, source: str) -> set[str]:
    """Give the groups that a source has put an account into."""
    rows = database.all(
        "SELECT person_group FROM membership WHERE account = ? AND source = ?",
        (account, source),
    )
    return {key for (key,) in rows}


def join(database: Database, key: str, account: AccountId, source: str) -> None:
    """Put an account into a group; no error if it is there. Raises `NotFound`."""
    if group(database, key) is None:
        raise NotFound("no such group")
    database.execute(
        "INSERT OR IGNORE INTO membership VALUES (?, ?, ?)", (key, account, source)
    )


def leave(database: Database, key: str, account: AccountId) -> None:
    """Take an account out of a group. Raises `NotFound`."""
    gone = database.one(
        "DELETE FROM membership WHERE person_group = ? AND account = ? RETURNING 1",
        (key, account),
    )
    if gone is None:
        raise NotFound("not in that group")


def leave_all(database: Database, account: AccountId, source: str) -> None:
    """Take an account out of the groups that a source has put it into."""
    database.execute(
        "DELETE FROM membership WHERE account = ? AND source = ?", (account, source)
    )
