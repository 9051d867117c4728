"""Access control lists as rows (RFC 4314), and in the directory whom they name.

It must not know what rights mean, nor whose they are.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable

from mailstore.errors import NotFound, TooMany
from mailstore.index.database import Database
from mailstore.model import AccountId, MailboxId
from mailstore.rights import NEGATIVE, Acl, Grant, Right, parse_rights, write_rights


def acl_of(database: Database, mailbox: MailboxId) -> Acl:
    """Give a mailbox's list, in a fixed order."""
    rows = database.all(
        "SELECT identifier, rights FROM acl WHERE mailbox = ? ORDER BY identifier",
        (mailbox,),
    )
    return tuple([Grant.of(key, parse_rights(letters)) for key, letters in rows])


def all_acls(database: Database) -> dict[MailboxId, Acl]:
    """Give the lists of all mailboxes that have one."""
    found: dict[MailboxId, list[Grant]] = {}
    rows = database.all(
        "SELECT mailbox, identifier, rights FROM acl ORDER BY mailbox, identifier"
    )
    for mailbox, key, letters in rows:
        grant = Grant.of(key, parse_rights(letters))
        found.setdefault(MailboxId(mailbox), []).append(grant)
    return {mailbox: tuple(grants) for mailbox, grants in found.items()}


def count(database: Database) -> int:
    """Count the entries of all lists."""
    row = database.one("SELECT count(*) FROM acl")
    return int(row[0]) if row else 0


def named(database: Database) -> set[str]:
    """Give all identifiers that were given something."""
    rows = database.all("SELECT DISTINCT identifier FROM acl")
    return {key for (key,) in rows if not key.startswith(NEGATIVE)}


def check_name(database: Database, mailbox: MailboxId, name: str) -> None:
    """Check that a name is still that mailbox's. Raises `NotFound`."""
    row = database.one("SELECT id FROM mailbox WHERE name = ?", (name,))
    if row != (mailbox,):
        raise NotFound


def check_count(database: Database, mailbox: MailboxId, most: int) -> None:
    """Bound a list. Raises `TooMany`."""
    if len(acl_of(database, mailbox)) > most:
        raise TooMany(f"a list of rights can have {most} entries")


def put(database: Database, mailbox: MailboxId, key: str, rights: Right) -> None:
    """Set an entry of a list."""
    database.execute(
        "INSERT INTO acl (mailbox, identifier, rights) VALUES (?, ?, ?)"
        " ON CONFLICT (mailbox, identifier) DO UPDATE SET rights = excluded.rights",
        (mailbox, key, write_rights(rights)),
    )
    _grow(database)


def drop(database: Database, mailbox: MailboxId, key: str) -> None:
    """Take an entry off a list, if it is there."""
    database.execute(
        "DELETE FROM acl WHERE mailbox = ? AND identifier = ?", (mailbox, key)
    )
    _grow(database)


def inherit(database: Database, parent: str, name: str) -> None:
    """Give a mailbox the list of its superior (RFC 4314 §4: CREATE)."""
    made = database.all(
        "INSERT OR IGNORE INTO acl (mailbox, identifier, rights)"
        " SELECT n.id, a.identifier, a.rights FROM mailbox m JOIN acl a"
        " ON a.mailbox = m.id JOIN mailbox n ON n.name = ? WHERE m.name = ?"
        " RETURNING 1",
        (name, parent),
    )
    if made:
        _grow(database)


def give(database: Database, source: MailboxId, target: MailboxId) -> None:
    """Give a mailbox the list of another one, in place of its own."""
    database.execute("DELETE FROM acl WHERE mailbox = ?", (target,))
    database.execute(
        "INSERT INTO acl (mailbox, identifier, rights)"
        " SELECT ?, identifier, rights FROM acl WHERE mailbox = ?",
        (target, source),
    )
    _grow(database)


def _grow(database: Database) -> None:
    database.execute("UPDATE account SET acl_version = acl_version + 1")


# -- in the directory


def owners_for(database: Database, identifiers: Collection[str]) -> list[AccountId]:
    """Give the owners that may have given something to some identifiers, in order."""
    rows = database.all(
        "SELECT DISTINCT owner FROM share"
        " WHERE identifier IN (SELECT value FROM json_each(?)) ORDER BY owner",
        (json.dumps(sorted(identifiers)),),
    )
    return [AccountId(owner) for (owner,) in rows]


def shares_of(database: Database, owner: AccountId) -> set[str]:
    """Give the identifiers that an owner may have given something."""
    rows = database.all("SELECT identifier FROM share WHERE owner = ?", (owner,))
    return {identifier for (identifier,) in rows}


def add_shares(
    database: Database, owner: AccountId, identifiers: Iterable[str]
) -> None:
    """Note that an owner is about to give something."""
    database.many(
        "INSERT OR IGNORE INTO share (identifier, owner) VALUES (?, ?)",
        [(identifier, owner) for identifier in identifiers],
    )


def drop_shares(
    database: Database, owner: AccountId, identifiers: Iterable[str]
) -> None:
    """Note that an owner gives nothing any more."""
    database.many(
        "DELETE FROM share WHERE identifier = ? AND owner = ?",
        [(identifier, owner) for identifier in identifiers],
    )


def forget_account(database: Database, account: AccountId, identifier: str) -> None:
    """Forget what an account gave and was given."""
    database.execute(
        "DELETE FROM share WHERE owner = ? OR identifier = ?", (account, identifier)
    )
