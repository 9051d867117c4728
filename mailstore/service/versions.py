"""The numbers by which caches of an account know whether they are still right.

One look serves them all: SQLite's own number tells, without reading anything, whether
some process has committed; only then the account's numbers are read. The mod-sequence
of the mailbox that is worked in comes with them: it would be asked for next.
"""

from __future__ import annotations

from mailstore.index import mailboxes
from mailstore.model import MailboxId
from mailstore.service.readers import Readers


class Versions:
    """The numbers as they were at the last `look`."""

    __slots__ = ("_highest", "_mailbox", "_readers", "_seen", "acls", "names", "quotas")

    def __init__(self, readers: Readers) -> None:
        self._readers = readers
        self._seen = -1
        self._mailbox: MailboxId | None = None  # the last that was asked for
        self._highest: int | None = None
        self.names = -1  # of the list of names, and of what repairs have renewed
        self.acls = 0  # of the lists of rights; 0: there never was one
        self.quotas = 0  # limits that were set, not a version

    def look(self) -> None:
        """See whether somebody has changed something."""
        seen = self._readers.look()
        if seen != self._seen:
            found = mailboxes.versions(self._readers.event, self._mailbox)
            self.names, self.acls, self.quotas, self._highest = found
            self._seen = seen

    def highestmodseq(self, mailbox: MailboxId) -> int | None:
        """Give `mailboxes.highestmodseq` as of the last commit."""
        self.look()
        if mailbox != self._mailbox:
            highest = mailboxes.highestmodseq(self._readers.event, mailbox)
            self._mailbox, self._highest = mailbox, highest
        return self._highest
