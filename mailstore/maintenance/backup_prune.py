"""`imapd backup prune`: forgets old points, and gives up what they alone needed.

Points go first, then the databases and messages that no other point names: a stop in
between leaves waste, which the next sweep finds. Only points that are whole count, so
that a damaged account's last good copy does not go because of newer ones without it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from mailstore.blobs.filesystem import FileSystem
from mailstore.blobs.pool import Pool
from mailstore.crashpoints import CrashPoint, reached
from mailstore.maintenance.backup_points import BackupFolder, Point
from mailstore.maintenance.backup_verify import needed_by

_REAL = FileSystem()
_PERIODS = {"daily": "%Y-%m-%d", "weekly": "%G-%V", "monthly": "%Y-%m"}
_TIME = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True, slots=True)
class Keep:
    """How many points are to stay: the last ones, and the last of days, weeks, months.

    By UTC. A point stays that any of these wants.
    """

    last: int = 0
    daily: int = 0
    weekly: int = 0
    monthly: int = 0

    def __bool__(self) -> bool:
        """Whether anything is to stay at all."""
        return any((self.last, self.daily, self.weekly, self.monthly))


@dataclass(frozen=True, slots=True)
class Pruned:
    """The points that were forgotten, and the octets that were set free."""

    points: tuple[str, ...]
    octets: int


def wanted(points: Sequence[Point], keep: Keep) -> set[str]:
    """Give the names of the points that stay; ``points`` are in their order.

    One that is not whole stays as long as there is no whole one behind it.
    """
    whole = [point.name for point in points if point.whole]
    stay = set(whole[-keep.last :] if keep.last else ())
    for period, form in _PERIODS.items():
        most = getattr(keep, period)
        newest: dict[str, str] = {}
        for name in whole:
            newest[datetime.strptime(name, _TIME).strftime(form)] = name  # noqa: DTZ007 - UTC by its form
        stay.update(list(newest.values())[-most:] if most else ())
    last = whole[-1] if whole else ""
    return stay | {point.name for point in points if point.name > last}


def prune(
    path: Path, keep: Keep, *, dry_run: bool = False, files: FileSystem = _REAL
) -> Pruned:
    """Forget the points that are not to stay, and give up what they alone named.

    Raises `NotFound`, `Busy`, `Corrupt` when a point cannot be read: nothing is given
    up then that it might need; `Unavailable`.
    """
    if not keep:
        raise ValueError("nothing would stay")
    folder = BackupFolder(path, files)
    with folder.held(shared=dry_run):
        folder.store()
        points = folder.points()
        stay = wanted(points, keep)
        gone = tuple(point.name for point in points if point.name not in stay)
        if dry_run:
            return Pruned(gone, 0)
        for name in gone:
            folder.remove(name)
            reached(CrashPoint.POINT_FORGOTTEN)
        left = [point for point in points if point.name in stay]
        return Pruned(gone, _sweep(folder, left))


def _sweep(folder: BackupFolder, points: Sequence[Point]) -> int:
    directories = {point.directory for point in points}
    freed = folder.drop_databases(folder.directory_folder(), directories)
    indexes: dict[str, set[str]] = {}
    for point in points:
        for account in point.accounts:
            if account.index:
                indexes.setdefault(account.id, set()).add(account.index)
    for path in folder.account_folders():
        freed += _sweep_account(folder, path, indexes.get(path.name, set()))
    return freed


def _sweep_account(folder: BackupFolder, path: Path, indexes: Collection[str]) -> int:
    freed = folder.drop_databases(path, indexes)
    needed: set[bytes] = set()
    for index in indexes:
        needed |= needed_by(folder, path, index)
    pool = Pool(path, folder.files)
    try:
        freed += pool.sweep(needed)
    finally:
        pool.close()
    if not indexes and not any(path.iterdir()):
        path.rmdir()
    return freed
