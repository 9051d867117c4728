"""What one session believes its selected mailbox contains.

A view is the list of UIDs that the client counts by, and the mod-sequence up to
which the client was told. Invariants:

* it moves only in `tell`, which the dispatcher calls at sync points, so numbers
  never shift inside a command (RFC 3501 §7.4.1, RFC 2180 §4);
* while nothing was expunged it shares the mailbox's array of UIDs and copies
  nothing; ``exists`` is the length that the client knows of;
* removals that may not be told yet are held, and their messages keep their numbers;
* ``settled`` is a mod-sequence up to which the client was told everything, removals
  too. It is what a client may come back with (RFC 7162 §3.2).
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from copy import copy
from itertools import compress
from operator import itemgetter
from typing import Protocol

from imapd.session.faults import Bad
from imapd.session.flag_responses import tell_flags
from imapd.session.reply import Reply
from imapd.session.responses import expunges, vanished
from imapd.session.telling import Telling
from imapd.syntax.sequence import NumberSet, SequenceSet
from imapd.wire.encode import ranges
from mailstore.runs import places
from mailstore.service import Mailbox

_SLICE = 256  # messages whose flags are looked at before others have their turn
_LINES = 4_096  # removals that are told before they have
_Told = tuple[Sequence[int], int]  # UIDs and a mod-sequence


class Follower(Protocol):
    """Tells something else of a mailbox's messages, whenever a view of it moves."""

    async def look(self) -> None:
        """See what has changed, before the view moves. Raises `ConnectionGone`."""
        ...

    def leaving(self, reply: Reply, /) -> None:
        """Tell what has to be told while numbers are as they were; it awaits nothing.

        Between this and the moves of the view nothing else happens.
        """
        ...

    async def arrived(self, reply: Reply, /) -> None:
        """Tell what may be told now that the client knows of new messages."""
        ...


class View:
    """A session's numbering of its selected mailbox."""

    __slots__ = (
        "_counted",
        "_held",
        "_owed",
        "_own",
        "_recent",
        "_saved",
        "_told",
        "_top",
        "_uids",
        "_withheld",
        "exists",
        "follower",
        "mailbox",
        "modseq",
        "settled",
        "telling",
    )

    def __init__(self, mailbox: Mailbox, telling: Telling | None = None) -> None:
        self.mailbox = mailbox
        self.telling = telling or Telling()
        self._uids = mailbox.uids
        self.exists = len(self._uids)
        self.modseq = self.settled = mailbox.modseq
        self._withheld = False  # flags were not told that the client may come back for
        self.follower: Follower | None = None
        self._owed = False  # the client waits for HIGHESTMODSEQ
        self._top = self.largest_uid  # the highest UID that was ever told
        self._held: set[int] = set()
        self._told: list[_Told] = []  # by the command that runs
        self._own = 0  # what happened up to this mod-sequence is the client's own
        self._recent: list[tuple[int, int]] = []
        # Among which UIDs how many of these ranges were counted, and the count.
        self._counted: tuple[Sequence[int], int, int] = ((), 0, 0)
        self._saved: array[int] = array("I")
        self._claim_recent()

    # -- numbers

    @property
    def uids(self) -> array[int]:
        """UIDs by message number less one; only the first ``exists`` count."""
        return self._uids

    @property
    def largest_uid(self) -> int:
        """The UID of the last message, 0 in an empty mailbox."""
        return self._uids[self.exists - 1] if self.exists else 0

    @property
    def top(self) -> int:
        """The highest UID that the client was ever told of."""
        return self._top

    def number(self, uid: int) -> int | None:
        """Give the message number of a UID, None if the view doesn't have it."""
        at = bisect_left(self._uids, uid, 0, self.exists)
        if at < self.exists and self._uids[at] == uid:
            return at + 1
        return None

    def numbers(self, uids: Sequence[int]) -> list[int]:
        """Give the message numbers of ascending UIDs that the view has."""
        if not uids:
            return []
        first = self.number(uids[0])
        if len(uids) == 1 and first is not None:
            return [first]
        last = self.number(uids[-1])
        if first is not None and last is not None and last - first + 1 == len(uids):
            return list(range(first, last + 1))
        return [at + 1 for at in places(uids, self._uids, self.exists)]

    def names(self, uids: Sequence[int]) -> Sequence[int]:
        """Give what responses name ascending UIDs of the view by."""
        return uids if self.telling.uid_only else self.numbers(uids)

    def resolve(self, numbers: NumberSet) -> array[int]:
        """Give the UIDs that a set names, ascending, each once.

        A message number beyond the mailbox is a fault of the client (RFC 9051 §9:
        seq-number); a UID that doesn't exist is passed over (RFC 3501 §6.4.8).
        Raises `Bad`.
        """
        if numbers.saved:
            return self.saved
        by_number = isinstance(numbers, SequenceSet)
        if len(numbers.ranges) == 1:  # one message, as clients read and change them
            ((low, high),) = numbers.ranges
            if 0 < low == high:
                number = low if by_number else self.number(low)
                if number is not None and number <= self.exists:
                    return self._uids[number - 1 : number]
        largest = self.exists if by_number else self.largest_uid
        found: array[int] = array("I")
        for low, high in numbers.resolve(largest):
            if by_number:
                if high > self.exists:
                    raise Bad(f"there is no message {high}, only {self.exists}")
                found.extend(self._uids[low - 1 : high])
            else:
                start = bisect_left(self._uids, low, 0, self.exists)
                stop = bisect_right(self._uids, high, start, self.exists)
                found.extend(self._uids[start:stop])
        return found

    @property
    def saved(self) -> array[int]:
        """The UIDs that ``$`` stands for, ascending (RFC 5182 §2.1).

        A message that the client was told is gone is no longer among them. UIDs are
        never used twice, so that it is enough to look when somebody asks.
        """
        saved, uids = self._saved, self._uids
        if not saved:
            return saved
        low = bisect_left(uids, saved[0], 0, self.exists)
        high = bisect_right(uids, saved[-1], low, self.exists)
        between = uids[low:high]
        if between != saved:
            saved = array("I", compress(between, map(set(saved).__contains__, between)))
            self._saved = saved
        return saved

    def save(self, uids: Sequence[int]) -> None:
        """Have ``$`` stand for messages of the view, by their ascending UIDs."""
        self._saved = array("I", uids)

    def snapshot(self) -> View:
        """Give a view with the numbers of this moment, which never moves."""
        other = copy(self)
        other.telling, other.follower = Telling(), None
        return other

    # -- recent

    @property
    def recent(self) -> Sequence[tuple[int, int]]:
        """UID ranges that are \\Recent in this session, ascending."""
        return self._recent

    def is_recent(self, uid: int) -> bool:
        """Tell whether a message carries \\Recent here (RFC 3501 §2.3.2)."""
        if not self._recent:
            return False
        at = bisect_left(self._recent, uid, key=itemgetter(1))
        return at < len(self._recent) and self._recent[at][0] <= uid

    def count_recent(self) -> int:
        """Count the \\Recent messages of the view.

        Where several sessions share what arrives, each has many ranges: those that were
        counted are not counted again, as long as nothing vanishes.
        """
        recent = self._recent
        if not recent:
            return 0
        uids, counted, count = self._counted
        if uids is not self._uids:
            counted, count = 0, 0
        last = len(recent) - 1  # which may yet grow
        if last > counted and recent[last - 1][1] <= self.largest_uid:
            count += sum(map(self._count_within, recent[counted:last]))
            self._counted = self._uids, last, count
            counted = last
        return count + sum(map(self._count_within, recent[counted:]))

    def _count_within(self, bounds: tuple[int, int]) -> int:
        low, high = bounds
        start = bisect_left(self._uids, low, 0, self.exists)
        return bisect_right(self._uids, high, start, self.exists) - start

    def _claim_recent(self) -> None:
        if not self.telling.recent:
            return  # a session that is told of it may have them
        low, high = self.mailbox.claim_recent()
        if low > high:
            return
        if self._recent and low <= self._recent[-1][1] + 1:
            # Who only reads takes none: what he was given before comes again.
            self._recent[-1] = (self._recent[-1][0], high)
        else:
            self._recent.append((low, high))

    # -- changes

    def note_told(self, uids: Sequence[int], modseq: int) -> None:
        """Note that the client knows messages' flags as of a mod-sequence, or later.

        The next `tell` leaves out what changed in them up to that: STORE's own answers,
        and .SILENT (RFC 3501 §6.4.6). UIDs ascend.
        """
        self._told.append((array("I", uids), modseq))

    def note_own(self, modseq: int) -> None:
        """Note that the client knows all that happened up to a mod-sequence.

        What happened since the last `tell` is what it has asked for itself: where
        nothing else is to be told, the view is there at once.
        """
        if self._held or self.follower is not None:
            self._own = modseq
            return
        self.modseq = modseq
        self._settle(held=False)
        self.mailbox.heard(self.settled)

    def forget_known(self) -> None:
        """Note that a command has ended: what it told says nothing of what follows."""
        self._told = []
        self._own = 0

    def code(self) -> str | None:
        """Give the response code that the client waits for, and note that it came.

        HIGHESTMODSEQ tells up to where it was told everything. It is due when
        removals were told, and while they are held back behind mod-sequences that
        are above theirs (RFC 7162 §3.2, §6).
        """
        owed, self._owed = self._owed, False
        return f"HIGHESTMODSEQ {self.settled}" if owed else None

    def behind(self) -> bool:
        """Tell whether `tell` would have anything to say."""
        return bool(self._held) or self.modseq != self.mailbox.modseq

    def at_rest(self) -> bool:
        """Tell whether `tell` would do nothing, nor anybody else with it."""
        return self.follower is None and not self.behind()

    def is_quiet(self) -> bool:
        """Tell whether a command that ends leaves nothing to tell, nor to forget."""
        return (
            self.modseq == self.mailbox.modseq
            and not (self._held or self._told or self._own or self._owed)
            and self.follower is None
        )

    async def tell(
        self, reply: Reply, *, removals: bool, with_uid: bool, flags: bool = True
    ) -> None:
        """Bring the client up to the mailbox's present state.

        With ``removals`` false, EXPUNGE is held back and told later; new messages
        and flags are told all the same (RFC 2180 §4.1.2). Without ``flags`` changes
        of flags are not told, now or later (RFC 5465 §5). The store may report more
        than what is new to this view: what it knows is passed over.
        """
        follower = self.follower
        if follower is not None:
            await follower.look()
            follower.leaving(reply)
        if self.behind():
            await self._tell(reply, removals=removals, with_uid=with_uid, flags=flags)
        else:
            self.forget_known()
        if follower is not None:
            await follower.arrived(reply)

    async def _tell(
        self, reply: Reply, *, removals: bool, with_uid: bool, flags: bool
    ) -> None:
        since = max(self.modseq, self._own)
        changes = self.mailbox.changes(since, settled=self.settled)
        told = self._told
        self._told, self._own = [], 0
        if since == changes.modseq and not self._held:
            self.modseq = since  # all that happened is what it has asked for itself
            self._settle(held=False)
            return
        top = self._top
        new = changes.new[bisect_right(changes.new, top) :]
        self._held.update(self._among(changes.vanished))
        before = self.exists
        unsettled = bool(self._held)
        # The view moves as a whole; only then is there time to wait for the client.
        removed: Iterator[bytes] = iter(())
        if removals and self._held:
            removed = self._removals()
            before = self.exists
        self._take_new(new)
        self.modseq = changes.modseq
        if not flags and not self._withheld:
            self._withheld = any(
                self._unknown(changes.changed[at : at + _SLICE], told, top)
                for at in range(0, len(changes.changed), _SLICE)
            )
        self._settle(held=unsettled)
        if self.exists != before:
            self._claim_recent()
        for lines in removed:
            reply.write(lines)
            await reply.pace()
        if self.exists != before:
            reply.untagged(b"%d EXISTS" % self.exists)
            if self.telling.recent:
                reply.untagged(b"%d RECENT" % self.count_recent())
        changed = changes.changed if flags else ()
        for at in range(0, len(changed), _SLICE):
            rows = self._unknown(changed[at : at + _SLICE], told, top)
            uids = [uid for uid, _ in rows]
            await tell_flags(self, reply, uids, with_uid=with_uid, known=True)
            if at + _SLICE < len(changed):
                await reply.stand_aside()

    def _settle(self, *, held: bool) -> None:
        """Note up to where the client knows all; something may have been held."""
        if not self._held and not self._withheld:
            self.settled = self.modseq
        if self.telling.modseqs and (held or self._withheld):
            self._owed = True

    def _among(self, uids: Sequence[int]) -> Iterable[int]:
        """Give those of some UIDs that the view has."""
        if len(uids) > _SLICE:
            return set(uids).intersection(self._uids[: self.exists])
        return [uid for uid in uids if self.number(uid) is not None]

    def _unknown(
        self, changed: Sequence[tuple[int, int]], told: Sequence[_Told], top: int
    ) -> list[tuple[int, int]]:
        """Leave out what the client knows, and what it wasn't told of at all."""
        rows = [row for row in changed if row[0] <= top]
        for uids, upto in told:
            if not rows:
                break
            start = bisect_left(uids, rows[0][0])
            known = frozenset(uids[start : bisect_right(uids, rows[-1][0])])
            modseqs = self.mailbox.modseqs([uid for uid, _ in rows])
            rows = [
                row
                for row, modseq in zip(rows, modseqs, strict=True)
                if modseq > upto or row[0] not in known
            ]
        return rows

    def _removals(self) -> Iterator[bytes]:
        """Take what is held out of the view; gives how that is told, in pieces.

        With nothing held the view is the mailbox up to its last message: it shares
        the mailbox's array at once, and copies nothing.
        """
        gone = sorted(self._held)
        numbers = self.numbers(gone)[::-1]
        self._held.clear()
        self._uids = self.mailbox.uids
        self.exists -= len(gone)
        if self.telling.vanished or self.telling.uid_only:
            return iter([vanished(ranges(gone))])
        pieces = range(0, len(numbers), _LINES)
        return (expunges(numbers[at : at + _LINES]) for at in pieces)

    def _take_new(self, new: Sequence[int]) -> None:
        current = self.mailbox.uids
        if not self._held:
            # Nothing is held, so the view is the mailbox: share its array again.
            self._uids, self.exists = current, len(current)
        elif new:
            own = self._uids[: self.exists]
            own.extend(new)
            self._uids, self.exists = own, len(own)
        self._top = max(self._top, self.largest_uid)
