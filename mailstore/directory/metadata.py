"""Annotations of the server as a whole (RFC 5464 §3.2.1.1).

Everybody who is logged in reads the shared ones; administrators write them. Private
ones are each account's own. It must not know mailboxes.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from mailstore.directory.database import DirectoryDatabase
from mailstore.errors import NotPermitted, TooBig
from mailstore.index import metadata
from mailstore.index.database import Database
from mailstore.index.metadata import SERVER, SHARED, owner_of
from mailstore.lanes import Pool, Runtime, in_pool
from mailstore.model import AccountId, Depth

CONTACT = "/shared/admin"
"""How to reach who runs the server; told from the configuration, never set."""


class ServerMetadata:
    """The server's annotations, kept in the directory."""

    def __init__(self, database: DirectoryDatabase, runtime: Runtime) -> None:
        self._database = database
        self._runtime = runtime
        self._watchers: dict[object, Callable[[], None]] = {}

    def get(
        self, me: AccountId, entries: Sequence[str], depth: Depth = Depth.NONE
    ) -> Sequence[tuple[str, bytes | None]]:
        """Give entries with their values.

        Without depth each entry is given as it was named, with None where it has no
        value; otherwise only what there is.
        """
        reader = self._database.reader
        if depth is Depth.NONE:
            rows = metadata.named(reader, [SERVER], me, entries)
            found = {one.entry.lower(): one.value for one in rows}
            return [(entry, found.get(entry.lower())) for entry in entries]
        below = metadata.below(reader, SERVER, me, entries, depth)
        return [(one.entry, one.value) for one in below]

    def sizes(
        self, me: AccountId, entries: Sequence[str], depth: Depth = Depth.NONE
    ) -> Sequence[tuple[str, int]]:
        """Give the entries that `get` would give, each with the octets of its value."""
        found = metadata.sizes(self._database.reader, SERVER, me, entries, depth)
        if depth is not Depth.NONE:
            return found
        octets = {entry.lower(): size for entry, size in found}
        return [(entry, octets.get(entry.lower(), 0)) for entry in entries]

    def version(self) -> int:
        """Give the version of the last change."""
        return metadata.last_version(self._database.reader)

    def changes(self, me: AccountId, since: int, own: Collection[int]) -> Sequence[str]:
        """Give the entries that others changed after a version."""
        rows = metadata.changes(self._database.reader, me, since, own)
        return [entry for _, entry in rows]

    async def set(
        self,
        me: AccountId,
        values: Mapping[str, bytes | None],
        *,
        admin: bool,
        now: int,
        octets: int,
        most: int,
    ) -> int:
        """Set entries, None to remove one: all or nothing. Gives the change's version.

        Raises `NotPermitted` for shared ones by who is no administrator, `TooBig`,
        `TooMany`, `Unavailable`.
        """
        for entry, value in values.items():
            shared = owner_of(entry, me) == SHARED
            if entry.lower() == CONTACT or (shared and not admin):
                raise NotPermitted("only who runs the server may set this")
            if len(value or b"") > octets:
                raise TooBig(f"a value may have {octets} octets")

        def work(database: Database) -> int:
            return metadata.store(database, SERVER, me, values, now, most)

        version = await in_pool(
            self._runtime, Pool.WRITE, lambda: self._database.note(work)
        )
        for wake in tuple(self._watchers.values()):
            wake()
        return version

    def watch(self, wake: Callable[[], None]) -> Callable[[], None]:
        """Call ``wake`` after changes in this process; gives its end."""
        key = object()
        self._watchers[key] = wake

        def end() -> None:
            self._watchers.pop(key, None)

        return end
