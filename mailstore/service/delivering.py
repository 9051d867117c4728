"""The job of the lane that stores a delivery: one message, for one of its accounts.

The message was looked at once for all of them; here the fields of its way are set
before it while its bytes go into the account's blobs.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from mailstore.blobs import BlobStore, BlobWriter
from mailstore.index import delivered, mailboxes
from mailstore.index.arrival import NewMessage, append
from mailstore.index.database import Database
from mailstore.index.records import MessageRecord
from mailstore.mime.ingest import Ingested, behind_fields
from mailstore.model import INBOX, InternalDate
from mailstore.service.arrivals import look, record_of
from mailstore.writer import Outcome

AGAIN_SECONDS = 7 * 86_400
"""How long a message may be tried again whose other recipients failed for a while."""


@dataclass(frozen=True, slots=True)
class Wish:
    """Where a message should go: a mailbox that may not be there, else INBOX.

    ``make``: it is made if it is missing, as one of ``most`` at most.
    """

    mailbox: str | None = None
    make: bool = False
    most: int = 0


@dataclass(frozen=True, slots=True)
class Memory:
    """What would make a delivery a second one.

    ``again`` was remembered of a delivery whose other recipients failed, and counts
    once. ``message_id`` is compared with those of the last ``seconds``, per mailbox.
    """

    again: bytes
    message_id: bytes | None = None
    seconds: int = 0


@dataclass(frozen=True, slots=True)
class Delivered:
    """Where the message is. ``uid`` 0: it was there already."""

    mailbox: str
    uid: int


@dataclass(slots=True)
class DeliveryJob:
    """Stores ``fields`` and the message behind them as one."""

    fields: bytes
    content: BlobWriter
    seen: Ingested
    wish: Wish
    memory: Memory
    now: int
    durable: bool = True
    bounded: bool = True  # the quota holds
    _record: MessageRecord | None = field(default=None, init=False)

    def prepare(self, blobs: BlobStore) -> bool:
        """Copy the bytes."""
        size = len(self.fields) + self.content.size
        writer = blobs.writer(size)
        try:
            writer.write(self.fields)
            for piece in self.content.pieces():
                writer.write(piece)
            writer.check()
            if self.seen.edits or not self.fields.isascii():
                # Its headers are changed for some clients: offsets of all kinds.
                seen, other = look(writer, blobs)
            else:
                seen, other = behind_fields(self.seen, len(self.fields)), None
            stored = blobs.add(writer, InternalDate(self.now))
        finally:
            writer.abort()
        self._record = record_of(stored, seen, other)
        return True

    def look(self) -> None:
        """Nothing: the message was looked at for all its accounts."""

    def run(self, database: Database) -> Outcome[Delivered]:
        """Find the mailbox and insert the rows, if the message isn't there yet."""
        assert self._record is not None
        name, made = self._mailbox(database)
        again, since = self.memory.again, self.now - AGAIN_SECONDS
        if delivered.known(database, again, since):
            delivered.forget(database, again)
            return Outcome(Delivered(name, 0))
        key = self._key(name)
        if key and delivered.known(database, key, self.now - self.memory.seconds):
            return Outcome(Delivered(name, 0))
        message = NewMessage(self._record, (), InternalDate(self.now))
        arrived = append(database, name, [message], self.now)
        if key:
            delivered.remember(database, key, self.now)
        uid = arrived.delta.new[0].uid
        return Outcome(Delivered(name, uid), (arrived.delta,), names_changed=made)

    def _key(self, name: str) -> bytes:
        memory = self.memory
        if not memory.seconds or memory.message_id is None:
            return b""
        return hashed(b"id", name.encode("utf-8"), memory.message_id)

    def _mailbox(self, database: Database) -> tuple[str, bool]:
        """Give the mailbox that the wish finds; True if it was made."""
        wish = self.wish
        if wish.mailbox is None:
            return INBOX, False
        found = mailboxes.named_like(database, wish.mailbox)
        if found is not None:
            return found, False
        if not wish.make:
            return INBOX, False
        mailboxes.create(database, wish.mailbox, None, self.now, wish.most)
        return wish.mailbox, True


def hashed(*parts: bytes) -> bytes:
    """Give the hash of some texts, which no other ones have."""
    made = hashlib.sha256()
    for part in parts:
        made.update(len(part).to_bytes(8, "big"))
        made.update(part)
    return made.digest()


def remember_again(key: bytes, now: int, database: Database) -> Outcome[None]:
    """Note that a message is here though it will be tried again."""
    delivered.remember(database, key, now)
    return Outcome(None)
