"""The counters of an account's mailboxes, as STATUS wants them.

What a mailbox's row keeps is remembered until some process commits something; clients
poll the same mailboxes over and over, one by one. Who asks for several at one version
gets more and more of them read ahead. What no row keeps is counted each time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from mailstore.index import mailboxes
from mailstore.index.database import Database
from mailstore.index.records import MailboxRow
from mailstore.lanes import Pool, Runtime, in_pool
from mailstore.model import MailboxId, MailboxStatus
from mailstore.service.opened import OpenMailboxes
from mailstore.service.readers import Readers

_KEPT = 1_000  # rows of an account
_MOST_AHEAD = 128


class Statuses:
    """Reads counters, as seldom as they can have changed. Event thread only.

    ``told`` makes the counters of a row, with the number of its \\Recent messages.
    """

    def __init__(
        self,
        runtime: Runtime,
        readers: Readers,
        opened: OpenMailboxes,
        told: Callable[[MailboxRow, int], MailboxStatus],
    ) -> None:
        self._runtime = runtime
        self._readers = readers
        self._opened = opened
        self._told = told
        self._version = -1
        self._rows: dict[str, MailboxRow] = {}
        self._ahead = 1  # rows to read for one name that is not among them

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
            found = {row.name: self._told(row, 0) for row in self._read(names)}
        if deleted_octets:
            return await with_deleted_octets(self._runtime, self._readers, found)
        return found

    def _with_recent(self, names: Sequence[str]) -> Mapping[str, MailboxStatus]:
        reader = self._readers.event
        with reader.snapshot():
            rows = mailboxes.mailboxes_named(reader, names)
            counts = count_recent(reader, self._opened, rows)
        return {row.name: self._told(row, counts.get(row.id, 0)) for row in rows}

    def _read(self, names: Sequence[str]) -> Sequence[MailboxRow]:
        # In this order: what is read then may be newer than the version, not older.
        version = self._readers.look()
        if version != self._version:
            self._version, self._ahead = version, 1
            self._rows.clear()
        known = self._rows
        missing = [name for name in names if name not in known]
        found = [known[name] for name in names if name in known]
        if not missing:
            return found
        reader = self._readers.event
        if len(missing) == 1:
            rows = mailboxes.mailboxes_from(reader, missing[0], self._ahead)
            self._ahead = min(2 * self._ahead, _MOST_AHEAD)
            found += [row for row in rows if row.name == missing[0]]
        else:
            rows = mailboxes.mailboxes_named(reader, missing)
            found += rows
        if len(known) + len(rows) > _KEPT:
            known.clear()
        known.update((row.name, row) for row in rows[:_KEPT])
        return found


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
        name: replace(one, deleted_octets=octets.get(one.id, 0))
        for name, one in found.items()
    }
