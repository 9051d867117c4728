"""What an administrator chose about POP3."""

from __future__ import annotations

from dataclasses import dataclass

from imapd.doors.pop3.delays import LoginDelays


@dataclass(frozen=True, slots=True)
class Pop3Options:
    """``host`` is what we call ourselves in APOP's stamp.

    ``expire_days``: what was read is removed so many days after it came; 0: never.
    """

    host: str = "localhost"
    apop: bool = False
    mark_seen: bool = True
    login_delay_seconds: int = 0
    expire_days: int = 0


@dataclass(frozen=True, slots=True)
class Pop3Service:
    """What all sessions of a worker share."""

    options: Pop3Options
    delays: LoginDelays
