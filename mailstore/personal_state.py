"""PersonalState: a mailbox in memory as one person sees it who has flags for himself.

It is a `MailboxState` of its own, with that person's private flags in place of the
shared ones and the higher of a message's two mod-sequences; whoever reads columns need
not know that. What others do to flags that he doesn't see raises mod-sequences, and is
told to nobody here.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence

from mailstore.index.private import Marks, Private
from mailstore.index.records import ChangedFlags, Delta, MailboxRow, NewColumns
from mailstore.runs import runs
from mailstore.state import MailboxState


class PersonalState(MailboxState):
    """The columns of a mailbox for one person."""

    __slots__ = ("_mask", "_shared", "person")

    def __init__(
        self,
        row: MailboxRow,
        loaded: NewColumns,
        keyword_names: tuple[str, ...],
        whose: Private,
        marks: Marks,
    ) -> None:
        super().__init__(row, loaded, keyword_names)
        self.person = whose.person
        self._mask = whose.mask
        self._shared = bytes(flags & ~whose.mask & 0xFF for flags in range(256))
        self.system = self.system.translate(self._shared)
        marked = array("I", marks)
        values = list(marks.values())
        for start, stop, at in runs(marked, self.uids):
            for place, mark in enumerate(values[at : at + stop - start], start):
                self.system[place] |= mark.flags & whose.mask
                self.modseqs[place] = max(self.modseqs[place], mark.modseq)

    def visible(self, mask: int) -> int:
        """Give the shared ones of a message's flags: its private ones are forgotten."""
        return mask & ~self._mask

    def touched(self, since: int) -> Sequence[int]:
        """Give what arrived or changed for anybody behind a mod-sequence.

        Beside flags that he doesn't see there are annotations, which he may see.
        """
        if since >= self.modseq:
            return ()
        rows = zip(self.uids, self.modseqs, strict=True)
        return [uid for uid, modseq in rows if modseq > since]

    def follow(self, delta: Delta) -> bool:
        """Follow one commit, as far as this person sees it."""
        if delta.base != self.modseq:
            return self.apply(delta)  # passed over, or read anew
        changed, sweep = delta.changed, delta.sweep
        if sweep is not None and (sweep.clears | sweep.sets) & self._mask:
            return False  # which rows had the flags for all, is not known here
        if delta.private:
            if delta.person == self.person:
                changed = self._private(delta.private)
        elif changed.uids:
            changed = changed._replace(system=self._own(changed))
        added = NewColumns.of(delta.new) if delta.added is None else delta.added
        added = added._replace(system=added.system.translate(self._shared))
        return self.apply(delta._replace(changed=changed, added=added))

    def _private(self, flags: Sequence[tuple[int, int]]) -> ChangedFlags:
        there = [(uid, own, self.position(uid)) for uid, own in flags]
        return ChangedFlags.of(
            [
                (uid, self.mask(at) & ~self._mask | own & self._mask)
                for uid, own, at in there
                if at is not None
            ]
        )

    def _own(self, changed: ChangedFlags) -> bytes:
        """Give the system flags of a change with this person's private ones."""
        system = bytearray(changed.system.translate(self._shared))
        for start, stop, at in runs(changed.uids, self.uids):
            for place in range(stop - start):
                system[at + place] |= self.system[start + place] & self._mask
        return bytes(system)

    def changed_since(self, since: int, most: int) -> array[int] | None:  # noqa: ARG002
        """Give nothing: what was no news here had its mod-sequence raised too."""
        return None

    def _news(self, changed: ChangedFlags) -> Sequence[int]:
        """Leave out messages whose flags stay as they are for this person."""
        found = array("I")
        for start, stop, at in runs(changed.uids, self.uids):
            end = at + stop - start
            if (
                not (self.more or changed.more)
                and self.system[start:stop] == changed.system[at:end]
                and self.keywords[start:stop] == changed.keywords[at:end]
            ):
                continue
            for place in range(stop - start):
                here, there = start + place, at + place
                uid = changed.uids[there]
                if (
                    self.system[here] != changed.system[there]
                    or self.keywords[here] != changed.keywords[there]
                    or self.more.get(uid, 0) != changed.more.get(uid, 0)
                ):
                    found.append(uid)
        return found
