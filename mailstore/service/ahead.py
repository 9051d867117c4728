"""Where the octets of messages are, read ahead for who takes one after the other.

A client that reads its mail asks for the next message when it has the one before; each
time the index would be asked in a transaction of its own. Who asks for the message
behind one that is known here gets the rows of those that follow with it.

Rows hold as long as no process has committed anything: SQLite's own number tells
(`Readers.look`). For the event thread.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from mailstore.index import entries
from mailstore.index.database import Database

AHEAD = 16
_MOST = 64  # rows that are kept of an account
_LONGEST = 1_024  # octets of a kept row


class RowsAhead:
    """The rows of one account's messages that were asked for, and of the next."""

    __slots__ = ("_look", "_reader", "_rows", "_seen")

    names = ("blob", "parts")
    """The columns that are read ahead."""

    def __init__(self, reader: Database, look: Callable[[], int]) -> None:
        self._reader = reader
        self._look = look
        self._seen: int | None = None  # as of which the rows are
        self._rows: dict[int, tuple[Any, ...]] = {}

    def row(self, messages: Sequence[int], at: int) -> tuple[Any, ...] | None:
        """Give (message, *names) of the message at a place; None: it is gone.

        ``messages`` are a mailbox's, by their places. Raises store errors.
        """
        # In this order: what is read then may be newer than the number, not older.
        seen, rows = self._look(), self._rows
        if seen != self._seen:
            rows.clear()
            self._seen = seen
        message = messages[at]
        found = rows.get(message)
        if found is None:
            follows = at > 0 and messages[at - 1] in rows
            wanted = messages[at : at + AHEAD] if follows else (message,)
            if len(rows) + len(wanted) > _MOST:
                rows.clear()
            for one in entries.texts(self._reader, wanted, self.names):
                if one[0] == message:
                    found = one
                if len(one[2]) <= _LONGEST:
                    rows[one[0]] = one
        return found
