"""Counters of mailboxes that no row keeps: rows of messages are read for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from mailstore.index import mailboxes
from mailstore.index.database import Database
from mailstore.index.records import MailboxRow
from mailstore.lanes import Pool, Runtime, in_pool
from mailstore.model import MailboxId, MailboxStatus
from mailstore.service.opened import OpenMailboxes
from mailstore.service.readers import Readers


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
