"""Sessions that speak OBJECTID+, and what they say in short."""

from __future__ import annotations

from typing import Any

from imapd.extensions.objectid import PLUS
from imapd.features import ALL
from imapd.session.registry import Registry
from tests.support.responses import Status, StatusLine
from tests.support.session import Answer, Session

REGISTRY = Registry.of([*ALL, PLUS])


def mailbox_ids(session: Session, name: bytes) -> Any:
    """Give what STATUS tells of a mailbox."""
    (line,) = session.ok(b'STATUS "%b" (OBJECTID)' % name).of(StatusLine)
    return line.items["OBJECTID"]


def by_ids(name: bytes, command: bytes = b"SELECT", **ids: str) -> bytes:
    """Write a command that selects by identifiers."""
    written = " ".join(f"{key} {value}" for key, value in ids.items())
    return b'%b "%b" (OBJECTID (%b))' % (command, name, written.encode())


def selected(answer: Answer) -> Any:
    """Give the list that SELECT has told."""
    (code,) = [
        one.code
        for one in answer.of(Status)
        if one.code is not None and one.code.name == "OBJECTID"
    ]
    return code.value
