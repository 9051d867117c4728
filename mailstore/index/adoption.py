"""A person's rows in a directory, taken from a copy of it into the present one.

Credentials, aliases and groups come along; an alias whose address is taken, or a group
that is no more, stays behind. The account gets the id that the caller gives it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from mailstore.index import accounts
from mailstore.index.accounts import AccountRow
from mailstore.index.database import Database
from mailstore.model import AccountId

_Rows = list[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class PersonRows:
    """All that a directory keeps of one person."""

    account: AccountRow
    key: str
    salts: _Rows = field(repr=False)
    keys: _Rows = field(repr=False)
    app_passwords: _Rows = field(repr=False)
    aliases: _Rows
    groups: _Rows


def of_person(database: Database, id_: AccountId) -> PersonRows | None:
    """Read a person's rows."""
    row = accounts.account_with_id(database, id_)
    found = database.one("SELECT key FROM account WHERE id = ?", (id_,))
    if row is None or found is None:
        return None

    def rows(sql: str) -> _Rows:
        return database.all(sql, (id_,))

    return PersonRows(
        row,
        str(found[0]),
        rows("SELECT hash, salt, iterations FROM scram_salt WHERE account = ?"),
        rows(
            "SELECT hash, credential, stored, server FROM scram_key WHERE account = ?"
        ),
        rows(
            "SELECT id, name, digest, protocols, readonly, created, expires, used,"
            " address FROM app_password WHERE account = ?"
        ),
        rows("SELECT key, name FROM alias WHERE account = ?"),
        rows("SELECT person_group, source FROM membership WHERE account = ?"),
    )


def adopt(database: Database, person: PersonRows, id_: AccountId) -> None:
    """Add a person of another directory. Raises `AlreadyExists`."""
    row = replace(person.account, id=id_)
    accounts.add(database, row, person.key)
    if row.disabled:
        accounts.set_disabled(database, id_, disabled=True)
    database.many(
        "INSERT INTO scram_salt (account, hash, salt, iterations) VALUES (?, ?, ?, ?)",
        [(id_, *rest) for rest in person.salts],
    )
    numbers: dict[int, int] = {0: 0}
    for number, *rest in person.app_passwords:
        made = database.one(
            "INSERT INTO app_password (account, name, digest, protocols, readonly,"
            " created, expires, used, address) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
            " RETURNING id",
            (id_, *rest),
        )
        numbers[number] = int(made[0]) if made else 0
    database.many(
        "INSERT INTO scram_key (account, hash, credential, stored, server)"
        " VALUES (?, ?, ?, ?, ?)",
        [
            (id_, hash_, numbers[credential], *rest)
            for hash_, credential, *rest in person.keys
            if credential in numbers
        ],
    )
    database.many(
        "INSERT OR IGNORE INTO alias (key, name, account) SELECT ?1, ?2, ?3"
        " WHERE NOT EXISTS (SELECT 1 FROM account WHERE key = ?1)",
        [(*rest, id_) for rest in person.aliases],
    )
    database.many(
        "INSERT OR IGNORE INTO membership (person_group, account, source)"
        " SELECT ?1, ?3, ?2 WHERE EXISTS (SELECT 1 FROM person_group WHERE key = ?1)",
        [(*rest, id_) for rest in person.groups],
    )
