"""What the mechanisms' messages have in common."""

from __future__ import annotations

import re

from imapd.session.credentials import MalformedExchange

_GS2 = re.compile(r"(p=([A-Za-z0-9.-]+)|n|y),(?:a=([^,]+))?,")
_ESCAPE = re.compile(r"=(2C|3D)?")


def text(octets: bytes, what: str, most: int = 1_024) -> str:
    """Read UTF-8 that is not empty and has no NUL. Raises `MalformedExchange`."""
    if len(octets) > most:
        raise MalformedExchange(f"the {what} is too long")
    try:
        found = octets.decode("utf-8")
    except UnicodeDecodeError:
        raise MalformedExchange(f"the {what} is not UTF-8") from None
    if not found or "\x00" in found:
        raise MalformedExchange(f"the {what} is not possible")
    return found


def bounded(response: bytes, most: int) -> bytes:
    """Refuse a message that is longer than any honest one."""
    if len(response) > most:
        raise MalformedExchange("the message is too long")
    return response


def gs2_header(message: str) -> tuple[str, str, str | None, str | None]:
    """Take the header of a GS2 mechanism's message (RFC 5801 §4).

    Gives (header, flag, name of the channel binding, authorization identity). Raises
    `MalformedExchange`.
    """
    match = _GS2.match(message)
    if match is None:
        raise MalformedExchange("the message has no GS2 header")
    authorize = match[3]
    return (
        match[0],
        match[1][0],
        match[2],
        None if authorize is None else saslname(authorize),
    )


def saslname(written: str) -> str:
    """Undo the quoting of a name (RFC 5801 §4). Raises `MalformedExchange`."""
    if any(match[1] is None for match in _ESCAPE.finditer(written)):
        raise MalformedExchange("a name has an = that quotes nothing")
    return written.replace("=2C", ",").replace("=3D", "=")
