"""SCRAM keys and app passwords as rows of the directory."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from mailstore.errors import AlreadyExists, NotFound
from mailstore.index.database import Database
from mailstore.model import AccountId

PASSWORD = 0
"""The number of the password itself among a person's credentials."""

_APP = "id, account, name, protocols, readonly, created, expires, used, address"


@dataclass(frozen=True, slots=True)
class SaltRow:
    """What the server tells a client before it proves anything."""

    salt: bytes
    iterations: int


@dataclass(frozen=True, slots=True)
class KeyRow:
    """What proves one credential (RFC 5802 §3: StoredKey, ServerKey)."""

    credential: int
    stored: bytes = field(repr=False)
    server: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class AppPasswordRow:
    """One app password, without the password. Times in seconds since the epoch."""

    id: int
    account: AccountId
    name: str
    protocols: frozenset[str]  # empty: all
    readonly: bool
    created: int
    expires: int | None
    used: int | None
    address: str | None

    def allows(self, protocol: str, now: float) -> bool:
        """Tell whether it is good for a protocol at a time."""
        if self.expires is not None and now >= self.expires:
            return False
        return not self.protocols or protocol in self.protocols


def _app(values: tuple[Any, ...]) -> AppPasswordRow:
    id_, account, name, protocols, readonly, *times = values
    return AppPasswordRow(
        id_,
        AccountId(account),
        name,
        frozenset(protocols.split()),
        bool(readonly),
        *times,
    )


# -- SCRAM


def salt(database: Database, account: AccountId, hash_: str) -> SaltRow | None:
    """Give a person's salt and count for a hash, None if there are no keys."""
    row = database.one(
        "SELECT salt, iterations FROM scram_salt WHERE account = ? AND hash = ?",
        (account, hash_),
    )
    return None if row is None else SaltRow(*row)


def iterations_near(database: Database, account: str, hash_: str) -> int | None:
    """Give the count of the person whose id is the next to ``account``."""
    row = database.one(
        "SELECT iterations FROM scram_salt WHERE account >= ? AND hash = ?"
        " ORDER BY account LIMIT 1",
        (account, hash_),
    )
    return None if row is None else int(row[0])


def set_salt(database: Database, account: AccountId, hash_: str, row: SaltRow) -> None:
    """Set a person's salt; keys made with another one are dropped."""
    database.execute(
        "INSERT OR REPLACE INTO scram_salt VALUES (?, ?, ?, ?)",
        (account, hash_, row.salt, row.iterations),
    )
    database.execute(
        "DELETE FROM scram_key WHERE account = ? AND hash = ?", (account, hash_)
    )


def keys(database: Database, account: AccountId, hash_: str) -> list[KeyRow]:
    """Give the keys of a person's credentials, the password's first."""
    rows = database.all(
        "SELECT credential, stored, server FROM scram_key "
        "WHERE account = ? AND hash = ? ORDER BY credential",
        (account, hash_),
    )
    return [KeyRow(*row) for row in rows]


def set_key(database: Database, account: AccountId, hash_: str, row: KeyRow) -> None:
    """Set the key of one credential."""
    database.execute(
        "INSERT OR REPLACE INTO scram_key VALUES (?, ?, ?, ?, ?)",
        (account, hash_, row.credential, row.stored, row.server),
    )


def drop_keys(database: Database, account: AccountId, credential: int) -> None:
    """Forget the keys of one credential."""
    database.execute(
        "DELETE FROM scram_key WHERE account = ? AND credential = ?",
        (account, credential),
    )


# -- app passwords


def app_passwords(database: Database, account: AccountId) -> list[AppPasswordRow]:
    """Give a person's app passwords, by name."""
    rows = database.all(
        f"SELECT {_APP} FROM app_password WHERE account = ? ORDER BY name", (account,)
    )
    return [_app(row) for row in rows]


def app_password_with(
    database: Database, account: AccountId, digest: bytes
) -> AppPasswordRow | None:
    """Give a person's app password with a digest."""
    row = database.one(
        f"SELECT {_APP} FROM app_password WHERE account = ? AND digest = ?",
        (account, digest),
    )
    return None if row is None else _app(row)


def add_app_password(database: Database, row: AppPasswordRow, digest: bytes) -> int:
    """Add an app password; gives its number. Raises `AlreadyExists`."""
    taken = database.one(
        "SELECT 1 FROM app_password WHERE account = ? AND name = ?",
        (row.account, row.name),
    )
    if taken is not None:
        raise AlreadyExists("there is an app password of that name")
    added = database.one(
        "INSERT INTO app_password "
        "(account, name, digest, protocols, readonly, created, expires) "
        "VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING id",
        (
            row.account,
            row.name,
            digest,
            " ".join(sorted(row.protocols)),
            int(row.readonly),
            row.created,
            row.expires,
        ),
    )
    assert added is not None
    return int(added[0])


def revoke_app_password(database: Database, account: AccountId, name: str) -> None:
    """Forget an app password and its keys. Raises `NotFound`."""
    row = database.one(
        "DELETE FROM app_password WHERE account = ? AND name = ? RETURNING id",
        (account, name),
    )
    if row is None:
        raise NotFound("no such app password")
    drop_keys(database, account, int(row[0]))


def note_use(database: Database, id_: int, now: int, address: str) -> None:
    """Note when and from where an app password was used."""
    database.execute(
        "UPDATE app_password SET used = ?, address = ? WHERE id = ?",
        (now, address, id_),
    )
