"""The job of the lane that stores messages: bytes first, then their rows."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from typing import NamedTuple

from mailstore.blobs import BlobStore, BlobWriter, StoredBlob
from mailstore.changes import who_acts
from mailstore.errors import Expunged, InvalidContent, TooBig
from mailstore.index import annotate, leaving, private
from mailstore.index.arrival import Arrived, NewMessage, append, append_to_several
from mailstore.index.database import Database
from mailstore.index.private import Private
from mailstore.index.records import Delta, MessageRecord, Surrogate
from mailstore.index.removal import Cause, expunge
from mailstore.index.selection import Selection
from mailstore.mime.downgrade import Edit, downgraded, downgraded_size, pack_edits
from mailstore.mime.encoding import without_nul
from mailstore.mime.header import Buffer
from mailstore.mime.ingest import Ingested, ingest
from mailstore.mime.outline import Outline
from mailstore.model import Arrival, How, InternalDate, MailboxId
from mailstore.running import Joinable
from mailstore.service.annotations import bounds_of, check_parts, parts_of
from mailstore.service.options import StoreOptions
from mailstore.writer import Outcome

_MOST_OPEN = 16  # messages that are held open until they are looked at


def _all_names(_: Database, __: str) -> None:
    """Refuse no name."""


class Terms(NamedTuple):
    """On what terms messages are stored.

    ``guard`` refuses, inside the transaction, a name that isn't meant any more;
    ``bounded``: the quota holds; ``token`` is noted with them; ``whose`` is who has
    flags for himself there.
    """

    guard: Callable[[Database, str], None] = _all_names
    bounded: bool = True
    token: str = ""
    whose: Private | None = None


ANY_TERMS = Terms()


class _Added(NamedTuple):
    """A message whose octets are stored, and that was not looked at yet."""

    arrival: Arrival
    date: InternalDate
    stored: StoredBlob
    data: Buffer
    outline: Outline | None
    blobs: BlobStore


class AppendJob(Joinable):
    """Stores messages in one mailbox: all of them or none.

    With ``instead_of`` a message of some mailbox goes in the same transaction.
    """

    durable = True

    def __init__(
        self,
        name: str,
        arrivals: Sequence[Arrival],
        now: float,
        most: int,
        *,
        instead_of: tuple[MailboxId, int] | None = None,
        annotating: tuple[str, StoreOptions] | None = None,
        terms: Terms = ANY_TERMS,
    ) -> None:
        self.bounded = terms.bounded
        self._instead_of = instead_of
        self._by = who_acts() if instead_of is not None else None
        self._annotating = annotating  # by whom, and how much by which options
        self.terms = terms
        self.name = name
        self._arrivals = arrivals
        self._more = any(one.annotations or one.private for one in arrivals)
        self._now = int(now)
        self._most = most  # octets that a message may have
        self._opened = ExitStack()  # what those have open that are added
        self._added: list[_Added] = []
        self.new: list[NewMessage] = []

    def prepare(self, blobs: BlobStore) -> bool:
        """Add the messages to the blobs."""
        for arrival in self._arrivals:
            content = _content(arrival)
            # RFC 3501 §4.3.1: CHAR8
            if not (arrival.binary or arrival.encode_nul) and _holds_nul(content):
                raise InvalidContent
            if _size(content) > self._most:
                raise TooBig
        now = InternalDate(self._now)
        with self._opened as opened:
            for given in self._arrivals:
                if len(self._added) == _MOST_OPEN:
                    self.look()
                arrival = _encode_nul(given, blobs) if given.encode_nul else given
                content = _content(arrival)
                data = _in_memory(content) or opened.enter_context(_buffer(content))
                date = arrival.internaldate or now
                stored = blobs.add(content, date)
                outline = _outline(content)
                self._added.append(_Added(arrival, date, stored, data, outline, blobs))
            self._opened = opened.pop_all()
        return bool(self._arrivals)

    def look(self) -> None:
        """Find what the index keeps of the messages that were added."""
        with self._opened:
            for one in self._added:
                seen, other = look_at(one.data, one.blobs, one.outline)
                if one.arrival.annotations:
                    check_parts(parts_of(one.arrival.annotations), seen.parts)
                flags = one.arrival.flags
                if self.terms.whose is not None:
                    flags = self.terms.whose.shared(flags)
                record = record_of(one.stored, seen, other)
                self.new.append(NewMessage(record, flags, one.date))
            self._added.clear()

    def kind(self) -> Hashable | None:
        """Give what is equal of jobs that bring messages and nothing else."""
        terms = self.terms
        if self._instead_of is not None or terms.token or terms.whose is not None:
            return None
        if self._more or not self.new:
            return None
        return self.bounded, self._now

    def run_with(
        self, others: Sequence[AppendJob], database: Database
    ) -> list[Outcome[Arrived]]:
        """Insert the rows of several jobs.

        The first outcome of those for a mailbox has what all of these have done.
        """
        jobs = (self, *others)
        new: dict[str, list[NewMessage]] = {}
        for job in jobs:
            job.terms.guard(database, job.name)
            new.setdefault(job.name, []).extend(job.new)
        arrived = append_to_several(database, new, self._now)
        taken = dict.fromkeys(new, 0)
        outcomes: list[Outcome[Arrived]] = []
        for job in jobs:
            at, whole = taken[job.name], arrived[job.name]
            taken[job.name] = end = at + len(job.new)
            own = whole._replace(
                delta=whole.delta._replace(new=whole.delta.new[at:end])
            )
            outcomes.append(Outcome(own, [] if at else [whole.delta]))
        return outcomes

    def run(self, database: Database) -> Outcome[Arrived]:
        """Insert the rows."""
        self.terms.guard(database, self.name)
        if self.terms.token:
            leaving.note_arrival(database, self.terms.token, self._now)
        arrived = append(database, self.name, self.new, self._now)
        deltas = [arrived.delta]
        self._annotate(database, arrived.delta)
        deltas += self._mark(database, arrived.delta)
        if self._instead_of is not None:
            mailbox, uid = self._instead_of
            one = Selection(((uid, uid),))
            gone = expunge(
                database,
                mailbox,
                one,
                self._now,
                deleted_only=False,
                cause=Cause(How.REPLACED, self._by),
            )
            if gone is None:
                raise Expunged
            deltas.append(gone)
        return Outcome(arrived, deltas)

    def _mark(self, database: Database, delta: Delta) -> list[Delta]:
        """Give the new messages the flags that are somebody's alone."""
        whose = self.terms.whose
        if whose is None and not self._more:
            return []
        flags: dict[str, dict[int, int]] = {}
        for row, arrival in zip(delta.new, self._arrivals, strict=True):
            theirs = dict(arrival.private)
            if whose is not None:
                theirs[whose.person] = whose.own(arrival.flags)
            for person, own in theirs.items():
                if own:
                    flags.setdefault(person, {})[row.uid] = own
        return private.mark_for(database, delta, flags)

    def _annotate(self, database: Database, delta: Delta) -> None:
        """Give the new messages the annotations that came with them."""
        if self._annotating is None or not self._more:
            return
        given = {
            row.uid: arrival.annotations
            for row, arrival in zip(delta.new, self._arrivals, strict=True)
            if arrival.annotations
        }
        if given:
            me, options = self._annotating
            bounds = bounds_of(options)
            annotate.add(database, delta.mailbox, me, given, delta.modseq, bounds)


def _content(arrival: Arrival) -> bytes | BlobWriter:
    content = arrival.content
    if isinstance(content, bytes | BlobWriter):
        return content
    raise TypeError("a message comes as bytes or from Account.admit")


def _buffer(content: bytes | BlobWriter) -> AbstractContextManager[Buffer]:
    return nullcontext(content) if isinstance(content, bytes) else content.buffer()


def _in_memory(content: bytes | BlobWriter) -> bytes | None:
    """Give octets for which nothing needs to be opened; None if they are in a file."""
    if isinstance(content, bytes):
        return content
    return None if content.spooled else content.content()


def _outline(content: bytes | BlobWriter) -> Outline | None:
    return None if isinstance(content, bytes) else content.outline


def _size(content: bytes | BlobWriter) -> int:
    return len(content) if isinstance(content, bytes) else content.size


def _holds_nul(content: bytes | BlobWriter) -> bool:
    return 0 in content if isinstance(content, bytes) else content.has_nul


def _encode_nul(arrival: Arrival, blobs: BlobStore) -> Arrival:
    """Put parts with NULs into base64.

    Raises `UnknownEncoding` where that is not possible.
    """
    content = _content(arrival)
    if not _holds_nul(content):
        return arrival
    size = _size(content)
    made = blobs.writer(size + size // 2)
    try:
        with _buffer(content) as data:
            for piece in without_nul(data):
                made.write(piece)
        made.check()
    except BaseException:
        made.abort()
        raise
    return arrival._replace(content=made)


def look(
    content: bytes | BlobWriter, blobs: BlobStore
) -> tuple[Ingested, Surrogate | None]:
    """Look at a message, and at what clients see of it that read ASCII alone."""
    with _buffer(content) as data:
        return look_at(data, blobs, _outline(content))


def look_at(
    data: Buffer, blobs: BlobStore, outline: Outline | None = None
) -> tuple[Ingested, Surrogate | None]:
    """Find all that the index keeps of a message.

    ``outline`` is what was found in it as it came, if somebody looked.
    """
    seen = ingest(data, outline)
    return seen, _surrogate(data, seen.edits, blobs) if seen.edits else None


def _surrogate(data: Buffer, changes: Sequence[Edit], blobs: BlobStore) -> Surrogate:
    """Look at a message as clients see it that read ASCII alone (RFC 6858)."""
    writer = blobs.writer(downgraded_size(len(data), changes))
    try:
        for piece in downgraded(data, changes):
            writer.write(piece)
        writer.check()
        with writer.buffer() as made:
            seen = ingest(made)
        return Surrogate(
            size=writer.size,
            envelope=seen.envelope,
            bodystructure=seen.bodystructure,
            header=seen.header,
            parts=seen.parts,
            edits=pack_edits(changes),
        )
    finally:
        writer.abort()


def record_of(
    stored: StoredBlob, seen: Ingested, surrogate: Surrogate | None = None
) -> MessageRecord:
    """Give the row of a message that was looked at and stored."""
    return MessageRecord(
        blob=stored.ref,
        size=stored.size,
        digest=stored.digest,
        sent=seen.sent,
        sent_zone=seen.sent_zone,
        message_id=seen.message_id,
        envelope=seen.envelope,
        bodystructure=seen.bodystructure,
        header=seen.header,
        parts=seen.parts,
        preview=seen.preview,
        sort=seen.sort,
        surrogate=surrogate,
    )


def digest_of(content: bytes) -> bytes:
    """Give the digest by which the store knows a message (SHA-256)."""
    return hashlib.sha256(content).digest()
