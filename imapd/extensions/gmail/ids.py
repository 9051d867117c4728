"""X-GM-MSGID and X-GM-THRID: EMAILID and THREADID as numbers of 64 bits.

::

    C: a SEARCH X-GM-THRID 1266894439832287888
    S: * SEARCH 2 3 4
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

from imapd.session.fetch_attribute import Attribute, Values
from imapd.session.plugs import FetchEnvironment, SearchEnvironment, SearchKey
from imapd.session.registry import Registry
from imapd.wire.cursor import Cursor
from mailstore.model import Batch, Column
from mailstore.query import MessageIn, Predicate, ThreadIs

_MOST = 2**64 - 1
_KEYS = ("X-GM-MSGID", "X-GM-THRID")


def _messages(environment: FetchEnvironment) -> Values:
    number = environment.mailbox.object_ids.as_number
    return lambda batch: [number(one) for one in batch.messages]


def _threads(environment: FetchEnvironment) -> Values:
    number = environment.mailbox.object_ids.as_number

    def values(batch: Batch) -> Iterable[object]:
        found = zip(batch.columns[Column.THREAD], batch.messages, strict=True)
        return [number(own if thread is None else thread) for thread, own in found]

    return values


MSGID = Attribute("X-GM-MSGID", (Column.SIZE,), _messages, b"%d")
THRID = Attribute("X-GM-THRID", (Column.THREAD,), _threads, b"%d")


@dataclass(frozen=True, slots=True)
class NumberKey:
    """Messages by their number, or by their thread's."""

    name: str
    number: int

    def __post_init__(self) -> None:
        if self.name not in _KEYS or not 0 <= self.number <= _MOST:
            raise ValueError("no such key, or no number of 64 bits")

    def unparse(self) -> bytes:
        """Write the key."""
        return f"{self.name} {self.number}".encode("ascii")

    def lower(self, environment: SearchEnvironment) -> Predicate:
        """Say it in the store's terms; what is none of ours matches nothing."""
        number = environment.view.mailbox.object_ids.of_number(self.number)
        if self.name == "X-GM-MSGID":
            return MessageIn(frozenset({number}))
        return ThreadIs(number)


def parse_number_key(name: str) -> Callable[[Cursor, Registry], SearchKey]:
    """Give the grammar of one of the two keys."""
    return partial(_parse, name)


def _parse(name: str, cursor: Cursor, _: Registry) -> SearchKey:
    cursor.sp()
    return NumberKey(name, cursor.number(_MOST))
