"""The directory: accounts, their names and passwords.

Names are compared without case and in one form of Unicode; an account's folder is
named by a random id, never by what somebody chose. Passwords are kept as bcrypt
hashes. A name that nobody has costs the same time as a wrong password. Several
processes may work on it at once. It must not know how a client proves a password.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import threading
import unicodedata
from collections.abc import Callable
from pathlib import Path

import bcrypt

from mailstore.errors import InvalidName, NotFound, NotPermitted
from mailstore.index import accounts
from mailstore.index.accounts import AccountRow
from mailstore.index.database import Database
from mailstore.lanes import Pool, Runtime, in_pool
from mailstore.model import AccountId

_MOST_NAME = 255  # octets
_MOST_PASSWORD = 1024
_BCRYPT_READS = 72  # octets; the rest of a longer password would not count


class Directory:
    """Who may log in. Reads on the event thread, writes by whoever administrates."""

    def __init__(self, path: Path, runtime: Runtime, *, bcrypt_cost: int = 12) -> None:
        self._runtime = runtime
        self._cost = bcrypt_cost
        self._database = Database.open(path, schema="directory")
        self._database.set_durable(True)
        self._reader = Database.open(path, writer=False, schema="directory")
        self._writing = threading.Lock()
        self._dummy = ""  # made when the first password is checked

    # -- reading

    def accounts(self) -> list[AccountRow]:
        """Give all accounts, by name."""
        return accounts.accounts(self._reader)

    def find(self, name: str) -> AccountRow | None:
        """Give the account that a name means, None if nobody has it."""
        try:
            key = lookup_key(name)
        except InvalidName:
            return None
        return accounts.account_with_key(self._reader, key)

    def by_id(self, id_: AccountId) -> AccountRow | None:
        """Give an account by its id."""
        return accounts.account_with_id(self._reader, id_)

    def version(self) -> int:
        """Give a number that differs after every change, also of other processes."""
        return self._reader.data_version()

    # -- writing

    def create(self, name: str, password: bytes) -> AccountId:
        """Make an account; takes as long as bcrypt does.

        Raises `InvalidName`, `AlreadyExists`, `NotPermitted` for an impossible
        password.
        """
        key = lookup_key(name)
        row = AccountRow(
            AccountId(secrets.token_hex(16)),
            unicodedata.normalize("NFC", name),
            _hash(prepared(password), self._cost),
            int(self._runtime.now()),
            disabled=False,
        )
        self._write(lambda database: accounts.add(database, row, key))
        return row.id

    def set_password(self, name: str, password: bytes) -> None:
        """Change a password. Raises `NotFound`, `NotPermitted`."""
        hashed = _hash(prepared(password), self._cost)
        id_ = self._existing(name).id
        self._write(lambda database: accounts.set_password(database, id_, hashed))

    def remove(self, name: str) -> AccountId:
        """Forget an account; its mail is removed by `Store.remove_account`.

        Raises `NotFound`.
        """
        id_ = self._existing(name).id
        self._write(lambda database: accounts.remove(database, id_))
        return id_

    def _existing(self, name: str) -> AccountRow:
        row = self.find(name)
        if row is None:
            raise NotFound("no such account")
        return row

    def _write(self, work: Callable[[Database], None]) -> None:
        with self._writing, self._database.transaction():
            work(self._database)

    # -- proof

    async def verify(self, name: str, password: bytes) -> AccountId | None:
        """Give the account that name and password prove, None if they don't.

        bcrypt runs in its own pool. Raises `Busy` when too many wait for it.
        """
        row = self.find(name)
        hashed = None if row is None or row.disabled else row.password
        try:
            octets = prepared(password)
        except NotPermitted:
            octets, hashed = b"x", None

        def compare() -> bool:
            # Made by the first check of all, whoever it is about.
            self._dummy = self._dummy or _hash(
                secrets.token_hex(8).encode(), self._cost
            )
            return _matches(octets, hashed or self._dummy)

        right = await in_pool(self._runtime, Pool.PASSWORD, compare)
        if not right or row is None or hashed is None:
            return None
        if _cost(hashed) != self._cost:
            await self._rehash(row, octets)
        return row.id

    async def _rehash(self, row: AccountRow, octets: bytes) -> None:
        """Bring a hash to the configured cost, unless the password was changed."""

        def work() -> None:
            hashed = _hash(octets, self._cost)

            def replace(database: Database) -> None:
                now = accounts.account_with_id(database, row.id)
                if now is not None and now.password == row.password:
                    accounts.set_password(database, row.id, hashed)

            self._write(replace)

        await in_pool(self._runtime, Pool.PASSWORD, work)

    def close(self) -> None:
        """Close the database."""
        self._reader.close()
        self._database.close()


def lookup_key(name: str) -> str:
    """Give the form in which names are compared. Raises `InvalidName`.

    In the spirit of RFC 8265 §3.3, UsernameCaseMapped.
    """
    normal = unicodedata.normalize("NFC", name)
    if not normal or len(normal.encode("utf-8", "replace")) > _MOST_NAME:
        raise InvalidName("a user name has 1 to 255 octets")
    if normal != normal.strip() or "/" in normal:
        raise InvalidName("a user name has no space at its ends, and no slash")
    if any(unicodedata.category(char) in ("Cc", "Cs", "Cn") for char in normal):
        raise InvalidName("a user name has no control characters")
    return unicodedata.normalize("NFC", normal.casefold())


def prepared(password: bytes) -> bytes:
    """Give what bcrypt is to read of a password. Raises `NotPermitted`.

    Unicode is brought to one form (RFC 8265 §4.2, OpaqueString); what bcrypt would
    cut off, beyond 72 octets, is hashed first so that all of it counts.
    """
    if not password or len(password) > _MOST_PASSWORD:
        raise NotPermitted(f"a password has 1 to {_MOST_PASSWORD} octets")
    if 0 in password:
        raise NotPermitted("a password has no NUL byte")
    try:
        text = password.decode("utf-8")
    except UnicodeDecodeError:
        octets = password
    else:
        spaces = "".join(
            " " if unicodedata.category(char) == "Zs" else char for char in text
        )
        octets = unicodedata.normalize("NFC", spaces).encode("utf-8")
    if len(octets) <= _BCRYPT_READS:
        return octets
    digest = hmac.new(b"imapd password", octets, hashlib.sha256).digest()
    return base64.b64encode(digest)


def _hash(octets: bytes, cost: int) -> str:
    return bcrypt.hashpw(octets, bcrypt.gensalt(cost)).decode("ascii")


def _matches(octets: bytes, hashed: str) -> bool:
    return bcrypt.checkpw(octets, hashed.encode("ascii"))


def _cost(hashed: str) -> int:
    return int(hashed.split("$")[2])
