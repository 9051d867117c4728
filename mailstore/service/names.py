"""The list of an account's names, as LIST and LSUB want it; cached by version."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from mailstore.index import mailboxes
from mailstore.index.arrival import open_target
from mailstore.index.database import Database
from mailstore.lanes import Pool, Runtime, in_pool
from mailstore.model import DELIMITER, INBOX, MailboxEntry, MailboxId, SpecialUse
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
        self._targets: set[str] = set()  # known to be mailboxes
        self._targets_version = -1

    def check_target(self, name: str) -> None:
        """Refuse a name that has no mailbox. Raises `NotFound`.

        It is looked up once as long as no name changes, in whatever process.
        """
        self._versions.look()
        if self._versions.names != self._targets_version:
            self._targets, self._targets_version = set(), self._versions.names
        if name not in self._targets:
            open_target(self._readers.event, name)
            self._targets.add(name)

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
        rows = mailboxes.names(database)
        return version, _entries(rows, mailboxes.subscriptions(database))


def _entries(
    rows: Iterable[tuple[MailboxId, str, bool, SpecialUse | None]],
    subscribed: Collection[str],
) -> tuple[MailboxEntry, ...]:
    there = {name: (True, selectable, use, id_) for id_, name, selectable, use in rows}
    parents: set[str] = set()
    for name in there:
        above = name.rpartition(DELIMITER)[0]
        while above and above not in parents:
            parents.add(above)
            above = above.rpartition(DELIMITER)[0]
    found: list[MailboxEntry] = []
    for name in there.keys() | set(subscribed):
        exists, selectable, use, id_ = there.get(name, _NOT_THERE)
        below, wanted = name in parents, name in subscribed
        found.append(MailboxEntry(name, exists, selectable, below, wanted, use, id_))
    found.sort(key=name_order)
    return tuple(found)


_NOT_THERE = (False, False, None, None)


def name_order(entry: MailboxEntry) -> str:
    """Give what a name is sorted by: INBOX first, level by level."""
    name = entry.name
    # No name has control characters: a delimiter is less than every letter.
    order = name.replace(DELIMITER, "\0")
    inbox = name.startswith(INBOX) and name[_INBOX_END : _INBOX_END + 1] in _LEVEL_ENDS
    return f"\0{order}" if inbox else f"\1{order}"


_INBOX_END = len(INBOX)
_LEVEL_ENDS = ("", DELIMITER)
