"""What may happen to a disk, as entries of a log."""

from __future__ import annotations

import re
from dataclasses import dataclass

FOLDER = 0  # stands for an inode where a name is a folder's


@dataclass(frozen=True, slots=True)
class Write:
    inode: int
    at: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Resize:
    inode: int
    size: int


@dataclass(frozen=True, slots=True)
class Sync:
    inode: int
    role: str


@dataclass(frozen=True, slots=True)
class FailedSync:
    inode: int


@dataclass(frozen=True, slots=True)
class Names:
    """Names that change at one moment: (folder, name, what it is then)."""

    changes: tuple[tuple[str, str, int | None], ...]


@dataclass(frozen=True, slots=True)
class SyncFolder:
    folder: str
    role: str


Entry = Write | Resize | Sync | FailedSync | Names | SyncFolder

_ROLES = (
    (r"accounts/../[0-9a-f]{32}", "account"),
    (r"accounts/..", "accounts/xx"),
    (r"\d{8}\.pack", "segment"),
    (r"spool/[0-9a-f]+\.part", "spooled message"),
    (r"(large|files)/..(/[0-9a-f]{32})?$", r"\1/xx"),
)


def role_of(path: str) -> str:
    """Name what a file or folder is for, whichever account's."""
    for pattern, name in _ROLES:
        path = re.sub(pattern, name, path)
    return path.removeprefix("account/")
