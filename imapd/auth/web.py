"""Small requests to an identity provider: bounded in time and size, over TLS.

It blocks; who calls it does so on a thread. No proxies, no redirects: a provider's
address is the administrator's word, and no answer may send us elsewhere.
"""

from __future__ import annotations

import base64
import http.client
import ipaddress
import json
import ssl
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import quote_plus, urlencode, urlsplit

from mailstore.errors import Unavailable

_MOST = 262_144  # octets of an answer


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any, **__: Any) -> None:  # noqa: ANN401 - urllib's
        """Follow nothing; the answer becomes an error."""
        return


def check_url(url: str) -> str:
    """Give a URL that may be asked: https, or http to this very machine.

    Raises `ValueError`.
    """
    parts = urlsplit(url)
    if parts.scheme == "https" and parts.hostname:
        return url
    if parts.scheme == "http" and parts.hostname and _is_loopback(parts.hostname):
        return url
    raise ValueError(f"{url} is not an https URL")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Web:
    """Requests of one kind. ``ca``: PEM file of who vouches for the provider."""

    def __init__(self, *, timeout: float, ca: str | None = None) -> None:
        self._timeout = timeout
        context = ssl.create_default_context(cafile=ca)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}),
            urllib.request.HTTPSHandler(context=context),
            _NoRedirects(),
        )

    def get(self, url: str) -> dict[str, Any]:
        """Fetch a JSON object. Raises `Unavailable`."""
        return self._ask(urllib.request.Request(url))  # noqa: S310 - checked by check_url

    def post(
        self, url: str, fields: dict[str, str], name: str, secret: str
    ) -> dict[str, Any]:
        """Post a form as a client with a secret (RFC 6749 §2.3.1). As `get`."""
        request = urllib.request.Request(  # noqa: S310 - checked by check_url
            url, urlencode(fields).encode("ascii")
        )
        pair = f"{quote_plus(name)}:{quote_plus(secret)}".encode("ascii")
        basic = base64.b64encode(pair).decode("ascii")
        request.add_header("Authorization", f"Basic {basic}")
        return self._ask(request)

    def _ask(self, request: urllib.request.Request) -> dict[str, Any]:
        request.add_header("Accept", "application/json")
        try:
            with self._opener.open(request, timeout=self._timeout) as answer:
                data = answer.read(_MOST + 1)
        except urllib.error.HTTPError as error:
            with error:
                raise _unavailable(f"status {error.code}") from None
        except (OSError, http.client.HTTPException) as error:
            raise _unavailable(str(error)) from None
        if len(data) > _MOST:
            raise _unavailable("the answer is too long")
        try:
            found = json.loads(data)
        except (ValueError, RecursionError):
            raise _unavailable("the answer is not JSON") from None
        if not isinstance(found, dict):
            raise _unavailable("the answer is no JSON object")
        return found


def _unavailable(detail: str) -> Unavailable:
    return Unavailable("the identity provider cannot be asked now", detail=detail)
