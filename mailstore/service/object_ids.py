"""Identifiers of an account's objects, as clients see them (RFC 8474 §8.1).

A letter for the kind, the account's token, a number: ``M5f0c…-1a2b``. They have no
capitals beside the letter, so that no two differ in case only. The number is never
given twice in an account. An account's own is the random id by which the directory
knows it, whatever its name: ``A8d2e…``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from mailstore.model import AccountId

_NUMBER = re.compile(r"0|[1-9a-f][0-9a-f]{0,14}")  # of at most 60 bits
_WHOLE = 2**63
_ACCOUNT, _MAILBOX, _EMAIL, _THREAD = "A", "F", "M", "T"


@dataclass(frozen=True, slots=True)
class ObjectIds:
    """Makes and reads the identifiers of one account."""

    token: str
    owner: AccountId

    @property
    def account(self) -> str:
        """Give the account's identifier."""
        return f"{_ACCOUNT}{self.owner}"

    def mailbox(self, number: int) -> str:
        """Give a mailbox's identifier."""
        return f"{_MAILBOX}{self.token}-{number:x}"

    def of_mailbox(self, number: int) -> tuple[str, str]:
        """Give a mailbox's identifier, and the account's."""
        return self.mailbox(number), self.account

    def email(self, number: int) -> str:
        """Give a message's identifier, by the number that `Column.EMAILID` gives."""
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

    def mailbox_number(self, text: str) -> int | None:
        """Read a mailbox's identifier; None when it is none of this account's."""
        return self._number(_MAILBOX, text)

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


def account_named(text: str) -> AccountId | None:
    """Read an account's identifier; None when it can be nobody's."""
    return AccountId(text[1:]) if text.startswith(_ACCOUNT) else None
