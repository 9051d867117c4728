"""ANNOTATION in STORE and APPEND: annotations are set (RFC 5257 §4.5, §4.7).

::

    store-att-flags =/ att-annotate
    append-ext      =/ att-annotate
    att-annotate    = "ANNOTATION" SP "(" entry-att *(SP entry-att) ")"

    C: a STORE 1 ANNOTATION (/comment (value.priv "My new comment"))
    S: a OK STORE completed

STORE is silent: the client knows what it has set. Its mod-sequence it is told, where
it is told those.
"""

from __future__ import annotations

from dataclasses import dataclass

from imapd.extensions.annotate.news import note_own
from imapd.extensions.annotate.syntax import parse_changes, unparse_changes
from imapd.session.context import Context
from imapd.session.registry import Registry
from imapd.session.storing import StoreRequest, tell_stored
from imapd.wire.cursor import Cursor
from mailstore.model import AnnotationChange, Arrival, Stored


@dataclass(frozen=True, slots=True)
class _Annotate:
    changes: tuple[AnnotationChange, ...]

    def __post_init__(self) -> None:
        if not self.changes:
            raise ValueError("there is something to set")

    def unparse(self) -> bytes:
        """Write it as a client would, its name included."""
        return b"ANNOTATION " + unparse_changes(self.changes)


@dataclass(frozen=True, slots=True)
class StoreAnnotation(_Annotate):
    """Set annotations of messages."""

    async def store(self, context: Context, request: StoreRequest) -> Stored:
        """Set them, all or none. Raises `Bad` for a missing part, store errors."""
        selected = context.selected
        stored = await selected.mailbox.annotations.set(
            request.uids,
            self.changes,
            unchanged_since=request.unchanged_since,
            seen_at=selected.view.modseq,
        )
        note_own(context, stored)
        await tell_stored(context, stored, by_uid=request.by_uid, silent=True)
        return stored


@dataclass(frozen=True, slots=True)
class AppendAnnotation(_Annotate):
    """Give a new message annotations."""

    def enrich(self, arrival: Arrival) -> Arrival:
        """Give the message with them."""
        return arrival._replace(annotations=(*arrival.annotations, *self.changes))


def parse_store_item(cursor: Cursor) -> StoreAnnotation:
    """Take what is set. Raises `Malformed`."""
    cursor.sp()
    return StoreAnnotation(parse_changes(cursor))


def parse_append_option(cursor: Cursor, _: Registry) -> AppendAnnotation:
    """Take what is set. Raises `Malformed`."""
    cursor.sp()
    return AppendAnnotation(parse_changes(cursor))
