"""The arguments of MAIL and RCPT (RFC 5321 §4.1.2, RFC 6531 §3.3).

::

    read_sender(b"FROM:<ann@example.org> SIZE=500")
    read_recipient(b"TO:<@relay.example:bob@example.org>")   the route is dropped

An address is text in one form: a quoted local part loses its quotes where it can, so
that ``"ann"@example.org`` is ann. Nothing in it can end a line.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

MAX_PATH = 1_024
"""Octets of an address: RFC 5321 §4.5.3.1.3 allows 256, more with UTF-8."""
_HEAD = re.compile(rb"(FROM|TO):[ ]*<", re.IGNORECASE)
_ROUTE = re.compile(r"(?:@[^@:,\s]+,?)+:")
_ATEXT = r"[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~\u0080-\U0010ffff]"
_LOCAL = re.compile(
    rf"{_ATEXT}+(?:\.{_ATEXT}+)*|\"((?:[ !#-\[\]-~\u0080-\U0010ffff]|\\[ -~])*)\""
)
_PLAIN_LOCAL = re.compile(rf"{_ATEXT}+(?:\.{_ATEXT}+)*")
_LETTER = r"[A-Za-z0-9\u0080-\U0010ffff]"
_LABEL = rf"{_LETTER}(?:[\-_]*{_LETTER})*"
_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\.?|\[[!-Z^-~]+\]")
_PARAMETER = re.compile(rb"([A-Za-z0-9][A-Za-z0-9\-]*)(?:=([!-<>-~]+))?")
# C1, and what ends a line or doesn't show in Unicode: an address goes into a header.
_NEVER = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


class PathError(ValueError):
    """The argument is none; the text says why. ``code`` and ``status`` answer it."""

    def __init__(self, text: str, code: int = 501, status: str = "5.5.4") -> None:
        super().__init__(text)
        self.code = code
        self.status = status


@dataclass(frozen=True, slots=True)
class Envelope:
    """An address and the parameters behind it, by their names in capitals."""

    address: str
    parameters: Mapping[str, str | None] = field(default_factory=dict)


def read_sender(argument: bytes) -> Envelope:
    """Read ``FROM:<…> …``; an empty address is that of bounces. Raises `PathError`."""
    return _read(argument, b"FROM", empty=True)


def read_recipient(argument: bytes) -> Envelope:
    """Read ``TO:<…> …``. Raises `PathError`."""
    return _read(argument, b"TO", empty=False)


def read_address(text: str) -> str:
    """Give an address in its one form. Raises `PathError`."""
    local, at, domain = _parted(text)
    match = _LOCAL.fullmatch(local)
    if match is None or (at and not _DOMAIN.fullmatch(domain)):
        raise PathError("the address is malformed", 501, "5.1.3")
    if match[1] is not None:
        local = re.sub(r"\\(.)", r"\1", match[1])
    return f"{local}@{domain.removesuffix('.')}" if at else local


def write_address(address: str) -> str:
    """Write an address as it goes into a header or an answer, in brackets."""
    local, at, domain = address.rpartition("@")
    if not at:
        local, domain = domain, ""
    if local and not _PLAIN_LOCAL.fullmatch(local):
        local = '"' + re.sub(r'(["\\])', r"\\\1", local) + '"'
    return f"<{local}{at}{domain}>"


def _read(argument: bytes, word: bytes, *, empty: bool) -> Envelope:
    match = _HEAD.match(argument)
    end = -1 if match is None else _closing(argument, match.end())
    if match is None or match[1].upper() != word or end < 0:
        raise PathError(f"the argument is {word.decode()}:<address>")
    octets = argument[match.end() : end]
    if len(octets) > MAX_PATH:
        raise PathError("the address is too long", 501, "5.1.3")
    try:
        path = octets.decode("utf-8")
    except UnicodeDecodeError:
        raise PathError("the address is no UTF-8", 553, "5.6.7") from None
    if _NEVER.search(path):
        raise PathError("the address has control characters", 501, "5.1.3")
    route = _ROUTE.match(path)
    if route is not None:
        path = path[route.end() :]  # RFC 5321 Appendix C: ignored
    if not path and not empty:
        raise PathError("a recipient has an address", 501, "5.1.3")
    address = read_address(path) if path else ""
    return Envelope(address, _parameters(argument[end + 1 :]))


def _closing(argument: bytes, at: int) -> int:
    """Give the place of the ``>`` that ends a path, -1 if there is none."""
    quoted = False
    while at < len(argument):
        letter = argument[at]
        if quoted and letter == 0x5C:  # a backslash: the next one stands for itself
            at += 1
        elif letter == 0x22:
            quoted = not quoted
        elif letter == 0x3E and not quoted:
            return at
        at += 1
    return -1


def _parted(path: str) -> tuple[str, str, str]:
    local, at, domain = path.rpartition("@")
    if at and not domain.startswith("[") and domain.endswith('"'):
        return path, "", ""  # the @ is in a quoted local part without domain
    return (local, at, domain) if at else (path, "", "")


def _parameters(rest: bytes) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    if rest and not rest.startswith(b" "):
        raise PathError("a space is wanted behind the address")
    for word in rest.split(b" "):
        if not word:
            continue
        match = _PARAMETER.fullmatch(word)
        if match is None:
            raise PathError("a parameter is malformed")
        name = match[1].decode("ascii").upper()
        if name in found:
            raise PathError(f"{name} is there twice")
        found[name] = None if match[2] is None else match[2].decode("ascii")
    return found
