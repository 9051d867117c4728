"""Messages by what they are and belong to: EMAILID and THREADID (RFC 8474 §5, §6).

::

    C: 22 FETCH 1 (EMAILID THREADID)
    S: * 1 FETCH (EMAILID (M6d99ac3275bb4e) THREADID (T64b478a75b7ea9))
    S: 22 OK FETCH completed
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

from imapd.session.fetch_attribute import Attribute, Values
from imapd.session.plugs import (
    FetchEnvironment,
    SearchEnvironment,
    SearchKey,
)
from imapd.session.registry import Registry
from imapd.wire.cursor import Cursor
from mailstore.model import Batch, Column
from mailstore.query import EmailIdIs, Nothing, Predicate, ThreadIs

OBJECT_ID = re.compile(rb"[A-Za-z0-9_-]{1,255}")
KEYS = ("EMAILID", "THREADID")


def _emails(environment: FetchEnvironment) -> Values:
    name = environment.mailbox.object_ids.email

    def values(batch: Batch) -> Iterable[object]:
        numbers = batch.columns[Column.EMAILID]
        return [b"(%b)" % name(one).encode("ascii") for one in numbers]

    return values


def _threads(environment: FetchEnvironment) -> Values:
    name = environment.mailbox.object_ids.thread

    def values(batch: Batch) -> Iterable[object]:
        return [
            b"NIL" if thread is None else b"(%b)" % name(thread).encode("ascii")
            for thread in batch.columns[Column.THREAD]
        ]

    return values


EMAILID = Attribute("EMAILID", (Column.EMAILID,), _emails)
THREADID = Attribute("THREADID", (Column.THREAD,), _threads)


@dataclass(frozen=True, slots=True)
class ObjectIdKey:
    """Messages by their identifier, or by their thread's; letters have their case."""

    name: str
    text: str

    def __post_init__(self) -> None:
        if self.name not in KEYS or not OBJECT_ID.fullmatch(self.text.encode()):
            raise ValueError("no such key, or no identifier")

    def unparse(self) -> bytes:
        """Write the key."""
        return f"{self.name} {self.text}".encode("ascii")

    def lower(self, environment: SearchEnvironment) -> Predicate:
        """Say it in the store's terms; what is none of ours matches nothing."""
        ids = environment.view.mailbox.object_ids
        if self.name == "EMAILID":
            number = ids.email_number(self.text)
            return Nothing() if number is None else EmailIdIs(number)
        number = ids.thread_number(self.text)
        return Nothing() if number is None else ThreadIs(number)


def _parse(name: str, cursor: Cursor, _: Registry) -> SearchKey:
    cursor.sp()
    text = cursor.need(OBJECT_ID, "an object identifier")[0]
    return ObjectIdKey(name, text.decode("ascii"))


def parse_key(name: str) -> Callable[[Cursor, Registry], SearchKey]:
    """Give the grammar of one of the two keys."""
    return partial(_parse, name)
