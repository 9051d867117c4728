"""Folders that the directory does not know, and accounts whose folder is missing.

A folder of nobody is only removed where the directory says that its account was: else
the directory may be the one that is older, and the mail somebody's.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from mailstore.blobs.filesystem import FileSystem
from mailstore.directory.database import DirectoryDatabase
from mailstore.index import presence
from mailstore.index.database import Database
from mailstore.model import AccountId
from mailstore.service.folders import account_folder, remove_folder

_REAL = FileSystem()


class Wrong(enum.Enum):
    """What is wrong with a place, and what to do."""

    MISSING = (
        "the folder of the account {name} is missing: if its volume is not mounted,"
        " mount it; else restore the account from a backup, or repair, and it is empty"
    )
    REMOVED = "the account {id} was removed, and its folder is still there"
    UNKNOWN = (
        "the directory does not know the account of the folder {id}: it may be older"
        " than the mail"
    )


@dataclass(frozen=True, slots=True)
class Misplaced:
    """A place that is not as the directory says."""

    id: AccountId
    name: str
    wrong: Wrong

    @property
    def text(self) -> str:
        """What is told of it."""
        return self.wrong.value.format(id=self.id, name=self.name)


def account_folders(path: Path) -> Iterator[Path]:
    """Give the folders of all accounts of a store, in order."""
    yield from sorted((path / "accounts").glob("??/" + "[0-9a-f]" * 32))


def misplaced(path: Path, directory: Database) -> list[Misplaced]:
    """Compare a store's folders with its directory."""
    # The folders first: an account that is made meanwhile is in the directory then.
    folders = {AccountId(folder.name) for folder in account_folders(path)}
    with directory.snapshot():
        known, removed = presence.known(directory), presence.removed(directory)
    found = [
        Misplaced(one.id, one.name, Wrong.MISSING)
        for one in known
        if one.entered and not account_folder(path, one.id).exists()
    ]
    for id_ in sorted(folders - {one.id for one in known}):
        wrong = Wrong.REMOVED if id_ in removed else Wrong.UNKNOWN
        found.append(Misplaced(id_, "", wrong))
    return found


def put_right(
    path: Path, directory: DirectoryDatabase, files: FileSystem = _REAL
) -> list[str]:
    """Finish removals, and let accounts begin anew; gives what was done.

    Not where no account has its folder: then a volume is not mounted. A folder whose
    account the directory does not know stays. Raises `Unavailable`.
    """
    told = []
    for one in misplaced(path, directory.reader):
        id_ = one.id
        if one.wrong is Wrong.REMOVED:
            remove_folder(files, account_folder(path, id_))
            directory.note(partial(presence.forget_removed, id_=id_))
            told.append(f"{one.text}: it was removed")
        elif one.wrong is Wrong.MISSING and any(account_folders(path)):
            directory.note(partial(presence.forget_entered, id_=id_))
            told.append(f"the account {one.name} begins anew: its folder was missing")
    return told
