"""Undelete: what was removed, by whom, and bringing it back.

Restored messages arrive as any others: with new UIDs, and running sessions are told.
It must not know how somebody is shown a list.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING, TypeVar

from mailstore.errors import NotFound
from mailstore.index import undelete
from mailstore.index.database import Database
from mailstore.index.undelete import BroughtBack, Place, Remover, Tombstone
from mailstore.lanes import Pool, in_pool
from mailstore.mime.header import decode_words, unfold, wanted_fields
from mailstore.mime.packed import unpack_header
from mailstore.model import Acting, How, MailboxId
from mailstore.ranges import Range
from mailstore.writer import Outcome

if TYPE_CHECKING:
    from mailstore.service.account import Account

T = TypeVar("T")

_AT_ONCE = 2_000  # messages that one transaction restores
_DESCRIBED = 500


@dataclass(frozen=True, slots=True)
class WantedRemovals:
    """Which removals are meant; None and nothing: whatever they are.

    ``session`` is the id of a session as it is logged, or its number in the account.
    ``uids`` are those that messages had in ``mailbox``. With ``lost`` only messages
    count of which there is no copy; with ``replaced`` also those that gave way to a
    newer version (RFC 8508).
    """

    mailbox: str | None = None
    uids: Sequence[Range] = ()
    since: int | None = None
    until: int | None = None
    session: str | None = None
    lost: bool = False
    replaced: bool = False

    def fits_time(self, at: int) -> bool:
        """Tell whether a moment is meant."""
        return not (
            (self.since is not None and at < self.since)
            or (self.until is not None and at >= self.until)
        )

    def fits_uid(self, uid: int) -> bool:
        """Tell whether a UID is meant."""
        return not self.uids or any(low <= uid <= high for low, high in self.uids)


@dataclass(frozen=True, slots=True)
class Removed:
    """A message that can be brought back, to ``mailbox``, where it had ``uid``."""

    mailbox: str
    mailbox_gone: bool
    uid: int
    at: int
    how: How
    by: Remover | None
    size: int
    subject: str
    sender: str
    sent: int | None
    elsewhere: Sequence[str]  # mailboxes that have a copy


@dataclass(frozen=True, slots=True)
class Session:
    """A session that removed something, and what of it can be brought back."""

    number: int
    acting: Acting
    last: int
    messages: int
    mailboxes: int


@dataclass(frozen=True, slots=True)
class Restored:
    """What came back to one mailbox; ``uids`` are old and new ones."""

    was: str
    mailbox: str
    made: bool
    uids: Sequence[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class _Found:
    """What is meant: tombstones by place, and deleted mailboxes that are empty."""

    places: dict[MailboxId, Place]
    tombstones: Sequence[Tombstone]
    empty: Sequence[Place]
    removers: dict[int, Remover]
    elsewhere: dict[int, list[str]]


class Undelete:
    """What one account has lost within the retention; made for an open account."""

    def __init__(self, account: Account) -> None:
        self._account = account

    async def removed(self, wanted: WantedRemovals) -> Sequence[Removed]:
        """Give what can be brought back, in the order of its removal.

        Raises `NotFound` for a mailbox or session that nothing is known of.
        """
        after = self._after()

        def read(database: Database) -> Sequence[Removed]:
            found = _find(database, wanted, after)
            return list(_described(database, found))

        return await self._read(read)

    async def deleted_mailboxes(self, wanted: WantedRemovals) -> Sequence[Place]:
        """Give the mailboxes that were deleted, and are not made again."""
        after = self._after()

        def read(database: Database) -> Sequence[Place]:
            places = undelete.places(database, after)
            sessions = _sessions(undelete.removers(database), wanted.session)
            return [p for p in places if _is_lost(p, wanted, sessions)]

        return await self._read(read)

    async def sessions(self) -> Sequence[Session]:
        """Give the sessions whose removals can be undone, in the order of their start.

        What a session moved does not count.
        """
        after = self._after()

        def read(database: Database) -> Sequence[Session]:
            lost = undelete.tombstones(database, after)
            gone = [p for p in undelete.places(database, after) if _not_made_again(p)]
            messages = _count(one.remover for one in lost if one.key == one.end)
            mailboxes = _count(one.remover for one in gone)
            return [
                Session(
                    one.id,
                    one.acting,
                    one.last,
                    messages.get(one.id, 0),
                    mailboxes.get(one.id, 0),
                )
                for one in undelete.removers(database)
                if one.id in messages or one.id in mailboxes
            ]

        return await self._read(read)

    async def restore(self, wanted: WantedRemovals) -> Sequence[Restored]:
        """Bring back what is meant; what came back before is left alone.

        Several transactions, when it is much: whoever asks again after a failure
        gets the rest. Raises `NotFound`, `TooMany`, `Unavailable`.
        """
        account = self._account
        account.check_writable()
        account.check_space(0)
        after = self._after()
        found = await self._read(lambda database: _find(database, wanted, after))
        done: dict[MailboxId, Restored] = {}
        for place, some in _jobs(found):
            back = await self._bring_back(place, some)
            if back.name:
                before = done.get(place.id)
                uids = [*(before.uids if before else ()), *back.uids]
                made = back.made or (before is not None and before.made)
                done[place.id] = Restored(place.name, back.name, made, uids)
        return list(done.values())

    async def _bring_back(self, place: Place, some: Sequence[Tombstone]) -> BroughtBack:
        now, most = self._account.now(), self._account.options.max_mailboxes

        def work(database: Database) -> Outcome[BroughtBack]:
            back = undelete.bring_back(database, place.id, some, now, most)
            deltas = () if back.delta is None else (back.delta,)
            return Outcome(back, deltas, names_changed=back.made)

        # The quota is the person's, not that of who brings back what they lost.
        return await self._account.lane.write(work, bounded=False)

    def _after(self) -> int:
        """Give since when removals are remembered for this purpose."""
        retention = self._account.options.retention
        return self._account.now() - retention if retention else 2**62

    async def _read(self, work: Callable[[Database], T]) -> T:
        def run() -> T:
            with self._account.readers.take() as database, database.snapshot():
                return work(database)

        return await in_pool(self._account.searching.runtime, Pool.READ, run)


def _count(removers: Iterable[int | None]) -> dict[int, int]:
    found: dict[int, int] = {}
    for remover in removers:
        if remover is not None:
            found[remover] = found.get(remover, 0) + 1
    return found


# -- what is meant


def _find(database: Database, wanted: WantedRemovals, after: int) -> _Found:
    places = {place.id: place for place in undelete.places(database, after)}
    removers = {one.id: one for one in undelete.removers(database)}
    sessions = _sessions(list(removers.values()), wanted.session)
    if wanted.mailbox is not None and not any(
        place.name == wanted.mailbox for place in places.values()
    ):
        raise NotFound
    everything = undelete.tombstones(database, after)
    chosen = _one_for_each_end(
        [one for one in everything if _fits(one, places, wanted, sessions)],
        by_session=sessions is not None,
        named=wanted.mailbox is not None,
    )
    elsewhere = undelete.places_of(database, {one.message for one in chosen})
    if wanted.lost:
        chosen = [one for one in chosen if one.message not in elsewhere]
    full = {one.key.mailbox for one in chosen}
    empty = [
        place
        for place in places.values()
        if place.id not in full
        and not wanted.uids
        and _is_lost(place, wanted, sessions)
    ]
    return _Found(places, chosen, empty, removers, elsewhere)


def _sessions(
    removers: Sequence[Remover], session: str | None
) -> frozenset[int] | None:
    """Give the numbers of a session; None: any. Raises `NotFound`.

    An id that was given again after a restart means all that had it.
    """
    if session is None:
        return None
    found = frozenset(
        one.id
        for one in removers
        if session == (str(one.id) if session.isdigit() else one.acting.session)
    )
    if not found:
        raise NotFound("no such session has removed anything here")
    return found


def _fits(
    one: Tombstone,
    places: dict[MailboxId, Place],
    wanted: WantedRemovals,
    sessions: frozenset[int] | None,
) -> bool:
    place = places.get(MailboxId(one.key.mailbox))
    return (
        place is not None
        and (wanted.mailbox is None or place.name == wanted.mailbox)
        and wanted.fits_uid(one.key.uid)
        and wanted.fits_time(one.at)
        and (sessions is None or one.remover in sessions)
        and (one.how is not How.REPLACED or wanted.replaced or bool(wanted.uids))
    )


def _one_for_each_end(
    found: Sequence[Tombstone], *, by_session: bool, named: bool
) -> list[Tombstone]:
    """Choose to which of several places a message comes back.

    Where it was removed for good. From a mailbox that is named: there. A session
    that moved a message before it removed it is undone as a whole: to where it was.
    """
    by_end: dict[undelete.Key, list[Tombstone]] = {}
    for one in found:
        by_end.setdefault(one.end, []).append(one)
    chosen = []
    for end, path in by_end.items():
        has_end = any(one.key == end for one in path)
        if by_session and not named:
            if has_end:
                chosen.append(path[0])
        elif has_end:
            chosen.append(next(one for one in path if one.key == end))
        elif named:
            chosen.append(path[-1])
    return sorted(chosen, key=attrgetter("at", "key"))


def _not_made_again(place: Place) -> bool:
    return place.gone and not place.restored and place.at > 0


def _is_lost(
    place: Place, wanted: WantedRemovals, sessions: frozenset[int] | None
) -> bool:
    """Tell whether a mailbox is meant that was deleted."""
    return (
        _not_made_again(place)
        and (wanted.mailbox is None or place.name == wanted.mailbox)
        and wanted.fits_time(place.at)
        and (sessions is None or place.remover in sessions)
    )


def _jobs(found: _Found) -> Iterator[tuple[Place, Sequence[Tombstone]]]:
    """Give what each transaction restores: parents before their children."""
    by_place = sorted(found.tombstones, key=attrgetter("key"))
    groups = {
        MailboxId(mailbox): list(some)
        for mailbox, some in groupby(by_place, key=lambda one: one.key.mailbox)
    }
    wanted = [*(found.places[id_] for id_ in groups), *found.empty]
    for place in sorted(wanted, key=lambda place: (place.name, place.id)):
        some = groups.get(place.id, [])
        for start in range(0, max(1, len(some)), _AT_ONCE):
            yield place, some[start : start + _AT_ONCE]


# -- what it looks like


def _described(database: Database, found: _Found) -> Iterator[Removed]:
    for start in range(0, len(found.tombstones), _DESCRIBED):
        some = found.tombstones[start : start + _DESCRIBED]
        facts = undelete.descriptions(database, [one.message for one in some])
        for one in some:
            if one.message not in facts:
                continue
            size, packed, sent = facts[one.message]
            place = found.places[MailboxId(one.key.mailbox)]
            yield Removed(
                mailbox=place.name,
                mailbox_gone=place.gone,
                uid=one.key.uid,
                at=one.at,
                how=one.how,
                by=None if one.remover is None else found.removers.get(one.remover),
                size=size,
                subject=_field(packed, b"subject"),
                sender=_field(packed, b"from"),
                sent=sent,
                elsewhere=found.elsewhere.get(one.message, ()),
            )


def _field(packed: bytes, name: bytes) -> str:
    """Give a field's text; nothing for one that stands in a header too long to keep."""
    header = unpack_header(packed) or b""
    found = wanted_fields(header, 0, len(header), {name}, 1)
    return decode_words(unfold(found[0].value)).strip() if found else ""
