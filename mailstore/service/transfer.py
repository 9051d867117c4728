"""Copies and moves: within an account, and from one account to another.

Within one account it is one transaction. Two have indexes of their own, and no commit
is of both: there a copy is an append, and a move is three commits, each durable:

1. the source notes a token, and which messages are to go;
2. the target stores the messages together with the token: the move is decided;
3. the source expunges them and forgets the token, and then so does the target.

Whatever breaks before 2 leaves all as it was; behind it `settle` does the rest when
somebody next comes to the source. A message is never in neither, and in both only for
the moment between 2 and 3.
"""

from __future__ import annotations

import secrets
from array import array
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import replace as replace_
from typing import TYPE_CHECKING

from mailstore.changes import who_acts
from mailstore.errors import NotFound, StoreError, TooMany
from mailstore.index import annotate, entries, leaving, mailboxes, private
from mailstore.index.copying import CopyDone, copy
from mailstore.index.database import Database
from mailstore.index.keywords import flag_names
from mailstore.index.leaving import Leaving
from mailstore.index.private import Private
from mailstore.index.removal import Cause, expunge
from mailstore.index.selection import Selection
from mailstore.lanes import Pool, in_pool
from mailstore.model import (
    SYSTEM_FLAGS,
    AccountId,
    Acting,
    AnnotationChange,
    Appended,
    Arrival,
    Copied,
    How,
    InternalDate,
    MailboxId,
)
from mailstore.rights import Operation
from mailstore.service.places import Target
from mailstore.writer import Outcome

if TYPE_CHECKING:
    from mailstore.service.account import Account

MOST = 10_000  # messages that one command takes to another account
_PIECE = 2**18
NOTES = 2**26  # octets of annotations that one command takes along
_STALE = 3_600  # seconds after which a move that was not decided is given up


Notes = Mapping[int, tuple[AnnotationChange, ...]]


@dataclass(frozen=True, slots=True)
class Taken:
    """Messages with all that goes along to another account."""

    rows: Sequence[entries.Selected]
    keywords: tuple[str, ...]  # in the order of their bits in a row's mask
    notes: Notes  # by UID


@dataclass(frozen=True, slots=True)
class Source:
    """The messages that are copied or moved."""

    account: Account
    mailbox: MailboxId
    among: Selection
    whose: Private | None = None  # who has flags for himself there

    def copy(
        self,
        database: Database,
        target: Target,
        me: str,
        now: int,
        by: Acting | None,
        *,
        move: bool,
    ) -> CopyDone:
        """Copy or move them within the account; on the lane."""
        return copy(
            database,
            self.mailbox,
            self.among,
            target.name,
            now,
            move=move,
            by=by,
            settable=target.settable,
            # What is moved is the same message: nobody's notes are lost by it.
            me=None if move else me,
            whose=self.whose,
            shared=target.annotates,
            apart=target.account.options.emailid_of_copies,
            most_notes=target.account.options.annotations_of_mailbox,
        )

    def take(self, database: Database, me: str) -> Taken:
        """Read them for another account, one more than may go at most."""
        rows = entries.selected(database, self.mailbox, self.among, MOST + 1)
        names = entries.keywords(database, self.mailbox)
        uids = [row.uid for row in rows[:MOST]]
        notes = annotate.to_carry(database, self.mailbox, me, uids, NOTES)
        masks = private.masks(
            database, self.mailbox, self.whose, {r.uid: r.mask for r in rows}
        )
        rows = [replace_(row, mask=masks[row.uid]) for row in rows]
        return Taken(rows, names, notes)


async def send(source: Source, target: Target, me: str, *, move: bool) -> Copied:
    """Copy or move messages to a mailbox, all or none.

    With their annotations, of the private ones those of ``me``. Raises `NotFound`,
    `NotPermitted`, `TooMany`, `Unavailable`; from one account to another also `TooBig`
    and `Corrupt`.
    """
    target.permit.check(Operation.INSERT)
    account = target.account
    account.check_writable()
    if not source.among:
        row = mailboxes.mailbox_named(account.readers.event, target.name)
        return Copied(row.uidvalidity, array("I"), array("I"))
    account.check_space(0)
    if account is not source.account:
        return await _send_there(source, target, me, move=move)
    now, by = account.now(), who_acts()

    def work(database: Database) -> Outcome[CopyDone]:
        target.permit.guard(database, target.name)
        whose = target.me or account.annotator
        done = source.copy(database, target, whose, now, by, move=move)
        return Outcome(done, done.deltas)

    done = await account.lane.write(work)
    return Copied(done.uidvalidity, done.source, done.target)


async def _send_there(source: Source, target: Target, me: str, *, move: bool) -> Copied:
    runtime = source.account.runtime
    uids, arrivals = await in_pool(
        runtime, Pool.READ, lambda: _read(source, target.account, me)
    )
    try:
        arrivals = [target.allowed(arrival) for arrival in arrivals]
        if not arrivals:
            appended = None
        elif move:
            appended = await move_there(source, target, arrivals)
        else:
            appended = await target.append(arrivals)
    finally:
        _forget(arrivals)
    if appended is None:
        status = await target.account.status(target.name, recent=False)
        return Copied(status.uidvalidity, array("I"), array("I"))
    return Copied(appended.uidvalidity, array("I", uids), array("I", appended.uids))


async def move_there(
    source: Source, target: Target, arrivals: Sequence[Arrival]
) -> Appended:
    """Store messages in another account, and remove those of the source."""
    token = secrets.token_hex(16)
    account = source.account
    move = Leaving(
        token, target.account.id, source.mailbox, source.among, account.now()
    )

    def begin(database: Database) -> Outcome[None]:
        leaving.begin(database, move)
        return Outcome(None)

    await account.lane.write(begin)
    try:
        done = await target.append(arrivals, token=token)
    except StoreError:
        await _give_up(account, token)
        raise
    await _finish(account, move)
    await _forget_arrival(target.account, token)
    return done


async def replace(
    source: Source, uid: int, target: Target, arrival: Arrival
) -> Appended:
    """Store a message in place of the source's, which may be another account's."""
    arrival = target.allowed(arrival)
    if target.account is source.account:
        return await target.append((arrival,), instead_of=(source.mailbox, uid))
    return await move_there(source, target, (arrival,))


async def settle(
    account: Account, open_: Callable[[AccountId], Awaitable[Account]]
) -> None:
    """Finish the moves out of an account that a crash has left half done."""
    for move in leaving.pending(account.readers.event):
        try:
            target = await open_(move.target)
        except NotFound:
            await _give_up(account, move.token)  # the target's account was removed
            continue
        try:
            if leaving.has_arrived(target.readers.event, move.token):
                await _finish(account, move)
                await _forget_arrival(target, move.token)
            elif move.at < account.now() - _STALE:
                await _give_up(account, move.token)
        finally:
            await target.close()


async def _finish(account: Account, move: Leaving) -> None:
    # To its owner it is lost, whoever took it along: he may want it back.
    now, cause = account.now(), Cause(How.EXPUNGED, who_acts())

    def work(database: Database) -> Outcome[None]:
        leaving.finish(database, move.token)
        try:
            gone = expunge(
                database,
                move.mailbox,
                move.among,
                now,
                deleted_only=False,
                cause=cause,
            )
        except NotFound:
            gone = None  # with its mailbox
        return Outcome(None, () if gone is None else (gone,))

    await account.lane.write(work)


async def _give_up(account: Account, token: str) -> None:
    def work(database: Database) -> Outcome[None]:
        leaving.finish(database, token)
        return Outcome(None)

    await account.lane.write(work, durable=False)


async def _forget_arrival(account: Account, token: str) -> None:
    def work(database: Database) -> Outcome[None]:
        leaving.forget_arrival(database, token)
        return Outcome(None)

    await account.lane.write(work, durable=False)


# -- reading


def _read(source: Source, into: Account, me: str) -> tuple[list[int], list[Arrival]]:
    """Spool the messages for the other account's blobs, on a thread."""
    account = source.account
    with account.readers.take() as database, database.snapshot():
        taken = source.take(database, me)
    if len(taken.rows) > MOST:
        raise TooMany(f"{MOST} messages at once can go to another account")
    uids: list[int] = []
    arrivals: list[Arrival] = []
    octets = 0
    try:
        for row in taken.rows:
            uids.append(row.uid)
            arrival = _arrival(account, into, row, taken.keywords, octets)
            notes = taken.notes.get(row.uid, ())
            arrivals.append(arrival._replace(annotations=notes))
            octets += row.size
    except BaseException:
        _forget(arrivals)
        raise
    return uids, arrivals


def _arrival(
    account: Account,
    into: Account,
    row: entries.Selected,
    names: tuple[str, ...],
    waiting: int,
) -> Arrival:
    sink = into.blobs.writer(row.size, waiting)
    try:
        with account.blobs.open(row.blob) as reader:
            for at in range(0, reader.size, _PIECE):
                sink.write(reader.pread(at, _PIECE))
        sink.finish()
    except BaseException:
        sink.abort()
        raise
    system = [flag for flag, bit in SYSTEM_FLAGS.items() if row.mask & bit]
    keywords = flag_names(row.mask, names)
    return Arrival(
        sink,
        (*system, *keywords),
        InternalDate(row.epoch, row.zone),
        binary=True,
    )


def _forget(arrivals: Sequence[Arrival]) -> None:
    for arrival in arrivals:
        if not isinstance(arrival.content, bytes):
            arrival.content.abort()
