"""The numbers by which caches of an account know whether they are still right.

One look serves them all: SQLite's own number tells, without reading anything, whether
some process has committed; only then the account's numbers are read.
"""

from __future__ import annotations

from mailstore.index import mailboxes
from mailstore.service.readers import Readers


class Versions:
    """The numbers as they were at the last `look`."""

    __slots__ = ("_readers", "_seen", "acls", "names", "quotas")

    def __init__(self, readers: Readers) -> None:
        self._readers = readers
        self._seen = -1
        self.names = -1  # of the list of names, and of what repairs have renewed
        self.acls = 0  # of the lists of rights; 0: there never was one
        self.quotas = 0  # limits that were set, not a version

    def look(self) -> None:
        """See whether somebody has changed something."""
        seen = self._readers.look()
        if seen != self._seen:
            found = mailboxes.versions(self._readers.event)
            self.names, self.acls, self.quotas = found
            self._seen = seen
