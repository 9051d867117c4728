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
from bisect import bisect_left
from collections.abc import Callable, Sequence
from itertools import compress
from operator import lt

from mailstore.history import History, Step
from mailstore.index.entries import Loaded
from mailstore.index.records import LOW_BITS, ChangedFlags, Delta, EntryRow, MailboxRow
from mailstore.model import FIRST_KEYWORD_BIT, SEEN, Changes
from mailstore.runs import runs

_SYSTEM = (1 << FIRST_KEYWORD_BIT) - 1
_LOW = (1 << LOW_BITS) - 1
_FEW_PIECES = 256


class MailboxState:
    """The columns of one mailbox and what lately happened to them."""

    __slots__ = (
        "_history",
        "_watchers",
        "dates",
        "gone",
        "id",
        "keyword_names",
        "keywords",
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

    def __init__(
        self, row: MailboxRow, loaded: Loaded, keyword_names: tuple[str, ...]
    ) -> None:
        self.id = row.id
        self.uidvalidity = row.uidvalidity
        self.uidnext = row.uidnext
        self.modseq = row.highestmodseq
        self.recent_from = row.recent_from
        self.gone = False
        self.keyword_names = keyword_names
        self.uids = array("I", loaded.uids)
        self.system = bytearray([flags & _SYSTEM for flags in loaded.flags])
        self.keywords = array(
            "Q", [(flags & _LOW) >> FIRST_KEYWORD_BIT for flags in loaded.flags]
        )
        self.more = loaded.more
        self.modseqs = array("Q", loaded.modseqs)
        self.sizes = array("Q", loaded.sizes)
        self.dates = array("q", loaded.epochs)
        self.zones = array("h", loaded.zones)
        self.messages = array("Q", loaded.messages)
        # Whether messages ascend: so until some are copied or moved here.
        self.ordered = all(map(lt, loaded.messages, loaded.messages[1:]))
        self._history = History()
        self._watchers: list[Callable[[], None]] = []

    # -- reading

    def position(self, uid: int) -> int | None:
        """Give the index of a UID in the columns."""
        at = bisect_left(self.uids, uid)
        return at if at < len(self.uids) and self.uids[at] == uid else None

    def mask(self, at: int) -> int:
        """Give the flags of the message at an index."""
        low = self.system[at] | self.keywords[at] << FIRST_KEYWORD_BIT
        if self.more:
            return low | self.more.get(self.uids[at], 0) << LOW_BITS
        return low

    def masks(self, start: int, stop: int) -> list[int]:
        """Give the flags of the messages from one index up to another."""
        if not self.keyword_names:
            return list(self.system[start:stop])
        if self.more:
            return [self.mask(at) for at in range(start, stop)]
        return [
            system | keywords << FIRST_KEYWORD_BIT
            for system, keywords in zip(
                self.system[start:stop], self.keywords[start:stop], strict=True
            )
        ]

    def first_unseen(self) -> int | None:
        """Give the index of the first message without \\Seen."""
        for at, flags in enumerate(self.system):
            if not flags & SEEN:
                return at
        return None

    def changes(self, since: int) -> Changes:
        """Give what happened behind a mod-sequence, or somewhat more than that."""
        if since >= self.modseq:
            return Changes(self.modseq, (), (), ())
        step = self._history.since(since)
        new = [uid for uid in step.new if self.position(uid) is not None]
        changed: list[tuple[int, int]] = []
        for start, stop, _ in runs(step.changed, self.uids):
            uids, masks = self.uids[start:stop], self.masks(start, stop)
            changed += zip(uids, masks, strict=True)
        if new and changed:
            fresh = set(new)
            changed = [pair for pair in changed if pair[0] not in fresh]
        return Changes(self.modseq, new, changed, step.vanished)

    def forget_history(self, modseq: int) -> None:
        """Drop what all sessions were told: up to a mod-sequence."""
        self._history.forget(modseq)

    # -- following the database

    def apply(self, delta: Delta) -> bool:
        """Follow one commit; False when others came between: read the database."""
        if delta.modseq < self.modseq or (
            delta.modseq == self.modseq and delta.base != self.modseq
        ):
            return True  # known already, by reading
        if delta.base != self.modseq:
            return False
        if delta.keywords is not None:
            self.keyword_names = delta.keywords
        vanished = self.uids[:] if delta.gone else delta.vanished
        self._change_flags(delta.changed, delta.modseq)
        self._remove(vanished)
        self._add(delta.new)
        self.uidnext = max(self.uidnext, delta.uidnext or 0)
        self.gone = self.gone or delta.gone
        if delta.modseq != self.modseq:
            self.modseq = delta.modseq
            new = array("I", [row.uid for row in delta.new])
            self._history.add(Step(delta.modseq, new, delta.changed.uids, vanished))
        return True

    def _change_flags(self, changed: ChangedFlags, modseq: int) -> None:
        for start, stop, at in runs(changed.uids, self.uids):
            end = at + stop - start
            self.system[start:stop] = changed.system[at:end]
            self.keywords[start:stop] = changed.keywords[at:end]
            self.modseqs[start:stop] = array("Q", (modseq,)) * (stop - start)
        if self.more or changed.more:
            for uid in changed.uids:
                self.more.pop(uid, None)
            self.more.update(changed.more)

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

    def _add(self, rows: Sequence[EntryRow]) -> None:
        for row in rows:
            self.uids.append(row.uid)
            self.system.append(row.mask & _SYSTEM)
            self.keywords.append((row.mask & _LOW) >> FIRST_KEYWORD_BIT)
            self.modseqs.append(row.modseq)
            self.sizes.append(row.size)
            self.dates.append(row.epoch)
            self.zones.append(row.zone)
            self.ordered = self.ordered and row.message > (self.messages or (0,))[-1]
            self.messages.append(row.message)
            if row.mask >> LOW_BITS:
                self.more[row.uid] = row.mask >> LOW_BITS

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
