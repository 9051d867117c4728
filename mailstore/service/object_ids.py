"""Identifiers of an account's objects, as clients see them (RFC 8474 §8.1).

A letter for the kind, the account's token, a number: ``M5f0c…-1a2b``. They have no
capitals beside the letter, so that no two differ in case only. The number is never
given twice in an account.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_NUMBER = re.compile(r"0|[1-9a-f][0-9a-f]{0,15}")
_WHOLE = 2**63
_MAILBOX, _EMAIL, _THREAD = "F", "M", "T"


@dataclass(frozen=True, slots=True)
class ObjectIds:
    """Makes and reads the identifiers of one account."""

    token: str

    def mailbox(self, number: int) -> str:
        """Give a mailbox's identifier."""
        return f"{_MAILBOX}{self.token}-{number:x}"

    def email(self, number: int) -> str:
        """Give a message's identifier, which all copies share."""
        return f"{_EMAIL}{self.token}-{number:x}"

    def thread(self, number: int) -> str:
        """Give a thread's identifier."""
        return f"{_THREAD}{self.token}-{number:x}"

    def as_number(self, number: int) -> int:
        """Give a message's or thread's identifier as a number of 63 bits."""
        return (self._start + number) % _WHOLE

    def of_number(self, value: int) -> int:
        """Read such a number; one of another account is none that is given here."""
        return (value - self._start) % _WHOLE

    @property
    def _start(self) -> int:
        return int(self.token or "0", 16) >> 1

    def email_number(self, text: str) -> int | None:
        """Read a message's identifier; None when it is none of this account's."""
        return self._number(_EMAIL, text)

    def thread_number(self, text: str) -> int | None:
        """Read a thread's identifier; None when it is none of this account's."""
        return self._number(_THREAD, text)

    def _number(self, kind: str, text: str) -> int | None:
        head, hyphen, digits = text.partition("-")
        if head != kind + self.token or not hyphen or not _NUMBER.fullmatch(digits):
            return None
        return int(digits, 16)
