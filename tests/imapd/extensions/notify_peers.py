"""What the tests of NOTIFY say and hear."""

from __future__ import annotations

from typing import Any

from tests.support.responses import ListLine
from tests.support.session import Session

MESSAGE = b"From: a@example.org\r\nSubject: hello\r\n\r\nbody\r\n"
ALL = b"NOTIFY SET (selected %b) (personal %b)" % (
    b"(MessageNew (UID FLAGS) MessageExpunge FlagChange)",
    b"(MessageNew MessageExpunge FlagChange MailboxName SubscriptionChange)",
)
SELECTED = b"NOTIFY SET (selected (MessageNew (UID) MessageExpunge FlagChange))"


def heard(session: Session, kind: type[Any]) -> list[Any]:
    """Give what came unasked, all of one kind."""
    found = session.read()
    assert all(isinstance(one, kind) for one in found), found
    return found


def listed(session: Session) -> list[tuple[str, frozenset[str]]]:
    """Give the names that came unasked."""
    return [(line.name, line.attributes) for line in heard(session, ListLine)]
