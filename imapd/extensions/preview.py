"""PREVIEW: the first words of messages, for listings (RFC 8970).

::

    fetch-att       =/ "PREVIEW" [SP "(" preview-mod *(SP preview-mod) ")"]
    preview-mod     =  "LAZY"

    C: A1 FETCH 1:2 (PREVIEW (LAZY))
    S: * 1 FETCH (PREVIEW "Preview text!")
    S: * 2 FETCH (PREVIEW NIL)
    S: A1 OK FETCH completed

It is made at arrival; for messages that were stored before, when somebody asks
without LAZY, and kept then.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from imapd.session.plugs import FetchEnvironment, FetchItem, FetchItemSpec, Rendering
from imapd.session.registry import Capability, Feature
from imapd.wire.cursor import Cursor
from mailstore.model import Batch, Column


@dataclass(frozen=True, slots=True)
class Preview:
    """The preview; ``lazy``: only if it is at hand."""

    lazy: bool = False

    @property
    def columns(self) -> Collection[Column]:
        """What the store must give for it."""
        return (Column.PREVIEW_READY if self.lazy else Column.PREVIEW,)

    @property
    def sets_seen(self) -> bool:
        """It shows a message's words and leaves it unread."""
        return False

    def unparse(self) -> bytes:
        """Write the item."""
        return b"PREVIEW (LAZY)" if self.lazy else b"PREVIEW"

    def compile(self, _: FetchEnvironment) -> Rendering:
        """Prepare its answers."""
        (column,) = self.columns

        def values(batch: Batch) -> Iterable[object]:
            # §3.2: NIL says that it takes time, the empty string that there is none.
            return [b"NIL" if text is None else text for text in batch.columns[column]]

        return Rendering(b"PREVIEW", values)


def parse(cursor: Cursor) -> FetchItem:
    """Take the modifiers, if there are any. Raises `Malformed`."""
    if not cursor.accept(b" ("):
        return Preview()
    while True:
        cursor.expect(b"LAZY")
        if cursor.accept(b")"):
            return Preview(lazy=True)
        cursor.sp()


FEATURE = Feature(
    name="PREVIEW",
    rfc=("8970",),
    capabilities=(Capability("PREVIEW"),),
    fetch_items=(FetchItemSpec("PREVIEW", parse, "RFC 8970 §3.1"),),
    requires=("FETCH",),
)
