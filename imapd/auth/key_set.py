"""The keys of an identity provider (RFC 7517), fetched when they are needed.

A token with an unknown key makes us fetch the set again, at most once a minute: a
provider may change keys at any time, and anybody may invent their names. While the
provider cannot be reached, the keys that were there go on for a while.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from mailstore.errors import Unavailable

_AGAIN_SECONDS = 60.0

Jwk = dict[str, Any]


class KeySet:
    """The usable public keys. ``fetch`` gives the set as JSON knows it, and blocks.

    Safe to be used by several threads; one fetches, the others wait for it.
    """

    def __init__(
        self,
        fetch: Callable[[], dict[str, Any]],
        now: Callable[[], float],
        seconds: float,
    ) -> None:
        self._fetch = fetch
        self._now = now
        self._seconds = seconds
        self._lock = threading.Lock()
        self._keys: list[Jwk] = []
        self._fetched = self._tried = float("-inf")

    def fitting(self, kind: str, algorithm: str, kid: str | None) -> Jwk | None:
        """Give the key for a token, None if there is none or it isn't clear which.

        ``kind`` is the ``kty`` that the algorithm needs. Raises `Unavailable`.
        """
        with self._lock:
            if self._now() - self._fetched >= self._seconds:
                self._refresh()
            found = self._find(kind, algorithm, kid)
            if found is None and self._now() - self._tried >= _AGAIN_SECONDS:
                self._refresh()
                found = self._find(kind, algorithm, kid)
            return found

    def _find(self, kind: str, algorithm: str, kid: str | None) -> Jwk | None:
        usable = [
            key
            for key in self._keys
            if key.get("kty") == kind and key.get("alg", algorithm) == algorithm
        ]
        if kid is not None:
            usable = [key for key in usable if key.get("kid") == kid]
        return usable[0] if len(usable) == 1 else None

    def _refresh(self) -> None:
        now = self._now()
        if now - self._tried < _AGAIN_SECONDS and self._is_good(now):
            return
        self._tried = now
        try:
            document = self._fetch()
        except Unavailable:
            if self._is_good(now):
                return
            raise
        keys = document.get("keys")
        if not isinstance(keys, list):
            raise Unavailable("the identity provider's keys make no sense")
        # Symmetric keys would let anybody who reads the set sign; others encrypt.
        self._keys = [
            key
            for key in keys
            if isinstance(key, dict)
            and key.get("kty") in ("RSA", "EC", "OKP")
            and key.get("use", "sig") == "sig"
        ]
        self._fetched = now

    def _is_good(self, now: float) -> bool:
        """Tell whether the keys may still be used although they are old."""
        return bool(self._keys) and now - self._fetched < 2 * self._seconds
