"""A message that was found in a foreign place."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from mailstore.model import InternalDate

_BARE_LF = re.compile(rb"(?<!\r)\n")


@dataclass(frozen=True, slots=True)
class Found:
    """A message and what its place said about it.

    ``folder`` are the levels of the folder below what was asked for, as they are
    written there; none for the root.
    """

    source: str
    content: bytes = field(repr=False)
    folder: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    date: InternalDate | None = None


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file that was passed over, and why."""

    source: str
    reason: str


def with_crlf(data: bytes) -> bytes:
    """Give a message with CRLF at the end of each line."""
    if data.count(b"\n") == data.count(b"\r\n"):
        return data
    return _BARE_LF.sub(b"\r\n", data)


def with_lf(data: bytes) -> bytes:
    """Give a message with LF line ends, if `with_crlf` gives the same back."""
    lines = data.count(b"\r\n")
    if data.count(b"\n") != lines or data.count(b"\r") != lines:
        return data
    return data.replace(b"\r\n", b"\n")
