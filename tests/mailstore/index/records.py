"""Making an index and messages for tests of its transactions."""

from __future__ import annotations

import hashlib
from pathlib import Path

from mailstore.index import entries, mailboxes
from mailstore.index.arrival import Arrived, NewMessage, append
from mailstore.index.database import Database
from mailstore.index.records import MessageRecord, NewColumns
from mailstore.mime.sorting import SortFields
from mailstore.model import InternalDate, MailboxId
from mailstore.state import MailboxState

NOW = 1_700_000_000


def new_index(folder: Path, *names: str) -> Database:
    database = Database.open(folder / "index.db")
    with database.transaction():
        for name in names or ("INBOX",):
            mailboxes.create(database, name, None, NOW, 100)
    return database


def record(text: str = "x", size: int | None = None) -> MessageRecord:
    return MessageRecord(
        blob=f"test:{text}",
        size=len(text) if size is None else size,
        digest=hashlib.sha256(text.encode()).digest(),
        sent=None,
        sent_zone=0,
        message_id=None,
        envelope=b"(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)",
        bodystructure=b"()",
        header=b"\x00\x00",
        parts=b"",
        preview=b'""',
        sort=SortFields(subject=text.encode()),
    )


def add(
    database: Database, name: str = "INBOX", *flags: tuple[str, ...], now: int = NOW
) -> Arrived:
    """Append one message per tuple of flags, in one transaction."""
    messages = [
        NewMessage(record(f"m{at}"), some, InternalDate(NOW + at, 60))
        for at, some in enumerate(flags or ((),))
    ]
    with database.transaction():
        return append(database, name, messages, now)


def mailbox_id(database: Database, name: str = "INBOX") -> MailboxId:
    return mailboxes.mailbox_named(database, name).id


def load(database: Database, name: str = "INBOX") -> NewColumns:
    """Give what a mailbox in memory is made of."""
    return entries.load(database, mailboxes.mailbox_named(database, name))


def state_of(database: Database, name: str = "INBOX") -> MailboxState:
    row = mailboxes.mailbox_named(database, name)
    return MailboxState(
        row, entries.load(database, row), entries.keywords(database, row.id)
    )


def contents(state: MailboxState) -> dict[str, object]:
    """Give all that a state knows, for comparisons."""
    return {
        "uids": list(state.uids),
        "masks": state.masks(0, len(state.uids)),
        "modseqs": list(state.modseqs),
        "sizes": list(state.sizes),
        "dates": list(state.dates),
        "zones": list(state.zones),
        "messages": list(state.messages),
        "keywords": state.keyword_names,
        "modseq": state.modseq,
        "uidnext": state.uidnext,
        "unseen": state.first_unseen(),
    }
