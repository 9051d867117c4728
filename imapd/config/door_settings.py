"""The tables of the doors beside IMAP."""

from __future__ import annotations

from dataclasses import dataclass

from imapd.config.wanted import Whole, YesNo
from imapd.config.wanted import setting as _setting


@dataclass(frozen=True, slots=True)
class Pop3Settings:
    """POP3, where `[[listen]]` has an address for it."""

    mark_seen: bool = _setting(
        True, YesNo(), "whether a message that was retrieved is \\Seen in IMAP"
    )
    apop: bool = _setting(
        False,
        YesNo(),
        "whether accounts with a recoverable password may log in by APOP, whose digest "
        "is MD5",
    )
    login_delay_seconds: int = _setting(
        0, Whole(0, 86_400), "the least time between two logins of an account"
    )
    expire_days: int = _setting(
        0,
        Whole(0, 36_500),
        "messages that are \\Seen and not \\Flagged are removed at the end of a POP3 "
        "session if they came so many days ago; 0: never",
    )
