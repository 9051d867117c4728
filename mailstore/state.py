"""MailboxState: one mailbox in memory, as columns, shared by its sessions.

Touched on the event thread only. It follows the database by `Delta`s; the database
is the truth, and a delta that doesn't fit means: read it again. Invariants:

* ``uids`` ascends; all columns have its length;
* the object in ``uids`` is extended when messages arrive and *replaced* when some
  vanish, so that a view that holds it with its length keeps a true numbering;
* ``modseq`` never goes back.

It must not know SQL, sessions or sequence numbers.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from itertools import compress
from typing import overload

from mailstore.columns import change_bits, either, joined, lift, tables
from mailstore.history import History, Step
from mailstore.index.flagged import Flagged
from mailstore.index.records import (
    ChangedFlags,
    Delta,
    MailboxRow,
    NewColumns,
    Sweep,
)
from mailstore.model import FIRST_KEYWORD_BIT, SEEN, Changes
from mailstore.runs import places, runs, scattered

_SYSTEM = (1 << FIRST_KEYWORD_BIT) - 1
_FEW_PIECES = 256
_EMPTY = 64  # what a state takes without a message, in messages (50 octets each)
_STEP = 12  # and each step of its history
_MANY = 512  # messages whose flags are read all at once
_PIECE = 8_192  # messages whose columns the processor's cache holds
_SEEN_OR_NOT = bytes(ord("s" if flags & SEEN else "-") for flags in range(256))


class Masks(Sequence[tuple[int, int]]):
    """(uid, mask) of messages, read when they are asked for, piece by piece.

    Whoever tells of many messages takes slices: a slice has the flags of its moment,
    and leaves out what is gone by then or has not changed behind ``since``. The length
    is that of the beginning.
    """

    def __init__(self, state: MailboxState, uids: Sequence[int], since: int) -> None:
        self._state = state
        self._uids = uids
        self._since = since

    def __len__(self) -> int:
        return len(self._uids)

    @overload
    def __getitem__(self, at: int) -> tuple[int, int]: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[tuple[int, int]]: ...
    def __getitem__(
        self, at: int | slice
    ) -> tuple[int, int] | Sequence[tuple[int, int]]:
        if isinstance(at, slice):
            return self._state.rows_since(self._uids[at], self._since)
        ((uid, mask),) = self._state.rows([self._uids[at]])
        return uid, mask

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return iter(self._state.rows_since(self._uids, self._since))


class MailboxState(Flagged):
    """The columns of one mailbox and what lately happened to them."""

    __slots__ = (
        "_first_unseen",
        "_history",
        "_watchers",
        "dates",
        "gone",
        "id",
        "keyword_names",
        "keywords",
        "lost",
        "messages",
        "modseq",
        "modseqs",
        "more",
        "ordered",
        "recent_from",
        "sizes",
        "system",
        "uidnext",
        "uids",
        "uidvalidity",
        "zones",
    )

    person = ""
    """Whose flags are seen; empty: the shared ones."""

    def __init__(
        self, row: MailboxRow, loaded: NewColumns, keyword_names: tuple[str, ...]
    ) -> None:
        self.id = row.id
        self.uidvalidity = row.uidvalidity
        self.uidnext = row.uidnext
        self.modseq = row.highestmodseq
        self.recent_from = row.recent_from
        self.gone = False
        self.lost = False  # its index went back: it can follow no more
        self.keyword_names = keyword_names
        self.uids = loaded.uids
        self.system = loaded.system
        self.keywords = loaded.keywords
        self.more = loaded.more
        self.modseqs = loaded.modseqs
        self.sizes = loaded.sizes
        self.dates = loaded.dates
        self.zones = loaded.zones
        self.messages = loaded.messages
        # Whether messages ascend: so until some are copied or moved here.
        self.ordered = loaded.ordered
        self._first_unseen: int | None = None  # -1: there is none; None: not known
        self._history = History(self.modseq)
        self._watchers: list[Callable[[], None]] = []

    @property
    def weight(self) -> int:
        """Tell about how much memory it takes, in messages."""
        return _EMPTY + len(self.uids) + _STEP * len(self._history)

    # -- reading

    def masks(self, start: int, stop: int) -> list[int]:
        """Give the flags of the messages from one index up to another."""
        if stop - start == 1:
            return [self.mask(start)]
        if not self.keyword_names:
            return list(self.system[start:stop])
        if self.more:
            return [self.mask(at) for at in range(start, stop)]
        first = self.keywords[start] if start < stop else 0
        if self.keywords[start:stop] == array("Q", (first,)) * (stop - start):
            # Most messages have the same ones, or none.
            return list(
                map((first << FIRST_KEYWORD_BIT).__or__, self.system[start:stop])
            )
        return joined(self.system[start:stop], self.keywords[start:stop]).tolist()

    def masks_at(self, each: Sequence[int]) -> list[int]:
        """Give the flags of the messages at some indexes."""
        if self.more:
            return list(map(self.mask, each))
        system, keywords = self.system, self.keywords
        if not self.keyword_names:
            return list(map(system.__getitem__, each))
        return [system[at] | keywords[at] << FIRST_KEYWORD_BIT for at in each]

    def visible(self, mask: int) -> int:
        """Give what is seen here of the flags that a message had for all."""
        return mask

    def rows(self, uids: Sequence[int]) -> list[tuple[int, int]]:
        """Give (uid, mask) of those among ascending UIDs that are there."""
        if scattered(uids):
            return list(zip(*self.masks_of(uids), strict=True))
        found: list[tuple[int, int]] = []
        for start, stop, _ in runs(uids, self.uids):
            found += zip(self.uids[start:stop], self.masks(start, stop), strict=True)
        return found

    def masks_of(self, uids: Sequence[int]) -> tuple[Sequence[int], Sequence[int]]:
        """Give those among ascending UIDs that are there, and the masks of these."""
        if scattered(uids):
            each = places(uids, self.uids)
            return array("I", map(self.uids.__getitem__, each)), self.masks_at(each)
        there, masks = array("I"), list[int]()
        for start, stop, _ in runs(uids, self.uids):
            there += self.uids[start:stop]
            masks += self.masks(start, stop)
        return there, masks

    def first_unseen(self) -> int | None:
        """Give the index of the first message without \\Seen."""
        at = self._first_unseen
        if at is None:
            at = self.system.translate(_SEEN_OR_NOT).find(b"-")
            self._first_unseen = at
        return None if at < 0 else at

    def changes(self, since: int) -> Changes:
        """Give what happened behind a mod-sequence, or somewhat more than that."""
        if since >= self.modseq:
            return Changes(self.modseq, (), (), ())
        step = self._history.since(since)
        new: list[int] = []
        for start, stop, _ in runs(step.new, self.uids):
            new += self.uids[start:stop]
        # Not without those that are new: the caller may know them, who asks for what
        # came behind a part of a folded step.
        changed = step.changed
        if len(changed) > _MANY:
            rows: Sequence[tuple[int, int]] = Masks(self, changed, since)
        else:
            rows = self.rows_since(changed, since)
        return Changes(self.modseq, new, rows, step.vanished)

    def touched(self, since: int) -> Sequence[int]:
        """Give the UIDs of what arrived or changed behind a mod-sequence, at least."""
        if since >= self.modseq:
            return ()
        step = self._history.since(since)
        if not step.new:
            return step.changed
        return sorted({*step.new, *step.changed})

    def changed_since(self, since: int, most: int) -> array[int] | None:
        """Give the UIDs of what arrived or changed behind a mod-sequence, ascending.

        None if that is more than about ``most``, or longer ago than is remembered here.
        """
        step = self._history.recent(since, most)
        if step is None:
            return None
        uids: Sequence[int] = step.changed
        if step.new:
            uids = sorted({*step.new, *uids})
        table, modseqs = self.uids, self.modseqs
        # Not by pieces: what changed lately is scattered.
        there = places(uids, table)
        newer = map(since.__lt__, map(modseqs.__getitem__, there))
        return array("I", map(table.__getitem__, compress(there, newer)))

    def vanished_since(self, since: int, most: int) -> Sequence[int] | None:
        """Give the UIDs of what was removed behind a mod-sequence, or somewhat before.

        None as for `changed_since`.
        """
        step = self._history.recent(since, most)
        return None if step is None else step.vanished

    def rows_since(self, uids: Sequence[int], since: int) -> list[tuple[int, int]]:
        """Give (uid, mask) of those that have changed behind a mod-sequence."""
        if scattered(uids):
            each = places(uids, self.uids)
            newer = map(since.__lt__, map(self.modseqs.__getitem__, each))
            each = list(compress(each, newer))
            return list(
                zip(map(self.uids.__getitem__, each), self.masks_at(each), strict=True)
            )
        found: list[tuple[int, int]] = []
        for start, stop, _ in runs(uids, self.uids):
            rows = zip(self.uids[start:stop], self.masks(start, stop), strict=True)
            found += compress(rows, map(since.__lt__, self.modseqs[start:stop]))
        return found

    def forget_history(self, modseq: int) -> None:
        """Drop what all sessions were told: up to a mod-sequence."""
        self._history.forget(modseq)

    # -- following the database

    def follow(self, delta: Delta) -> bool:
        """Follow one commit; False when others came between: read the database."""
        return self.apply(delta)

    def apply(self, delta: Delta) -> bool:
        """Take over a change of what this state holds, as `follow`."""
        if delta.modseq < self.modseq or (
            delta.modseq == self.modseq and delta.base != self.modseq
        ):
            return True  # known already, by reading
        if delta.base != self.modseq:
            return False
        self._first_unseen = None
        if delta.keywords is not None:
            self.keyword_names = delta.keywords
        vanished = self.uids[:] if delta.gone else delta.vanished
        if delta.sweep is not None:
            news = self._sweep(delta.sweep, delta.modseq)
        else:
            news = self._news(delta.changed)
            self._change_flags(delta.changed, delta.modseq)
        if vanished:
            self._remove(vanished)
        new: Sequence[int] = ()
        if delta.new or delta.added is not None:
            added = NewColumns.of(delta.new) if delta.added is None else delta.added
            self._add(added)
            new = added.uids
        self.uidnext = max(self.uidnext, delta.uidnext or 0)
        self.gone = self.gone or delta.gone
        if delta.modseq != self.modseq:
            self.modseq = delta.modseq
            self._history.add(Step(delta.modseq, new, news, vanished))
        return True

    def _news(self, changed: ChangedFlags) -> Sequence[int]:
        """Give the messages whose change is to be told."""
        return changed.uids

    def _change_flags(self, changed: ChangedFlags, modseq: int) -> None:
        if len(changed.uids) == 1:  # as clients change flags
            self._change_one(changed, modseq)
            return
        newer = changed.modseqs or array("Q", (modseq,)) * len(changed.uids)
        each = places(changed.uids, self.uids) if scattered(changed.uids) else ()
        if each and len(each) == len(changed.uids):
            system, keywords, modseqs = self.system, self.keywords, self.modseqs
            rows = zip(each, changed.system, changed.keywords, newer, strict=True)
            for at, flags, more, number in rows:
                system[at], keywords[at], modseqs[at] = flags, more, number
        else:
            for start, stop, at in runs(changed.uids, self.uids):
                end = at + stop - start
                self.system[start:stop] = changed.system[at:end]
                self.keywords[start:stop] = changed.keywords[at:end]
                self.modseqs[start:stop] = newer[at:end]
        if self.more or changed.more:
            for uid in changed.uids:
                self.more.pop(uid, None)
            self.more.update(changed.more)

    def _change_one(self, changed: ChangedFlags, modseq: int) -> None:
        (uid,) = changed.uids
        at = self.position(uid)
        if at is not None:
            self.system[at] = changed.system[0]
            self.keywords[at] = changed.keywords[0]
            self.modseqs[at] = changed.modseqs[0] if changed.modseqs else modseq
        if self.more or changed.more:
            self.more.pop(uid, None)
            self.more.update(changed.more)

    def _sweep(self, sweep: Sweep, modseq: int) -> Sequence[int]:
        """Change flags as the statement did; gives the messages that it changed.

        Of many side by side it gives all: `rows_since` leaves out the others.
        """
        found, stop = array("I"), 0
        for low, high in sweep.ranges:
            start = bisect_left(self.uids, low, stop)
            stop = bisect_right(self.uids, high, start)
            for at in range(start, stop, _PIECE):
                self._sweep_piece(sweep, modseq, at, min(at + _PIECE, stop), found)
        return found

    def _sweep_piece(
        self, sweep: Sweep, modseq: int, start: int, stop: int, found: array[int]
    ) -> None:
        marks = self._swept(sweep, start, stop)
        changed = marks.count(1)
        if changed == stop - start:
            self.modseqs[start:stop] = array("Q", (modseq,)) * changed
            found += self.uids[start:stop]
        elif changed:
            lifted = lift(self.modseqs[start:stop], marks, modseq)
            self.modseqs[start:stop] = lifted
            if stop - start > _MANY:
                found += self.uids[start:stop]
            else:
                found.extend(compress(self.uids[start:stop], marks))

    def _swept(self, sweep: Sweep, start: int, stop: int) -> bytes:
        """Change the flags of messages side by side; gives 1 for those that differ."""
        after, differs = tables(sweep.clears & _SYSTEM, sweep.sets & _SYSTEM)
        system = self.system[start:stop]
        marks = bytes(system.translate(differs))
        self.system[start:stop] = system.translate(after)
        known = (1 << len(self.keyword_names)) - 1
        clears = sweep.clears >> FIRST_KEYWORD_BIT & known
        sets = sweep.sets >> FIRST_KEYWORD_BIT
        if not (clears | sets):
            return marks
        keywords, differing = change_bits(self.keywords[start:stop], clears, sets)
        self.keywords[start:stop] = keywords
        return either(marks, differing)

    def _remove(self, vanished: Sequence[int]) -> None:
        pieces = [(start, stop) for start, stop, _ in runs(vanished, self.uids)]
        if not pieces:
            return
        for uid in vanished if self.more else ():
            self.more.pop(uid, None)
        columns = ("keywords", "modseqs", "sizes", "dates", "zones", "messages")
        if len(pieces) <= _FEW_PIECES:
            self.uids = self.uids[:]  # views keep the old one
            for start, stop in reversed(pieces):
                del self.uids[start:stop], self.system[start:stop]
                for name in columns:
                    del getattr(self, name)[start:stop]
            return
        keep = bytearray(b"\x01") * len(self.uids)
        for start, stop in pieces:
            keep[start:stop] = bytes(stop - start)
        self.uids = array("I", compress(self.uids, keep))
        self.system = bytearray(compress(self.system, keep))
        for name in columns:
            column = getattr(self, name)
            setattr(self, name, array(column.typecode, compress(column, keep)))

    def _add(self, new: NewColumns) -> None:
        self.ordered = (
            self.ordered
            and new.ordered
            and (
                not self.messages
                or not new.messages
                or self.messages[-1] < new.messages[0]
            )
        )
        self.uids += new.uids
        self.system += new.system
        self.keywords += new.keywords
        self.modseqs += new.modseqs
        self.sizes += new.sizes
        self.dates += new.dates
        self.zones += new.zones
        self.messages += new.messages
        self.more.update(new.more)

    # -- \Recent

    def claim_recent(self, *, claim: bool) -> tuple[int, int]:
        """Give the UIDs that no session has seen yet, and take them if asked to.

        (low, high); high is below low when there are none (RFC 3501 §2.3.2).
        """
        low, high = self.recent_from, self.uidnext - 1
        if claim:
            self.recent_from = max(low, high + 1)
        return low, high

    # -- watching

    def watch(self, wake: Callable[[], None]) -> Callable[[], None]:
        """Have ``wake`` called after each change; gives the call that ends this."""
        self._watchers.append(wake)

        def end() -> None:
            if wake in self._watchers:
                self._watchers.remove(wake)

        return end

    @property
    def watchers(self) -> Sequence[Callable[[], None]]:
        """What is to be called when something has changed."""
        return self._watchers
