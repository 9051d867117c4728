"""QRESYNC: a client that comes back is told what it missed (RFC 7162 §3.2).

::

    select-param       =/ "QRESYNC" SP "(" uidvalidity SP mod-sequence-value
                          [SP known-uids] [SP seq-match-data] ")"
    seq-match-data      = "(" known-sequence-set SP known-uid-set ")"
    fetch-modifier     =/ "VANISHED"

    a2 SELECT INBOX (QRESYNC (67890007 90060115194045000 41:211,214:541))
    * VANISHED (EARLIER) 41,43:116,118,120:211,214:540
    * 49 FETCH (UID 117 FLAGS (\\Seen) MODSEQ (90060115194045001))
    a2 OK [READ-WRITE] SELECT completed

After ENABLE QRESYNC removals are told by UID. It must not know how removals are
remembered: when the store has forgotten too much, every missing UID is told.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, TypeVar

from imapd.session.context import Context
from imapd.session.faults import Bad
from imapd.session.flag_responses import tell_flags
from imapd.session.modseq import ChangedSince, parse_modseq
from imapd.session.parameters import (
    FetchModifierSpec,
    FetchRequest,
    SelectParameterSpec,
)
from imapd.session.plugs import FetchItem
from imapd.session.registry import Capability, Enabling, Feature
from imapd.session.responses import vanished
from imapd.session.state import SessionState
from imapd.session.view import View
from imapd.syntax.sequence import STAR, NumberSet, SequenceSet, UidSet
from imapd.wire.cursor import Cursor

Set = TypeVar("Set", UidSet, SequenceSet)

_NAME = "QRESYNC"


def _check_enabled(context: Context, what: str) -> None:
    """§3.2.3: only who has said ENABLE QRESYNC. Raises `Bad`."""
    if _NAME not in context.session.enabled:
        raise Bad(f"{what}: say ENABLE QRESYNC first")


async def _tell_vanished(
    context: Context, among: Sequence[tuple[int, int]], since: int
) -> None:
    """Send VANISHED (EARLIER) for what went from some ranges of UIDs.

    What the session still numbers is told by VANISHED alone, when it may be: EARLIER
    moves no numbers (§3.2.10.1).
    """
    view, mailbox = context.selected.view, context.selected.mailbox
    known = view.uids[: view.exists]
    gone = await mailbox.vanished(among, since, known=known)
    context.reply.write(vanished(gone, earlier=True))
    await context.reply.room()


# -- UID FETCH


@dataclass(frozen=True, slots=True)
class Vanished:
    """The modifier VANISHED: tell removals too (§3.2.6)."""

    name: ClassVar[str] = "VANISHED"
    items: ClassVar[tuple[FetchItem, ...]] = ()

    def unparse(self) -> bytes:
        """Write the modifier."""
        return b"VANISHED"

    def check(self, context: Context, request: FetchRequest) -> None:
        """Refuse it without UIDs, CHANGEDSINCE or ENABLE. Raises `Bad`."""
        if not isinstance(request.messages, UidSet):
            raise Bad("VANISHED goes with UID FETCH, not with FETCH")
        if _since(request) is None:
            raise Bad("VANISHED goes with CHANGEDSINCE")
        _check_enabled(context, "VANISHED")

    async def narrow(
        self, context: Context, request: FetchRequest, uids: Sequence[int]
    ) -> Sequence[int]:
        """Tell what went, before any FETCH response; all messages stay."""
        since = _since(request)
        assert since is not None
        # "*" is the last UID that was given: a client may ask for one that is gone.
        last = max(context.selected.mailbox.uidnext - 1, 1)
        await _tell_vanished(context, request.messages.resolve(last), since)
        return uids


def _since(request: FetchRequest) -> int | None:
    for modifier in request.modifiers:
        if isinstance(modifier, ChangedSince):
            return modifier.modseq
    return None


# -- SELECT


@dataclass(frozen=True, slots=True)
class SequenceMatch:
    """A sample of numbers and the UIDs that the client knew them by (§3.2.5.2)."""

    numbers: SequenceSet
    uids: UidSet

    def __post_init__(self) -> None:
        for known in (self.numbers, self.uids):
            if not _ascends(known):
                raise ValueError("both sets ascend and have no *")
        if _count(self.numbers) != _count(self.uids):
            raise ValueError("there is one UID for each number")

    def unparse(self) -> bytes:
        """Write it."""
        return b"(%b %b)" % (self.numbers.unparse(), self.uids.unparse())

    def agreement(self, view: View) -> int:
        """Give the highest UID that has the number it had, 0 if there is none.

        As many messages are up to it as there were: none of them has gone since.
        """
        found = 0
        for number, uid, length in self._pairs():
            fit = _agree(view, number, uid, min(length, view.exists - number + 1))
            if fit:
                found = uid + fit - 1
        return found

    def _pairs(self) -> Iterator[tuple[int, int, int]]:
        """Give (number, UID, length) of stretches of both sets, never expanded."""
        uids = iter(self.uids.ranges)
        low, high = next(uids)
        for first, last in self.numbers.ranges:
            number = first
            while number <= last:
                length = min(last - number, high - low) + 1
                yield number, low, length
                number, low = number + length, low + length
                if low > high:
                    low, high = next(uids, (0, 0))


def _agree(view: View, number: int, uid: int, length: int) -> int:
    """Count up to where UIDs that ascend by one still have the numbers they had.

    UIDs grow at least as fast as numbers, so that how far they are ahead ascends.
    """

    def ahead(step: int) -> int:
        return view.uids[number - 1 + step] - (uid + step)

    fit = bisect_right(range(max(length, 0)), 0, key=ahead)
    return fit if fit and ahead(fit - 1) == 0 else 0


def _ascends(numbers: NumberSet) -> bool:
    """Tell whether a set ascends, each number there once, without ``*``."""
    before = 0
    for low, high in numbers.ranges:
        if not before < low <= high:
            return False
        before = high
    return True


def _count(numbers: NumberSet) -> int:
    return sum([high - low + 1 for low, high in numbers.ranges])


@dataclass(frozen=True, slots=True)
class Resync:
    """The parameter QRESYNC of SELECT and EXAMINE (§3.2.5)."""

    uidvalidity: int
    modseq: int
    known: UidSet | None = None
    match: SequenceMatch | None = None
    name: ClassVar[str] = _NAME

    def __post_init__(self) -> None:
        if self.known is not None and any(STAR in ends for ends in self.known.ranges):
            raise ValueError("known UIDs have no *")

    def unparse(self) -> bytes:
        """Write the parameter."""
        parts = [b"%d %d" % (self.uidvalidity, self.modseq)]
        parts += [one.unparse() for one in (self.known, self.match) if one is not None]
        return b"QRESYNC (%b)" % b" ".join(parts)

    def check(self, context: Context) -> None:
        """Refuse it without ENABLE, and numbers where there are none. Raises `Bad`."""
        _check_enabled(context, _NAME)
        if self.match is not None and context.session.telling.uid_only:
            raise Bad("messages have UIDs here, no numbers", "UIDREQUIRED")

    async def meant(self, context: Context) -> None:
        """Leave the mailbox to the name."""

    async def opened(self, context: Context) -> None:
        """Tell what the client missed, unless its UIDs are of another mailbox."""
        view, mailbox = context.selected.view, context.selected.mailbox
        if mailbox.uidvalidity != self.uidvalidity:
            return  # it compares that itself (§3.2.5)
        last = mailbox.uidnext - 1
        known = ((1, last),) if self.known is None else self.known.resolve(last)
        from_uid = 1 if self.match is None else self.match.agreement(view) + 1
        unsure = [(max(low, from_uid), high) for low, high in known if high >= from_uid]
        await _tell_vanished(context, unsure, self.modseq)
        uids = view.resolve(UidSet(tuple(known))) if last else ()
        changed = await mailbox.changed(uids, self.modseq)
        await tell_flags(view, context.reply, changed, with_uid=True)


def _parse_resync(cursor: Cursor) -> Resync:
    cursor.sp()
    cursor.expect(b"(")
    uidvalidity = cursor.nz_number()
    cursor.sp()
    modseq = parse_modseq(cursor)
    known: UidSet | None = None
    match: SequenceMatch | None = None
    if cursor.peek() == b" " and cursor.peek(2) != b" (":
        cursor.sp()
        known = _parse_set(cursor, UidSet, ascends=False)
    if cursor.peek() == b" ":
        cursor.sp()
        match = _parse_match(cursor)
    cursor.expect(b")")
    return Resync(uidvalidity, modseq, known, match)


def _parse_match(cursor: Cursor) -> SequenceMatch:
    start = cursor.at
    cursor.expect(b"(")
    numbers = _parse_set(cursor, SequenceSet, ascends=True)
    cursor.sp()
    uids = _parse_set(cursor, UidSet, ascends=True)
    cursor.expect(b")")
    if _count(numbers) != _count(uids):
        cursor.at = start
        raise cursor.fail("as many UIDs as message numbers")
    return SequenceMatch(numbers, uids)


def _parse_set(cursor: Cursor, kind: type[Set], *, ascends: bool) -> Set:
    start = cursor.at
    found = kind.parse(cursor)
    if any(STAR in ends for ends in found.ranges):
        cursor.at = start
        raise cursor.fail(f"{kind.what} without *")
    if ascends and not _ascends(found):
        cursor.at = start
        raise cursor.fail(f"{kind.what} that ascends")
    return found


def _enable(session: SessionState) -> None:
    session.telling.modseqs = True
    session.telling.vanished = True


FEATURE = Feature(
    name="QRESYNC",
    rfc=("7162",),
    capabilities=(Capability("QRESYNC"),),
    fetch_modifiers=(
        FetchModifierSpec(Vanished.name, lambda _: Vanished(), "RFC 7162 §3.2.6"),
    ),
    select_parameters=(
        SelectParameterSpec(Resync.name, _parse_resync, "RFC 7162 §3.2.5"),
    ),
    enables=(Enabling(_NAME, _enable),),
    requires=("CONDSTORE", "ENABLE"),
)
