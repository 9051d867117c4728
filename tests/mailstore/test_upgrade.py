"""A store of an older program opens, and is as right as a new one."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import zipfile
from functools import partial

import apsw
import pytest

from mailstore.crashpoints import VARIABLE, CrashPoint
from mailstore.errors import NotFound, Unavailable
from mailstore.index.database import Database, migrations
from mailstore.maintenance.check import check
from mailstore.maintenance.presence import account_folders
from mailstore.model import SEEN, Column, FlagChange, FlagOperation
from mailstore.quotas import QuotaLimits
from mailstore.rights import Right
from mailstore.service.rights_lists import RightsLists
from tests.crash.cut import LUCKS, Image
from tests.crash.disk import DiskFiles, recorded
from tests.mailstore.index.older import make_older
from tests.mailstore.stores import Home
from tests.support.server import ROOT

DELETE = FlagChange(FlagOperation.ADD, ("\\Deleted",))

STORES = sorted((ROOT / "tests" / "data" / "stores").glob("*.zip"))
LAST = migrations("mail")[-1][0]


def unpacked(archive, folder):
    """Give the folder of the one account of a store of an older program."""
    with zipfile.ZipFile(archive) as file:
        file.extractall(folder)
    return next(account_folders(folder))


def message(number, size=100):
    """The messages of those stores."""
    return (
        "From: Ann <ann@example.org>\r\nTo: ben@example.org\r\n"
        f"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?= {number}\r\n"
        f"Message-ID: <{number}@example.org>\r\n"
        f"Date: Tue, 14 Nov 2023 10:00:0{number} +0100\r\n\r\n"
        + f"text {number}\r\n"
        * (size // 8)
    ).encode()


def contents(home, name):
    """Give flags and bytes of a mailbox's messages by UID."""
    mailbox = home.open(name)
    wanted = Column.FLAGS, Column.BLOB
    found = {}
    for batch in home.fetch(mailbox, mailbox.uids, *wanted):
        columns = [batch.columns[column] for column in wanted]
        for uid, flags, ref in zip(batch.uids, *columns, strict=True):
            with mailbox.blob(ref) as blob:
                found[uid] = flags, blob.pread(0, blob.size)
    home.run(mailbox.close())
    return found


@pytest.mark.parametrize("archive", STORES, ids=lambda path: path.stem)
def test_a_store_of_every_version_opens_and_has_everything(archive, tmp_path):
    account = unpacked(archive, tmp_path)
    home = Home(tmp_path)
    inbox, copies = contents(home, "INBOX"), contents(home, "a/b")
    assert [inbox[uid][1] for uid in (1, 4, 5)] == [
        message(1),
        message(4),
        message(5, 6_000),
    ]
    assert list(inbox) == [1, 4, 5]
    assert [one[1] for one in copies.values()] == [
        message(1),
        message(5, 6_000),
        message(2),
    ]
    assert [one[0] for one in copies.values()] == [inbox[1][0], inbox[5][0], 0]
    assert inbox[1][0] & SEEN
    assert home.open().keywords == ("$Label",)
    with pytest.raises(NotFound):
        home.open("gone")
    appended = home.append("INBOX", message(7))
    assert appended.uids == (6,)
    home.close()
    report = check(tmp_path)
    assert report.whole, report
    version = schema_of(archive)
    kept = [path.name for path in account.glob("index.db.*")]
    assert kept == ([f"index.db.version{version}"] if version < LAST else [])


def schema_of(archive):
    return int(archive.stem.partition("-")[0].removeprefix("mail"))


@pytest.mark.parametrize(
    "archive",
    [archive for archive in STORES if schema_of(archive) >= 13],
    ids=lambda path: path.stem,
)
def test_what_accounts_add_to_their_mail_survives_an_upgrade(archive, tmp_path):
    unpacked(archive, tmp_path)
    home = Home(tmp_path)
    lists = RightsLists(home.store, home.account)
    rights = {entry.identifier: entry.rights for entry in lists.entries("a/b")}
    assert rights["anyone"] == Right.LOOKUP | Right.READ
    assert home.run(home.account.quota.root("")).limits == QuotaLimits(message=100)
    mailbox = home.open()
    (notes,) = mailbox.annotations.get([1], ["*"], values=True)
    assert [note.value for note in notes] == [b"a note"]
    home.close()


@pytest.mark.parametrize("version", range(1, LAST))
def test_the_schema_of_every_version_is_taken_to_the_present_one(version, tmp_path):
    home = Home(tmp_path)
    home.append("INBOX", message(1), message(2))
    home.close()
    home = older(tmp_path, version)
    assert [body for _, body in contents(home, "INBOX").values()] == [
        message(1),
        message(2),
    ]
    home.append("INBOX", message(3))
    home.close()
    assert check(tmp_path).whole


def test_a_power_cut_while_a_store_is_upgraded_is_harmless(memory):
    folder = memory / "store"
    unpacked(STORES[0], folder)
    with recorded(folder) as disk:
        before = len(disk.log)
        home = Home(folder, files=DiskFiles(disk))
        home.append("INBOX", message(8))
        answered = len(disk.log)
        home.close()
    dice = random.Random(8)
    image, fed = Image(), 0
    for at in sorted(dice.sample(range(before, answered + 1), 24)):
        for entry in disk.log[fed:at]:
            image.feed(entry)
        fed = at
        image.leave(memory / "left", dice.choice(LUCKS), dice)
        home = Home(memory / "left", fresh=True)
        assert len(contents(home, "INBOX")) in (3, 4)
        home.close()
        assert check(memory / "left").whole
        shutil.rmtree(memory / "left")


@pytest.mark.parametrize(
    ("point", "left"),
    [
        (CrashPoint.SNAPSHOT_WRITTEN, {"index.db.version1.part"}),
        (CrashPoint.SNAPSHOT_TAKEN, {"index.db.version1"}),
        (CrashPoint.MIGRATED, {"index.db.version1"}),
    ],
)
def test_a_killed_upgrade_is_done_again(point, left, tmp_path):
    account = unpacked(STORES[0], tmp_path)
    program = "import sys; from pathlib import Path;"
    program += "from mailstore.index.database import Database;"
    program += "Database.open(Path(sys.argv[1]))"
    done = subprocess.run(
        [sys.executable, "-c", program, str(account / "index.db")],
        cwd=ROOT,
        env={**os.environ, VARIABLE: str(point.value)},
        check=False,
    )
    assert done.returncode == -signal.SIGKILL
    assert {path.name for path in account.glob("index.db.*")} == left
    home = Home(tmp_path)
    assert list(contents(home, "INBOX")) == [1, 4, 5]
    home.close()
    assert {path.name for path in account.glob("index.db.*")} == {"index.db.version1"}
    assert check(tmp_path).whole


def test_without_a_copy_nothing_is_upgraded(tmp_path, monkeypatch):
    account = unpacked(STORES[0], tmp_path)

    def full(*_):
        raise OSError(28, "no room")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(Unavailable, match="no room for a copy"):
            Database.open(account / "index.db")
    database = apsw.Connection(str(account / "index.db"))
    assert database.pragma("user_version") == 1
    database.close()
    Database.open(account / "index.db").close()


def older(folder, version=1):
    """Close a store and have it as a version of the index had it; gives it open."""
    for path in folder.rglob("index.db"):
        make_older(path, version)
    return Home(folder)


def test_facts_that_an_older_program_did_not_keep_are_found(tmp_path):
    home = Home(tmp_path)
    home.append("INBOX", b"Subject: a\r\n\r\nfirst", b"Subject: b\r\n\r\nsecond")
    mailbox = home.open()
    home.run(mailbox.store_flags([2], DELETE, seen_at=mailbox.modseq))
    watching = home.open()
    home.run(mailbox.expunge())
    home.close()
    home = older(tmp_path)
    mailbox = home.open()
    assert list(mailbox.uids) == [1]
    wanted = (Column.PREVIEW_READY, Column.PREVIEW, Column.SHA1, Column.SAVED)
    (batch,) = home.fetch(mailbox, [1], *wanted)
    digest = hashlib.sha1(b"Subject: a\r\n\r\nfirst").hexdigest().encode()
    assert [list(batch.columns[column]) for column in wanted] == [
        [None],
        [b'"first"'],
        [digest],
        [home.runtime.now()],
    ]
    (batch,) = home.fetch(mailbox, [1], Column.PREVIEW_READY)
    assert list(batch.columns[Column.PREVIEW_READY]) == [b'"first"']
    home.append("INBOX", b"Subject: c\r\n\r\nthird")
    (batch,) = home.fetch(mailbox, [3], Column.PREVIEW_READY)
    assert list(batch.columns[Column.PREVIEW_READY]) == [b'"third"']
    assert watching.uidnext == 3
    home.close()


def test_an_older_directory_takes_annotations(tmp_path):
    home = Home(tmp_path)
    home.close()
    make_older(tmp_path / "directory.db", 2, "directory")
    home = Home(tmp_path)
    server = home.store.directory.metadata
    put = partial(server.set, home.id, admin=True, now=0, octets=100, most=10)
    assert home.run(put({"/shared/comment": b"hello"})) == 1
    assert server.get(home.id, ["/shared/comment"]) == [("/shared/comment", b"hello")]
    home.close()
