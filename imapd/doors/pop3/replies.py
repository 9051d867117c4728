"""The answers of POP3 (RFC 1939 §3), with response codes (RFC 2449 §8, RFC 3206)."""

from __future__ import annotations

import base64
from dataclasses import dataclass, replace
from typing import Self

from imapd.session.languages import translated
from mailstore.errors import Busy, Corrupt, OverQuota, StoreError, Unavailable


@dataclass(frozen=True, slots=True)
class Ok:
    """What was asked for is done, or follows.

    ``data`` is what programs read, before the text that people read.
    """

    text: str = ""
    data: str = ""

    def said_in(self, language: str) -> Self:
        """Give it in a language, in English where it isn't known in that."""
        return replace(self, text=translated(self.text, language))

    def render(self) -> bytes:
        """Write it."""
        return " ".join(filter(None, ("+OK", self.data, self.text))).encode() + b"\r\n"


@dataclass(frozen=True, slots=True)
class Err:
    """It is not done. ``code`` tells programs what to do next, where there is one."""

    text: str
    code: str = ""

    def said_in(self, language: str) -> Self:
        """Give it in a language, in English where it isn't known in that."""
        return replace(self, text=translated(self.text, language))

    def render(self) -> bytes:
        """Write it."""
        code = f"[{self.code}] " if self.code else ""
        return f"-ERR {code}{self.text}\r\n".encode()


@dataclass(frozen=True, slots=True)
class Challenge:
    """The server's next message in a SASL exchange (RFC 5034 §4)."""

    data: bytes

    def render(self) -> bytes:
        """Write it."""
        return b"+ " + base64.b64encode(self.data) + b"\r\n"


def of_error(error: StoreError) -> Err:
    """Say what an error of the store means (RFC 3206 §4)."""
    if isinstance(error, Busy | Unavailable | OverQuota):
        return Err(error.text, "SYS/TEMP")
    if isinstance(error, Corrupt):
        return Err(error.text, "SYS/PERM")
    return Err(error.text)
