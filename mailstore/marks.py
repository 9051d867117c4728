"""What writers call themselves in the marks of their unsynced commits.

A mark tells the process that made it, and where that started: whoever opens an account
next can see whether its writer still runs, or ended without a word.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable

from mailstore.boot import runs, this_process

_open: set[str] = set()  # in this process


def begin() -> str:
    """Give a writer its mark."""
    mark = f"{this_process()}-{secrets.token_hex(4)}"
    _open.add(mark)
    return mark


def end(mark: str) -> None:
    """Hear that a writer ends in order."""
    _open.discard(mark)


def ended(marks: Iterable[str]) -> list[str]:
    """Give those of writers that run no more."""
    return [mark for mark in marks if mark not in _open and not _elsewhere(mark)]


def _elsewhere(mark: str) -> bool:
    process = mark.partition("-")[0]
    return process != this_process() and runs(process)
