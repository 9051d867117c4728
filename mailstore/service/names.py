"""The list of an account's names, as LIST and LSUB want it; cached by version."""

from __future__ import annotations

from collections.abc import Collection

from mailstore.index import mailboxes
from mailstore.index.database import Database
from mailstore.index.records import MailboxRow
from mailstore.lanes import Pool, Runtime, in_pool
from mailstore.model import DELIMITER, INBOX, MailboxEntry
from mailstore.service.readers import Readers
from mailstore.service.versions import Versions

_AT_ONCE = 256  # names that may be read on the event thread


class Names:
    """Reads the list again only when somebody, in any process, has changed it."""

    def __init__(self, runtime: Runtime, readers: Readers, versions: Versions) -> None:
        self._runtime = runtime
        self._readers = readers
        self._versions = versions
        self.version = -1  # of the list that was read last
        self._entries: tuple[MailboxEntry, ...] = ()

    async def entries(self) -> tuple[MailboxEntry, ...]:
        """Give all names: INBOX first, parents before their children.

        A long list is read on a thread.
        """
        self._versions.look()
        if self._versions.names > self.version:
            event, known = self._readers.event, self.version
            if mailboxes.count(event) <= _AT_ONCE:
                self._take(read_names(event, known))
            else:

                def read() -> tuple[int, tuple[MailboxEntry, ...]] | None:
                    with self._readers.take() as database:
                        return read_names(database, known)

                self._take(await in_pool(self._runtime, Pool.READ, read))
        return self._entries

    def count(self) -> int:
        """Give how many names there were when they were read last."""
        return len(self._entries)

    def _take(self, read: tuple[int, tuple[MailboxEntry, ...]] | None) -> None:
        """Take over what was read, unless a newer list is here."""
        if read is not None and read[0] > self.version:
            self.version, self._entries = read


def read_names(
    database: Database, known: int
) -> tuple[int, tuple[MailboxEntry, ...]] | None:
    """Read the list with its version; None when it is the known one."""
    with database.snapshot():
        version = mailboxes.names_version(database)
        if version == known:
            return None
        rows = mailboxes.mailboxes(database)
        return version, _entries(rows, mailboxes.subscriptions(database))


def _entries(
    rows: Collection[MailboxRow], subscribed: Collection[str]
) -> tuple[MailboxEntry, ...]:
    by_name = {row.name: row for row in rows}
    parents = {
        name[: at + 1].rstrip(DELIMITER)
        for name in by_name
        for at, character in enumerate(name)
        if character == DELIMITER
    }
    found = [
        MailboxEntry(
            name,
            exists=name in by_name,
            selectable=name in by_name and by_name[name].selectable,
            has_children=name in parents,
            subscribed=name in subscribed,
            special_use=by_name[name].special_use if name in by_name else None,
            id=by_name[name].id if name in by_name else None,
        )
        for name in by_name.keys() | set(subscribed)
    ]
    return tuple(sorted(found, key=name_order))


def name_order(entry: MailboxEntry) -> tuple[bool, list[str]]:
    levels = entry.name.split(DELIMITER)
    return levels[0] != INBOX, levels
