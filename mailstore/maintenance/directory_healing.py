"""Setting the directory right: who there is, and whom lists of rights name.

It is small, and what is wrong with it follows from what is there: nothing of it can be
restored that isn't. A directory that can't be read is left alone, and told of.
"""

from __future__ import annotations

from pathlib import Path

from mailstore.directory.database import DirectoryDatabase
from mailstore.errors import StoreError
from mailstore.index import acl, audit, dangling
from mailstore.index.database import Database
from mailstore.maintenance.check import check_directory
from mailstore.maintenance.presence import account_folders, put_right
from mailstore.maintenance.shares import untold


def heal_directory(path: Path) -> list[str]:
    """Mend what `check_directory` finds in a store; gives what was done.

    The server may run: people who log in are looked up anew.
    """
    if not check_directory(path):
        return []
    try:
        directory = DirectoryDatabase(path / "directory.db")
        try:
            told = put_right(path, directory)
            return told + directory.write(lambda database: _mend(database, path))
        finally:
            directory.close()
    except StoreError:
        return []  # the next check tells what is still wrong


def _mend(database: Database, path: Path) -> list[str]:
    told = []
    wrong = audit.structure(database, thorough=True)
    if wrong:
        database.execute("REINDEX")
        told += [f"{text}: the indexes were made anew" for text in wrong]
    told += [f"{text}: it was taken away" for text in dangling.mend(database)]
    for owner, identifier in list(untold(database, account_folders(path))):
        acl.add_shares(database, owner, [identifier])
        told.append(f"account {owner} shares with {identifier}: that is known now")
    return told
