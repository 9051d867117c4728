"""A store with some mail, its backup, and what is made of that."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mailstore.blobs import FileSystem
from mailstore.blobs.pool import Pool
from mailstore.maintenance.backup import back_up
from mailstore.maintenance.backup_points import BackupFolder
from mailstore.maintenance.backup_verify import opened_index
from mailstore.maintenance.restore import How, Restoration
from mailstore.maintenance.restore_mail import MailRestore, WantedMail
from mailstore.maintenance.restore_replace import Replacement
from mailstore.model import (
    AnnotationChange,
    AnnotationName,
    Arrival,
    Column,
    FlagChange,
    FlagOperation,
    InternalDate,
)
from tests.mailstore.stores import Home

DELETE = FlagChange(FlagOperation.ADD, ("\\Deleted",))
START = 1_800_000_000.0
DATE = InternalDate(1_000_000_000, 60)
BIG = b"Subject: big\r\n\r\n" + b"x" * 1_200_000
NOTE = AnnotationChange(AnnotationName("/comment", private=False), b"noted")
OWN = AnnotationChange(AnnotationName("/comment", private=True), b"mine")


def message(name: str) -> bytes:
    text = f"Message-ID: <{name}@example.org>\r\nSubject: {name}\r\n\r\n{name}\r\n"
    return text.encode()


class Site:
    """A store with some mail, its backup, and a store that is made of that."""

    def __init__(self, path) -> None:
        self.time = START
        self.store = path / "store"
        self.path = path / "backup"
        self.other = path / "other"
        self.home = Home(self.store, time=START)
        self.folder = BackupFolder(self.path)
        self.me = self.home.id

    def fill(self) -> None:
        arrivals = [
            Arrival(message("a"), ("\\Seen", "$Work"), DATE, annotations=(NOTE, OWN)),
            Arrival(message("b"), ("\\Flagged", "\\Deleted"), DATE),
            Arrival(BIG, ("other",), DATE),
        ]
        self.home.run(self.home.account.append("INBOX", arrivals))
        self.home.run(self.home.account.create("Work/2026"))
        self.home.append("Work/2026", message("c"), message("d"), message("c"))

    def take(self):
        self.time += 3_600
        self.home.runtime.time = self.time
        return back_up(self.store, self.path, lambda: self.time).point

    def restoration(self, point=None, *, same: bool = False, files=None) -> Restoration:
        point = point or self.folder.last_before(None)
        how = How(same_numbers=same, now=int(self.time))
        return Restoration(
            self.folder, point, self.other, how, files=files or FileSystem()
        )

    def restore(self, **wanted):
        """Bring back into the running account what it lacks; gives what came of it."""
        copy = self.folder.last_before(None).account(wanted.pop("whose", "ann"))
        source = self.folder.account_folder(copy.id)
        pool = Pool(source)
        with opened_index(self.folder, source, copy.index, current=True) as index:
            work = MailRestore(self.home.store, self.home.account, index, pool, copy.id)
            replacing = wanted.pop("replacing", False)
            plans = self.home.run(work.plans(WantedMail(**wanted, strict=replacing)))
            surplus = Replacement(work).surplus() if replacing else None
            done = [self.home.run(work.restore(plan)) for plan in plans]
            if surplus is not None:
                self.home.run(Replacement(work).apply(surplus))
        return done

    def expunge(self, name: str, *uids: int) -> None:
        mailbox = self.home.open(name)
        self.home.run(mailbox.store_flags(list(uids), DELETE, seen_at=0))
        self.home.run(mailbox.expunge())
        self.home.run(mailbox.close())


@pytest.fixture
def site(tmp_path) -> Iterator[Site]:
    """A filled one that has no backup yet."""
    made = Site(tmp_path)
    made.fill()
    yield made
    made.home.close()


def seen(home: Home, name: str):
    """Give what a mailbox shows: (uid, flags, keywords by name, date, octets)."""
    mailbox = home.open(name)
    columns = (Column.FLAGS, Column.INTERNALDATE, Column.BLOB)
    found = []
    for batch in home.fetch(mailbox, mailbox.uids, *columns):
        values = zip(batch.uids, *(batch.columns[c] for c in columns), strict=True)
        for uid, mask, date, ref in values:
            with mailbox.blob(ref) as blob:
                content = blob.pread(0, blob.size)
            names = {
                keyword
                for bit, keyword in enumerate(mailbox.keywords)
                if mask >> 7 + bit & 1
            }
            found.append((uid, mask & 31, names, tuple(date), content))
    home.run(mailbox.close())
    return found


def without_uids(rows):
    return [row[1:] for row in rows]


def validity(home: Home, name: str) -> int:
    return home.run(home.account.status(name)).uidvalidity


def notes(home: Home) -> set[bytes]:
    with home.account.readers.take() as database:
        rows = database.all(
            "SELECT value FROM annotation WHERE owner IN ('', ?)", (home.account.id,)
        )
    return {row[0] for row in rows}
