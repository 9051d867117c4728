"""A lock between processes, by a file that is nothing else.

The kernel gives it back when its process ends, however it ends. The file stays: to
delete it would let two hold the lock of two files with one name.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mailstore.errors import Unavailable


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
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
        else:
            yield True
    finally:
        os.close(fd)
