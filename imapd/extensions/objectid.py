"""OBJECTID: identifiers that outlive names, numbers and places (RFC 8474).

::

    fetch-att       =/ "EMAILID" / "THREADID"
    search-key      =/ "EMAILID" SP objectid / "THREADID" SP objectid
    status-att      =/ "MAILBOXID"
    objectid        = 1*255(ALPHA / DIGIT / "_" / "-")

    C: 22 FETCH 1 (EMAILID THREADID)
    S: * 1 FETCH (EMAILID (M6d99ac3275bb4e) THREADID (T64b478a75b7ea9))
    S: 22 OK FETCH completed

All copies of a message share its EMAILID, in whatever mailbox they are; threads go over
mailboxes too. A mailbox keeps its MAILBOXID when it is renamed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial

from imapd.session.context import Context
from imapd.session.fetch_attribute import Attribute, Values
from imapd.session.plugs import (
    FetchEnvironment,
    SearchEnvironment,
    SearchKey,
    SearchKeySpec,
    StatusItemSpec,
)
from imapd.session.registry import Capability, Feature, Registry
from imapd.session.state import Selected
from imapd.wire.cursor import Cursor
from mailstore.model import Batch, Column, MailboxId
from mailstore.query import MessageIn, Nothing, Predicate, ThreadIs

_OBJECT_ID = re.compile(rb"[A-Za-z0-9_-]{1,255}")
_KEYS = ("EMAILID", "THREADID")


def _emails(environment: FetchEnvironment) -> Values:
    name = environment.mailbox.object_ids.email

    def values(batch: Batch) -> Iterable[object]:
        return [b"(%b)" % name(one).encode("ascii") for one in batch.messages]

    return values


def _threads(environment: FetchEnvironment) -> Values:
    name = environment.mailbox.object_ids.thread

    def values(batch: Batch) -> Iterable[object]:
        return [
            b"NIL" if thread is None else b"(%b)" % name(thread).encode("ascii")
            for thread in batch.columns[Column.THREAD]
        ]

    return values


EMAILID = Attribute("EMAILID", (Column.SIZE,), _emails)
THREADID = Attribute("THREADID", (Column.THREAD,), _threads)


@dataclass(frozen=True, slots=True)
class ObjectIdKey:
    """Messages by their identifier, or by their thread's; letters have their case."""

    name: str
    text: str

    def __post_init__(self) -> None:
        if self.name not in _KEYS or not _OBJECT_ID.fullmatch(self.text.encode()):
            raise ValueError("no such key, or no identifier")

    def unparse(self) -> bytes:
        """Write the key."""
        return f"{self.name} {self.text}".encode("ascii")

    def lower(self, environment: SearchEnvironment) -> Predicate:
        """Say it in the store's terms; what is none of ours matches nothing."""
        ids = environment.view.mailbox.object_ids
        if self.name == "EMAILID":
            number = ids.email_number(self.text)
            return Nothing() if number is None else MessageIn(frozenset({number}))
        number = ids.thread_number(self.text)
        return Nothing() if number is None else ThreadIs(number)


def _parse(name: str, cursor: Cursor, _: Registry) -> SearchKey:
    cursor.sp()
    text = cursor.need(_OBJECT_ID, "an object identifier")[0]
    return ObjectIdKey(name, text.decode("ascii"))


async def _selected(context: Context, selected: Selected) -> bytes:
    """Give the response of SELECT and EXAMINE (§4.2)."""
    code = f"MAILBOXID ({selected.mailbox.object_id})"
    return context.status(b"OK", "what it is called for ever", code)


def _created(context: Context, mailbox: MailboxId) -> str:
    """Give the code of CREATE (§4.1)."""
    return f"MAILBOXID ({context.account.object_id(mailbox)})"


FEATURE = Feature(
    name="OBJECTID",
    rfc=("8474",),
    capabilities=(Capability("OBJECTID"),),
    fetch_items=(EMAILID.spec("RFC 8474 §5.3"), THREADID.spec("RFC 8474 §5.3")),
    search_keys=tuple(
        SearchKeySpec(name, partial(_parse, name), "RFC 8474 §6") for name in _KEYS
    ),
    status_items=(
        StatusItemSpec(
            "MAILBOXID", lambda status: f"({status.object_id})", "RFC 8474 §4.3"
        ),
    ),
    select_responses=(_selected,),
    create_codes=(_created,),
    requires=("CREATE", "SELECT", "STATUS", "FETCH", "SEARCH"),
)
