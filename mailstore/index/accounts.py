"""Accounts as rows of the directory: who may log in, and by which password hash."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from mailstore.errors import AlreadyExists, NotFound
from mailstore.index.database import Database
from mailstore.model import AccountId

_COLUMNS = "id, name, password, created, disabled"


@dataclass(frozen=True, slots=True)
class AccountRow:
    """One account."""

    id: AccountId
    name: str
    password: str = field(repr=False)
    created: int  # seconds since the epoch
    disabled: bool


def _row(values: tuple[Any, ...]) -> AccountRow:
    id_, name, password, created, disabled = values
    return AccountRow(AccountId(id_), name, password, created, bool(disabled))


def accounts(database: Database) -> list[AccountRow]:
    """Give all accounts, by name."""
    rows = database.all(f"SELECT {_COLUMNS} FROM account ORDER BY key")
    return [_row(values) for values in rows]


def account_with_key(database: Database, key: str) -> AccountRow | None:
    """Give the account that a name means."""
    values = database.one(f"SELECT {_COLUMNS} FROM account WHERE key = ?", (key,))
    return None if values is None else _row(values)


def account_with_id(database: Database, id_: AccountId) -> AccountRow | None:
    """Give an account by its id."""
    values = database.one(f"SELECT {_COLUMNS} FROM account WHERE id = ?", (id_,))
    return None if values is None else _row(values)


def add(database: Database, row: AccountRow, key: str) -> None:
    """Add an account. Raises `AlreadyExists`."""
    if account_with_key(database, key) is not None:
        raise AlreadyExists("there is an account of that name")
    database.execute(
        "INSERT INTO account (id, key, name, password, created) VALUES (?, ?, ?, ?, ?)",
        (row.id, key, row.name, row.password, row.created),
    )


def set_password(database: Database, id_: AccountId, password: str) -> None:
    """Change an account's password hash. Raises `NotFound`."""
    changed = database.one(
        "UPDATE account SET password = ? WHERE id = ? RETURNING id", (password, id_)
    )
    if changed is None:
        raise NotFound("no such account")


def remove(database: Database, id_: AccountId) -> None:
    """Forget an account. Raises `NotFound`."""
    gone = database.one("DELETE FROM account WHERE id = ? RETURNING id", (id_,))
    if gone is None:
        raise NotFound("no such account")
