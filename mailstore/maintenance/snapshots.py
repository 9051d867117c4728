"""Copies of an index that are taken before it is repaired, and how long they stay.

A copy stands beside the index as ``index.db.before-repair-20261125T211500Z``, one that
could not be read any more as ``index.db.damaged-…``, for two weeks at least. It is an
index as any other: to go back, stop the server and put it in the place of the other.
"""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

from mailstore.errors import StoreError, Unavailable
from mailstore.index.database import Database

INDEX = "index.db"
KEPT_SECONDS = 14 * 86_400
_PATTERNS = (f"{INDEX}.before-repair-*", f"{INDEX}.damaged-*")
_WITH = ("", "-wal", "-shm")  # a database, and what belongs to it


def name_for(kind: str, now: float) -> str:
    """Give the name of a copy that is taken now."""
    return f"{INDEX}.{kind}-{datetime.fromtimestamp(now, UTC):%Y%m%dT%H%M%SZ}"


def take(folder: Path, now: float) -> Path:
    """Copy an account's index, in one state; a damaged one file by file.

    Raises `Unavailable` when there is no room.
    """
    path = folder / name_for("before-repair", now)
    try:
        database = Database.open(folder / INDEX, writer=False)
        try:
            database.copy_to(path)
        finally:
            database.close()
    except StoreError:
        path.unlink(missing_ok=True)
        _copy_files(folder, path)
    return path


def _copy_files(folder: Path, path: Path) -> None:
    try:
        for suffix in _WITH:
            source = folder / f"{INDEX}{suffix}"
            if source.exists():
                shutil.copyfile(source, path.with_name(path.name + suffix))
                path.with_name(path.name + suffix).chmod(0o600)
    except OSError as error:
        raise Unavailable(
            "the index could not be copied before its repair", detail=str(error)
        ) from error


def set_aside(folder: Path, now: float) -> Path | None:
    """Rename an index that cannot be used; None when there is none."""
    path = folder / name_for("damaged", now)
    for suffix in reversed(_WITH):
        source = folder / f"{INDEX}{suffix}"
        if source.exists():
            source.rename(path.with_name(path.name + suffix))
    return path if path.exists() else None


def remove_old(folder: Path, now: float) -> None:
    """Remove the copies that have been kept long enough."""
    for pattern in _PATTERNS:
        for path in folder.glob(pattern):
            try:
                if path.stat().st_mtime < now - KEPT_SECONDS:
                    path.unlink()
            except OSError:
                continue  # another round removes it
