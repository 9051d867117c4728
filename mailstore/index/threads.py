"""Which thread a message belongs to, over all mailboxes of an account (RFC 8474 §5.2).

A thread is named after the first message that was in it. A message joins the thread
of the nearest message that it refers to and that is known, be it only by another
reference; once it has a thread, that never changes. It must not know how a client
shows threads: THREAD (RFC 5256) is another matter.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from mailstore.index.database import Database

_FEW = [
    "SELECT message_id, thread FROM link WHERE message_id"
    f" IN ({', '.join('?' * count)})"
    for count in range(1, 9)
]
_MOST_LINKS = 100  # references of one message that are looked at: the nearest


class Linked(NamedTuple):
    """What links a message: its own Message-ID, those it refers to, nearest first."""

    message: int
    own: int | None
    references: Sequence[int]

    @classmethod
    def of(cls, message: int, own: int | None, references: bytes) -> Linked:
        """Unpack references, of 64 bits each, the nearest last."""
        found = array("q")
        found.frombytes(references[-8 * _MOST_LINKS :])
        found.reverse()
        return cls(message, own, found)

    @property
    def ids(self) -> Sequence[int]:
        """All Message-IDs, its own first."""
        return self.references if self.own is None else (self.own, *self.references)


def assign(database: Database, messages: Sequence[Linked]) -> list[int]:
    """Find the threads of new messages, in their order, and remember their links."""
    ids = [message.ids for message in messages]
    known = _known(database, set().union(*ids))
    new: dict[int, int] = {}
    threads: list[int] = []
    for message, linked in zip(messages, ids, strict=True):
        found = [known[id_] for id_ in linked if id_ in known]
        thread = found[0] if found else message.message
        threads.append(thread)
        for id_ in linked:
            if id_ not in known:
                known[id_] = new[id_] = thread
    if new:
        database.many(
            "INSERT INTO link (message_id, thread) VALUES (?, ?)", new.items()
        )
    return threads


def _known(database: Database, ids: Collection[int]) -> dict[int, int]:
    if not ids:
        return {}
    if len(ids) <= len(_FEW):
        # As most messages have it: a third of what a table made of a text costs.
        return dict(database.all(_FEW[len(ids) - 1], tuple(ids)))
    wanted = json.dumps(list(ids))
    rows = database.all(
        "SELECT message_id, thread FROM link"
        " WHERE message_id IN (SELECT value FROM json_each(?))",
        (wanted,),
    )
    return dict(rows)


def unlinked(database: Database, most: int) -> list[int]:
    """Give messages that have no thread yet, the oldest first."""
    rows = database.all(
        "SELECT id FROM message WHERE thread IS NULL ORDER BY id LIMIT ?", (most,)
    )
    return [row[0] for row in rows]


def keep(database: Database, threads: Mapping[int, int]) -> None:
    """Write down the threads of messages that had none."""
    database.many(
        "UPDATE message SET thread = ? WHERE id = ? AND thread IS NULL",
        [(thread, message) for message, thread in threads.items()],
    )


def of(database: Database, messages: Sequence[int]) -> dict[int, int]:
    """Give the threads of messages that have one."""
    rows = database.all(
        "SELECT id, thread FROM message WHERE thread IS NOT NULL"
        " AND id IN (SELECT value FROM json_each(?))",
        (json.dumps(list(messages)),),
    )
    return dict(rows)


def messages_of(database: Database, thread: int) -> list[int]:
    """Give the messages of a thread, in whatever mailboxes they are."""
    rows = database.all("SELECT id FROM message WHERE thread = ?", (thread,))
    return [row[0] for row in rows]


def forget(database: Database, threads: Iterable[int]) -> None:
    """Drop the links of those threads that have no message any more."""
    wanted = json.dumps(list(set(threads)))
    if wanted == "[]":
        return
    database.execute(
        "DELETE FROM link WHERE thread IN (SELECT j.value FROM json_each(?) j"
        " WHERE NOT EXISTS (SELECT 1 FROM message WHERE thread = j.value))",
        (wanted,),
    )
