"""`imapd restore`: a whole store, or an account that is not there, out of a backup.

Each index is taken as it was, its messages are stored anew, and the index is told
where they are. All is made beside the place where it is to be, and gets its names when
it is durable: a run that ends before leaves nothing that looks like a store. A message
whose bytes are damaged or missing is moved out of the way, as a repair would do it
(`mailstore.index.damage`), and told.

What is restored into an account that is there is another thing: see
`mailstore.maintenance.restore_mail`.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from mailstore.blobs import BlobStore, Folders, existing, open_blobs
from mailstore.blobs.filesystem import FileSystem, store_error
from mailstore.blobs.pool import Pool
from mailstore.errors import AlreadyExists, Corrupt, DiskFull, NotFound
from mailstore.index import acl, adoption, damage, restored
from mailstore.index.database import Database
from mailstore.locking import folder_held
from mailstore.maintenance.backup_points import AccountCopy, BackupFolder, Point
from mailstore.model import AccountId
from mailstore.service.folders import account_folder

Progress = Callable[[str, int, int], None]
"""Told (account, messages so far, of so many)."""

_GROUP = 32 * 2**20  # octets that are synced together
_GROUP_MESSAGES = 2_000
_STAGE = "restoring"
_ASIDE = "set-aside"
_REAL = FileSystem()


@dataclass(frozen=True, slots=True)
class Unrestored:
    """A message that the backup could not give."""

    account: str
    message: int
    why: str


@dataclass(frozen=True, slots=True)
class How:
    """How bytes are kept, and what the numbers are to be.

    ``same_numbers``: nobody has seen anything newer, so that UIDVALIDITY may stay.
    """

    engine: str = "packs"
    same_numbers: bool = False
    now: int = 0


@dataclass(slots=True)
class Restored:
    """What was restored, and what was not; ``aside`` was in the way, and is there."""

    accounts: list[str] = field(default_factory=list)
    messages: int = 0
    lost: list[Unrestored] = field(default_factory=list)
    unset: list[str] = field(default_factory=list)  # flags that were damaged
    failures: list[str] = field(default_factory=list)
    aside: Path | None = None

    @property
    def whole(self) -> bool:
        """Whether nothing is missing."""
        return not (self.lost or self.unset or self.failures)


def is_empty(store: Path) -> bool:
    """Tell whether there is no store at a place: where its directory is, it is."""
    return not (store / "directory.db").exists()


@dataclass(frozen=True, slots=True)
class NewAccount:
    """An account that was made out of a copy; the directory does not know it yet."""

    id: AccountId
    identifiers: frozenset[str]  # that its lists of rights name
    person: adoption.PersonRows | None


class Restoration:
    """Restores from one point into one store; `done` tells what was."""

    def __init__(
        self,
        backup: BackupFolder,
        point: Point,
        store: Path,
        how: How,
        progress: Progress | None = None,
        files: FileSystem = _REAL,
    ) -> None:
        self._backup = backup
        self._point = point
        self._store = store
        self._how = how
        self._progress = progress
        self._files = files
        self._shares: dict[AccountId, set[str]] = {}
        self.done = Restored()

    def whole_store(self) -> None:
        """Make a store as it was, where there is none.

        Raises `AlreadyExists` where there is one, `Corrupt` when the directory cannot
        be had, `NotFound`, `Unavailable`.
        """
        store, files = self._store, self._files
        if not is_empty(store):
            raise AlreadyExists("there is a store already")
        Folders(files, existing(store)).need(store)
        check_room(store, sum(one.octets for one in self._point.accounts))
        with _stage(store, files) as stage:
            directory = stage / "directory.db"
            self._fetch_directory(directory)
            for one in self._point.accounts:
                self._account_of_store(one, stage)
            _note_shares(directory, self._shares)
            # The directory last: where it is, there is a store.
            _sync_file(files, directory)
            self._set_aside()
            for made in (stage / "accounts", directory):
                if made.exists():
                    files.rename(made, store / made.name)
                    files.sync_folder(store)

    def _set_aside(self) -> None:
        """Take out of the way what is there without a directory.

        A run that was killed before its last rename left it, or it is the mail of a
        store whose directory was lost: it is kept. A journal must not be taken for that
        of the new directory. Raises `AlreadyExists` when there is a store by now.
        """
        store, files = self._store, self._files
        if not is_empty(store):
            raise AlreadyExists("there is a store by now")
        names = ("accounts", "directory.db-wal", "directory.db-shm")
        there = [store / name for name in names if (store / name).exists()]
        if not there:
            return
        self.done.aside = aside = store / f"{_ASIDE}-{secrets.token_hex(4)}"
        files.make_folder(aside)
        for one in there:
            files.rename(one, aside / one.name)
        files.sync_folder(aside)
        files.sync_folder(store)

    def _account_of_store(self, copy: AccountCopy, stage: Path) -> None:
        """Restore one account; what is wrong with it alone does not end the rest."""
        if not copy.index:
            self.done.failures.append(f"{copy.name}: {copy.failure}")
            return
        id_ = AccountId(copy.id)
        try:
            self._transplant(copy, id_, stage)
        except (Corrupt, NotFound) as error:
            shutil.rmtree(account_folder(stage, id_), ignore_errors=True)
            self.done.failures.append(f"{copy.name}: {error}")

    def account(self, copy: AccountCopy, *, shared: bool) -> NewAccount:
        """Make a copied account's folder, under an id that no account had.

        Running workers may still hold the files of the one that was removed. Unless
        ``shared`` nobody else has the rights in it that they had. Raises `Corrupt`,
        `NotFound`, `Unavailable`.
        """
        if not copy.index:
            raise NotFound(copy.failure)
        store, files = self._store, self._files
        check_room(store, copy.octets)
        id_ = AccountId(secrets.token_hex(16))
        with _stage(store, files) as stage:
            self._fetch_directory(stage / "directory.db")
            person = _person(stage / "directory.db", AccountId(copy.id))
            self._transplant(copy, id_, stage)
            made, target = account_folder(stage, id_), account_folder(store, id_)
            identifiers = _become(made, AccountId(copy.id), id_, shared=shared)
            Folders(files, store).need(target.parent)
            files.rename(made, target)
            files.sync_folder(target.parent)
        return NewAccount(id_, frozenset(identifiers), person)

    def _fetch_directory(self, target: Path) -> None:
        backup = self._backup
        backup.fetch(backup.directory_folder(), self._point.directory, target)

    def _transplant(self, copy: AccountCopy, id_: AccountId, stage: Path) -> None:
        backup, files, how = self._backup, self._files, self._how
        source, target = backup.account_folder(copy.id), account_folder(stage, id_)
        Folders(files, stage).need(target)
        backup.fetch(source, copy.index, target / "index.db")
        database = Database.open(target / "index.db")
        pool = Pool(source, backup.files)
        blobs = open_blobs(target / "blobs", how.engine, files)
        try:
            work = _Messages(database, pool, blobs, self._progress, copy.name)
            work.run()
            with database.transaction():
                unset = restored.unset_damaged(database)
                restored.set_aside(database, work.lost, work.bare, how.now)
                if not how.same_numbers:
                    restored.leap(database)
                    restored.give_new_numbers(database, how.now)
            self._shares[id_] = acl.named(database)
            database.checkpoint()
        finally:
            blobs.close()
            pool.close()
            database.close()
        _sync_file(files, target / "index.db")
        files.sync_folder(target)
        done = self.done
        done.accounts.append(copy.name)
        done.messages += work.stored
        done.lost += [Unrestored(copy.name, n, why) for n, why in work.lost.items()]
        done.unset += [f"{copy.name}: {text}" for text in unset]


def _note_shares(directory: Path, shares: Mapping[AccountId, set[str]]) -> None:
    """Note whom lists of rights name: they may be younger than the directory."""
    database = Database.open(directory, schema="directory")
    try:
        with database.transaction():
            for owner, identifiers in shares.items():
                acl.add_shares(database, owner, identifiers)
    finally:
        database.close()


def _person(directory: Path, id_: AccountId) -> adoption.PersonRows | None:
    database = Database.open(directory, schema="directory")
    try:
        return adoption.of_person(database, id_)
    finally:
        database.close()


def _become(folder: Path, old: AccountId, new: AccountId, *, shared: bool) -> set[str]:
    database = Database.open(folder / "index.db")
    try:
        database.set_durable(True)
        with database.transaction():
            restored.become(database, old, new, shared=shared)
        return acl.named(database)
    finally:
        database.close()


def check_room(store: Path, octets: int) -> None:
    """Refuse what would fill the disk. Raises `DiskFull`."""
    found = os.statvfs(existing(store))
    free = found.f_bavail * found.f_frsize
    if free < octets:
        raise DiskFull(f"{octets} octets are to be restored, {free} are free")


@contextmanager
def _stage(store: Path, files: FileSystem) -> Iterator[Path]:
    """Give an empty folder on the store's file system, and remove it afterwards.

    Those of killed runs go too.
    """
    for left in store.glob(f"{_STAGE}-*"):
        with folder_held(left) as dead:
            if dead:
                shutil.rmtree(left, ignore_errors=True)
    stage = store / f"{_STAGE}-{secrets.token_hex(4)}"
    files.make_folder(stage)
    try:
        with folder_held(stage, wait=True):
            yield stage
    finally:
        shutil.rmtree(stage, ignore_errors=True)


# -- the messages of one account


class _Messages:
    """Stores the messages of one index anew, in groups."""

    def __init__(
        self,
        database: Database,
        pool: Pool,
        blobs: BlobStore,
        progress: Progress | None,
        name: str,
    ) -> None:
        self._database = database
        self._pool = pool
        self._blobs = blobs
        self._progress = progress
        self._name = name
        self._known: dict[bytes, str] = {}  # where the bytes of a digest are now
        self._group: dict[int, str] = {}
        self._octets = 0
        self.stored = 0
        self.lost: dict[int, str] = {}
        self.bare: set[int] = set()  # were known to be damaged, and still are

    def run(self) -> None:
        messages, aside = restored.held(self._database), damage.known(self._database)
        for one in messages:
            try:
                self._group[one.message] = self._store(one.digest)
            except (NotFound, Corrupt) as error:
                if one.message in aside:
                    self.bare.add(one.message)
                else:
                    self.lost[one.message] = f"the backup: {error}"
                continue
            self.stored += 1
            if len(self._group) >= _GROUP_MESSAGES or self._octets >= _GROUP:
                self._flush()
                if self._progress is not None:
                    self._progress(self._name, self.stored, len(messages))
        self._flush()

    def _store(self, digest: bytes) -> str:
        if digest not in self._known:
            stored = self._pool.store_in(self._blobs, digest)
            self._octets += stored.size
            self._known[digest] = stored.ref
        return self._known[digest]

    def _flush(self) -> None:
        self._blobs.sync()
        with self._database.transaction():
            restored.point_to(self._database, self._group)
        self._group.clear()
        self._octets = 0


def _sync_file(files: FileSystem, path: Path) -> None:
    try:
        fd = files.reopen(path)
        try:
            files.sync(fd)
        finally:
            files.close(fd)
    except OSError as error:
        raise store_error(error) from error
