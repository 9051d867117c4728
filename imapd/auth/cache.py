"""Right passwords, remembered for a while: clients that connect for every command
(webmail does) are spared bcrypt.

An entry proves nothing but that *this* name came with *this* password: its key is a
hash of both, keyed by a secret of this process, so that no two people can share one.
A changed password, a revoked app password or a removed account ends it at once, in
every process, since entries hold for one state of the directory only.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from imapd.syntax.secret import Secret
from mailstore.directory import Proof

_MOST = 10_000


@dataclass(frozen=True, slots=True)
class _Entry:
    proof: Proof
    until: float


class ProofCache:
    """Proofs by name and password. ``version`` tells the directory's state."""

    def __init__(
        self, version: Callable[[], int], now: Callable[[], float], seconds: float
    ) -> None:
        self._version = version
        self._now = now
        self._seconds = seconds
        self._key = secrets.token_bytes(32)
        self._held = -1
        self._entries: OrderedDict[bytes, _Entry] = OrderedDict()

    def find(self, account: str, password: Secret, protocol: str) -> Proof | None:
        """Give what was proved before, None if it wasn't."""
        if self._version() != self._held:
            self._entries.clear()
            self._held = self._version()
        key = self._hash(account, password, protocol)
        entry = self._entries.get(key)
        if entry is None:
            return None
        if self._now() > entry.until:
            del self._entries[key]
            return None
        self._entries.move_to_end(key)
        return entry.proof

    def remember(
        self,
        account: str,
        password: Secret,
        protocol: str,
        proof: Proof,
        seconds: float | None = None,
    ) -> None:
        """Keep a proof, for at most ``seconds`` if it is less than usual."""
        lasts = self._seconds if seconds is None else min(seconds, self._seconds)
        if lasts <= 0 or self._version() != self._held:
            return  # something changed while the password was checked
        key = self._hash(account, password, protocol)
        self._entries[key] = _Entry(proof, self._now() + lasts)
        if len(self._entries) > _MOST:
            self._entries.popitem(last=False)

    def _hash(self, account: str, password: Secret, protocol: str) -> bytes:
        name = account.encode("utf-8", "surrogatepass")
        text = b"%b:%d:%b%b" % (
            protocol.encode("ascii"),
            len(name),
            name,
            password.reveal(),
        )
        return hmac.new(self._key, text, hashlib.sha256).digest()
