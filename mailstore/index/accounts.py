"""Accounts as rows of the directory: who may log in, and by which password hash."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from mailstore.errors import AlreadyExists, NotFound
from mailstore.index import acl
from mailstore.index.database import Database
from mailstore.model import AccountId
from mailstore.rights import of_user

_COLUMNS = "id, name, password, created, disabled, admin, recoverable, entered"
_OF_ACCOUNT = ("scram_salt", "scram_key", "app_password", "alias", "membership")


PUBLIC = "/public"
"""The name of who owns what no person owns. Nobody can have it, or log in as it."""


@dataclass(frozen=True, slots=True)
class AccountRow:
    """One account. ``password`` is empty when it isn't for us to check."""

    id: AccountId
    name: str
    password: str = field(repr=False)
    created: int  # seconds since the epoch
    disabled: bool = False
    admin: bool = False
    recoverable: bytes | None = field(default=None, repr=False)
    entered: bool = False  # its folder was made

    @property
    def public(self) -> bool:
        """Whether it is no person, but the owner of the public mailboxes."""
        return self.name == PUBLIC


def _row(values: tuple[Any, ...]) -> AccountRow:
    id_, name, password, created, disabled, admin, recoverable, entered = values
    return AccountRow(
        AccountId(id_),
        name,
        password,
        created,
        bool(disabled),
        bool(admin),
        recoverable,
        bool(entered),
    )


def accounts(database: Database) -> list[AccountRow]:
    """Give all people's accounts, by name."""
    rows = database.all(
        f"SELECT {_COLUMNS} FROM account WHERE key <> ? ORDER BY key", (PUBLIC,)
    )
    return [_row(values) for values in rows]


def account_with_key(database: Database, key: str) -> AccountRow | None:
    """Give the account that a name means."""
    values = database.one(f"SELECT {_COLUMNS} FROM account WHERE key = ?", (key,))
    return None if values is None else _row(values)


def account_with_id(database: Database, id_: AccountId) -> AccountRow | None:
    """Give an account by its id."""
    values = database.one(f"SELECT {_COLUMNS} FROM account WHERE id = ?", (id_,))
    return None if values is None else _row(values)


def enabled(database: Database, ids: Sequence[AccountId]) -> set[AccountId]:
    """Give those of some accounts that are there and not disabled."""
    rows = database.all(
        "SELECT id FROM account WHERE NOT disabled"
        " AND id IN (SELECT value FROM json_each(?))",
        (json.dumps(list(ids)),),
    )
    return {AccountId(row[0]) for row in rows}


def add(database: Database, row: AccountRow, key: str) -> None:
    """Add an account. Raises `AlreadyExists`."""
    if account_with_key(database, key) is not None:
        raise AlreadyExists("there is an account of that name")
    if database.one("SELECT 1 FROM alias WHERE key = ?", (key,)):
        raise AlreadyExists("there is an alias of that name")
    database.execute(
        "INSERT INTO account (id, key, name, password, created, admin, recoverable) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            row.id,
            key,
            row.name,
            row.password,
            row.created,
            int(row.admin),
            row.recoverable,
        ),
    )


def set_password(
    database: Database, id_: AccountId, password: str, recoverable: bytes | None
) -> None:
    """Change an account's password hash. Raises `NotFound`."""
    _changed(
        database,
        "UPDATE account SET password = ?, recoverable = ? WHERE id = ? RETURNING id",
        (password, recoverable, id_),
    )


def set_hash(database: Database, id_: AccountId, before: str, after: str) -> None:
    """Bring a password's hash to another cost, unless it was changed meanwhile."""
    database.execute(
        "UPDATE account SET password = ? WHERE id = ? AND password = ?",
        (after, id_, before),
    )


def set_disabled(database: Database, id_: AccountId, *, disabled: bool) -> None:
    """Shut an account out, or let it in again. Raises `NotFound`."""
    _changed(
        database,
        "UPDATE account SET disabled = ? WHERE id = ? RETURNING id",
        (int(disabled), id_),
    )


def set_admin(database: Database, id_: AccountId, *, admin: bool) -> None:
    """Give or take the right to act for others. Raises `NotFound`."""
    _changed(
        database,
        "UPDATE account SET admin = ? WHERE id = ? RETURNING id",
        (int(admin), id_),
    )


def remove(database: Database, id_: AccountId) -> None:
    """Forget an account with all that is kept of it. Raises `NotFound`."""
    _changed(database, "DELETE FROM account WHERE id = ? RETURNING id", (id_,))
    for table in _OF_ACCOUNT:
        database.execute(f"DELETE FROM {table} WHERE account = ?", (id_,))
    database.execute("DELETE FROM metadata WHERE owner = ?", (id_,))
    acl.forget_account(database, id_, of_user(id_))


def _changed(database: Database, sql: str, values: tuple[Any, ...]) -> None:
    if database.one(sql, values) is None:
        raise NotFound("no such account")


def generation(database: Database) -> int:
    """Give the number of changes that may have ended a proof."""
    row = database.one("SELECT generation FROM about")
    return int(row[0]) if row else 0


def next_generation(database: Database) -> None:
    """Have every process forget the proofs that it remembers."""
    database.execute("UPDATE about SET generation = generation + 1")


def secret(database: Database) -> bytes:
    """Give the directory's own secret, which never leaves it."""
    row = database.one("SELECT secret FROM about")
    return bytes(row[0]) if row and row[0] else b""
