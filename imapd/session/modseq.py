"""Mod-sequences as a session and its client speak of them (RFC 7162 §3.1).

What CONDSTORE and the extensions that build on it have in common: the number's
grammar, the moment from which a session is told MODSEQ, and CHANGEDSINCE, which
other modifiers of FETCH look at.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from imapd.session.context import Context
from imapd.session.parameters import FetchRequest
from imapd.session.plugs import FetchEnvironment, FetchItem, Rendering
from imapd.wire.cursor import Cursor
from mailstore.model import Batch, Column


def parse_modseq(cursor: Cursor) -> int:
    """Take a mod-sequence. Raises `Malformed`.

    Also 0 where the RFC wants a positive one: iOS was seen sending ``CHANGEDSINCE 0``.
    """
    return cursor.number64()


def tell_modseqs(context: Context) -> None:
    """Have MODSEQ told from now on, in every FETCH response of flags.

    §3.1: each command that speaks of mod-sequences asks for that. The first one is
    told HIGHESTMODSEQ, when a mailbox is selected.
    """
    telling, selected = context.session.telling, context.session.selected
    if telling.modseqs:
        return
    telling.modseqs = True
    if selected is not None:
        code = f"HIGHESTMODSEQ {selected.view.settled}"
        context.reply.untagged(
            context.status(b"OK", "mod-sequences are told now", code)
        )


@dataclass(frozen=True, slots=True)
class Modseq:
    """The fetch item MODSEQ (§3.1.4.2)."""

    columns: ClassVar[Collection[Column]] = (Column.MODSEQ,)
    sets_seen: ClassVar[bool] = False

    def unparse(self) -> bytes:
        """Write the item."""
        return b"MODSEQ"

    def compile(self, environment: FetchEnvironment) -> Rendering:
        """Prepare its answers; who asks for it is told it for good."""
        tell_modseqs(environment.context)
        return Rendering(b"MODSEQ", _modseqs, b"(%d)")


def _modseqs(batch: Batch) -> Iterable[object]:
    return batch.columns[Column.MODSEQ]


MODSEQ = Modseq()


@dataclass(frozen=True, slots=True)
class ChangedSince:
    """The modifier CHANGEDSINCE: only messages that changed later (§3.1.4.1)."""

    modseq: int
    name: ClassVar[str] = "CHANGEDSINCE"
    items: ClassVar[tuple[FetchItem, ...]] = (MODSEQ,)

    def unparse(self) -> bytes:
        """Write the modifier."""
        return b"CHANGEDSINCE %d" % self.modseq

    def check(self, context: Context, request: FetchRequest) -> None:
        """Nothing forbids it."""

    async def narrow(
        self,
        context: Context,
        request: FetchRequest,  # noqa: ARG002
        uids: Sequence[int],
    ) -> Sequence[int]:
        """Leave out what hasn't changed."""
        tell_modseqs(context)
        return await context.selected.mailbox.changed(uids, self.modseq)
