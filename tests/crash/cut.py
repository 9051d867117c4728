"""What a power cut leaves of a disk.

What was synced is there; of the rest each sector, each length and each name may be
there or not. The rules are harder than those of ext4: the sync of a file says nothing
about its name, and after a failed sync what was to be synced is lost until it is
written again.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.crash.log import (
    FOLDER,
    Entry,
    FailedSync,
    Names,
    Resize,
    Sync,
    SyncFolder,
    Write,
)

PAGE = 4096  # what a kernel keeps as one, and forgets as one after a failed sync


@dataclass(frozen=True, slots=True)
class Luck:
    """How likely it is that what was not synced is there after all."""

    name: str
    names: float
    data: float
    sizes: float
    sector: int = 512


NOTHING = Luck("nothing unsynced", 0, 0, 0)
EVERYTHING = Luck("everything", 1, 1, 1)
LUCKS = (
    NOTHING,
    EVERYTHING,
    Luck("names alone", 1, 0, 0),
    Luck("names and lengths", 1, 0, 1),
    Luck("data alone", 0, 1, 1),
    Luck("half of the sectors", 0.5, 0.5, 0.5),
    Luck("half of the pages", 0.8, 0.5, 0.9, sector=PAGE),
    Luck("nearly everything", 0.9, 0.95, 0.95),
)


@dataclass(slots=True)
class _Content:
    durable: bytearray = field(default_factory=bytearray)
    pending: list[Write | Resize] = field(default_factory=list)
    lost: dict[int, list[Write]] = field(default_factory=dict)  # by page

    def add(self, entry: Write | Resize) -> None:
        if self.lost and isinstance(entry, Write):
            # The whole page is dirty again: it will be written with all that is on it.
            end = entry.at + len(entry.data)
            for page in range(entry.at // PAGE, -(-end // PAGE)):
                self.pending += self.lost.pop(page, ())
        self.pending.append(entry)

    def sync(self) -> None:
        for entry in self.pending:
            _apply(self.durable, entry)
        self.pending.clear()

    def fail(self) -> None:
        for entry in self.pending:
            if isinstance(entry, Resize):
                _apply(self.durable, entry)
                continue
            for piece in pieces(entry, PAGE):
                self.lost.setdefault(piece.at // PAGE, []).append(piece)
        self.pending.clear()

    def left(self, luck: Luck, dice: random.Random) -> bytearray:
        content = bytearray(self.durable)
        lost = [write for page in self.lost.values() for write in page]
        for entry in (*lost, *self.pending):
            if isinstance(entry, Resize):
                if dice.random() < luck.sizes:
                    _apply(content, entry)
                continue
            for piece in pieces(entry, luck.sector):
                if dice.random() < luck.data:
                    _apply(content, piece)
            end = entry.at + len(entry.data)
            if len(content) < end and dice.random() < luck.sizes:
                _apply(content, Resize(entry.inode, end))
        return content


def pieces(entry: Write, size: int) -> Iterator[Write]:
    """Cut what was written at the bounds of sectors."""
    at = 0
    while at < len(entry.data):
        length = size - (entry.at + at) % size
        yield Write(entry.inode, entry.at + at, entry.data[at : at + length])
        at += length


def _apply(content: bytearray, entry: Write | Resize) -> None:
    end = entry.size if isinstance(entry, Resize) else entry.at + len(entry.data)
    if len(content) < end:
        content.extend(bytes(end - len(content)))
    if isinstance(entry, Resize):
        del content[end:]
    else:
        content[entry.at : end] = entry.data


class Image:
    """What is durable, and what is not yet, at a moment of a log."""

    def __init__(self, without: str = "") -> None:
        self._without = without  # a role whose syncs are left out
        self._contents: dict[int, _Content] = {}
        self._names: dict[tuple[str, str], int] = {}
        self._pending: list[Names] = []

    def feed(self, entry: Entry) -> None:
        """Let the next thing happen."""
        match entry:
            case Write() | Resize():
                self._content(entry.inode).add(entry)
            case Sync(inode, role):
                if role != self._without:
                    self._content(inode).sync()
            case FailedSync(inode):
                self._content(inode).fail()
            case Names():
                self._pending.append(entry)
            case SyncFolder(folder, role):
                if role != self._without:
                    self._sync_folder(folder)

    def _content(self, inode: int) -> _Content:
        return self._contents.setdefault(inode, _Content())

    def _sync_folder(self, folder: str) -> None:
        left = []
        settled: set[tuple[str, str]] = set()
        for names in reversed(self._pending):
            if any(where == folder for where, _, _ in names.changes):
                settled.update((where, name) for where, name, _ in names.changes)
        for names in self._pending:
            keys = [(where, name) for where, name, _ in names.changes]
            if any(where == folder for where, _ in keys):
                _rename(self._names, names)
            elif not any(key in settled for key in keys):
                left.append(names)
        self._pending = left

    def leave(self, target: Path, luck: Luck, dice: random.Random) -> None:
        """Write what a power cut leaves now into a folder that is made."""
        names = dict(self._names)
        for change in self._pending:
            if dice.random() < luck.names:
                _rename(names, change)
        target.mkdir()
        below: dict[str, list[tuple[str, int]]] = {}
        for (folder, name), inode in names.items():
            below.setdefault(folder, []).append((name, inode))
        todo = [""]
        while todo:
            folder = todo.pop()
            for name, inode in below.get(folder, ()):
                path = os.path.join(folder, name)
                if inode == FOLDER:
                    (target / path).mkdir(mode=0o700)
                    todo.append(path)
                else:
                    content = self._content(inode).left(luck, dice)
                    (target / path).write_bytes(content)


def _rename(names: dict[tuple[str, str], int], change: Names) -> None:
    for folder, name, inode in change.changes:
        if inode is None:
            names.pop((folder, name), None)
        else:
            names[folder, name] = inode
