"""Checks names and passwords: throttled, cached, in the directory's pool.

The cache spares bcrypt to clients that connect for every command (webmail does). An
entry proves nothing but that *this* name came with *this* password: its key is a
keyed hash of both, so that no two people can share one. A changed password or a
removed account ends it at once, in every process, since entries hold for one state
of the directory only.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Generator
from typing import Any

from imapd.auth.sasl import MECHANISMS
from imapd.auth.throttle import Throttle
from imapd.session.context import Exchange
from imapd.syntax.secret import Secret
from mailstore.directory import Directory, lookup_key
from mailstore.errors import InvalidName
from mailstore.lanes import Future, Runtime
from mailstore.model import AccountId

_CACHED = 10_000
_CACHE_SECONDS = 3_600.0


class _Pause:
    """Waits on the event thread."""

    def __init__(self, runtime: Runtime, seconds: float) -> None:
        self._future: Future[None] = runtime.future()
        runtime.later(seconds, self._over)

    def _over(self) -> None:
        self._future.succeed(None)

    def __await__(self) -> Generator[Any, Any, None]:
        return self._future.__await__()


class PasswordAuthenticator:
    """`imapd.session.context.Authenticator` over the directory."""

    def __init__(
        self,
        directory: Directory,
        runtime: Runtime,
        pause: Callable[[float], Awaitable[None]] | None = None,
    ) -> None:
        self._directory = directory
        self._runtime = runtime
        self._pause = pause or (lambda seconds: _Pause(runtime, seconds))
        self._throttle = Throttle(runtime.monotonic)
        self._key = secrets.token_bytes(32)
        self._version = -1
        self._cache: OrderedDict[bytes, tuple[AccountId, float]] = OrderedDict()

    async def check(
        self, name: str, password: Secret, address: str
    ) -> AccountId | None:
        """Give the account that name and password prove, or None.

        Waits when there were failures before. Unknown, disabled and wrong answer
        alike, after the same time. Raises `Busy` when too many log in at once.
        """
        try:
            account = lookup_key(name)
        except InvalidName:
            account = "\x00"  # nobody's; it is throttled like one
        delay = self._throttle.delay(account, address)
        if delay:
            await self._pause(delay)
        proof = self._proof(account, password)
        found = self._cached(proof)
        if found is None:
            version = self._directory.version()
            found = await self._directory.verify(name, password.reveal())
            if found is not None and version == self._directory.version():
                self._remember(proof, found)
        if found is None:
            self._throttle.failed(account, address)
        else:
            self._throttle.succeeded(account, address)
        return found

    def mechanisms(self) -> tuple[str, ...]:
        """Give the names of the SASL mechanisms, best first."""
        return tuple(MECHANISMS)

    def exchange(self, mechanism: str) -> Exchange:
        """Begin a SASL exchange. Raises `KeyError` for an unknown mechanism."""
        return MECHANISMS[mechanism]()

    # -- the cache

    def _proof(self, account: str, password: Secret) -> bytes:
        name = account.encode("utf-8", "surrogatepass")
        text = b"%d:%b%b" % (len(name), name, password.reveal())
        return hmac.new(self._key, text, hashlib.sha256).digest()

    def _cached(self, proof: bytes) -> AccountId | None:
        version = self._directory.version()
        if version != self._version:
            self._cache.clear()
            self._version = version
        found = self._cache.get(proof)
        if found is None:
            return None
        account, until = found
        if self._runtime.monotonic() > until:
            del self._cache[proof]
            return None
        self._cache.move_to_end(proof)
        return account

    def _remember(self, proof: bytes, account: AccountId) -> None:
        until = self._runtime.monotonic() + _CACHE_SECONDS
        self._cache[proof] = (account, until)
        if len(self._cache) > _CACHED:
            self._cache.popitem(last=False)


def authenticator_of(directory: Directory, runtime: Runtime) -> PasswordAuthenticator:
    """Make the authenticator of a server."""
    return PasswordAuthenticator(directory, runtime)
