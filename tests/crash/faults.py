"""The n-th call of the disk fails, once or from then on, during one operation.

Whatever the operation answers has to be true: an error means that nothing happened, at
all; no error that all of it did. When the fault is gone everything works, and a power
cut then takes nothing of it.
"""

from __future__ import annotations

import errno
import os
import random
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

from mailstore.errors import StoreError, Unavailable
from mailstore.index.database import Database
from mailstore.maintenance.check import check_account
from mailstore.service.folders import account_folder
from tests.crash.cut import EVERYTHING, NOTHING, Image, Luck
from tests.crash.disk import Disk, DiskFiles, recorded
from tests.crash.operations import OPERATIONS, Bench, Operation, small_files
from tests.crash.power import Rows, tables

WRITING = frozenset(
    {"write", "sync", "create", "rename", "truncate", "make_folder", "sync_folder"}
)
SYNCING = frozenset({"sync", "sync_folder"})
OPENING = frozenset({"open", "create"})
READING = frozenset({"read"})


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong with which calls."""

    number: int
    calls: frozenset[str]
    forever: bool

    def __str__(self) -> str:
        name = errno.errorcode[self.number]
        return f"{name} {'from then on' if self.forever else 'once'}"


FAULTS = tuple(
    Fault(number, calls, forever)
    for number, calls in (
        (errno.EIO, WRITING),
        (errno.ENOSPC, WRITING - SYNCING),
        (errno.EROFS, WRITING - SYNCING),
        (errno.EMFILE, OPENING),
        (errno.EIO, READING),
    )
    for forever in (False, True)
)

Case = tuple[Fault, int]
"""A fault, and which of the calls that it is about fails first."""


@dataclass(slots=True)
class Failing:
    """Counts calls, and fails from the n-th on."""

    fault: Fault
    left: int

    def __call__(self, what: str, role: str) -> None:
        if what not in self.fault.calls:
            return
        self.left -= 1
        if self.left == 0 or (self.left < 0 and self.fault.forever):
            number = self.fault.number
            raise OSError(number, f"{os.strerror(number)} ({what} of {role})")


NAMES = (
    "append three at once",
    "append until a segment is full",
    "append a large message",
    "upload a large message",
    "flag",
    "copy",
    "a second passes",
    "move",
    "create",
    "rename",
    "subscribe",
    "delete",
    "annotate",
    "make a URL key",
    "replace",
    "make an account",
    "fill the text index",
    "mark as deleted",
    "expunge",
    "restore",
    "limit",
    "checkpoint",
    "purge",
    "compact",
    "rename INBOX",
    "deliver",
    "deliver to a new mailbox",
    "remember a delivery",
    "share",
    "a guest has flags",
    "annotate messages",
    "label",
    "share no more",
)
SWEPT = tuple(one for one in OPERATIONS if one.name in NAMES)


class Sweep:
    """Faults of operations that each find the store as all before them left it."""

    def __init__(self, folder: Path) -> None:
        self._template = folder / "template"

    def problems(
        self,
        faults: Sequence[Fault],
        operations: Sequence[Operation] = SWEPT,
        sample: Callable[[list[Case]], list[Case]] = lambda cases: cases,
    ) -> Iterator[str]:
        """Do all operations, with those faults that ``sample`` chooses of all."""
        with small_files("one boot"):
            for operation in OPERATIONS:
                if operation in operations:
                    called = self._called(operation)
                    for fault, at in sample(cases(faults, called)):
                        yield from self._tried(operation, fault, at)
                self._prepare(operation)

    def _prepare(self, operation: Operation) -> None:
        """Let the operation happen to the template."""
        with recorded(self._template) as disk:
            bench = Bench(self._template, DiskFiles(disk))
            bench.count = len(disk.log) * 100  # contents of its own
            operation.run(bench)
            bench.close()

    def _called(self, operation: Operation) -> list[str]:
        """List the calls of an operation."""
        calls: list[str] = []
        with copied(self._template) as path, recorded(path) as disk:
            bench = _opened(path, disk)
            disk.fault = lambda what, _: calls.append(what)
            operation.run(bench)
            disk.fault = lambda *_: None
            bench.close()
        return calls

    def _tried(self, operation: Operation, fault: Fault, at: int) -> Iterator[str]:
        with copied(self._template) as path:
            for problem in _tried(path, operation, Failing(fault, at)):
                yield f"{operation.name!r}, {fault}, call {at}: {problem}"


@contextmanager
def copied(template: Path) -> Iterator[Path]:
    """Give a copy of a store beside it, for the length of a block."""
    path = template.with_name("store")
    shutil.copytree(template, path)
    try:
        yield path
    finally:
        shutil.rmtree(path)


def cases(faults: Sequence[Fault], called: Sequence[str]) -> list[Case]:
    """Give every fault that those calls can have."""
    return [
        (fault, at)
        for fault in faults
        for at in range(1, 1 + sum(what in fault.calls for what in called))
    ]


def _opened(path: Path, disk: Disk) -> Bench:
    """Open a store, with commits that are not synced yet."""
    bench = Bench(path, DiskFiles(disk))
    bench.count = 10**6
    for flag in ("$First", "$Second"):
        bench.flag(flag)
    return bench


def _tried(path: Path, operation: Operation, failing: Failing) -> Iterator[str]:
    with recorded(path) as disk, mock.patch("sys.unraisablehook"):
        bench = _opened(path, disk)
        before = _all(bench)
        disk.fault = failing
        refused = _attempt(bench, operation)
        if refused is not None and not isinstance(refused, StoreError):
            yield f"it raised {refused!r}"
        after = _attempt(bench, Operation("read", _read))
        if failing.fault.calls == WRITING and after is not None:
            yield f"then nothing can be read: {after!r}"
        disk.fault = lambda *_: None
        now = _all(bench)
        if refused is not None and now != before:
            yield f"it was refused ({refused}), and happened"
        if refused is not None and not failing.fault.forever:
            for problem in _cut(bench, disk, before, EVERYTHING):
                yield f"it was refused ({refused}): {problem}"
        if refused is not None:
            again = _attempt(bench, operation)
            if again is not None:
                yield f"when the fault was gone: {again!r}"
        if last := _attempt(bench, Operation("append", lambda b: b.append())):
            yield f"nothing can be stored any more: {last!r}"
        now = _all(bench)
        yield from _cut(bench, disk, now, NOTHING)
        bench.close()
    yield from check_account(account_folder(path, bench.home.id)).problems


def _attempt(bench: Bench, operation: Operation) -> Exception | None:
    try:
        operation.run(bench)
    except Exception as error:  # noqa: BLE001 - which one it is is the question
        return error
    return None


def _read(bench: Bench) -> None:
    mailbox = bench.home.open()
    try:
        for batch in bench.home.fetch(mailbox, mailbox.uids[:3]):
            assert batch
    finally:
        bench.home.run(mailbox.close())


def _all(bench: Bench) -> tuple[Rows, Rows]:
    """Read both databases by connections that see no fault and hold nothing."""
    index = Database.open(bench.home.account._folder / "index.db", writer=False)
    try:
        directory = bench.home.store.directory._database.reader
        rows = dict(tables(index))
        rows.pop("account")  # counts syncs
        return rows, _lasting(tables(directory))
    finally:
        index.close()


def _lasting(directory: Rows) -> Rows:
    """Leave out what a change that is refused may leave in the directory.

    Its generation counts all; a note of who may see something shows nothing to anybody.
    """
    return {n: rows for n, rows in directory.items() if n not in ("about", "share")}


def _cut(
    bench: Bench, disk: Disk, wanted: tuple[Rows, Rows], luck: Luck
) -> Iterator[str]:
    """Cut the power; it has to be as wanted then."""
    image = Image()
    for entry in disk.log:
        image.feed(entry)
    left, account = bench.path.with_name("left"), bench.home.id
    image.leave(left, luck, random.Random(1))
    try:
        folder = account_folder(left, account)
        database = Database.open(folder / "index.db")
        rows = dict(tables(database))
        rows.pop("account")
        database.close()
        if rows != wanted[0]:
            names = [name for name in rows if rows[name] != wanted[0].get(name)]
            yield f"a power cut afterwards changes {names}"
        database = Database.open(left / "directory.db", schema="directory")
        if _lasting(tables(database)) != wanted[1]:
            yield "a power cut afterwards changes the directory"
        database.close()
        yield from check_account(folder).problems
    except Unavailable as error:
        yield f"after a power cut: {error}"
    finally:
        shutil.rmtree(left)
