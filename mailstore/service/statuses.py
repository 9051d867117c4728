"""The counters of an account's mailboxes, as STATUS wants them.

What a mailbox's row keeps is remembered until some process commits something; clients
poll the same mailboxes over and over, one by one. Who asks for several at one version
gets more and more of them read ahead: those that he has asked for already without
waiting for an answer, else those whose names follow. What no row keeps is counted each
time.

A mailbox whose row reads as before has the *same* `MailboxStatus` as before, so that
who made something of that may keep it as well.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from mailstore.index import mailboxes
from mailstore.index.database import Database
from mailstore.index.records import MailboxRow
from mailstore.lanes import Pool, Runtime, in_pool
from mailstore.model import MailboxId, MailboxStatus
from mailstore.service.object_ids import ObjectIds
from mailstore.service.opened import OpenMailboxes
from mailstore.service.options import StoreOptions
from mailstore.service.readers import Readers

_KEPT = 2_000  # rows of an account
_MOST_AHEAD = 128
_EXPECTED = 16  # as many as are answered before anybody else has a turn

T = TypeVar("T")
_Row = tuple[Any, ...]  # a mailbox's, as it was read


Expected = Callable[[int], Sequence[str]]
"""Gives names that are likely to be asked for next, so many at most."""


class Statuses:
    """Reads counters, as seldom as they can have changed. Event thread only.

    ``options`` tells how the store keeps mail now.
    """

    def __init__(
        self,
        runtime: Runtime,
        readers: Readers,
        opened: OpenMailboxes,
        object_ids: ObjectIds,
        options: Callable[[], StoreOptions],
    ) -> None:
        self._runtime = runtime
        self._readers = readers
        self._opened = opened
        self._object_ids = object_ids
        self._options = options
        self._version = -1  # at which all was read but what `_made` has
        self._options_made: StoreOptions | None = None
        self._rows: dict[str, _Row | None] = {}  # None: there is no such mailbox
        self._now: dict[str, MailboxStatus] = {}
        self._made: dict[str, tuple[_Row, MailboxStatus]] = {}
        self._reads = 0  # of one name that was not among them, at this version

    async def of(
        self, names: Sequence[str], *, recent: bool, deleted_octets: bool
    ) -> Mapping[str, MailboxStatus]:
        """Give the counters of mailboxes; names without one are left out.

        Without ``recent`` those are 0, and without ``deleted_octets`` no sizes of
        messages are summed up.
        """
        if recent:
            found = self._with_recent(names)
        else:
            self._look()
            found = self._known(names)
        if deleted_octets:
            return await with_deleted_octets(self._runtime, self._readers, found)
        return found

    def one(self, name: str, expected: Expected | None = None) -> MailboxStatus | None:
        """Give the counters of a mailbox, without the number of \\Recent messages.

        None when there is none. What is ``expected`` is read by the same statement.
        """
        self._look()
        known = self._now.get(name)
        if known is None:
            known = self._known((name,), expected).get(name)
        return known

    def _with_recent(self, names: Sequence[str]) -> dict[str, MailboxStatus]:
        reader = self._readers.event
        with reader.snapshot():
            read = mailboxes.mailboxes_named(reader, names)
            rows = [mailboxes.row_of(values) for values in read]
            counts = count_recent(reader, self._opened, rows)
        return {
            row.name: self._told(values, counts.get(row.id, 0))
            for row, values in zip(rows, read, strict=True)
        }

    def _look(self) -> None:
        """Forget what may have changed."""
        # In this order: what is read then may be newer than the version, not older.
        version, options = self._readers.look(), self._options()
        if version != self._version:
            self._version, self._reads = version, 0
            self._rows.clear()
            self._now.clear()
        if options is not self._options_made:
            self._options_made = options
            self._now.clear()
            self._made.clear()

    def _told(self, values: _Row, recent: int) -> MailboxStatus:
        most, ids = self._options().max_message, self._object_ids
        row = MailboxRow._make(values)  # of which counters alone are looked at
        return row.status(recent, most, ids.of_mailbox(row.id))

    def _known(
        self, names: Sequence[str], expected: Expected | None = None
    ) -> dict[str, MailboxStatus]:
        """Give counters of this version."""
        now = self._now
        found = {name: now[name] for name in names if name in now}
        missing = [name for name in names if name not in now]
        if missing:
            made = self._make(self._read(missing, expected))
            found.update((name, made[name]) for name in missing if name in made)
            _keep(now, made)
        return found

    def _make(self, rows: Mapping[str, _Row | None]) -> dict[str, MailboxStatus]:
        before, new = self._made, dict[str, tuple[_Row, MailboxStatus]]()
        made: dict[str, MailboxStatus] = {}
        for name, values in rows.items():
            if values is None:
                continue
            known = before.get(name)
            if known is None or known[0] != values:
                known = new[name] = values, self._told(values, 0)
            made[name] = known[1]
        _keep(before, new)
        return made

    def _read(
        self, names: Sequence[str], expected: Expected | None
    ) -> Mapping[str, _Row | None]:
        """Give the rows of these names as values, None for who has none.

        With rows of others that were asked for already.
        """
        known = self._rows
        missing = [name for name in names if name not in known]
        found = {name: known[name] for name in names if name in known}
        if len(missing) == 1:
            found |= self._read_ahead(missing[0], expected)
        elif missing:
            found |= self._named(missing)
        return found

    def _read_ahead(
        self, name: str, expected: Expected | None
    ) -> dict[str, _Row | None]:
        """Read a row, and those that are likely to be wanted next.

        What follows in order if nobody knows better. More each time: in vain is at most
        as much as was of use.
        """
        reads, self._reads = self._reads, min(self._reads + 1, _MOST_AHEAD)
        names = expected(min(_EXPECTED << reads, _MOST_AHEAD)) if expected else ()
        if names:
            new = [one for one in names if one not in self._rows]
            return self._named([name, *new])
        most = min(1 << reads, _MOST_AHEAD)
        rows = mailboxes.mailboxes_from(self._readers.event, name, most)
        read: dict[str, _Row | None] = {name: None}
        read.update((row[mailboxes.NAME], row) for row in rows)
        _keep(self._rows, read)
        return {name: read[name]}

    def _named(self, names: Sequence[str]) -> dict[str, _Row | None]:
        read: dict[str, _Row | None] = dict.fromkeys(names)
        rows = mailboxes.mailboxes_named(self._readers.event, names)
        read.update((row[mailboxes.NAME], row) for row in rows)
        _keep(self._rows, read)
        return read


def _keep(kept: dict[str, T], new: Mapping[str, T]) -> None:
    """Keep what is new, bounded."""
    if len(kept) + len(new) > _KEPT:
        kept.clear()
    if len(new) <= _KEPT:
        kept.update(new)


def count_recent(
    reader: Database, opened: OpenMailboxes, rows: Sequence[MailboxRow]
) -> Mapping[MailboxId, int]:
    """Count the messages that no session has claimed as \\Recent."""
    since: dict[MailboxId, int] = {}
    for row in rows:
        there = opened.get(row.id)
        claimed = row.recent_from if there is None else there.state.recent_from
        recent_from = max(row.recent_from, claimed)
        if recent_from < row.uidnext:
            since[row.id] = recent_from
    return mailboxes.count_recent(reader, since)


async def with_deleted_octets(
    runtime: Runtime, readers: Readers, found: Mapping[str, MailboxStatus]
) -> Mapping[str, MailboxStatus]:
    """Sum up the sizes of messages with \\Deleted, where there are any."""
    ids = [one.id for one in found.values() if one.deleted]
    if not ids:
        return found

    def read() -> Mapping[MailboxId, int]:
        with readers.take() as database:
            return mailboxes.deleted_octets(database, ids)

    octets = await in_pool(runtime, Pool.READ, read)
    return {
        name: one._replace(deleted_octets=octets.get(one.id, 0))
        for name, one in found.items()
    }
