"""What STORE may change of messages beside their flags: the port of its items.

STORE knows FLAGS; every other item comes from a feature by its `StoreItemSpec`
(RFC 4466 §2.5, RFC 5257 §4.5)::

    STORE 1 ANNOTATION (/comment (value.priv "My new comment"))
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

from imapd.session.flag_responses import Quietly, tell_flags
from imapd.wire.cursor import Cursor
from mailstore.model import Stored

if TYPE_CHECKING:
    from imapd.session.context import Context


class StoreRequest(NamedTuple):
    """The rest of a STORE: its messages, by ascending UIDs, at least one.

    Messages that changed after ``unchanged_since`` are to be left alone.
    """

    uids: Sequence[int]
    by_uid: bool
    unchanged_since: int | None = None


class StoreItem(Protocol):
    """A parsed item of STORE with its values; a frozen value."""

    def unparse(self) -> bytes:
        """Write it as a client would, its name included."""
        ...

    async def store(self, context: Context, request: StoreRequest, /) -> Stored:
        """Change the messages, and tell the client what it can't know itself.

        Raises `Bad`, `No` and store errors.
        """
        ...


@dataclass(frozen=True, slots=True)
class StoreItemSpec:
    """An item's name, with its sign if any, and grammar; ``parse`` is behind that."""

    name: str
    parse: Callable[[Cursor], StoreItem]
    rfc: str


async def tell_stored(
    context: Context, stored: Stored, *, by_uid: bool, silent: bool
) -> None:
    """Tell what became of messages.

    Of a ``silent`` change only what others did meanwhile: the client's own reckoning
    would be wrong (RFC 3501 §6.4.6); and mod-sequences, to a client that is told them
    (RFC 7162 §3.1.3).
    """
    view, quietly = context.selected.view, None
    if stored.alone:
        view.note_own(stored.modseq)
    if silent:
        external, failed = array("I", stored.external), array("I", stored.failed)
        if stored.alone and not (external or failed or view.telling.modseqs):
            return
        quietly = Quietly(external, failed, stored.modseq)
    await tell_flags(
        view,
        context.reply,
        stored.uids,
        with_uid=by_uid,
        quietly=quietly,
        known=stored.alone,
    )
