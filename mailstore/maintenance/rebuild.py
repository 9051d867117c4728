"""A new index in the place of one that is missing or cannot be read.

Nobody else may use the account meanwhile: the caller has made sure that no server
runs. What can be read of the old index is taken over (`mailstore.index.readable`);
messages whose rows are lost are in the segments, whose records carry enough, and
`mailstore.maintenance.salvage` finds them there.
"""

from __future__ import annotations

import os
from pathlib import Path

from mailstore.errors import StoreError, Unavailable
from mailstore.index import audit
from mailstore.index.database import Database
from mailstore.index.mending import identities
from mailstore.index.readable import copy_readable
from mailstore.maintenance import snapshots
from mailstore.maintenance.snapshots import INDEX

_NEW = "index.db.new"


def unreadable(folder: Path) -> str | None:
    """Tell why an account's index cannot be used; None when it can."""
    if not (folder / INDEX).exists():
        return "there is no index"
    try:
        database = Database.open(folder / INDEX, writer=False)
    except StoreError as error:
        return str(error)
    try:
        said = audit.structure(database)
        return said[0] if said else None
    except StoreError as error:
        return str(error)
    finally:
        database.close()


def rebuild(folder: Path, now: float) -> list[str]:
    """Make a new index of what is left of the old one; gives what was done.

    The old one is kept beside it. Raises `Unavailable`.
    """
    new = folder / _NEW
    for suffix in ("", "-wal", "-shm"):
        new.with_name(new.name + suffix).unlink(missing_ok=True)
    told: list[str] = []
    database = Database.open(new)
    try:
        if (folder / INDEX).exists():
            told += copy_readable(folder / INDEX, database)
        with database.transaction():
            identities(database, int(now))
        database.checkpoint()
    finally:
        database.close()
    try:
        _sync(new)
        kept = snapshots.set_aside(folder, now)
        new.rename(folder / INDEX)
        _sync(folder)
    except OSError as error:
        raise Unavailable(
            "the new index could not be put in place", detail=str(error)
        ) from error
    told.append(
        "the index was made anew"
        if kept is None
        else f"the index was made anew, the old one is {kept.name}"
    )
    return told


def _sync(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
