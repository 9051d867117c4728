"""A power cut at any moment of a run, and the ledger of what must be there after it.

One run is recorded (`record`); then the power is cut at as many of its moments as
wanted, each with as much luck as wanted (`Recorded.cut`). What is left is opened by the
ordinary code and compared with the ledger.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mailstore.errors import StoreError
from mailstore.index import entries, mailboxes
from mailstore.index.database import Database
from mailstore.index.records import NewColumns
from mailstore.maintenance.check import check_account
from mailstore.model import AccountId
from mailstore.service.folders import account_folder
from tests.crash.cut import Image, Luck
from tests.crash.disk import Disk, DiskFiles, recorded
from tests.crash.log import Entry
from tests.crash.operations import Bench, Operation, small_files
from tests.mailstore.stores import Home

Rows = Mapping[str, Sequence[tuple[object, ...]]]
"""All tables of a database."""

_HIGHEST = "SELECT id, highestmodseq FROM mailbox"
_UIDNEXT = "SELECT id, uidnext FROM mailbox"


def tables(database: Database) -> Rows:
    """Read everything that a database holds."""
    names = database.all("SELECT name FROM sqlite_master WHERE type = 'table'")
    return {
        name: sorted(database.all(f'SELECT * FROM "{name}"'), key=repr)
        for (name,) in names
        if name != "loose" and not name.startswith("sqlite_")
    }


@dataclass(frozen=True, slots=True)
class Moment:
    """What a store was after an operation."""

    operation: Operation
    begun: int  # in the log
    answered: int
    index: Rows
    directory: Rows
    numbers: Mapping[int, tuple[int, int]]  # mailbox: its UIDNEXT, its HIGHESTMODSEQ
    time: float


@dataclass
class Recorded:
    """A run: the log of the disk, and the ledger."""

    log: list[Entry]
    account: AccountId  # whose index the ledger has
    ledger: list[Moment] = field(default_factory=list)

    def moments(self) -> range:
        """Give all moments at which the power may be cut."""
        return range(self.ledger[0].answered, len(self.log) + 1)

    def roles(self) -> list[str]:
        """Name everything that was synced."""
        found = {getattr(entry, "role", "") for entry in self.log}
        return sorted(found - {"", "found"})

    def cuts(
        self,
        at: Sequence[int],
        lucks: Sequence[Luck],
        folder: Path,
        seed: int,
        *,
        without: str = "",
    ) -> Iterator[str]:
        """Cut the power at each moment (ascending) with each luck; tell what is wrong.

        ``without``: as if the syncs of a role were not there.
        """
        image, fed = Image(without), 0
        for moment in at:
            for entry in self.log[fed:moment]:
                image.feed(entry)
            fed = moment
            for luck in lucks:
                dice = random.Random(f"{seed} {moment} {luck.name}")
                target = folder / "left"
                image.leave(target, luck, dice)
                try:
                    for problem in self.problems(target, moment):
                        yield f"cut at {moment}, {luck.name}, seed {seed}: {problem}"
                finally:
                    shutil.rmtree(target)

    def problems(self, path: Path, moment: int) -> list[str]:
        """Compare what a cut has left with the ledger."""
        try:
            with small_files("after the cut"):
                return list(self._problems(path, moment))
        except (StoreError, OSError, AssertionError) as error:
            return [f"{type(error).__name__}: {error}"]

    def _problems(self, path: Path, moment: int) -> Iterator[str]:
        known = [one for one in self.ledger if one.begun < moment]
        answered = [one for one in known if one.answered <= moment]
        durable = [i for i, one in enumerate(answered) if one.operation.durable]
        possible = known[durable[-1] :]
        last = known[-1].operation.name
        folder = account_folder(path, self.account)
        if not (folder / "index.db").exists():
            yield f"after {last!r}: there is no account"
            return
        database = Database.open(folder / "index.db")
        index = tables(database)
        yield from _loaded(database)
        database.close()
        if not any(index == one.index for one in possible):
            names = [name for name in index if index[name] != known[-1].index[name]]
            yield f"after {last!r}: the index is like none; {names} differ"
            return
        database = Database.open(path / "directory.db", schema="directory")
        directory = tables(database)
        database.close()
        if not any(directory == one.directory for one in known[len(answered) - 1 :]):
            yield f"after {last!r}: the directory forgot something"
        yield from check_account(folder).problems
        lost = index != answered[-1].index and all(
            index != one.index for one in known[len(answered) :]
        )
        yield from _goes_on(path, answered[-1], lost=lost)


def _loaded(database: Database) -> Iterator[str]:
    """Compare what sessions are shown of mailboxes with the rows of messages."""
    for row in mailboxes.mailboxes(database):
        loaded = entries.load(database, row)
        rows = NewColumns.of(entries.rows(database, row.id))
        # Of messages that have gone a seal still knows that they were in no order.
        if loaded != rows._replace(ordered=loaded.ordered and rows.ordered):
            yield f"mailbox {row.id} is loaded as another one"


def _goes_on(path: Path, told: Moment, *, lost: bool) -> Iterator[str]:
    """Use the store as if nothing had happened: no number comes twice."""
    home = Home(path, time=told.time, fresh=True)
    try:
        database = home.account.lane._database
        modseqs = dict(database.all(_HIGHEST))
        for mailbox, (_, highest) in told.numbers.items():
            now = modseqs.get(mailbox, highest + 1)
            if now < highest or (lost and now == highest):
                yield f"mod-sequence {highest} of mailbox {mailbox} is {now} now"
        for mailbox, uidnext in database.all(_UIDNEXT):
            if uidnext < told.numbers.get(mailbox, (0, 0))[0]:
                yield f"UIDs of mailbox {mailbox} come again from {uidnext} on"
        home.append("INBOX", b"Subject: after\r\n\r\nthe cut")
        mailbox = home.open()
        with mailbox.blob(_last_blob(home)) as blob:
            if blob.pread(0, 100) != b"Subject: after\r\n\r\nthe cut":
                yield "what was stored after the cut is something else"
    finally:
        home.close()
    yield from check_account(account_folder(path, home.id)).problems


def _last_blob(home: Home) -> str:
    row = home.account.readers.event.one("SELECT blob FROM message ORDER BY id DESC")
    assert row is not None
    return str(row[0])


def record(
    folder: Path,
    operations: Sequence[Operation],
    workers: int = 1,
    prepare: Callable[[Bench], None] | None = None,
) -> Recorded:
    """Do operations on a new store; gives the log and the ledger.

    What ``prepare`` does is no operation: the power stays on.
    """
    with small_files("before the cut"), recorded(folder) as disk:
        bench = Bench(folder, DiskFiles(disk), workers=workers)
        run = Recorded(disk.log, bench.home.id)
        if prepare is not None:
            prepare(bench)
        run.ledger.append(_moment(bench, disk, Operation("open", lambda _: None), 0))
        for operation in operations:
            begun = len(disk.log)
            operation.run(bench)
            run.ledger.append(_moment(bench, disk, operation, begun))
            bench.next_worker()
        bench.close()
    return run


def _moment(bench: Bench, disk: Disk, operation: Operation, begun: int) -> Moment:
    reader = bench.home.account.readers.event
    directory = bench.home.store.directory._database.reader
    numbers = reader.all("SELECT id, uidnext, highestmodseq FROM mailbox")
    return Moment(
        operation,
        begun,
        len(disk.log),
        tables(reader),
        tables(directory),
        {mailbox: (uidnext, modseq) for mailbox, uidnext, modseq in numbers},
        bench.time,
    )
