"""The answers of LMTP and SMTP (RFC 5321 §4.2), with enhanced codes (RFC 3463).

An answer is data; ``render`` writes it. `of_error` says what a store's error means
to who brings mail: 4xx, try again, whenever that may help.
"""

from __future__ import annotations

from dataclasses import dataclass

from mailstore.errors import (
    Busy,
    Corrupt,
    InvalidContent,
    NotFound,
    NotPermitted,
    OverQuota,
    StoreError,
    TooBig,
    TooMany,
    Unavailable,
)


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer. ``status`` is empty where RFC 2034 §3 wants none."""

    code: int
    status: str
    text: str
    more: tuple[str, ...] = ()  # lines behind the first

    @property
    def good(self) -> bool:
        """Whether what was asked for was done."""
        return self.code < 400

    @property
    def transient(self) -> bool:
        """Whether trying again may help."""
        return 400 <= self.code < 500

    def render(self) -> bytes:
        """Write it."""
        head = f"{self.status} " if self.status else ""
        lines = [f"{head}{self.text}", *(f"{head}{line}" for line in self.more)]
        last = len(lines) - 1
        return b"".join(
            f"{self.code}{' ' if at == last else '-'}{line}\r\n".encode()
            for at, line in enumerate(lines)
        )


OK = Answer(250, "2.0.0", "OK")
STORED = Answer(250, "2.0.0", "stored")
HERE_ALREADY = Answer(250, "2.0.0", "it is here already")
GO_ON = Answer(354, "", "send the message, then <CRLF>.<CRLF>")
BYE = Answer(221, "2.0.0", "goodbye")
BARE = Answer(554, "5.6.0", "the message has a bare CR or LF, lines end in CRLF")
LOOP = Answer(554, "5.4.6", "the message has been through too many servers: a loop")
DEFECT = Answer(451, "4.3.0", "something is wrong here, try again later")

_ERRORS: dict[type[StoreError], tuple[int, str]] = {
    NotFound: (550, "5.1.1"),
    NotPermitted: (550, "5.2.1"),
    TooBig: (552, "5.3.4"),
    TooMany: (452, "4.5.3"),
    OverQuota: (452, "4.2.2"),
    InvalidContent: (554, "5.6.0"),
    Busy: (451, "4.3.0"),
    Corrupt: (451, "4.3.0"),
    Unavailable: (451, "4.3.0"),
}


def of_error(error: StoreError, *, refuse_over_quota: bool = False) -> Answer:
    """Say what an error of the store means to who brings mail."""
    if refuse_over_quota and isinstance(error, OverQuota):
        return Answer(552, "5.2.2", error.text)
    for kind, (code, status) in _ERRORS.items():
        if isinstance(error, kind):
            return Answer(code, status, error.text)
    return Answer(451, "4.3.0", error.text)
