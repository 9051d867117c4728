"""What the mailboxes of an account look like from outside, for those who follow it.

A session that wants to hear of all mailboxes (RFC 5465) must not look at all of them
whenever one changes. A hint, from our own lane or another worker, names a mailbox; its
counts are read once, whoever asks first, and what differs goes on a log that all
followers share. A follower keeps a version of that log and nothing else. Invariants:

* the database is the truth: a hint only says where to look, and what is told follows
  from two readings of it; a lost hint is made good by `suspect`;
* a commit is a follower's own only when its two readings show that commit alone;
* the log of mailboxes is folded, so that it is no longer than the list of mailboxes;
  that of names is cut, and who is further behind hears so (`AccountChanges.overflow`).

Event thread only. It must not know who may see what, nor how anything is told.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from mailstore.changes import actor
from mailstore.index import mailboxes
from mailstore.index.records import Delta
from mailstore.lanes import Pool, Runtime, give_way, in_pool
from mailstore.model import (
    FIRST_OF_OTHERS,
    AccountChanges,
    MailboxChange,
    MailboxCounts,
    MailboxEntry,
    MailboxId,
    NameChange,
)
from mailstore.service.name_changes import changes_in_turns
from mailstore.service.names import Names
from mailstore.service.readers import Readers
from mailstore.service.searching import Turns

_AT_ONCE = 1_000  # mailboxes whose counts are read on the event thread (about 1 ms)
_STEP = 512  # mailboxes that are gone through in one turn
_ONE_BY_ONE = 32  # hinted mailboxes that are read by their number
_MOST_CHANGES = 1_024  # of mailboxes, before the older half is folded
_MOST_RENAMINGS = 256  # commits that changed the list of names
_ELSEWHERE = MailboxId(-1)  # in other accounts, whose ids are not ours


@dataclass(frozen=True, slots=True)
class _MailboxNote:
    version: int
    change: MailboxChange
    by: object | None


@dataclass(frozen=True, slots=True)
class _NamesNote:
    version: int
    changes: tuple[NameChange, ...]
    by: object | None


@dataclass(frozen=True, slots=True)
class _Hint:
    """A mailbox to look at: whose commit led there, from where to where."""

    by: object | None = None
    base: int = 0
    modseq: int = 0


_NOBODY = _Hint()
_Note = TypeVar("_Note", _MailboxNote, _NamesNote)


@dataclass(slots=True)
class Own:
    """What a follower itself did to a mailbox since it was last asked."""

    new: list[tuple[int, int]] = field(default_factory=list)  # ranges of UIDs
    vanished: bool = False


class Follower:
    """One session that follows an account; made by `Account.follow`.

    It also notes what its session commits, if it was made the `actor` there; with
    ``by`` another follower is that. ``wake`` is called on the event thread when
    `changes` may have something to say.
    """

    __slots__ = ("_overview", "_own", "_session", "_version", "_wake", "woken")

    def __init__(
        self,
        overview: Overview,
        wake: Callable[[], None],
        by: Follower | None = None,
    ) -> None:
        self._overview = overview
        self._wake = wake
        self._session = by or self
        self._version = -1
        self._own: dict[MailboxId, Own] = {}
        self.woken = False

    async def begin(self, after: int | None = None) -> None:
        """Follow from now on, or from the `version` of another one that still follows.

        Raises `Unavailable`.
        """
        await self._overview.add(self)
        self._version = self._overview.version if after is None else after

    def act(self) -> None:
        """Say that the running coroutine is this follower's session."""
        actor.set(self)

    def end(self) -> None:
        """Follow no more."""
        self._overview.remove(self)
        self._version = -1
        if actor.get() is self:
            actor.set(None)

    @property
    def following(self) -> bool:
        """Whether it was begun."""
        return self._version >= 0

    @property
    def version(self) -> int:
        """Up to where of the log `changes` has told."""
        return self._version

    # -- asking

    async def changes(self) -> AccountChanges:
        """Give what others did since the last call, or since `begin`.

        Raises `Unavailable`.
        """
        self.woken = False
        if not self.following:
            return AccountChanges()
        self._version, found = await self._overview.since(self._version, self._session)
        return found

    def expect(self, mailbox: MailboxId, name: str) -> None:
        """Say under which name its session sees a mailbox.

        What `changes` gives then is no older: not of another one that had the name.
        """
        if self.following and mailbox < FIRST_OF_OTHERS:
            self._overview.expect(mailbox, name)

    def take_own(self, mailbox: MailboxId) -> Own | None:
        """Give what its own session did to one mailbox, and forget all of that.

        Of a mailbox of somebody else: what it did in any of those.
        """
        own, self._own = self._own, {}
        return own.get(mailbox if mailbox < FIRST_OF_OTHERS else _ELSEWHERE)

    def entries(self) -> tuple[MailboxEntry, ...]:
        """Give the list of names as it was told."""
        return self._overview.entries

    def entry(self, mailbox: MailboxId) -> MailboxEntry | None:
        """Give a mailbox's line of it."""
        return self._overview.entry(mailbox)

    def named(self, name: str) -> MailboxEntry | None:
        """Give a name's line of it."""
        return self._overview.named(name)

    def counts(self, mailbox: MailboxId) -> MailboxCounts | None:
        """Give a mailbox's counts as they were read last."""
        return self._overview.counts(mailbox)

    # -- called by the overview

    def note(self, delta: Delta, overview: Overview) -> None:
        """Note a commit of its own session, in whatever account."""
        if delta.new or delta.vanished:
            here = overview is self._overview
            own = self._own.setdefault(delta.mailbox if here else _ELSEWHERE, Own())
            own.vanished = own.vanished or bool(delta.vanished)
            if delta.new:
                # UIDs of one commit have no other between them.
                own.new.append((delta.new[0].uid, delta.new[-1].uid))

    def wake(self) -> None:
        """Wake the session."""
        self._wake()


class Overview:
    """The counts of an account's mailboxes, and what lately happened to them."""

    def __init__(self, runtime: Runtime, readers: Readers, names: Names) -> None:
        self._runtime = runtime
        self._readers = readers
        self._names = names
        self._followers: dict[Follower, None] = {}
        self.version = 0
        self.entries: tuple[MailboxEntry, ...] = ()
        self._names_version = -1
        self._by_id: dict[MailboxId, MailboxEntry] = {}
        self._by_name: dict[str, MailboxEntry] = {}
        self._counts: dict[MailboxId, MailboxCounts] = {}
        self._changes: list[_MailboxNote] = []
        self._renamings: list[_NamesNote] = []
        self._cut = 0  # up to here the log of names is forgotten
        self._hints: dict[MailboxId, _Hint] = {}
        self._names_hints: list[object | None] = []
        self._loaded = False
        self._one = Turns(runtime)  # who looks; what is told goes by its readings

    @property
    def followed(self) -> bool:
        """Whether anybody wants to know."""
        return bool(self._followers)

    # -- followers

    async def add(self, follower: Follower) -> None:
        """Begin to note changes for a follower."""
        self._followers[follower] = None
        try:
            async with self._one:
                if not self._loaded:
                    await self._load()
                elif not self._names_hints:
                    self._names_hints.append(None)  # its session may know more
                await self._look()
        except BaseException:
            self.remove(follower)
            raise

    def remove(self, follower: Follower) -> None:
        """Note nothing more for a follower; with the last one all is forgotten."""
        self._followers.pop(follower, None)
        if not self._followers:
            self._loaded = False
            self._hints.clear()
            self._names_hints.clear()
            self._changes.clear()
            self._renamings.clear()
            self._counts.clear()

    async def _load(self) -> None:
        await self._names.entries()
        counts = {row.id: row for row in await self._read_all()}
        await self._take_names()
        if self._followers:
            self._counts, self._loaded = counts, True

    async def _read_all(self) -> Sequence[MailboxCounts]:
        if self._names.count() <= _AT_ONCE:
            return mailboxes.all_counts(self._readers.event)

        def read() -> Sequence[MailboxCounts]:
            with self._readers.take() as database:
                return mailboxes.all_counts(database)

        return await in_pool(self._runtime, Pool.READ, read)

    # -- hints

    def committed(self, delta: Delta, by: object | None) -> None:
        """Take note of a commit of this account's own lane."""
        if isinstance(by, Follower):
            by.note(delta, self)
        if not self._followers:
            return
        hint = _Hint(by, delta.base, delta.modseq)
        before = self._hints.get(delta.mailbox)
        if before is not None:
            # Several commits read at once are one's own only as an unbroken row.
            chained = before.by is by and before.modseq == delta.base
            hint = replace(hint, base=before.base) if chained else _NOBODY
        self._hint(delta.mailbox, hint)

    def hinted(self, mailbox: MailboxId) -> None:
        """Take note of a commit of another worker."""
        if self._followers:
            self._hint(mailbox, _NOBODY)

    def renamed(self, by: object | None = None) -> None:
        """Take note of a change of the list of names."""
        if self._followers:
            self._names_hints.append(by)
            self._wake()

    async def suspect(self) -> None:
        """Compare everything: another program may have committed something."""
        async with self._one:
            before = self.version
            if self._loaded:
                await self._compare_all(await self._read_all(), {})
                await self._take_names()
        if self.version != before:
            self._wake()

    def _hint(self, mailbox: MailboxId, hint: _Hint) -> None:
        self._hints[mailbox] = hint
        self._wake()

    def _wake(self) -> None:
        for follower in tuple(self._followers):
            if not follower.woken:
                follower.woken = True
                # One by one, with the sockets' turn in between when they are many.
                self._runtime.deliver(follower.wake)

    # -- looking

    async def since(self, version: int, asking: Follower) -> tuple[int, AccountChanges]:
        """Give what others than ``asking`` did behind a version, and the new version.

        Raises `Unavailable`.
        """
        async with self._one:
            await self._look()
        now = self.version
        if version == now:
            return now, AccountChanges()
        if version < self._cut:
            return now, AccountChanges(overflow=True)
        names = tuple(
            change
            for note in _behind(self._renamings, version)
            if note.by is not asking
            for change in note.changes
        )
        found: dict[MailboxId, MailboxChange] = {}
        for note in _behind(self._changes, version):
            if note.by is not asking:
                at = note.change.mailbox
                found[at] = _joined(found.get(at), note.change)
        return now, AccountChanges(names, tuple(found.values()))

    def expect(self, mailbox: MailboxId, name: str) -> None:
        """Have the list of names read again where a mailbox has not that name there."""
        entry = self._by_id.get(mailbox)
        if (entry is None or entry.name != name) and not self._names_hints:
            self._names_hints.append(None)

    def entry(self, mailbox: MailboxId) -> MailboxEntry | None:
        """Give a mailbox's line of the list of names."""
        return self._by_id.get(mailbox)

    def named(self, name: str) -> MailboxEntry | None:
        """Give a name's line of the list."""
        return self._by_name.get(name)

    def counts(self, mailbox: MailboxId) -> MailboxCounts | None:
        """Give a mailbox's counts."""
        known = self._counts.get(mailbox)
        if known is None and self._loaded:
            known = mailboxes.counts(self._readers.event, mailbox)
            if known is not None:
                self._counts[mailbox] = known
        return known

    async def _look(self) -> None:
        """Read what the hints point at."""
        if not self._loaded:
            return
        hints, self._hints = self._hints, {}
        try:
            if len(hints) > _ONE_BY_ONE:
                await self._compare_all(await self._read_all(), hints)
            elif hints:
                found = [mailboxes.counts(self._readers.event, one) for one in hints]
                rows = [row for row in found if row is not None]
                await self._compare_all(rows, hints)
        except BaseException:
            self._hints = hints | self._hints
            raise
        if self._names_hints:
            await self._take_names()

    async def _compare_all(
        self, rows: Sequence[MailboxCounts], hints: Mapping[MailboxId, _Hint]
    ) -> None:
        for at, row in enumerate(rows, 1):
            known = self._counts.get(row.id)
            # A reading from a pool may be older than what is known by now.
            if known is None or row.highestmodseq >= known.highestmodseq:
                self._compare(row, hints.get(row.id, _NOBODY))
            entry = self._by_id.get(row.id)
            if row.id in hints and (entry is None or not entry.selectable):
                # Whoever made it a mailbox will say so, but counts need it now.
                self._names_hints.append(None)
            if at % _STEP == 0:
                await give_way(self._runtime)

    def _compare(self, row: MailboxCounts, hint: _Hint) -> None:
        known = self._counts.get(row.id)
        if known == row:
            return
        self._counts[row.id] = row
        before = known or MailboxCounts(row.id, row.uidvalidity)
        own = before.highestmodseq == hint.base and row.highestmodseq == hint.modseq
        change = MailboxChange(
            row.id,
            messages=(before.messages, before.uidnext) != (row.messages, row.uidnext),
            unseen=before.unseen != row.unseen,
            modseq=known is not None and before.highestmodseq != row.highestmodseq,
            uidvalidity=before.uidvalidity != row.uidvalidity,
        )
        if change == MailboxChange(row.id):
            return  # it is new, and empty
        self.version += 1
        note = _MailboxNote(self.version, change, hint.by if own else None)
        self._changes.append(note)
        if len(self._changes) > _MOST_CHANGES:
            self._forget()

    async def _take_names(self) -> None:
        hints, self._names_hints = self._names_hints, []
        try:
            entries = await self._names.entries()
        except BaseException:
            self._names_hints = hints + self._names_hints
            raise
        version = self._names.version
        if entries is self.entries:
            return
        by_id: dict[MailboxId, MailboxEntry] = {}
        by_name: dict[str, MailboxEntry] = {}
        for start in range(0, len(entries), _STEP):
            if start:
                await give_way(self._runtime)
            part = entries[start : start + _STEP]
            by_id |= {entry.id: entry for entry in part if entry.id is not None}
            by_name |= {entry.name: entry for entry in part}
        # Each commit counts the version up by one.
        own = len(hints) == 1 and version == self._names_version + 1
        changes: tuple[NameChange, ...] = ()
        if self._loaded:
            changes = await changes_in_turns(self._runtime, self.entries, entries)
        self.entries, self._names_version = entries, version
        self._by_id, self._by_name = by_id, by_name
        for gone in self._counts.keys() - by_id.keys():
            del self._counts[gone]
        if self._loaded:
            self._note_names(changes, hints[0] if own else None)

    def _note_names(self, changes: tuple[NameChange, ...], by: object | None) -> None:
        if changes:
            self.version += 1
            self._renamings.append(_NamesNote(self.version, changes, by))
            self._cut_names()

    # -- forgetting

    def _forget(self) -> None:
        """Drop what all were told, and fold the older half of the rest."""
        oldest = min((f.version for f in self._followers if f.following), default=0)
        rest = _behind(self._changes, oldest)
        half = len(rest) // 2
        folded: dict[MailboxId, _MailboxNote] = {}
        for note in rest[:half]:
            mailbox = note.change.mailbox
            before = folded.pop(mailbox, None)  # it goes to the end: versions ascend
            if mailbox in self._by_id:
                folded[mailbox] = note if before is None else _folded(before, note)
        self._changes = [*folded.values(), *rest[half:]]

    def _cut_names(self) -> None:
        if len(self._renamings) > _MOST_RENAMINGS:
            half = len(self._renamings) // 2
            self._cut = self._renamings[half - 1].version
            del self._renamings[:half]


def _behind(notes: Sequence[_Note], version: int) -> Sequence[_Note]:
    return notes[bisect_right(notes, version, key=lambda note: note.version) :]


def _folded(one: _MailboxNote, two: _MailboxNote) -> _MailboxNote:
    by = two.by if two.by is one.by else None
    return _MailboxNote(two.version, _joined(one.change, two.change), by)


def _joined(one: MailboxChange | None, two: MailboxChange) -> MailboxChange:
    if one is None:
        return two
    return MailboxChange(
        two.mailbox,
        messages=one.messages or two.messages,
        unseen=one.unseen or two.unseen,
        modseq=one.modseq or two.modseq,
        uidvalidity=one.uidvalidity or two.uidvalidity,
    )
