"""`imapd backup`: a point in time of a whole store, taken while its server runs.

The directory first, then one account after the other: under a lock that keeps
`mailstore.maintenance.reclaim` from giving bytes back, its index is copied in one
state, and then each message that the backup lacks. What the copy names is proved while
it is copied, by the digest that was taken when the message arrived; of a damaged index
all is copied that can be read, and the point tells. The point is
written last. A run that ends before has changed no other point, and what it copied the
next one need not copy again.

Accounts are copied at different moments. A message that went from one account to
another in between, and would be in neither, is found by its digest: the account that
has it is copied once more.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from mailstore.blobs import BlobStore, open_blobs
from mailstore.blobs.filesystem import FileSystem
from mailstore.blobs.pool import Pool
from mailstore.crashpoints import CrashPoint, reached
from mailstore.errors import Corrupt, DiskFull, NotFound, StoreError, Unavailable
from mailstore.index import backed_up, damage, presence
from mailstore.index.backed_up import Needed
from mailstore.index.database import Database
from mailstore.index.presence import Known
from mailstore.locking import folder_held
from mailstore.maintenance.backup_points import (
    AccountCopy,
    BackupFolder,
    Missing,
    Point,
)
from mailstore.model import AccountId

Progress = Callable[[str, int, int], None]
"""Told (account, its messages so far, octets written so far in all)."""

_TOLD_EACH = 256
_MOST_PASSES = 8
_MOST = 1_000  # messages that a point tells of as missing
_SETTLED = 2 * 10**9  # nanoseconds after which a file's times tell of any change
_PROOF_SECONDS = 7 * 86_400
_REAL = FileSystem()


@dataclass(frozen=True, slots=True)
class Done:
    """A point that was taken. Octets are those that its run wrote."""

    point: Point
    messages: int  # that were copied
    octets: int
    unchanged: int  # accounts


@dataclass(slots=True)
class _Run:
    """One run: where from, where to, and what it has come to."""

    store: Path
    directory: Database
    folder: BackupFolder
    scratch: Path
    now: Callable[[], float]
    progress: Progress | None
    started: int
    before: dict[str, AccountCopy]
    copies: dict[AccountId, AccountCopy] = field(default_factory=dict)
    taken: dict[AccountId, int] = field(default_factory=dict)  # when each was copied
    removed: set[bytes] = field(default_factory=set)
    octets: int = 0
    messages: int = 0
    unchanged: int = 0


def back_up(
    store: Path,
    path: Path,
    now: Callable[[], float],
    progress: Progress | None = None,
    files: FileSystem = _REAL,
) -> Done:
    """Take a point in time of the store, into a folder that is made if need be.

    What could not be copied is told in the point. Raises `Busy` when another program
    works on the backup, `NotFound` when there is no store, `Unavailable`, `DiskFull`.
    """
    if not (store / "directory.db").exists():
        raise NotFound("there is no store", detail=str(store))
    if path.resolve().is_relative_to((store / "accounts").resolve()):
        raise Unavailable("a backup inside of the accounts would be lost with them")
    folder = BackupFolder(path, files)
    folder.make()
    with folder.held():
        return _back_up(store, folder, now, progress)


def _back_up(
    store: Path,
    folder: BackupFolder,
    now: Callable[[], float],
    progress: Progress | None,
) -> Done:
    # Brought up to date: an older one has no secret, and would be another store later.
    directory = Database.open(store / "directory.db", schema="directory")
    try:
        folder.claim(identity_of(directory))
        with folder.scratch() as scratch:
            copy = scratch / "directory.db"
            directory.copy_to(copy)
            started = int(now())
            name = folder.name_for(started)
            run = _Run(
                store,
                directory,
                folder,
                scratch,
                now,
                progress,
                started,
                _last_copies(folder),
            )
            kept, run.octets = folder.keep(copy, folder.directory_folder())
            _copy_accounts(run, _people(copy))
    finally:
        directory.close()
    accounts = tuple(run.copies.values())
    point = Point(name, started, int(now()), kept, accounts, run.octets)
    reached(CrashPoint.ACCOUNTS_COPIED)
    folder.write(point)
    return Done(point, run.messages, run.octets, run.unchanged)


def _last_copies(folder: BackupFolder) -> dict[str, AccountCopy]:
    """Give the accounts of the last point; none where its list is damaged."""
    names = folder.names()
    try:
        point = folder.point(names[-1]) if names else None
    except Corrupt:
        return {}
    return {} if point is None else {one.id: one for one in point.accounts}


def identity_of(directory: Database) -> str:
    """Give the name of a store, by its directory's secret."""
    text = b"imapd store " + backed_up.identity(directory)
    return hashlib.sha256(text).hexdigest()[:32]


def _people(copy: Path) -> list[Known]:
    database = Database.open(copy, writer=False, schema="directory")
    try:
        return presence.known(database)
    finally:
        database.close()


def _copy_accounts(run: _Run, people: list[Known]) -> None:
    for one in people:
        _copy_account(run, one.id, one.name)
    names = {one.id: one.name for one in people}
    for _ in range(_MOST_PASSES):
        again = [id_ for id_ in run.copies if _has_come_here(run, id_)]
        if not again:
            return
        for id_ in again:
            _copy_account(run, id_, names[id_])


def _copy_account(run: _Run, id_: AccountId, name: str) -> None:
    """Copy one account; what goes wrong with it alone does not end the run."""
    source = run.store / "accounts" / id_[:2] / id_
    known = run.before.get(id_)
    state = _state(source, run.now())
    run.taken[id_] = int(run.now())
    unchanged = known is not None and _is_sound(known) and known.state == state
    try:
        if known is not None and state and unchanged and _is_there(run, known):
            run.copies[id_] = _proved(run, known)
            run.unchanged += 1
            return
        with folder_held(source, shared=True, wait=True) as held:
            if not held:
                raise Unavailable("the account's folder cannot be locked")
            run.copies[id_] = _copy(run, source, id_, name, state)
    except DiskFull:
        raise  # of the backup: nothing more can be copied
    except NotFound:
        if source.exists():
            run.copies[id_] = AccountCopy(id_, name, failure="it has no index")
        elif _should_be_there(run, id_):
            run.copies[id_] = AccountCopy(id_, name, failure="its folder is missing")
    except StoreError as error:
        run.copies[id_] = AccountCopy(id_, name, failure=str(error))


def _is_sound(copy: AccountCopy) -> bool:
    """Tell whether a copy is whole, and was looked at for damage."""
    return copy.whole and copy.damage is not None


def _is_there(run: _Run, copy: AccountCopy) -> bool:
    """Tell whether the backup still has a copy, with all messages that it needs."""
    target = run.folder.account_folder(copy.id)
    octets = run.folder.octets(target, copy.index)
    if not octets or (copy.kept and octets != copy.kept):
        return False
    try:
        needed = run.folder.needed(target, copy.index)
        if _is_due(run, copy):
            run.folder.prove(target, copy.index)
    except (NotFound, Corrupt):
        return False
    pool = Pool(target, run.folder.files)
    try:
        return not pool.bad_lists() and all(digest in pool for digest in needed)
    finally:
        pool.close()


def _is_due(run: _Run, copy: AccountCopy) -> bool:
    """Tell whether the copy of a quiet account's index is to be read again.

    A rolling part of all accounts, so that each run reads about as much: a copy that
    rots is found while the store still has what it was made of.
    """
    own = int(copy.id[:8], 16) % _PROOF_SECONDS
    return run.started - copy.proved > _PROOF_SECONDS + own


def _proved(run: _Run, copy: AccountCopy) -> AccountCopy:
    return replace(copy, proved=run.started) if _is_due(run, copy) else copy


def _should_be_there(run: _Run, id_: AccountId) -> bool:
    """Tell whether an account without a folder should have one.

    Not when nobody has ever logged in, nor when it was removed just now. Else its
    volume may not be mounted: a point without it must not count as whole. Of an account
    that an older program made, the backup itself may know that it had one.
    """
    was_copied = run.folder.account_folder(id_).exists()
    return any(
        one.id == id_ and (one.entered or was_copied)
        for one in presence.known(run.directory)
    )


def _state(source: Path, now: float) -> tuple[int, ...]:
    """Give sizes and times of an index; empty when they need not tell of a change.

    A file's times have the steps of a clock: two writes within one step look like one.
    """
    found: list[int] = []
    for name in ("index.db", "index.db-wal"):
        try:
            status = (source / name).stat()
        except OSError:
            found += (0, 0, 0)
            continue
        # Not the time of its last change of any kind: root's SQLite makes the files
        # their owner's each time that it opens them.
        if status.st_mtime_ns > now * 10**9 - _SETTLED:
            return ()
        found += (status.st_ino, status.st_size, status.st_mtime_ns)
    return tuple(found)


def _copy(
    run: _Run, source: Path, id_: AccountId, name: str, state: tuple[int, ...]
) -> AccountCopy:
    if not (source / "index.db").exists():
        raise NotFound
    copy = run.scratch / "index.db"
    copy.unlink(missing_ok=True)
    live = Database.open(source / "index.db", writer=False)
    try:
        live.copy_to(copy)
    finally:
        live.close()
    target = run.folder.account_folder(id_)
    run.folder.need(target)
    database = Database.open(copy, writer=False)
    blobs = open_blobs(source / "blobs", "packs")
    pool = Pool(target, run.folder.files)
    try:
        damage = backed_up.damages(database)
        missing, nowhere = _copy_messages(run, name, database, blobs, pool)
        run.removed |= backed_up.removed_since(database, run.started)
        messages, octets = backed_up.counts(database)
    finally:
        pool.close()
        blobs.close()
        database.close()
    index, written = run.folder.keep(copy, target)
    if written or not run.folder.has_needed(target, index):
        written += _note_needed(run.folder, target, index, copy, nowhere)
    run.octets += written
    reached(CrashPoint.ACCOUNT_COPIED)
    return AccountCopy(
        id_,
        name,
        index,
        messages,
        octets,
        state,
        missing,
        kept=run.folder.octets(target, index),
        proved=run.started,
        damage=damage,
    )


def _note_needed(
    folder: BackupFolder, target: Path, index: str, copy: Path, nowhere: set[bytes]
) -> int:
    """Keep the list of what an index needs; gives its octets."""
    database = Database.open(copy, writer=False)
    try:
        needed = (one for one in backed_up.digests(database) if one not in nowhere)
        return folder.note_needed(target, index, needed)
    finally:
        database.close()


def _copy_messages(
    run: _Run, name: str, database: Database, blobs: BlobStore, pool: Pool
) -> tuple[tuple[Missing, ...], set[bytes]]:
    """Copy what the pool lacks; gives what could not be copied.

    And the digests of what a repair has told of, and nobody has any more.
    """
    aside = damage.known(database)
    missing: list[Missing] = []
    lost: set[bytes] = set()
    told: set[bytes] = set()
    done = run.octets
    for at, one in enumerate(backed_up.needed(database), 1):
        if one.digest not in pool:
            try:
                _copy_message(run, one, blobs, pool)
            except (NotFound, Corrupt) as error:
                if one.message in aside:
                    told.add(one.digest)  # and moved it out of the way
                    continue
                lost.add(one.digest)
                missing += [Missing(one.message, str(error))][: _MOST - len(missing)]
        if run.progress is not None and at % _TOLD_EACH == 0:
            run.progress(name, at, done + pool.octets)
    pool.sync()
    run.octets += pool.octets
    nowhere = {one for one in told - lost if one not in pool}
    return tuple(missing), nowhere


def _copy_message(run: _Run, one: Needed, blobs: BlobStore, pool: Pool) -> None:
    room = os.statvfs(run.folder.path)
    if room.f_bavail * room.f_frsize < one.size:
        raise DiskFull("the disk of the backup is full")
    with blobs.open(one.blob) as reader:
        if reader.size != one.size:
            raise Corrupt(f"it has {reader.size} octets, not {one.size}")
        pool.add(one.digest, one.date, reader)
    run.messages += 1


def _has_come_here(run: _Run, id_: AccountId) -> bool:
    """Tell whether an account has got, since it was copied, what another one has lost.

    By the copy of the other one, which was made behind the move, it is gone.
    """
    known = run.copies[id_]
    source = run.store / "accounts" / id_[:2] / id_
    if not (run.removed and known.index):
        return False
    if known.state and _state(source, run.now()) == known.state:
        return False
    try:
        database = Database.open(source / "index.db", writer=False)
        try:
            return bool(backed_up.arrived_since(database, run.taken[id_], run.removed))
        finally:
            database.close()
    except StoreError:
        return False  # its own copy told what is wrong with it, or it was removed
