"""Whose mail must be there, and whose must not, by the directory.

An account is noted as entered once its folder is durable: a folder that is missing then
is on a volume that is not mounted, or lost, and must not be taken for that of somebody
who has never had mail. An account that is removed is noted until its folder is gone.
"""

from __future__ import annotations

from dataclasses import dataclass

from mailstore.index.database import Database
from mailstore.model import AccountId


@dataclass(frozen=True, slots=True)
class Known:
    """An account of the directory, and whether its mail must be there."""

    id: AccountId
    name: str
    entered: bool


def known(database: Database) -> list[Known]:
    """Give all accounts, the public one too; an older directory knows less of them."""
    entered = "entered" if _is_current(database) else "0"
    rows = database.all(f"SELECT id, name, {entered} FROM account ORDER BY key")
    return [Known(AccountId(id_), name, bool(was)) for id_, name, was in rows]


def note_entered(database: Database, id_: AccountId) -> None:
    """Note that an account's folder is there, and durable."""
    database.execute(
        "UPDATE account SET entered = 1 WHERE id = ? AND NOT entered", (id_,)
    )


def forget_entered(database: Database, id_: AccountId) -> None:
    """Let an account begin anew, whose folder is lost."""
    database.execute("UPDATE account SET entered = 0 WHERE id = ?", (id_,))


def note_removed(database: Database, id_: AccountId, now: int) -> None:
    """Note that the folder of an account is to go."""
    database.execute(
        "INSERT OR REPLACE INTO removed_account (id, at) VALUES (?, ?)", (id_, now)
    )


def forget_removed(database: Database, id_: AccountId) -> None:
    """Note that it is gone."""
    database.execute("DELETE FROM removed_account WHERE id = ?", (id_,))


def removed(database: Database) -> set[AccountId]:
    """Give the accounts whose folders are to go, and of which there is no account."""
    if not _is_current(database):
        return set()
    rows = database.all(
        "SELECT id FROM removed_account WHERE id NOT IN (SELECT id FROM account)"
    )
    return {AccountId(row[0]) for row in rows}


def _is_current(database: Database) -> bool:
    return database.has_table("removed_account")
