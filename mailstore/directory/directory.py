"""The directory: accounts, their names and what proves them.

Names are compared without case and in one form of Unicode; an account's folder is
named by a random id, never by what somebody chose. Passwords are kept as bcrypt
hashes, and as the keys of SCRAM beside them. A name that nobody has costs the same
time as a wrong password. Several processes may work on it at once. It must not know
how a client proves a password.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mailstore.directory.addresses import Addresses, Groups
from mailstore.directory.app_passwords import AppPasswords
from mailstore.directory.database import DirectoryDatabase
from mailstore.directory.metadata import ServerMetadata
from mailstore.directory.names import lookup_key, normal
from mailstore.directory.passwords import (
    SCRAM_HASHES,
    cost_of,
    hashed,
    matches,
    prepared,
    scram_keys,
)
from mailstore.directory.sharing import Sharing
from mailstore.errors import Busy, InvalidName, NotFound, NotPermitted
from mailstore.index import accounts, credentials, presence
from mailstore.index.accounts import PUBLIC, AccountRow
from mailstore.index.adoption import PersonRows, adopt
from mailstore.index.credentials import PASSWORD, AppPasswordRow, KeyRow, SaltRow
from mailstore.index.database import Database
from mailstore.lanes import Pool, Runtime, in_pool
from mailstore.model import AccountId

_SALT = 16  # octets
_EVERY_PROTOCOL = ""


@dataclass(frozen=True, slots=True)
class DirectoryOptions:
    """How the directory keeps passwords."""

    bcrypt_cost: int = 12
    scram_hashes: tuple[str, ...] = SCRAM_HASHES  # for which keys are made
    scram_iterations: int = 20_000
    default_domain: str = ""
    waiting: int = 200  # passwords that may wait to be checked


@dataclass(frozen=True, slots=True)
class Proof:
    """What a right password proves. ``by``: the app password that it was, if any."""

    account: AccountId
    by: AppPasswordRow | None = None

    @property
    def readonly(self) -> bool:
        """Whether it lets its bearer change nothing."""
        return self.by is not None and self.by.readonly


@dataclass(frozen=True, slots=True)
class ScramOffer:
    """What SCRAM tells a client, and what may prove it (RFC 5802 §3).

    Nobody's offer looks like anybody's: its keys are empty.
    """

    salt: bytes
    iterations: int
    keys: tuple[tuple[KeyRow, Proof], ...] = field(default=(), repr=False)


class Directory:
    """Who may log in. Reads on the event thread, writes by whoever administrates."""

    def __init__(
        self, path: Path, runtime: Runtime, options: DirectoryOptions | None = None
    ) -> None:
        self._runtime = runtime
        self._options = options or DirectoryOptions()
        self._database = DirectoryDatabase(path, runtime.turn)
        self._waiting = 0
        self._dummy = ""  # made when the first password is checked
        self.app_passwords = AppPasswords(self._database)
        self.addresses = Addresses(self._database, self._options.default_domain)
        self.groups = Groups(self._database)
        self.metadata = ServerMetadata(self._database, runtime)
        self.sharing = Sharing(self._database)

    # -- reading

    def accounts(self) -> list[AccountRow]:
        """Give all people's accounts, by name."""
        return accounts.accounts(self._database.reader)

    def find(self, name: str) -> AccountRow | None:
        """Give the account of that very name, None if nobody has it."""
        try:
            key = lookup_key(name)
        except InvalidName:
            return None
        return accounts.account_with_key(self._database.reader, key)

    def resolve(self, name: str) -> AccountRow | None:
        """Give the one account that a name or an alias leads to, if it is one."""
        found = self.addresses.accounts(name)
        return self.by_id(found[0]) if len(found) == 1 else None

    def group_of_address(self, address: str) -> list[AccountId]:
        """Give the members of the group of which an address is the name."""
        for key in self.addresses.group_keys(address):
            found = self.groups.members(key)
            if found:
                return found
        return []

    def by_id(self, id_: AccountId) -> AccountRow | None:
        """Give an account by its id."""
        return accounts.account_with_id(self._database.reader, id_)

    def enabled(self, ids: Sequence[AccountId]) -> list[AccountId]:
        """Give those of some accounts that are not disabled, in their order."""
        there = accounts.enabled(self._database.reader, ids)
        return [id_ for id_ in ids if id_ in there]

    def public(self) -> AccountRow | None:
        """Give who owns the public mailboxes; None: there never were any."""
        return accounts.account_with_key(self._database.reader, PUBLIC)

    def make_public(self) -> AccountId:
        """Give who owns the public mailboxes, made if it is missing."""
        now = int(self._runtime.now())
        row = AccountRow(AccountId(secrets.token_hex(16)), PUBLIC, "", now)

        def work(database: Database) -> AccountId:
            found = accounts.account_with_key(database, PUBLIC)
            if found is None:
                accounts.add(database, row, PUBLIC)
            return (found or row).id

        return self._database.write(work)

    def version(self) -> int:
        """Give a number that differs after a change that may end a proof.

        Changes of other processes count too.
        """
        return self._database.generation()

    # -- writing

    def create(
        self,
        name: str,
        password: bytes | None,
        *,
        admin: bool = False,
        recoverable: bool = False,
    ) -> AccountId:
        """Make an account; takes as long as bcrypt and SCRAM's iterations do.

        Without a password it can only be entered by what others vouch for. Raises
        `InvalidName`, `AlreadyExists`, `NotPermitted` for an impossible password.
        """
        key = lookup_key(name)
        row = AccountRow(
            AccountId(secrets.token_hex(16)),
            normal(name),
            "" if password is None else self._hash(password),
            int(self._runtime.now()),
            admin=admin,
            recoverable=password if recoverable else None,
        )

        def work(database: Database) -> None:
            accounts.add(database, row, key)
            if password is not None:
                self._set_keys(database, row.id, password)

        self._database.write(work)
        return row.id

    def adopt(self, id_: AccountId, person: PersonRows | None, name: str) -> None:
        """Add an account whose mail is there, with what another directory has of it.

        Without that nobody can log in to it yet. Raises `InvalidName`, `AlreadyExists`.
        """
        if person is not None:
            known = person
            self._database.write(lambda database: adopt(database, known, id_))
            return
        key, now = lookup_key(name), int(self._runtime.now())
        row = AccountRow(id_, normal(name), "", now)
        self._database.write(lambda database: accounts.add(database, row, key))

    def set_password(
        self, name: str, password: bytes | None, *, recoverable: bool = False
    ) -> None:
        """Change a password; None takes it away. Raises `NotFound`, `NotPermitted`."""
        hash_ = "" if password is None else self._hash(password)
        id_ = self._existing(name).id

        def work(database: Database) -> None:
            kept = password if recoverable else None
            accounts.set_password(database, id_, hash_, kept)
            if password is None:
                credentials.drop_keys(database, id_, PASSWORD)
            else:
                self._set_keys(database, id_, password)

        self._database.write(work)

    def set_disabled(self, name: str, *, disabled: bool) -> None:
        """Shut an account out, or let it in again. Raises `NotFound`."""
        id_ = self._existing(name).id
        self._database.write(
            lambda database: accounts.set_disabled(database, id_, disabled=disabled)
        )

    def set_admin(self, name: str, *, admin: bool) -> None:
        """Give or take the right to act for others. Raises `NotFound`."""
        id_ = self._existing(name).id
        self._database.write(
            lambda database: accounts.set_admin(database, id_, admin=admin)
        )

    def remove(self, name: str) -> AccountId:
        """Forget an account; its mail is removed by `Store.remove_account`.

        Raises `NotFound`.
        """
        id_, now = self._existing(name).id, int(self._runtime.now())

        def work(database: Database) -> None:
            accounts.remove(database, id_)
            presence.note_removed(database, id_, now)

        self._database.write(work)
        return id_

    def note_entered(self, id_: AccountId) -> None:
        """Note that an account's folder is there, and durable."""
        self._database.note(lambda database: presence.note_entered(database, id_))

    def note_gone(self, id_: AccountId) -> None:
        """Note that the folder of an account that was removed is gone."""
        self._database.note(lambda database: presence.forget_removed(database, id_))

    def _existing(self, name: str) -> AccountRow:
        row = self.find(name)
        if row is None:
            raise NotFound("no such account")
        return row

    def _hash(self, password: bytes) -> str:
        return hashed(prepared(password), self._options.bcrypt_cost)

    def _set_keys(self, database: Database, id_: AccountId, password: bytes) -> None:
        """Make SCRAM's keys. App passwords keep a person's salt: it is theirs too."""
        apps = credentials.app_passwords(database, id_)
        for hash_ in self._options.scram_hashes:
            known = credentials.salt(database, id_, hash_)
            if known is None or not apps:
                salt = secrets.token_bytes(_SALT)
                known = SaltRow(salt, self._options.scram_iterations)
                credentials.set_salt(database, id_, hash_, known)
            made = scram_keys(password, known.salt, known.iterations, hash_)
            row = KeyRow(PASSWORD, made.stored, made.server)
            credentials.set_key(database, id_, hash_, row)

    # -- proof

    async def verify(
        self, name: str, password: bytes, protocol: str = _EVERY_PROTOCOL
    ) -> Proof | None:
        """Give what name and password prove, None if they don't.

        bcrypt runs in its own pool. Raises `Busy` when too many wait for it.
        """
        row = self.resolve(name)
        if row is not None and not row.disabled:
            found = self._app_password(row, password, protocol)
            if found is not None:
                return found
        hash_ = None if row is None or row.disabled else row.password or None
        try:
            octets = prepared(password)
        except NotPermitted:
            octets, hash_ = b"x", None
        if not await self._in_pool(lambda: self._compare(octets, hash_)):
            return None
        assert row is not None
        if self._is_dated(row):
            await self._in_pool(lambda: self._renew(row, password, octets))
        return Proof(row.id)

    def _app_password(
        self, row: AccountRow, password: bytes, protocol: str
    ) -> Proof | None:
        found = self.app_passwords.find(row.id, password)
        if found is None or not found.allows(protocol, self._runtime.now()):
            return None
        return Proof(row.id, found)

    def _compare(self, octets: bytes, hash_: str | None) -> bool:
        # Made by the first check of all, whoever it is about.
        cost = self._options.bcrypt_cost
        self._dummy = self._dummy or hashed(secrets.token_hex(8).encode(), cost)
        return matches(octets, hash_ or self._dummy) and hash_ is not None

    async def _in_pool(self, work: Callable[[], bool]) -> bool:
        if self._waiting >= self._options.waiting:
            raise Busy("too many log in at this moment, try again soon")
        self._waiting += 1
        try:
            return await in_pool(self._runtime, Pool.PASSWORD, work)
        finally:
            self._waiting -= 1

    def _is_dated(self, row: AccountRow) -> bool:
        """Tell whether a hash or keys are not as the configuration wants them."""
        if cost_of(row.password) != self._options.bcrypt_cost:
            return True
        reader = self._database.reader
        return any(
            credentials.salt(reader, row.id, hash_) is None
            for hash_ in self._options.scram_hashes
        )

    def _renew(self, row: AccountRow, password: bytes, octets: bytes) -> bool:
        """Make hash and keys again, unless the password was changed meanwhile."""
        hash_ = hashed(octets, self._options.bcrypt_cost)

        def replace(database: Database) -> None:
            now = accounts.account_with_id(database, row.id)
            if now is not None and now.password == row.password:
                accounts.set_hash(database, row.id, row.password, hash_)
                self._set_keys(database, row.id, password)

        self._database.write(replace)
        return True

    def note_use(self, proof: Proof, address: str) -> None:
        """Note that a proof let somebody in. Writes at times: not for the event thread.

        The main password leaves no note.
        """
        if proof.by is not None:
            now = int(self._runtime.now())
            self.app_passwords.note_use(proof.by, now, address)

    # -- SCRAM and recoverable secrets

    def scram(self, name: str, hash_: str, protocol: str) -> ScramOffer:
        """Give what SCRAM is to tell a client that names itself so."""
        row = self.resolve(name)
        reader = self._database.reader
        known = None
        if row is not None and not row.disabled:
            known = credentials.salt(reader, row.id, hash_)
        if row is None or known is None:
            return self._nobody(name, hash_)
        now = self._runtime.now()
        apps = {app.id: app for app in self.app_passwords.of(row.id)}
        keys: list[tuple[KeyRow, Proof]] = []
        for key in credentials.keys(reader, row.id, hash_):
            app = apps.get(key.credential)
            if key.credential == PASSWORD:
                keys.append((key, Proof(row.id)))
            elif app is not None and app.allows(protocol, now):
                keys.append((key, Proof(row.id, app)))
        return ScramOffer(known.salt, known.iterations, tuple(keys))

    def _nobody(self, name: str, hash_: str) -> ScramOffer:
        """Give an offer that says nothing, and the same each time it is asked for."""
        try:
            key = lookup_key(name)
        except InvalidName:
            key = name
        reader = self._database.reader
        secret = accounts.secret(reader)
        named = f"{hash_}\x00{key}".encode("utf-8", "surrogatepass")
        place = hmac.new(secret, named, hashlib.sha256).hexdigest()
        # People's counts may differ, since each holds until its password is changed:
        # nobody has the count of some person, and another salt with another count.
        count = (
            credentials.iterations_near(reader, place, hash_)
            or credentials.iterations_near(reader, "", hash_)
            or self._options.scram_iterations
        )
        counted = b"%b\x00%d" % (named, count)
        salt = hmac.new(secret, counted, hashlib.sha256).digest()[:_SALT]
        return ScramOffer(salt, count)

    def recoverable(self, name: str) -> tuple[AccountId, bytes] | None:
        """Give an account with its password in clear, where that is kept."""
        row = self.resolve(name)
        if row is None or row.disabled or row.recoverable is None:
            return None
        return row.id, row.recoverable

    def close(self) -> None:
        """Close the database."""
        self._database.close()
