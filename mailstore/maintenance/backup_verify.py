"""`imapd backup verify`: proves that all that the points of a backup name is there.

Each message is read once and compared with its digest, each database with its own.
The store is not asked: this also works where only the backup is.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mailstore.blobs.pool import Damage, Pool
from mailstore.errors import Corrupt, NotFound, StoreError
from mailstore.index import backed_up, damage
from mailstore.index.database import Database
from mailstore.maintenance.backup_points import AccountCopy, BackupFolder, Point

Progress = Callable[[str, int], None]
"""Told (account, octets read of it so far)."""


@dataclass(frozen=True, slots=True)
class LostMessage:
    """A message that a point names and the backup cannot give."""

    account: str
    mailbox: str | None
    uid: int
    message: int
    why: str


@dataclass(frozen=True, slots=True)
class Verified:
    """What was found: how much was read, and what is wrong."""

    points: int
    messages: int
    octets: int
    lost: tuple[LostMessage, ...]
    problems: tuple[str, ...]

    @property
    def whole(self) -> bool:
        """Whether nothing is wrong."""
        return not self.lost and not self.problems


def verify(
    path: Path,
    only: str | None = None,
    progress: Progress | None = None,
    *,
    forget: bool = False,
) -> Verified:
    """Prove a backup: all points, or the one of a name.

    With ``forget`` damaged messages are taken off the lists, and damaged databases
    removed, so that the next run copies them again where the store still has them.
    Raises `NotFound`, `Busy`, `Unavailable`.
    """
    folder = BackupFolder(path)
    with folder.held(shared=not forget):
        folder.store()
        return _Verification(folder, progress, forget=forget).run(only)


class _Verification:
    def __init__(
        self, folder: BackupFolder, progress: Progress | None, *, forget: bool
    ) -> None:
        self._folder = folder
        self._progress = progress
        self._forget = forget
        self._problems: list[str] = []
        self._lost: list[LostMessage] = []
        self._messages = 0
        self._octets = 0

    def run(self, only: str | None) -> Verified:
        names = self._folder.names() if only is None else [only]
        points = list(self._readable(names))
        for digest in sorted({point.directory for point in points}):
            self._prove(self._folder.directory_folder(), digest, "the directory")
        by_account: dict[str, dict[str, AccountCopy]] = {}  # id: index: copy
        for point in points:
            for account in point.accounts:
                if account.index:
                    by_account.setdefault(account.id, {})[account.index] = account
                if account.failure:
                    text = f"{point.name}: {account.name}: {account.failure}"
                    self._problems.append(text)
        for id_, copies in by_account.items():
            self._account(id_, copies)
        return Verified(
            len(points),
            self._messages,
            self._octets,
            tuple(self._lost),
            tuple(self._problems),
        )

    def _readable(self, names: list[str]) -> Iterator[Point]:
        for name in names:
            try:
                yield self._folder.point(name)
            except Corrupt as error:
                self._problems.append(str(error))

    def _prove(self, folder: Path, digest: str, what: str) -> bool:
        try:
            self._folder.prove(folder, digest)
        except (NotFound, Corrupt) as error:
            self._problems.append(f"{what}: {error}")
            if self._forget and isinstance(error, Corrupt):
                self._folder.forget(folder, digest)
            return False
        return True

    def _account(self, id_: str, copies: dict[str, AccountCopy]) -> None:
        folder = self._folder.account_folder(id_)
        name = next(iter(copies.values())).name
        pool = Pool(folder, self._folder.files)
        try:
            bad = {
                one.digest: f"{one.pack}: {one.why}" for one in self._read(pool, name)
            }
            for damaged in pool.bad_lists():
                text = f"{name}: {damaged} is missing or damaged"
                self._problems.append(f"{text}; the next backup makes it anew")
            told: set[bytes] = set()
            for copy in copies.values():
                told |= self._index(folder, copy, pool, bad, told)
            for digest in bad.keys() - told:
                self._problems.append(
                    f"{name}: a message that no point names ({bad[digest]})"
                )
            if self._forget and bad:
                pool.forget(bad)
        finally:
            pool.close()

    def _read(self, pool: Pool, name: str) -> Iterator[Damage]:
        self._messages += len(pool)

        def heard(octets: int) -> None:
            self._octets += octets
            if self._progress is not None:
                self._progress(name, self._octets)

        yield from pool.damages(heard)

    def _index(
        self,
        folder: Path,
        copy: AccountCopy,
        pool: Pool,
        bad: Mapping[bytes, str],
        told: Collection[bytes],
    ) -> set[bytes]:
        """Prove an index, and that the messages that it needs are there."""
        index, name = copy.index, copy.name
        if not self._prove(folder, index, name):
            return set()
        self._problems += [
            f"{name}: the copy has what was damaged in the store: {text}"
            for text in self._damage(folder, copy)
        ]
        try:
            needed = set(self._folder.needed(folder, index))
        except (NotFound, Corrupt) as error:
            self._problems.append(f"{name}: {error}")
            needed = needed_by(self._folder, folder, index)
        lost = {one for one in needed if one not in pool or one in bad} - set(told)
        if lost:
            self._tell(folder, index, name, lost, bad)
        return lost

    def _damage(self, folder: Path, copy: AccountCopy) -> tuple[str, ...]:
        """Tell what is damaged of an index that is still what was copied."""
        if copy.damage is not None:
            return copy.damage
        try:
            with opened_index(self._folder, folder, copy.index) as database:
                return backed_up.damages(database)
        except StoreError as error:
            return (str(error),)

    def _tell(
        self,
        folder: Path,
        index: str,
        name: str,
        lost: Collection[bytes],
        bad: Mapping[bytes, str],
    ) -> None:
        with opened_index(self._folder, folder, index) as database:
            for one in backed_up.placed(database, lost):
                why = bad.get(one.digest, "it is not in the backup")
                self._lost.append(
                    LostMessage(name, one.mailbox, one.uid, one.message, why)
                )


def needed_by(backup: BackupFolder, folder: Path, index: str) -> set[bytes]:
    """Give the messages that an index needs: by their list, or as itself says.

    Raises `NotFound`, `Corrupt`, `Unavailable`.
    """
    try:
        return set(backup.needed(folder, index))
    except (NotFound, Corrupt):
        with opened_index(backup, folder, index) as database:
            aside = damage.known(database)
            return {
                one.digest
                for one in backed_up.needed(database)
                if one.message not in aside
            }


@contextmanager
def opened_index(
    backup: BackupFolder, folder: Path, index: str, *, current: bool = False
) -> Iterator[Database]:
    """Open a copy of a kept index, in a folder of its own that goes with the block.

    It is as its program left it, unless it is to be brought up to date (``current``).
    Raises `NotFound`, `Corrupt`, `Unavailable`.
    """
    with tempfile.TemporaryDirectory(prefix="imapd-") as temporary:
        path = Path(temporary) / "index.db"
        backup.fetch(folder, index, path)
        database = Database.open(path, writer=current)
        try:
            yield database
        finally:
            database.close()
