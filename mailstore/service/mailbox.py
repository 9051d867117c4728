"""Mailbox: a mailbox that one session has selected.

What a session counts by is memory and needs no ``await``; what reads text or writes
is ``async``. All sessions of a worker share one state (`mailstore.state`).
"""

from __future__ import annotations

from array import array
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from functools import partial
from typing import TYPE_CHECKING

from mailstore.blobs import BlobReader, Buffer
from mailstore.changes import who_acts
from mailstore.errors import Expunged, NotFound, ReadOnly
from mailstore.found import Found
from mailstore.index.flags import FlagsStored
from mailstore.index.private_store import Wanted
from mailstore.index.removal import Cause
from mailstore.index.selection import EVERYTHING, Selection
from mailstore.model import (
    MAX_KEYWORDS,
    Appended,
    Arrival,
    Batch,
    Changes,
    Column,
    Copied,
    Edition,
    FlagChange,
    Forest,
    MailboxId,
    Stored,
)
from mailstore.query import (
    DEFAULT_COMPARATOR,
    UNFOLLOWED,
    Comparator,
    Criterion,
    Following,
    Predicate,
    SortKey,
    Threading,
)
from mailstore.quotas import QuotaRoot
from mailstore.ranges import Range, intersection, without
from mailstore.rights import (
    NEEDS,
    Operation,
    allowed_change,
    changes_nothing,
    settable_mask,
)
from mailstore.service.annotations import MailboxAnnotations
from mailstore.service.catching_up import changed_among, vanished_among
from mailstore.service.fetching import batches
from mailstore.service.filing import MailboxLabels
from mailstore.service.object_ids import ObjectIds
from mailstore.service.opened import Opened
from mailstore.service.places import Place, all_of
from mailstore.service.searching import relevancy, search
from mailstore.service.sorting import Sorting
from mailstore.service.storing import expunging, modseqs_of, stored, storing
from mailstore.service.transfer import Source, replace, send

if TYPE_CHECKING:
    from mailstore.service.account import Account


_READ = NEEDS[Operation.READ]
_SMALL = 64  # messages whose flags are changed on the event thread
_SMALL_PRIVATE = 4  # the same, where each may be in a row with 512 others


class Mailbox:
    """One session's handle; made by `Access.open`, ended by `close`.

    Each call raises `NotPermitted` or `NotFound` to whom may not do that any more.
    """

    def __init__(
        self,
        account: Account,
        name: str,
        opened: Opened,
        *,
        readonly: bool,
        place: Place | None = None,
    ) -> None:
        self._account = account
        self._opened = opened
        self._state = opened.state
        self._place = place or Place(account, opened.state.id)
        self._permit = self._place.permit
        self.rights = self._permit.rights
        """Gives what the caller may do here, at this moment."""
        self._me = self._place.me or account.annotator
        self.name = name
        self.readonly = readonly or changes_nothing(self._permit.rights())
        opened.told[self] = self._state.modseq

    # -- memory

    @property
    def id(self) -> MailboxId:
        """The mailbox's number, as who opened it knows it."""
        return self._place.number

    @property
    def object_id(self) -> str:
        """Its identifier (RFC 8474)."""
        return self._account.object_ids.mailbox(self._state.id)

    @property
    def account_id(self) -> str:
        """Its owner's identifier."""
        return self._account.object_ids.account

    @property
    def object_ids(self) -> ObjectIds:
        """What makes the identifiers of its account's objects (RFC 8474)."""
        return self._account.object_ids

    @property
    def uidvalidity(self) -> int:
        """UIDVALIDITY (RFC 3501 §2.3.1.1)."""
        return self._state.uidvalidity

    @property
    def uidnext(self) -> int:
        """UIDNEXT (RFC 3501 §2.3.1.1)."""
        return self._state.uidnext

    @property
    def modseq(self) -> int:
        """HIGHESTMODSEQ as this worker knows it."""
        return self._state.modseq

    @property
    def uids(self) -> array[int]:
        """All UIDs, ascending.

        The array grows in place when messages arrive, and is replaced by another
        when some vanish: with its length at some moment it never changes.
        """
        return self._state.uids

    @property
    def edition(self) -> Edition | None:
        """What `fetch` tells of a message's octets is as of this; None: as of now."""
        return self._opened.edition(self._account.id, self._account.versions)

    @property
    def keywords(self) -> tuple[str, ...]:
        """The mailbox's keywords, in the order of their bits in a mask."""
        return self._state.keyword_names

    @property
    def keywords_full(self) -> bool:
        """Whether no further keyword can be made."""
        return len(self._state.keyword_names) >= MAX_KEYWORDS

    @property
    def gone(self) -> bool:
        """Whether the mailbox was deleted under this session."""
        return self._state.gone

    @property
    def readable(self) -> bool:
        """Whether the right to read it is still there, and it is not `lost`."""
        return _READ.met(self._permit.rights()) and not self._state.lost

    @property
    def lost(self) -> bool:
        """Whether its index went back, so that nothing more can be told of it."""
        return self._state.lost

    @property
    def may_expunge(self) -> bool:
        """Whether `expunge` would be allowed."""
        allowed = NEEDS[Operation.EXPUNGE].met(self._permit.rights())
        return allowed and not (self.readonly or self.gone)

    @property
    def settable(self) -> int:
        """The flags that may be set and cleared, as a mask; -1 means all."""
        return 0 if self.readonly else settable_mask(self._permit.rights())

    def flags(self, uid: int) -> int | None:
        """Give a message's mask, None if it isn't there."""
        at = self._state.position(uid)
        return None if at is None else self._state.mask(at)

    def unseen_first(self) -> int | None:
        """Give the index in ``uids`` of the first message without \\Seen."""
        return self._state.first_unseen()

    def modseqs(self, uids: Sequence[int]) -> list[int]:
        """Give the mod-sequences of messages, ascending by UID, in the same order.

        One that is gone has changed by now: it gets the mailbox's own.
        """
        return modseqs_of(self._state, uids)

    def rows(self, uids: Sequence[int]) -> list[tuple[int, int]]:
        """Give (uid, mask) of those of ascending UIDs that are there."""
        return self._state.rows(uids)

    def masks(self, uids: Sequence[int]) -> tuple[Sequence[int], Sequence[int]]:
        """Give those of ascending UIDs that are there, and the masks of these."""
        return self._state.masks_of(uids)

    def changes(self, since: int, *, settled: int | None = None) -> Changes:
        """Give what happened behind a mod-sequence, at least.

        The session says by this that it was told everything up to ``settled``, or
        else up to ``since``: what was removed later is kept for it.
        """
        self.heard(since if settled is None else settled)
        return self._state.changes(since)

    def heard(self, modseq: int) -> None:
        """Note that the session was told everything up to a mod-sequence."""
        self._opened.told[self] = modseq

    def watch(self, wake: Callable[[], None]) -> Callable[[], None]:
        """Call ``wake`` on the event thread after each change; gives its end."""
        return all_of(self._state.watch(wake), self._account.watch(wake))

    def stale(self) -> bool:
        """Tell whether another process has committed something (microseconds)."""
        return self._account.opened.behind(self._opened)

    async def refresh(self) -> None:
        """Read what other processes have committed."""
        await self._account.opened.catch_up(self._opened)

    def claim_recent(self) -> tuple[int, int]:
        """Give (low, high), the UIDs that are \\Recent here, and nowhere later.

        Unless the session is read-only (RFC 3501 §6.3.2).
        """
        low, high = self._state.claim_recent(claim=not self.readonly)
        if low <= high and not self.readonly:
            self._account.note_recent(self._state.id, high + 1)
        return low, high

    # -- reading

    def fetch(
        self,
        uids: Sequence[int],
        columns: Collection[Column],
        *,
        ascii_headers: bool = False,
    ) -> AsyncIterator[Batch]:
        """Give columns of messages in batches of at most 512, ascending by UID.

        A message that was expunged is served from its tombstone; one that is gone
        altogether is left out. With ``ascii_headers`` one with UTF-8 in its headers is
        what RFC 6858 makes of it, in all columns of its octets.
        """
        self._permit.check(Operation.READ)
        since = min(self._opened.told.values(), default=0)
        account = self._account
        other = account.surrogates if ascii_headers else None
        reader, late = account.readers.event, account.late
        return batches(
            reader, self._state, since, uids, columns, late, surrogates=other
        )

    async def prove(self, ref: str) -> None:
        """Prove bytes as stored. Raises `Expunged`, `Corrupt`, `Unavailable`."""
        await self._account.late.proofs.prove(ref)

    @property
    def octets(self) -> Callable[[str, int, int], Buffer | None]:
        """What gives proved octets at once; None: ask `prove` and `blob`."""
        return self._account.late.proofs.read

    def blob(self, ref: str) -> BlobReader:
        """Open a message's bytes. Raises `NotFound`, `Corrupt`, `Unavailable`."""
        account = self._account
        return account.surrogates.open(account.late.proofs.open, ref)

    async def search(
        self, predicate: Predicate, following: Following = UNFOLLOWED
    ) -> Found:
        """Give the UIDs that match, ascending; exact (RFC 3501 §6.4.4).

        None, when it was cancelled. Raises `TooMany` when it took too long.
        """
        self._permit.check(Operation.READ)
        parts = self._account.searching
        return await search(parts, self._state, predicate, following, self._me)

    async def relevancy(
        self,
        predicate: Predicate,
        uids: Sequence[int],
        following: Following = UNFOLLOWED,
    ) -> array[int]:
        """Give how well messages that were found answer, in the order of ``uids``.

        From 1 to 100 (RFC 6203 §4), by the `Fuzzy` terms of the predicate. Nothing
        when it was cancelled. Raises `TooMany` when it took too long.
        """
        parts = self._account.searching
        return await relevancy(parts, self._state, predicate, uids, following)

    async def sort(
        self,
        predicate: Predicate,
        criteria: Sequence[Criterion],
        comparator: Comparator = DEFAULT_COMPARATOR,
        following: Following = UNFOLLOWED,
    ) -> array[int]:
        """Give the UIDs that match, in the order of sort criteria (RFC 5256 §3).

        What is equal by all criteria stays in the order of the mailbox.
        """
        found = (await self.search(predicate, following)).uids
        scores: Sequence[int] = ()
        if any(one.key is SortKey.RELEVANCY for one in criteria):
            scores = await self.relevancy(predicate, found, following)
            if len(scores) < len(found):
                return array("I")  # it was cancelled
        sorting = self._sorting(comparator, following)
        return await sorting.sort(found, tuple(criteria), scores)

    async def thread(
        self,
        predicate: Predicate,
        algorithm: Threading,
        comparator: Comparator = DEFAULT_COMPARATOR,
        following: Following = UNFOLLOWED,
    ) -> Forest:
        """Give the messages that match, in threads (RFC 5256 §3)."""
        found = (await self.search(predicate, following)).uids
        return await self._sorting(comparator, following).thread(found, algorithm)

    def _sorting(self, comparator: Comparator, following: Following) -> Sorting:
        parts, table = self._account.sorting, self._opened.sorting
        return Sorting(parts, table, self._state, comparator, following, self._me)

    async def changed(self, uids: Sequence[int], since: int) -> Sequence[int]:
        """Give those of ascending UIDs whose flags changed after a mod-sequence.

        Arrival is a change too (RFC 7162 §3.1); what is gone did not change.
        """
        self._permit.check(Operation.READ)
        parts = self._account.searching
        return await changed_among(parts.runtime, self._state, uids, since)

    async def vanished(
        self, among: Sequence[Range], since: int, *, known: Sequence[int]
    ) -> Sequence[Range]:
        """Give those UIDs of ranges whose messages were removed after a mod-sequence.

        Some may have gone earlier; when too much was forgotten, all that are missing
        are told (RFC 7162 §3.2.6). ``known`` are ascending UIDs that the session still
        numbers: it will be told of them apart.
        """
        self._permit.check(Operation.READ)
        parts, state = self._account.searching, self._state
        asked = intersection(among, ((1, state.uidnext - 1),))
        found = await vanished_among(parts.runtime, parts.readers, state, asked, since)
        return without(found, known)

    @property
    def annotations(self) -> MailboxAnnotations:
        """The annotations of its messages (RFC 5257)."""
        return MailboxAnnotations(
            self._account,
            self._state,
            self._me,
            check=self._check,
            stored=self._stored,
            parts=partial(self.fetch, columns=(Column.PARTS,)),
        )

    async def limits(self) -> tuple[QuotaRoot, ...]:
        """Give the quota roots of the mailbox that have a limit (RFC 9208 §3.2)."""
        return await self._place.limits(self.name)

    @property
    def labels(self) -> MailboxLabels:
        """The other mailboxes that its messages are in."""
        check = partial(self._check, Operation.MOVE_OUT)
        return MailboxLabels(self._account, self._state, check, self._caught_up)

    # -- writing

    def _check(self, operation: Operation) -> None:
        self._permit.check(operation)
        if self.readonly:
            raise ReadOnly
        if self._state.gone:
            raise NotFound

    async def _caught_up(self, modseq: int) -> None:
        if self._state.modseq < modseq:
            await self.refresh()

    async def store_flags(
        self,
        uids: Sequence[int],
        change: FlagChange,
        *,
        unchanged_since: int | None = None,
        seen_at: int,
    ) -> Stored:
        """Change flags of messages (ascending UIDs).

        ``seen_at`` is the mod-sequence up to which the session was told. Flags that
        may not be changed stay. Raises `NotPermitted` if none may, `ReadOnly`,
        `NotFound` when the mailbox is gone, `TooMany` keywords.
        """
        self._check(Operation.SET_FLAGS)
        state, rights = self._state, self._permit.rights()
        change, settable = allowed_change(change, rights), settable_mask(rights)
        among = Selection.of(uids, state.uids)
        if not among:
            return Stored(state.modseq, (), missing=tuple(uids))
        whose = self._opened.whose
        wanted = Wanted(among, change, unchanged_since, seen_at, settable)
        work = storing(state.id, whose, wanted)
        small = len(uids) <= (_SMALL if whose is None else _SMALL_PRIVATE)
        done = await self._account.lane.write(work, durable=False, small=small)
        return await self._stored(uids, done)

    async def _stored(self, uids: Sequence[int], done: FlagsStored) -> Stored:
        await self._caught_up(done.delta.modseq)
        return await stored(self._account.runtime, self._state, uids, done)

    async def expunge(
        self, uids: Sequence[int] | None = None, *, deleted_only: bool = True
    ) -> Changes:
        """Remove the messages with \\Deleted, all or those among ``uids``.

        Without ``deleted_only`` those that lack it go too. Raises `NotPermitted`,
        `ReadOnly`, `NotFound` when the mailbox is gone.
        """
        self._check(Operation.EXPUNGE)
        state = self._state
        among = EVERYTHING if uids is None else Selection.of(uids, state.uids)
        if not among:
            return Changes(state.modseq, (), (), ())
        now, cause = self._account.now(), Cause(by=who_acts())
        work = expunging(state.id, among, now, cause, deleted_only=deleted_only)
        delta = await self._account.lane.write(work, durable=False)
        if delta is None:
            return Changes(state.modseq, (), (), ())
        await self._caught_up(delta.modseq)
        return Changes(delta.modseq, (), (), delta.vanished)

    async def replace(self, uid: int, to: str, arrival: Arrival) -> Appended:
        """Store a message in a mailbox and remove one of this, in one step (RFC 8508).

        Raises `ReadOnly`, `Expunged`, and what `Account.append` raises.
        """
        self._check(Operation.MOVE_OUT)
        if self._state.position(uid) is None:
            raise Expunged
        one = Source(self._account, self._state.id, Selection(((uid, uid),)))
        async with self._place.target(to) as target:
            done = target.appended(await replace(one, uid, target, arrival))
        await self._account.opened.look(self._opened)
        return done

    async def copy(self, uids: Sequence[int], to: str) -> Copied:
        """Copy messages (ascending UIDs) to a mailbox, all or none.

        Raises what `send` raises.
        """
        self._permit.check(Operation.READ)
        self._account.check_writable()
        return await self._copy(uids, to, move=False)

    async def move(self, uids: Sequence[int], to: str) -> Copied:
        """Move messages as `copy` copies them (RFC 6851). Raises `ReadOnly` too."""
        self._check(Operation.MOVE_OUT)
        return await self._copy(uids, to, move=True)

    async def _copy(self, uids: Sequence[int], to: str, *, move: bool) -> Copied:
        state = self._state
        among = Selection.of(uids, state.uids)
        source = Source(self._account, state.id, among, self._opened.whose)
        async with self._place.target(to) as target:
            done = await send(source, target, self._me, move=move)
        await self._account.opened.look(self._opened)
        return target.copied(done)

    async def close(self) -> None:
        """Leave the mailbox; nothing is expunged."""
        self._account.opened.release(self._opened, self)
        await self._place.leave()
