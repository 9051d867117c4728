"""Annotations of a mailbox's messages, as one login sees them (RFC 5257).

Shared ones are everybody's who may see the mailbox, private ones his who made them.
"""

from __future__ import annotations

from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Collection,
    Iterator,
    Sequence,
)
from typing import TYPE_CHECKING

from mailstore.errors import AnnotationTooBig, NoSuchPart
from mailstore.index import annotate as rows
from mailstore.index.annotate import SHARED, Bounds, Listed
from mailstore.index.database import Database
from mailstore.index.flags import FlagsStored
from mailstore.index.selection import Selection
from mailstore.mime.sections import locate
from mailstore.model import (
    Annotation,
    AnnotationChange,
    AnnotationName,
    Batch,
    Column,
    Stored,
)
from mailstore.patterns import EntryPattern
from mailstore.rights import Operation
from mailstore.writer import Outcome

if TYPE_CHECKING:
    from mailstore.service.account import Account
    from mailstore.service.options import StoreOptions
    from mailstore.state import MailboxState

_SLICE = 64  # messages whose annotations are listed at once
_OCTETS = 262_144  # of values that are read at once


def check_sizes(changes: Sequence[AnnotationChange], options: StoreOptions) -> None:
    """Refuse a value that is too long. Raises `AnnotationTooBig`."""
    most = options.annotation_octets
    if changes and any(len(change.value or b"") > most for change in changes):
        raise AnnotationTooBig(f"an annotation can have {most} octets")


def parts_of(changes: Sequence[AnnotationChange]) -> set[tuple[int, ...]]:
    """Give the parts that entries are about."""
    return {change.name.part for change in changes} - {()}


def check_parts(wanted: Collection[tuple[int, ...]], parts: bytes) -> None:
    """Refuse parts that a message doesn't have. Raises `NoSuchPart`."""
    for part in wanted:
        if locate(parts, part) is None:
            number = ".".join(map(str, part))
            raise NoSuchPart(f"a message has no part {number}")


def bounds_of(options: StoreOptions) -> Bounds:
    """Give how many there may be."""
    return Bounds(options.annotations_of_message, options.annotations_of_mailbox)


class MailboxAnnotations:
    """Made by `Mailbox.annotations`."""

    def __init__(
        self,
        account: Account,
        state: MailboxState,
        me: str,
        *,
        check: Callable[[Operation], None],
        stored: Callable[[Sequence[int], FlagsStored], Awaitable[Stored]],
        parts: Callable[[Sequence[int]], AsyncIterator[Batch]],
    ) -> None:
        self._account = account
        self._state = state
        self._check = check
        self._stored = stored
        self._parts = parts
        self._me = me  # whose private ones
        self._reader = account.readers.event

    # -- reading

    def get(
        self, uids: Sequence[int], entries: Sequence[str], *, values: bool
    ) -> Iterator[Sequence[Annotation]]:
        """Give, for each message, its annotations that fit one of some patterns.

        In the order of their names, with the wildcards of `mailstore.patterns`. They
        are read while they are taken, some messages at a time; without ``values`` only
        how long these are.
        """
        patterns = [EntryPattern(text) for text in entries]
        for at in range(0, len(uids), _SLICE):
            some = uids[at : at + _SLICE]
            found: dict[int, list[Listed]] = {uid: [] for uid in some}
            for one in rows.listed(self._reader, self._state.id, self._me, some):
                if any(pattern.matches(one.entry) for pattern in patterns):
                    found[one.uid].append(one)
            for group in _groups(found) if values else [found]:
                yield from self._annotations(group, values=values)

    def _annotations(
        self, group: dict[int, list[Listed]], *, values: bool
    ) -> Iterator[Sequence[Annotation]]:
        texts: dict[tuple[int, str, str], bytes] = {}
        uids = [uid for uid, some in group.items() if some]
        if values and uids:
            names = {one.entry for some in group.values() for one in some}
            texts = rows.values(
                self._reader, self._state.id, self._me, uids, sorted(names)
            )
        for some in group.values():
            yield [
                Annotation(
                    AnnotationName(one.entry, one.owner != SHARED),
                    one.octets,
                    texts.get((one.uid, one.owner, one.entry)),
                )
                for one in some
            ]

    def changed(
        self, since: int, own: Collection[int] = ()
    ) -> Iterator[tuple[int, Sequence[str]]]:
        """Give (uid, entries) of what others changed after a mod-sequence.

        ``own`` are mod-sequences of one's own changes. They are read while they are
        taken, some messages at a time.
        """
        changed = self._state.touched(since)
        for at in range(0, len(changed), _SLICE):
            some = changed[at : at + _SLICE]
            found: dict[int, dict[str, None]] = {}
            for uid, entry, modseq in rows.changes(
                self._reader, self._state.id, self._me, some, since
            ):
                if modseq not in own:
                    found.setdefault(uid, {})[entry] = None
            yield from ((uid, list(entries)) for uid, entries in found.items())

    async def check_parts(
        self, uids: Sequence[int], wanted: Collection[tuple[int, ...]]
    ) -> None:
        """Refuse parts that one of some messages lacks. Raises `NoSuchPart`."""
        if wanted:
            async for batch in self._parts(uids):
                for parts in batch.columns[Column.PARTS]:
                    check_parts(wanted, parts)

    # -- writing

    async def set(
        self,
        uids: Sequence[int],
        changes: Sequence[AnnotationChange],
        *,
        unchanged_since: int | None = None,
        seen_at: int,
    ) -> Stored:
        """Set annotations of messages (ascending UIDs): all of them or none.

        ``seen_at`` is the mod-sequence up to which the session was told. When it
        returns they are durable. Raises `ReadOnly`, `NotPermitted`, `NotFound` when the
        mailbox is gone, `NoSuchPart`, `AnnotationTooBig`, `TooManyAnnotations`.
        """
        # RFC 5257 §3.4: one's own are part of reading.
        private = all(change.name.private for change in changes)
        self._check(Operation.READ if private else Operation.ANNOTATE_MESSAGES)
        state, options = self._state, self._account.options
        check_sizes(changes, options)
        await self.check_parts(uids, parts_of(changes))
        among = Selection.of(uids, state.uids)
        if not among:
            return Stored(state.modseq, (), missing=tuple(uids))
        me, bounds = self._me, bounds_of(options)

        def work(database: Database) -> Outcome[FlagsStored]:
            done = rows.annotate(
                database,
                state.id,
                among,
                me,
                changes,
                bounds,
                unchanged_since=unchanged_since,
                seen_at=seen_at,
            )
            return Outcome(done, (done.delta,))

        # §1: they are stored permanently, unlike flags.
        done = await self._account.lane.write(work)
        return await self._stored(uids, done)


def _groups(found: dict[int, list[Listed]]) -> Iterator[dict[int, list[Listed]]]:
    """Part messages so that their values are few octets, of one message at least."""
    group: dict[int, list[Listed]] = {}
    octets = 0
    for uid, some in found.items():
        more = sum(one.octets for one in some)
        if group and octets + more > _OCTETS:
            yield group
            group, octets = {}, 0
        group[uid] = some
        octets += more
    if group:
        yield group
