"""OAuth 2.0 bearer tokens: JWTs checked here, others by asking (RFC 7662).

It blocks when keys or answers have to be fetched; who calls it does so on a thread.
It knows nothing of SASL.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import jwt
from jwt.types import Options

from imapd.auth.key_set import KeySet
from imapd.auth.web import Web, check_url
from imapd.session.credentials import LoginRefused
from mailstore.errors import Unavailable

_MOST = 16_384  # octets of a token
_TOKEN = re.compile(rb"[A-Za-z0-9._~+/-]+=*")  # RFC 6750 §2.1
_KINDS = {"RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP"}
ALGORITHMS = (
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
    "EdDSA",
)
_TYPES = ("at+jwt", "application/at+jwt", "jwt", None)
_CACHED = 10_000
_CACHE_SECONDS = 60.0
_UNCHECKED: Options = {
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
    "verify_aud": False,
    "verify_iss": False,
    "verify_sub": False,
    "verify_jti": False,
}


@dataclass(frozen=True, slots=True)
class TokenSettings:
    """What an administrator says about the provider. Times in seconds."""

    issuer: str
    audience: tuple[str, ...]
    jwks_url: str = ""
    jwks_read: Callable[[], bytes] | None = field(default=None, repr=False)
    introspection_url: str = ""
    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    user_claim: str = "email"
    required_scope: str = ""
    algorithms: tuple[str, ...] = ("RS256", "PS256", "ES256", "ES384", "EdDSA")
    leeway_seconds: int = 60
    jwks_seconds: int = 3_600
    timeout_seconds: int = 5
    ca: str | None = None

    def __post_init__(self) -> None:
        if not self.has_keys and not self.introspection_url:
            raise ValueError("jwks or introspection_url is missing")
        if self.has_keys and not (self.issuer and self.audience):
            raise ValueError("issuer and audience are missing")
        if self.introspection_url and not self.client_id:
            raise ValueError("client_id is missing")
        for url in (self.jwks_url, self.introspection_url):
            if url:
                check_url(url)
        for name in self.algorithms:
            if name not in ALGORITHMS:
                raise ValueError(f"{name} is none of {', '.join(ALGORITHMS)}")

    @property
    def has_keys(self) -> bool:
        """Whether JWTs can be checked here."""
        return bool(self.jwks_url) or self.jwks_read is not None


class TokenChecker:
    """Checks tokens; used by several threads. ``now``: seconds since the epoch."""

    def __init__(self, settings: TokenSettings, now: Callable[[], float]) -> None:
        self._settings = settings
        self._now = now
        self._web = Web(timeout=settings.timeout_seconds, ca=settings.ca)
        self._keys = KeySet(self._fetch_keys, now, settings.jwks_seconds)
        self._lock = threading.Lock()
        self._answers: OrderedDict[bytes, tuple[str, float]] = OrderedDict()

    def check(self, token: bytes) -> str:
        """Give the name that a token is for.

        Raises `LoginRefused` with the reason, which never holds the token, and
        `Unavailable` when the provider cannot be asked.
        """
        if len(token) > _MOST or not _TOKEN.fullmatch(token):
            raise _refused("malformed")
        if self._settings.has_keys and token.count(b".") == 2:
            return self._name(self._verified(token), ())
        if not self._settings.introspection_url:
            raise _refused("not a JWT")
        return self._introspected(token)

    # -- JWTs

    def _verified(self, token: bytes) -> dict[str, Any]:
        """Give the claims of a JWT after its signature and its times were checked."""
        text = token.decode("ascii")
        try:
            header = jwt.get_unverified_header(text)
        except (jwt.PyJWTError, ValueError, RecursionError):
            raise _refused("malformed") from None
        algorithm, kid = header.get("alg"), header.get("kid")
        if algorithm not in self._settings.algorithms:
            raise _refused("algorithm not allowed")
        kind = header.get("typ")
        if "crit" in header or (
            kind.lower() if isinstance(kind, str) else kind
        ) not in (_TYPES):
            raise _refused("not an access token")
        if kid is not None and not isinstance(kid, str):
            raise _refused("malformed")
        key = self._keys.fitting(_KINDS[algorithm[:2]], algorithm, kid)
        if key is None:
            raise _refused("unknown key")
        try:
            public = jwt.PyJWK(key, algorithm).key
            claims = jwt.decode(
                text, public, algorithms=[algorithm], options=_UNCHECKED
            )
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
            raise _refused("wrong signature") from None
        self._check_claims(claims)
        return claims

    def _check_claims(self, claims: dict[str, Any]) -> None:
        settings = self._settings
        if not isinstance(claims.get("exp"), int | float):
            raise _refused("without an end")
        self._check_times(claims)
        if claims.get("iss") != settings.issuer:
            raise _refused("wrong issuer")
        if not set(_words(claims.get("aud"))) & set(settings.audience):
            raise _refused("wrong audience")

    def _check_times(self, claims: dict[str, Any]) -> None:
        now, leeway = self._now(), self._settings.leeway_seconds
        for claim in ("exp", "nbf", "iat"):
            value = claims.get(claim)
            if value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise _refused("malformed")
            if claim == "exp" and now >= value + leeway:
                raise _refused("expired")
            if claim != "exp" and now < value - leeway:
                raise _refused("not yet valid")

    def _fetch_keys(self) -> dict[str, Any]:
        read = self._settings.jwks_read
        if read is None:
            return self._web.get(self._settings.jwks_url)
        try:
            found = json.loads(read())
        except (OSError, ValueError) as error:
            raise Unavailable(
                "the identity provider's keys cannot be read", detail=str(error)
            ) from None
        return found if isinstance(found, dict) else {}

    # -- asking (RFC 7662)

    def _introspected(self, token: bytes) -> str:
        digest = hashlib.sha256(token).digest()
        with self._lock:
            known = self._answers.get(digest)
        if known is not None and self._now() < known[1]:
            return known[0]
        settings = self._settings
        claims = self._web.post(
            settings.introspection_url,
            {"token": token.decode("ascii"), "token_type_hint": "access_token"},
            settings.client_id,
            settings.client_secret,
        )
        if claims.get("active") is not True:
            raise _refused("not active")
        self._check_times(claims)
        if settings.issuer and claims.get("iss", settings.issuer) != settings.issuer:
            raise _refused("wrong issuer")
        audience = set(_words(claims.get("aud")))
        if settings.audience and audience and not audience & set(settings.audience):
            raise _refused("wrong audience")
        name = self._name(claims, ("username", "sub"))
        until = self._now() + _CACHE_SECONDS
        if "exp" in claims:
            until = min(until, float(claims["exp"]))
        with self._lock:
            self._answers[digest] = (name, until)
            if len(self._answers) > _CACHED:
                self._answers.popitem(last=False)
        return name

    # -- both

    def _name(self, claims: dict[str, Any], others: tuple[str, ...]) -> str:
        settings = self._settings
        if settings.required_scope:
            granted = claims.get("scope", claims.get("scp"))
            if settings.required_scope not in _words(granted):
                raise _refused("without the scope")
        for claim in (settings.user_claim, *others):
            name = claims.get(claim)
            if name is None:
                continue
            if not isinstance(name, str) or not name or len(name.encode()) > 255:
                raise _refused("without a name")
            if claim == "email" and claims.get("email_verified", True) is not True:
                raise _refused("an address that was not verified")
            return name
        raise _refused("without a name")


def _words(value: object) -> list[str]:
    """Read what may be a text of several words or a list of texts."""
    if isinstance(value, str):
        return value.split()
    if isinstance(value, list):
        return [word for word in value if isinstance(word, str)]
    return []


def _refused(reason: str) -> LoginRefused:
    return LoginRefused("", f"token: {reason}")
