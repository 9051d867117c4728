"""Locks between processes, by a file that is nothing else, or by a folder.

The kernel gives them back when their process ends, however it ends. The file stays: to
delete it would let two hold the lock of two files with one name.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mailstore.errors import NotFound, Unavailable


@contextmanager
def held_alone(path: Path) -> Iterator[bool]:
    """Hold the lock during the block; False when another holds it. Never waits.

    Raises `Unavailable` when the file cannot be made.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        fd = os.open(path, flags, 0o600)
    except OSError as error:
        raise Unavailable(detail=str(error)) from error
    try:
        yield _locked(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    finally:
        os.close(fd)


@contextmanager
def folder_held(
    path: Path, *, shared: bool = False, wait: bool = False
) -> Iterator[bool]:
    """Hold a folder's lock during the block; False when another holds it.

    Nothing is written: the folder may be of somebody else, or not be writable. Who is
    ``shared`` keeps off only those who are not. Raises `NotFound` when there is no such
    folder, `Unavailable`.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise NotFound(detail=str(error)) from error
    except OSError as error:
        raise Unavailable(detail=str(error)) from error
    how = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    try:
        yield _locked(fd, how if wait else how | fcntl.LOCK_NB)
    finally:
        os.close(fd)


def _locked(fd: int, how: int) -> bool:
    try:
        fcntl.flock(fd, how)
    except OSError:
        return False
    return True
