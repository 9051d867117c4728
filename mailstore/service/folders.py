"""Where an account's files are. Ids are random: no name of anybody becomes a path."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from mailstore.blobs.filesystem import FileSystem, store_error
from mailstore.crashpoints import CrashPoint, reached
from mailstore.errors import NotFound
from mailstore.model import AccountId

_ID = re.compile(r"[0-9a-f]{32}")
_REMOVED = ".removed"


def account_folder(store: Path, id_: AccountId) -> Path:
    """Give an account's folder. Raises `NotFound` for what is no id."""
    if not _ID.fullmatch(id_):
        raise NotFound("no such account", detail=repr(id_))
    return store / "accounts" / id_[:2] / id_


def remove_folder(files: FileSystem, folder: Path) -> None:
    """Remove an account's folder for good, and what a crash has left of others.

    It gets a name that no account has before anything in it goes: what is there after
    a crash is all of it or none. Synced, so that a power cut brings no mail back that
    was said to be removed. Raises `Unavailable`.
    """
    gone = folder.with_name(folder.name + _REMOVED)
    _remove(gone)
    if folder.exists():
        files.rename(folder, gone)
        files.sync_folder(folder.parent)
    reached(CrashPoint.FOLDER_RENAMED)
    for left in sorted(folder.parents[1].glob(f"??/*{_REMOVED}")):
        _remove(left)
        files.sync_folder(left.parent)


def _remove(folder: Path) -> None:
    try:
        shutil.rmtree(folder)
    except FileNotFoundError:
        return
    except OSError as error:
        raise store_error(error) from error
