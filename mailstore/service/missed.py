"""What other processes have committed to a mailbox, for a state that lacks it.

Of the flags of messages those blocks are read that have changed, and of each of them
its mod-sequences and what is newer: what it costs goes by how many blocks that are, not
by the messages of the mailbox. Where that is little it is read on the event thread: a
client that comes back is often at another worker than the one that it left.

It must not know states: what it reads is a `Delta`, as of a commit.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Sequence

from mailstore.index import entries, flagblocks, mailboxes, private
from mailstore.index.database import Database
from mailstore.index.private import Mark, Marks, Private
from mailstore.index.records import ChangedFlags, Delta, EntryRow, NewColumns
from mailstore.model import MailboxId

# What is read on the event thread takes two milliseconds at most.
_LOOKED_AT = 100_000  # messages, whose blocks are gone over for those that have changed
_BLOCKS = 40  # that have changed
_ROWS = 500  # of new messages
_VANISHED = 1_000
_ONE_BY_ONE = 2_000  # messages, each of them looked at


class TooMuch(Exception):
    """It is more than may be read on the event thread."""


class Missed:
    """Brings what is known of a mailbox at a mod-sequence to the present.

    ``since`` is that mod-sequence, ``uids`` are those of its messages then, and
    ``uidnext`` was the next one; ``whose`` flags are wanted (None: the shared ones).
    """

    def __init__(
        self,
        mailbox: MailboxId,
        since: int,
        uids: array[int],
        uidnext: int,
        whose: Private | None,
    ) -> None:
        self._mailbox = mailbox
        self._since = since
        self._uids = uids
        self._count = len(uids)  # more may be added behind them meanwhile
        self._uidnext = uidnext
        self._whose = whose

    def at_once(self, database: Database) -> Delta | None:
        """Do as a call, for the event thread. Raises `TooMuch`."""
        if self._count > (_LOOKED_AT if self._whose is None else _ONE_BY_ONE):
            raise TooMuch
        return self._read(database, short=True)

    def __call__(self, database: Database) -> Delta | None:
        """Give what is missing; None: nothing is."""
        return self._read(database, short=False)

    def _read(self, database: Database, *, short: bool) -> Delta | None:
        mailbox, since = self._mailbox, self._since
        with database.snapshot():
            row = mailboxes.mailbox_numbered(database, mailbox)
            if row is None:
                highest = mailboxes.highestmodseq(database, mailbox)
                return Delta(mailbox, since, highest or since + 1, gone=True)
            if row.highestmodseq == since:
                return None
            if short and row.uidnext - self._uidnext > _ROWS:
                raise TooMuch
            changed = self._changed(database, short=short)
            new = self._new(database) if row.uidnext > self._uidnext else []
            there = row.messages - len(new)
            return Delta(
                mailbox,
                since,
                row.highestmodseq,
                row.uidnext,
                new=new,
                added=NewColumns.of(new),
                changed=changed,
                vanished=self._vanished(database, there, short=short),
                keywords=entries.keywords(database, mailbox),
            )

    def _changed(self, database: Database, *, short: bool) -> ChangedFlags:
        mailbox, since, uidnext = self._mailbox, self._since, self._uidnext
        if self._whose is None:
            most = _BLOCKS if short else None
            found = flagblocks.changed(database, mailbox, since, uidnext, most)
            if found is None:
                raise TooMuch
            return found
        person = _Person(database, mailbox, self._whose)
        rows = entries.masks_since(database, mailbox, since, uidnext)
        return ChangedFlags.of_several(person.changed(rows, since, uidnext))

    def _new(self, database: Database) -> list[EntryRow]:
        new = entries.entries_from(database, self._mailbox, self._uidnext)
        if self._whose is None:
            return new
        return _Person(database, self._mailbox, self._whose).new(new)

    def _vanished(self, database: Database, there: int, *, short: bool) -> array[int]:
        """Give the UIDs that are gone; ``there`` messages of those known are left."""
        mailbox, most = self._mailbox, _VANISHED if short else None
        found = entries.vanished_since(database, mailbox, self._since, most)
        if most is not None and len(found) > most:
            raise TooMuch
        if self._count - bisect_left(found, self._uidnext) == there:
            return found
        # Tombstones are purged by and by: nobody may have looked here for so long.
        if short and self._count > _ONE_BY_ONE:
            raise TooMuch
        left = frozenset(entries.uids_below(database, mailbox, self._uidnext))
        gone = [uid for uid in self._uids[: self._count] if uid not in left]
        return array("I", sorted({*found, *gone}))


class _Person:
    """Reads changes of a mailbox as somebody sees them who has flags for himself."""

    def __init__(self, database: Database, mailbox: MailboxId, whose: Private) -> None:
        self._database = database
        self._mailbox = mailbox
        self._whose = whose

    def changed(
        self, rows: Sequence[tuple[int, int, int]], since: int, uidnext: int
    ) -> list[tuple[int, int, int]]:
        """Give (uid, mask, modseq) of what changed for anybody, or for him alone."""
        known = {uid for uid, _, _ in rows}
        own = private.since(self._database, self._mailbox, self._whose, since)
        more = [uid for uid in own if uid not in known and uid < uidnext]
        rows = sorted([*rows, *entries.masks_of(self._database, self._mailbox, more)])
        marks = self._marks([uid for uid, _, _ in rows])
        return [
            (uid, *self._seen(mask, modseq, marks.get(uid)))
            for uid, mask, modseq in rows
        ]

    def new(self, rows: Sequence[EntryRow]) -> list[EntryRow]:
        """Give new messages as he sees them."""
        marks = self._marks([row.uid for row in rows])
        found = []
        for row in rows:
            mask, modseq = self._seen(row.mask, row.modseq, marks.get(row.uid))
            found.append(row._replace(mask=mask, modseq=modseq))
        return found

    def _marks(self, uids: Sequence[int]) -> Marks:
        return private.of(self._database, self._mailbox, self._whose, uids)

    def _seen(self, mask: int, modseq: int, mark: Mark | None) -> tuple[int, int]:
        highest = modseq if mark is None else max(modseq, mark.modseq)
        return self._whose.seen(mask, mark), highest
