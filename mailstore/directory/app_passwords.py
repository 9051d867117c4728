"""App passwords: one for each program, made by the server, to be revoked alone.

They are random, 80 bits of it: nobody guesses them, so that a plain digest protects
them as well as bcrypt would, and one look in an index finds them. Spaces, hyphens and
capitals don't count where a program sends the password itself; SCRAM wants it as it
was shown.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Collection

from mailstore.directory.database import DirectoryDatabase
from mailstore.directory.passwords import scram_keys
from mailstore.errors import InvalidName
from mailstore.index import credentials
from mailstore.index.credentials import AppPasswordRow, KeyRow
from mailstore.index.database import Database
from mailstore.model import AccountId

_ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"  # 32, without l, o, 0 and 1
_LENGTH = 16
_SHAPE = re.compile(rb"[a-km-np-z2-9]{16}")
_MOST_NAME = 100  # characters
_NOTE_SECONDS = 300  # a program that logs in all the time is noted so often


class AppPasswords:
    """The app passwords of all accounts."""

    def __init__(self, database: DirectoryDatabase) -> None:
        self._database = database

    def of(self, account: AccountId) -> list[AppPasswordRow]:
        """Give a person's app passwords, by name."""
        return credentials.app_passwords(self._database.reader, account)

    def find(self, account: AccountId, password: bytes) -> AppPasswordRow | None:
        """Give the app password that a person sent, if it is one of his."""
        compact = password.replace(b"-", b"").replace(b" ", b"").lower()
        if not _SHAPE.fullmatch(compact):
            return None
        reader = self._database.reader
        return credentials.app_password_with(reader, account, _digest(compact))

    def add(
        self,
        account: AccountId,
        name: str,
        *,
        now: int,
        protocols: Collection[str] = (),
        readonly: bool = False,
        expires: int | None = None,
    ) -> str:
        """Make an app password; gives it, this once.

        ``protocols``: none means all. Takes as long as SCRAM's iterations. Raises
        `AlreadyExists`, `InvalidName`.
        """
        if not name.strip() or len(name) > _MOST_NAME or not name.isprintable():
            raise InvalidName("the name of an app password has 1 to 100 characters")
        letters = "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))
        shown = "-".join(letters[at : at + 4] for at in range(0, _LENGTH, 4))
        row = AppPasswordRow(
            0, account, name, frozenset(protocols), readonly, now, expires, None, None
        )

        def work(database: Database) -> None:
            digest = _digest(letters.encode("ascii"))
            number = credentials.add_app_password(database, row, digest)
            _add_keys(database, account, number, shown.encode("ascii"))

        self._database.write(work)
        return shown

    def revoke(self, account: AccountId, name: str) -> None:
        """End an app password in every process at once. Raises `NotFound`."""
        self._database.write(
            lambda database: credentials.revoke_app_password(database, account, name)
        )

    def note_use(self, row: AppPasswordRow, now: int, address: str) -> None:
        """Note when and from where one was used; not each time if it is often."""
        if (
            row.used is not None
            and row.address == address
            and now - row.used < _NOTE_SECONDS
        ):
            return
        self._database.note(
            lambda database: credentials.note_use(database, row.id, now, address)
        )


def _digest(compact: bytes) -> bytes:
    return hashlib.sha256(b"imapd app password\x00" + compact).digest()


def _add_keys(
    database: Database, account: AccountId, number: int, shown: bytes
) -> None:
    for hash_ in ("SHA-256", "SHA-1"):
        known = credentials.salt(database, account, hash_)
        if known is not None:
            made = scram_keys(shown, known.salt, known.iterations, hash_)
            row = KeyRow(number, made.stored, made.server)
            credentials.set_key(database, account, hash_, row)
