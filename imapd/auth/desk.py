"""Where everybody who logs in is checked, by whatever mechanism they came.

The mechanisms speak; the desk holds what they need: the brake, the directory, the
cache, the other places that know people. It decides who a proof lets in, and as whom.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Generator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from imapd.auth.cache import ProofCache
from imapd.auth.certificate_map import CertificateMap
from imapd.auth.throttle import Throttle
from imapd.session.credentials import Client, Credentials, Grant, LoginRefused
from mailstore.directory import AccountRow, Directory, Proof, lookup_key
from mailstore.errors import AlreadyExists, Busy, InvalidName
from mailstore.lanes import Future, Pool, Runtime, in_pool

_MOST_LOOKUPS = 100  # that wait for other servers
_STEP = 0.5  # seconds; see `Desk.password`


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody whom another server knows."""

    name: str
    groups: tuple[str, ...] | None = None  # None: it says nothing of groups


class PasswordSource(Protocol):
    """Another server that checks passwords. Blocks; called on threads."""

    name: str
    cache_seconds: int

    def check(self, name: str, password: bytes) -> Person | None:
        """Give who it is, None for nobody or a wrong password. Raises `Unavailable`."""
        ...


class TokenSource(Protocol):
    """Checks OAuth tokens. Blocks; called on threads."""

    def check(self, token: bytes) -> str:
        """Give the name that a token is for.

        Raises `LoginRefused` with the reason, `Unavailable` when it cannot tell.
        """
        ...


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """The other servers that know people."""

    sources: Sequence[PasswordSource] = ()
    tokens: TokenSource | None = None


@dataclass(frozen=True, slots=True)
class AuthOptions:
    """What an administrator chose about logging in."""

    mechanisms: tuple[str, ...] = ("PLAIN", "LOGIN")
    cache_seconds: int = 3_600
    create_accounts: bool = True  # for people whom LDAP or OAuth knows
    certificates: CertificateMap = field(default_factory=CertificateMap)
    oauth_scope: str = ""
    oauth_discovery: str = ""


class _Pause:
    """Waits on the event thread."""

    def __init__(self, runtime: Runtime, seconds: float) -> None:
        self._future: Future[None] = runtime.future()
        runtime.later(seconds, self._over)

    def _over(self) -> None:
        self._future.succeed(None)

    def __await__(self) -> Generator[Any, Any, None]:
        return self._future.__await__()


Event = Callable[..., None]


def silent(kind: str, **facts: object) -> None:
    """Log nothing."""


@dataclass(slots=True)
class Desk:
    """The state that all logins of a worker share. Used on the event thread."""

    directory: Directory
    runtime: Runtime
    options: AuthOptions
    throttle: Throttle
    cache: ProofCache
    sources: Sequence[PasswordSource] = ()
    tokens: TokenSource | None = None
    event: Event = silent
    pause: Callable[[float], Awaitable[None]] | None = None
    _lookups: int = 0

    # -- the brake

    async def begin(self, name: str, client: Client) -> None:
        """Wait, if there were failures before. An empty name: nobody said one."""
        seconds = self.throttle.delay(_key(name), client.address)
        if seconds:
            self.event(
                "login-delayed",
                id=client.id,
                user=name,
                address=client.address,
                seconds=seconds,
            )
            await self._wait(seconds)

    def refuse(self, name: str, client: Client, reason: str) -> LoginRefused:
        """Count a failure; gives the error to raise."""
        self.throttle.failed(_key(name), client.address)
        return LoginRefused(name, reason)

    async def _wait(self, seconds: float) -> None:
        if self.pause is not None:
            await self.pause(seconds)
        else:
            await _Pause(self.runtime, seconds)

    # -- passwords

    async def password(
        self, credentials: Credentials, client: Client, mechanism: str
    ) -> Grant:
        """Check name and password. Raises `LoginRefused`, `Busy`, `Unavailable`."""
        name = credentials.name
        await self.begin(name, client)
        key = _key(name)
        proof = self.cache.find(key, credentials.password, client.protocol)
        if proof is None:
            began = self.runtime.monotonic()
            proof = await self._prove(key, credentials, client)
            if proof is None:
                if self.sources:
                    # Answers of other servers differ in time by what they found:
                    # all that fails is answered at a full step.
                    spent = self.runtime.monotonic() - began
                    await self._wait(math.ceil(spent / _STEP) * _STEP - spent)
                raise self.refuse(name, client, "name and password do not match")
        return self.admit(name, proof, credentials.authorize_as, client, mechanism)

    async def _prove(
        self, key: str, credentials: Credentials, client: Client
    ) -> Proof | None:
        name, password = credentials.name, credentials.password
        row = self.directory.resolve(name)
        elsewhere = self.sources and (row is None or not row.password)
        if not elsewhere or self._is_app_password(row, credentials):
            proof = await self.directory.verify(
                name, password.reveal(), client.protocol
            )
            if proof is not None:
                self.cache.remember(key, password, client.protocol, proof)
            return proof
        for source in self.sources:
            person = await self._lookup(source, name, password.reveal())
            if person is None:
                continue
            account = await self.account_of(person, source.name)
            if account is None:
                return None
            proof = Proof(account.id)
            self.cache.find(key, password, client.protocol)  # of the present state
            self.cache.remember(
                key, password, client.protocol, proof, source.cache_seconds
            )
            return proof
        return None

    def _is_app_password(
        self, row: AccountRow | None, credentials: Credentials
    ) -> bool:
        if row is None:
            return False
        password = credentials.password.reveal()
        return self.directory.app_passwords.find(row.id, password) is not None

    async def _lookup(
        self, source: PasswordSource, name: str, password: bytes
    ) -> Person | None:
        found: Person | None = await self.elsewhere(
            lambda: source.check(name, password)
        )
        return found

    async def elsewhere(self, work: Callable[[], Any]) -> Any:  # noqa: ANN401 - work's
        """Run what waits for another server. Raises `Busy` when too much does."""
        if self._lookups >= _MOST_LOOKUPS:
            raise Busy("too many log in at this moment, try again soon")
        self._lookups += 1
        try:
            return await in_pool(self.runtime, Pool.LOOKUP, work)
        finally:
            self._lookups -= 1

    # -- accounts

    async def account_of(self, person: Person, source: str) -> AccountRow | None:
        """Give the account of somebody for whom another server vouches.

        None when there is none and none is to be made, or it is disabled.
        """
        row = self.directory.resolve(person.name)
        if row is None and self.options.create_accounts:
            await self._make(person.name)
            row = self.directory.resolve(person.name)
        if row is None or row.disabled:
            return None
        groups = person.groups
        if groups is not None and not self.directory.groups.are(row.id, groups, source):
            id_ = row.id
            await self.elsewhere(
                lambda: self.directory.groups.follow(id_, groups, source)
            )
        return row

    async def _make(self, name: str) -> None:
        def work() -> None:
            try:
                self.directory.create(name, None)
            except (AlreadyExists, InvalidName):
                return  # another login was faster; or nobody can be called so

        await self.elsewhere(work)

    # -- letting in

    def admit(
        self,
        name: str,
        proof: Proof,
        authorize_as: str | None,
        client: Client,
        mechanism: str,
    ) -> Grant:
        """Let in who has proved something, perhaps as somebody else.

        Raises `LoginRefused`: AUTHORIZATIONFAILED for who may not act for others.
        """
        row = self.directory.by_id(proof.account)
        if row is None or row.disabled:
            raise self.refuse(name, client, "no such account")
        self.throttle.succeeded(_key(name), client.address)
        if proof.by is not None:
            self.runtime.start(
                Pool.LOOKUP, lambda: self._note_use(proof, client.address)
            )
        grant = Grant(
            row.id,
            row.name,
            mechanism,
            readonly=proof.readonly,
            by=None if proof.by is None else proof.by.name,
        )
        if authorize_as is None:
            return grant
        return self._authorized(grant, row, authorize_as)

    def _authorized(self, grant: Grant, row: AccountRow, wanted: str) -> Grant:
        other = self.directory.resolve(wanted)
        if other is not None and other.id == row.id:
            return grant
        # An app password is for one program and one account, even an admin's.
        if not row.admin or grant.by is not None:
            raise LoginRefused(
                row.name, f"may not act for {wanted}", "AUTHORIZATIONFAILED"
            )
        if other is None or other.disabled:
            raise LoginRefused(
                row.name, f"no such account: {wanted}", "AUTHORIZATIONFAILED"
            )
        return Grant(other.id, other.name, grant.mechanism, admin=row.name)

    def _note_use(self, proof: Proof, address: str) -> None:
        try:
            self.directory.note_use(proof, address)
        except Busy:
            return  # the next login notes it


def _key(name: str) -> str:
    """Give the name under which failures are counted, whoever it is."""
    if not name:
        return ""
    try:
        return lookup_key(name)
    except InvalidName:
        return "\x00"  # nobody's
