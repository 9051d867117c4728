"""The copy of a database that is kept beside it when its schema changes.

``index.db.version6`` is the index as it was before version 7; it goes when the next
copy is made. It has its name only when it is whole and synced.
"""

from __future__ import annotations

import os
from pathlib import Path

import apsw

from mailstore.crashpoints import CrashPoint, reached
from mailstore.errors import Unavailable


def keep_copy(path: Path, version: int) -> None:
    """Copy a database as it is committed; who calls keeps others from writing.

    Raises `Unavailable`, and SQLite's errors.
    """
    copy = path.with_name(f"{path.name}.version{version}")
    begun = path.with_name(f"{copy.name}.part")
    try:
        begun.unlink(missing_ok=True)  # what a killed process has left
        write_copy(path, begun)
        _sync(begun)
        reached(CrashPoint.SNAPSHOT_WRITTEN)
        begun.rename(copy)
        _sync(path.parent)
        reached(CrashPoint.SNAPSHOT_TAKEN)
        for other in path.parent.glob(f"{path.name}.version*"):
            if other != copy:
                other.unlink()
    except OSError as error:
        raise Unavailable(
            "there is no room for a copy of the mail store before it is upgraded",
            detail=str(error),
        ) from error


def write_copy(path: Path, copy: Path) -> None:
    """Write what is committed in a database into a new file. Raises SQLite's errors.

    By a connection of its own: no copy can be made inside of a transaction, nor by one
    that may only read.
    """
    source = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
    try:
        source.execute("VACUUM INTO ?", (str(copy),))
    finally:
        source.close()


def _sync(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
