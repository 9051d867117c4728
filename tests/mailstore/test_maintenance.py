"""`check` finds every contradiction; purge and reclaim give back what is dead alone."""

from __future__ import annotations

import dataclasses
import os

import apsw
import pytest

from mailstore.index import audit
from mailstore.maintenance.check import check, check_account
from mailstore.maintenance.presence import account_folders
from mailstore.maintenance.reclaim import GRACE
from mailstore.model import Column, FlagChange, FlagOperation
from tests.mailstore.stores import Home
from tests.support.furnished import OPTIONS

DELETE = FlagChange(FlagOperation.ADD, ("\\Deleted",))
BIG = b"Subject: big\r\n\r\n" + b"x" * 2_000_000
TOMBSTONE = (
    "INSERT INTO expunged (mailbox, modseq, uid, message, flags, more, size,"
    " internaldate, zone, at, saved) SELECT mailbox, 1, uid, message, 0, NULL, size,"
    " internaldate, zone, 0, saved FROM entry WHERE uid = 1"
)


@pytest.fixture
def folder(tmp_path):
    home = Home(tmp_path)
    home.append("INBOX", b"Subject: a\r\n\r\na", b"Subject: b\r\n\r\nb", BIG)
    home.append("Sent", b"Subject: c\r\n\r\nc", flags=("\\Seen", "\\Deleted"))
    mailbox = home.open()
    home.run(mailbox.store_flags([2], DELETE, seen_at=0))
    home.run(mailbox.expunge())
    home.close()
    (found,) = account_folders(tmp_path)
    return found


def test_a_sound_store_has_no_problem(folder, tmp_path):
    heard = []
    report = check(tmp_path, lambda *told: heard.append(told))
    assert report.whole
    assert report.messages == 3
    assert report.accounts[0].orphans == 0


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        ("UPDATE mailbox SET messages = 9 WHERE name = 'INBOX'", "messages is 9"),
        ("UPDATE mailbox SET unseen = 0 WHERE name = 'INBOX'", "unseen is 0"),
        ("UPDATE mailbox SET deleted = 0", "deleted is 0"),
        ("UPDATE mailbox SET bytes = bytes + 1 WHERE name = 'Sent'", "bytes is"),
        ("UPDATE mailbox SET uidnext = 2 WHERE name = 'INBOX'", "not below 2"),
        ("UPDATE mailbox SET highestmodseq = 1", "is above 1"),
        ("UPDATE mailbox SET uidvalidity = 5", "was given twice"),
        ("UPDATE entry SET message = 99 WHERE uid = 3", "no such message"),
        ("UPDATE entry SET size = 1 WHERE uid = 3", "no such message"),
        ("DELETE FROM message WHERE id = 1", "no such message"),
        ("DELETE FROM mailbox WHERE name = 'Sent'", "does not exist"),
        ("UPDATE message SET digest = x'00' WHERE id = 1", "not what was stored"),
        ("UPDATE message SET size = 3 WHERE id = 1", "octets, not 3"),
        ("UPDATE message SET blob = 'pack:77:8:9' WHERE id = 1", "missing"),
        ("UPDATE flag_block SET octets = x'00'", "flags of block 0 cannot be read"),
        ("UPDATE flag_block SET modseq = 1", "not of 1"),
        ("UPDATE flag_block SET block = 5", "not those of its messages"),
        ("DELETE FROM flag_block", "messages of block 0 have no flags"),
        (
            TOMBSTONE,
            "is there and expunged",
        ),
    ],
)
def test_every_contradiction_is_found(folder, damage, words):
    database = apsw.Connection(str(folder / "index.db"))
    database.execute(damage)
    database.close()
    report = check_account(folder)
    assert any(words in problem for problem in report.problems), report.problems


def test_damaged_bytes_are_found(folder):
    (large,) = (folder / "blobs" / "large").rglob("*" * 1 + "[0-9a-f]" * 31)
    data = bytearray(large.read_bytes())
    data[100] ^= 1
    large.write_bytes(data)
    pack = folder / "blobs" / "00000001.pack"
    data = bytearray(pack.read_bytes())
    data[80] ^= 1
    pack.write_bytes(data)
    problems = check_account(folder).problems
    assert len(problems) == 2, problems
    pack.unlink()
    large.unlink()
    assert len(check_account(folder).problems) == 4


def test_a_damaged_or_missing_index_is_told(folder, tmp_path):
    path = folder / "index.db"
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom(size - 4096))
    assert not check(tmp_path).whole
    path.unlink()
    assert check_account(folder).problems == ("there is no index",)


def test_check_works_beside_a_running_server(tmp_path):
    home = Home(tmp_path)
    home.append("INBOX", b"x")
    with home.account.lane._database.transaction():
        assert check(tmp_path).whole
    home.close()


def age(folder, seconds):
    for path in folder.rglob("*"):
        if path.is_file() and path.suffix != ".db":
            status = path.stat()
            os.utime(path, (status.st_mtime - seconds, status.st_mtime - seconds))


def expunge(home, mailbox, uids):
    home.run(mailbox.store_flags(uids, DELETE, seen_at=mailbox.modseq))
    home.run(mailbox.expunge())


@pytest.mark.parametrize("engine", ["packs", "files"])
def test_space_is_given_back_and_nothing_else(tmp_path, engine):
    options = dataclasses.replace(OPTIONS, blob_engine=engine)
    home = Home(tmp_path, options)
    contents = [b"Subject: %d\r\n\r\n%b" % (n, b"%d" % n * 500) for n in range(20)]
    home.append("INBOX", *contents, BIG)
    mailbox = home.open()
    home.run(mailbox.copy([20], "Sent"))
    expunge(home, mailbox, [*range(4, 21), 21])
    home.close()

    (folder,) = account_folders(tmp_path)
    again = Home(tmp_path, options)
    again.runtime.time += options.retention + 10
    assert again.run(again.account.purge()) == 18
    files = len(list(folder.rglob("blobs/*/*/*")))
    again.runtime.time = 0.0
    assert again.run(again.account.reclaim()) == 0  # too young: on its way, perhaps
    again.runtime.time = 2.0**33
    before = sum(p.stat().st_size for p in folder.glob("blobs/*.pack"))
    again.run(again.account.reclaim())
    again.runtime.time += GRACE + 1
    again.run(again.account.reclaim())
    if engine == "packs":
        after = sum(p.stat().st_size for p in folder.glob("blobs/*.pack"))
        assert after < before / 2
        assert not list((folder / "blobs" / "large").glob("*/*"))
    else:
        assert len(list(folder.rglob("blobs/*/*/*"))) == files - 17
    mailbox = again.open()
    (batch,) = again.fetch(mailbox, mailbox.uids, Column.BLOB)
    for ref, data in zip(batch.columns[Column.BLOB], contents, strict=False):
        with mailbox.blob(ref) as blob:
            assert blob.pread(0, blob.size) == data
    again.close()
    report = check(tmp_path)
    assert report.whole, report
    assert report.messages == 4


def test_a_compacted_segment_stays_for_who_learnt_a_reference_before(tmp_path):
    """However many segments there are, and whichever process comes next."""
    home = Home(tmp_path)
    kept = []
    for number in range(3):  # each process begins a segment
        kept.append(b"Subject: kept %d\r\n\r\n" % number)
        home.append("INBOX", kept[-1], b"dead" * 500)
        home.close()
        home = Home(tmp_path)
    mailbox = home.open()
    expunge(home, mailbox, [2, 4, 6])
    home.runtime.time = 2.0**31
    assert home.run(home.account.purge()) == 3
    (batch,) = home.fetch(mailbox, [1, 3, 5], Column.BLOB)
    home.run(home.account.reclaim())
    other = Home(tmp_path, time=2.0**31 + GRACE - 1)
    other.run(other.account.reclaim())
    for ref, data in zip(batch.columns[Column.BLOB], kept, strict=True):
        with mailbox.blob(ref) as blob:
            assert blob.pread(0, blob.size) == data
    segments = len(list(tmp_path.rglob("*.pack")))
    other.runtime.time += 2
    other.run(other.account.reclaim())
    assert len(list(tmp_path.rglob("*.pack"))) == segments - 3
    (batch,) = home.fetch(mailbox, [1, 3, 5], Column.BLOB)
    for ref, data in zip(batch.columns[Column.BLOB], kept, strict=True):
        with mailbox.blob(ref) as blob:
            assert blob.pread(0, blob.size) == data
    other.close()
    home.close()


def test_the_daily_round_runs_when_an_account_is_opened(tmp_path):
    home = Home(tmp_path)
    home.append("INBOX", b"x")
    mailbox = home.open()
    expunge(home, mailbox, [1])
    home.close()
    again = Home(tmp_path)
    again.runtime.time += OPTIONS.retention + 2 * 86_400
    again.run(again.account.close())
    again.store._accounts.clear()
    account = again.run(again.store.account(again.id))
    assert not account.purge_due()
    assert audit.count_messages(account.readers.event) == 0
    assert account.readers.event.one("SELECT count(*) FROM message") == (0,)
    account.shut()
    again.close()


def test_the_grace_is_longer_than_any_append():
    assert GRACE >= 3_600
