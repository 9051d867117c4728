"""Stores with people in them, made once and copied: what most tests begin with.

A new store's tables, its people's passwords and their first mailboxes take five times
as long as copying them. Copies have the same account ids and the same random tokens:
a test of two stores that are strangers to each other makes them anew.
"""

from __future__ import annotations

import functools
import os
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

from mailstore.directory import DirectoryOptions
from mailstore.lanes import InlineRuntime
from mailstore.service import Store, StoreOptions
from tests.support.memory import IN_MEMORY

CHEAP = DirectoryOptions(bcrypt_cost=4, scram_iterations=4_096)
OPTIONS = StoreOptions(directory=CHEAP, free_space_floor=0, reserve=0)


class Clocked(InlineRuntime):
    """Inline, with a clock that a test turns."""

    def __init__(self, time: float = 1_700_000_000.0) -> None:
        self.time = time

    def now(self) -> float:
        return self.time


def furnish(
    path: Path,
    names: tuple[str, ...],
    password: bytes,
    *,
    directory: DirectoryOptions = CHEAP,
    time: float = 1_700_000_000.0,
) -> None:
    """Put a store of people who have all entered it once at ``path``.

    Nothing happens where a store is already.
    """
    if (path / "directory.db").exists():
        return
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name, content in _made(names, password, directory, time):
        if content is None:
            (path / name).mkdir(mode=0o700)
        else:
            (path / name).write_bytes(content)


@functools.cache
def _made(
    names: tuple[str, ...], password: bytes, directory: DirectoryOptions, time: float
) -> tuple[tuple[str, bytes | None], ...]:
    """Make a store; gives its folders (None) and files, each behind its folder."""
    folder = Path(tempfile.mkdtemp(prefix="imapd-furnished-", dir=IN_MEMORY))
    try:
        options = replace(OPTIONS, directory=directory)
        runtime = Clocked(time)
        store = Store.open(folder, runtime, options=options)
        for name in names:
            account = runtime.run(store.account(store.directory.create(name, password)))
            runtime.run(account.close())
        store.close()
        return tuple(
            (
                os.fspath(one.relative_to(folder)),
                None if one.is_dir() else one.read_bytes(),
            )
            for one in sorted(folder.rglob("*"))
        )
    finally:
        shutil.rmtree(folder)
