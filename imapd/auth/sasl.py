"""SASL mechanisms that carry a password: PLAIN (RFC 4616) and LOGIN.

Sans-io exchanges: they take the client's messages, decoded from base64, and give a
challenge or what has to be checked. A new mechanism is a class with ``step`` and a
line in `MECHANISMS`. LOGIN has no standard; Outlook and some libraries use nothing
else.
"""

from __future__ import annotations

from collections.abc import Callable

from imapd.session.context import Challenge, Credentials, Exchange
from imapd.syntax.secret import Secret

_MOST = 2_048  # octets of a message


def _text(octets: bytes, what: str) -> str:
    try:
        text = octets.decode("utf-8")
    except UnicodeDecodeError:
        raise ValueError(f"the {what} is not UTF-8") from None
    if not text or "\x00" in text:
        raise ValueError(f"the {what} is not possible")
    return text


class Plain:
    """``[authzid] NUL authcid NUL passwd``, in one message."""

    def step(self, response: bytes | None) -> Challenge | Credentials:
        """Ask for the message, or read it. Raises `ValueError`."""
        if response is None:
            return Challenge(b"")
        if len(response) > _MOST:
            raise ValueError("the message is too long")
        parts = response.split(b"\x00")
        if len(parts) != 3 or not parts[2]:
            raise ValueError("the message is not that of PLAIN")
        authorize, name, password = parts
        return Credentials(
            _text(name, "user name"),
            Secret(password),
            _text(authorize, "authorization identity") if authorize else None,
        )


class Login:
    """Two prompts, two answers."""

    def __init__(self) -> None:
        self._name: str | None = None

    def step(self, response: bytes | None) -> Challenge | Credentials:
        """Ask for the name, then for the password. Raises `ValueError`."""
        if response is None:
            return Challenge(b"Username:")
        if len(response) > _MOST:
            raise ValueError("the message is too long")
        if self._name is None:
            self._name = _text(response, "user name")
            return Challenge(b"Password:")
        if not response or 0 in response:
            raise ValueError("the password is not possible")
        return Credentials(self._name, Secret(response))


MECHANISMS: dict[str, Callable[[], Exchange]] = {"PLAIN": Plain, "LOGIN": Login}
