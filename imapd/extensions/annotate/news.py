"""What a session is told of annotations that others change (RFC 5257 §4.2, §4.4).

::

    C: a SELECT INBOX (ANNOTATE)
    S: * 1 FETCH (UID 7 ANNOTATION (/comment))

Names of entries alone, never a value. A session hears of them that has selected the
mailbox with ANNOTATE, or that wants AnnotationChange by NOTIFY (RFC 5465 §5.1). They
are told before the view moves, by the numbers that the client knows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from imapd.session.context import Context
from imapd.session.state import Selected
from imapd.session.watching import Moment
from imapd.wire.encode import astring
from mailstore.model import Stored

NAME = "ANNOTATE-EXPERIMENT-1"
EVENT = "AnnotationChange"

_TURN = 64  # responses between two looks at others


@dataclass(frozen=True, slots=True)
class _Told:
    """Up to where a session was told of its selected mailbox.

    ``own`` are mod-sequences of its own changes since then.
    """

    selected: Selected
    modseq: int
    own: frozenset[int] = frozenset()
    asked: bool = False  # by the parameter of SELECT


@dataclass(frozen=True, slots=True)
class AnnotateParameter:
    """The parameter ANNOTATE of SELECT and EXAMINE."""

    name: ClassVar[str] = "ANNOTATE"

    def unparse(self) -> bytes:
        """Write the parameter."""
        return b"ANNOTATE"

    def check(self, context: Context) -> None:
        """Nothing forbids it."""

    async def meant(self, context: Context) -> None:
        """Leave the mailbox to the name."""

    async def opened(self, context: Context) -> None:
        """Have changes told as long as this mailbox is selected."""
        selected = context.selected
        told = _Told(selected, selected.view.modseq, asked=True)
        context.session.notes[NAME] = told
        context.session.asked = True


def _told(context: Context) -> _Told | None:
    """Give what is noted of the mailbox that is selected now."""
    told = context.session.notes.get(NAME)
    if isinstance(told, _Told) and told.selected is context.session.selected:
        return told
    return None


def note_own(context: Context, stored: Stored) -> None:
    """Note a change that the session has made itself."""
    told = _told(context)
    if told is not None and stored.wrote:
        own = told.own | {stored.modseq}
        context.session.notes[NAME] = replace(told, own=own)


class AnnotationNews:
    """Tells sessions of changed annotations; a session's part of it is in its notes."""

    for_all = False
    events: Mapping[str, str] = {}  # it is an event of messages

    def concerns(self, _: Context) -> bool:
        """Nobody is woken by it who isn't by the mailbox."""
        return False

    def watch(self, _: Context, __: Callable[[], None]) -> Callable[[], None]:
        """Nothing happens that the mailbox doesn't tell of."""
        return lambda: None

    def due(self, context: Context, moment: Moment) -> bool:
        """Tell whether the client has asked for them at this moment."""
        session = context.session
        return session.selected is not None and _is_wanted(context, moment)

    async def tell(self, context: Context, moment: Moment) -> None:  # noqa: ARG002
        """Tell what others have changed."""
        selected = context.selected
        told = _told(context) or _Told(selected, selected.view.modseq)
        mailbox = selected.mailbox
        if mailbox.modseq == told.modseq:
            return
        modseq = mailbox.modseq
        own = frozenset([one for one in told.own if one > modseq])
        context.session.notes[NAME] = replace(told, modseq=modseq, own=own)
        changed = mailbox.annotations.changed(told.modseq, told.own)
        for at, (uid, entries) in enumerate(changed, 1):
            line = _line(selected, uid, entries)
            if line is not None:
                context.reply.untagged(line)
            if at % _TURN == 0:
                await context.reply.give_way()


def _is_wanted(context: Context, moment: Moment) -> bool:
    watch = context.session.watch
    if watch is not None:
        return watch.wants_of_selected(EVENT.upper())
    told = _told(context)
    return told is not None and told.asked and moment is not Moment.BETWEEN


def _line(selected: Selected, uid: int, entries: Sequence[str]) -> bytes | None:
    """Give the response for a message; None for one that the client doesn't know."""
    view = selected.view
    number = view.number(uid)
    if number is None:
        return None
    telling = view.telling
    names = b" ".join([astring(entry.encode("ascii")) for entry in entries])
    items = [] if telling.uid_only else [b"UID %d" % uid]
    items.append(b"ANNOTATION (%b)" % names)
    if telling.modseqs:
        items.append(b"MODSEQ (%d)" % view.mailbox.modseqs([uid])[0])
    name = uid if telling.uid_only else number
    return b"%d %b (%b)" % (name, telling.fetch, b" ".join(items))
