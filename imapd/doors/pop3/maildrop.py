"""Maildrop: the messages of INBOX at the login, as one client numbers them.

RFC 1939 §4 wants a lock, so that nothing changes under the client. Here others may go
on: this is a snapshot. What they remove is served from its tombstone, what arrives is
not seen, and only what the client marked goes at its QUIT. It holds two numbers a
message, and no mail.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterator
from typing import Self

from mailstore.blobs import BlobReader
from mailstore.errors import Corrupt, NotFound
from mailstore.model import (
    FLAGGED,
    INBOX,
    SEEN,
    Column,
    FlagChange,
    FlagOperation,
)
from mailstore.service import Access, Mailbox

_NUMBER = re.compile(rb"[0-9]{1,10}")
_LINES = 512  # of a listing in one piece
_SEEN_AT_ONCE = 200


class NoSuchMessage(Exception):
    """There is no message with that number, or it is marked as deleted."""


class Maildrop:
    """Made by `open`, ended by `close`. Places count from 0, numbers from 1."""

    def __init__(self, mailbox: Mailbox, *, ascii_headers: bool) -> None:
        self._mailbox = mailbox
        self._ascii_headers = ascii_headers
        self._uids = array("I")
        self._sizes = array("Q")
        self._deleted: set[int] = set()
        self._retrieved: set[int] = set()
        self._octets = 0

    @classmethod
    async def open(cls, account: Access, *, ascii_headers: bool) -> Self:
        """Look at INBOX. Raises store errors."""
        mailbox = await account.open(INBOX)
        made = cls(mailbox, ascii_headers=ascii_headers)
        try:
            await made._look()
        except BaseException:
            await mailbox.close()
            raise
        return made

    async def _look(self) -> None:
        mailbox = self._mailbox
        columns = (Column.SIZE,)
        async for batch in mailbox.fetch(
            mailbox.uids[:], columns, ascii_headers=self._ascii_headers
        ):
            self._uids += array("I", batch.uids)
            self._sizes += array("Q", batch.columns[Column.SIZE])
        self._octets = sum(self._sizes)

    async def close(self) -> None:
        """Leave INBOX. What was retrieved is marked as seen."""
        try:
            await self.write_seen()
        finally:
            await self._mailbox.close()

    # -- what is there

    @property
    def readonly(self) -> bool:
        """Whether nothing can be removed."""
        return self._mailbox.readonly

    @property
    def count(self) -> int:
        """How many messages there are that are not marked."""
        return len(self._uids) - len(self._deleted)

    @property
    def octets(self) -> int:
        """The octets of those messages."""
        return self._octets

    def place(self, number: bytes) -> int:
        """Give the place of a message by its number. Raises `NoSuchMessage`."""
        if not _NUMBER.fullmatch(number):
            raise NoSuchMessage
        at = int(number) - 1
        if not 0 <= at < len(self._uids) or at in self._deleted:
            raise NoSuchMessage
        return at

    def size(self, at: int) -> int:
        """Give the octets of a message."""
        return self._sizes[at]

    def unique_id(self, at: int) -> str:
        """Give what names a message for ever: UIDVALIDITY and UID (RFC 1939 §7)."""
        return f"{self._mailbox.uidvalidity:08x}{self._uids[at]:08x}"

    def sizes(self) -> Iterator[bytes]:
        """Give the scan listing of all messages, a piece at a time."""
        for places in self._pieces():
            yield b"".join([b"%d %d\r\n" % (at + 1, self._sizes[at]) for at in places])

    def unique_ids(self) -> Iterator[bytes]:
        """Give the unique-id listing of all messages, a piece at a time."""
        head = self._mailbox.uidvalidity
        for places in self._pieces():
            yield b"".join(
                [b"%d %08x%08x\r\n" % (at + 1, head, self._uids[at]) for at in places]
            )

    def _pieces(self) -> Iterator[list[int]]:
        deleted = self._deleted
        for start in range(0, len(self._uids), _LINES):
            stop = min(start + _LINES, len(self._uids))
            yield [at for at in range(start, stop) if at not in deleted]

    async def reader(self, at: int) -> BlobReader:
        """Open a message. Raises `Corrupt`, `Unavailable`, `NotFound`."""
        mailbox = self._mailbox
        async for batch in mailbox.fetch(
            self._uids[at : at + 1],
            (Column.BLOB,),
            ascii_headers=self._ascii_headers,
        ):
            (ref,) = batch.columns[Column.BLOB]
            try:
                await mailbox.prove(ref)
                found = mailbox.blob(ref)
            except NotFound as error:
                # The index names it, so it ought to be there.
                raise Corrupt(detail=str(error)) from error
            if found.size != self._sizes[at]:
                found.close()
                raise Corrupt(detail="the message has not the size that was told")
            return found
        raise NotFound("the message is gone")

    # -- what the client does

    def delete(self, at: int) -> None:
        """Mark a message; it goes at QUIT."""
        self._deleted.add(at)
        self._octets -= self._sizes[at]

    def reset(self) -> None:
        """Take all marks away."""
        self._deleted.clear()
        self._octets = sum(self._sizes)

    async def retrieved(self, at: int) -> None:
        """Note that the client has a message; many are marked as seen together."""
        self._retrieved.add(at)
        if len(self._retrieved) >= _SEEN_AT_ONCE:
            await self.write_seen()

    async def write_seen(self) -> None:
        """Mark what was retrieved as seen. Raises store errors."""
        retrieved, self._retrieved = self._retrieved, set()
        if not retrieved or self.readonly:
            return
        await self._mailbox.store_flags(
            [self._uids[at] for at in sorted(retrieved)],
            FlagChange(FlagOperation.ADD, ("\\Seen",)),
            seen_at=self._mailbox.modseq,
        )

    async def update(self, *, seen_before: int | None = None) -> int:
        """Remove what is marked (RFC 1939 §6); gives how many were marked.

        With ``seen_before`` what is seen, and came before that time, goes with it,
        if nobody flagged it. Raises store errors: nothing is removed then.
        """
        self._retrieved -= self._deleted
        await self.write_seen()
        going = set(self._deleted)
        if seen_before is not None and not self.readonly:
            going |= await self._expired(seen_before)
        if going:
            uids = [self._uids[at] for at in sorted(going)]
            await self._mailbox.expunge(uids, deleted_only=False)
        marked = len(self._deleted)
        self._deleted = set()
        return marked

    async def _expired(self, seen_before: int) -> set[int]:
        found: set[int] = set()
        columns, start = (Column.FLAGS, Column.INTERNALDATE), 0
        async for batch in self._mailbox.fetch(self._uids, columns):
            flags = batch.columns[Column.FLAGS]
            dates = batch.columns[Column.INTERNALDATE]
            for uid, mask, date in zip(batch.uids, flags, dates, strict=True):
                while self._uids[start] != uid:
                    start += 1
                if mask & (SEEN | FLAGGED) == SEEN and date[0] < seen_before:
                    found.add(start)
        return found
