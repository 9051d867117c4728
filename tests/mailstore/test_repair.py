"""Each kind of damage is found, repaired, told, and not there any more afterwards."""

from __future__ import annotations

import os
import shutil
from itertools import chain

import apsw
import pytest

from mailstore.errors import Busy, Corrupt
from mailstore.index import damage, readable
from mailstore.index.mending import RECOVERED
from mailstore.locking import held_alone
from mailstore.maintenance import derived, rebuild, snapshots
from mailstore.maintenance.check import check, check_account
from mailstore.maintenance.healing import Wish, heal, heal_account
from mailstore.maintenance.presence import account_folders
from mailstore.maintenance.repair import Repair
from mailstore.maintenance.salvage import salvage
from mailstore.model import Column, FlagChange, FlagOperation
from mailstore.service.undelete import Undelete, WantedRemovals
from tests.mailstore.damages import ROWS
from tests.mailstore.stores import Home
from tests.support.furnished import OPTIONS

DELETE = FlagChange(FlagOperation.ADD, ("\\Deleted",))
REPAIR = Wish(repair=True, server_runs=False)
MAIL = [
    b"Message-ID: <%d@x>\r\nReferences: <%d@x>\r\nSubject: s%d\r\n\r\nbody %d\r\n"
    % (n, n - 1, n, n)
    for n in range(1, 5)
]
BIG = b"Message-ID: <big@x>\r\nSubject: big\r\n\r\n" + b"x" * 1_200_000
UTF8 = "Message-ID: <u@x>\r\nSubject: Grüße\r\n\r\nx".encode()
ALL = sorted([MAIL[0], *MAIL[2:], BIG, UTF8, b"Subject: c\r\n\r\nc"])


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    path = tmp_path_factory.mktemp("sound")
    home = Home(path)
    home.append("INBOX", *MAIL, BIG, flags=("\\Seen", "key", "other"))
    home.append("Sent", b"Subject: c\r\n\r\nc", UTF8, flags=("\\Deleted",))
    mailbox = home.open()
    home.run(mailbox.store_flags([2], DELETE, seen_at=0))
    home.run(mailbox.expunge())
    home.close()
    return path


@pytest.fixture
def store(sound, tmp_path):
    return shutil.copytree(sound, tmp_path / "store")


@pytest.fixture
def folder(store):
    (found,) = account_folders(store)
    return found


def spoil(folder, *statements):
    database = apsw.Connection(str(folder / "index.db"))
    for statement in statements:
        database.execute(statement)
    database.close()


def everything(store):
    """Read all messages: by mailbox, by UID."""
    home = Home(store)
    found: dict[str, dict[int, bytes]] = {}
    for name in [e.name for e in home.run(home.account.mailboxes()) if e.selectable]:
        mailbox = home.open(name)
        found[name] = {}
        for batch in home.fetch(mailbox, mailbox.uids, Column.BLOB):
            for uid, ref in zip(batch.uids, batch.columns[Column.BLOB], strict=True):
                with mailbox.blob(ref) as blob:
                    found[name][uid] = blob.pread(0, blob.size)
    home.close()
    return found


def contents(store, name="INBOX"):
    return everything(store)[name]


def alike(found):
    return sorted(chain(*(messages.values() for messages in found.values())))


@pytest.mark.parametrize("wrong", ROWS)
def test_rows_are_set_right_and_no_message_is_lost(store, folder, wrong):
    spoil(folder, wrong)
    told = []
    healed = heal_account(folder, OPTIONS, REPAIR, lambda *heard: told.append(heard))
    assert healed.found
    assert healed.done
    assert told
    assert healed.now.problems == ()
    assert not healed.now.damaged
    assert (folder / healed.snapshot).exists()
    assert alike(everything(store)) == ALL


def test_a_sound_store_is_left_alone(store, folder):
    files = {path: path.stat().st_mtime_ns for path in folder.glob("*")}
    (healed,) = heal(store, OPTIONS, REPAIR)
    assert (healed.found, healed.done, healed.snapshot) == ((), (), None)
    assert {p: p.stat().st_mtime_ns for p in files if p.suffix == ".db"} == {
        p: at for p, at in files.items() if p.suffix == ".db"
    }
    assert not list(heal(store, OPTIONS, REPAIR, only="0" * 32))


def flip(path, at):
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


def test_a_message_whose_bytes_are_damaged_is_moved_out_of_the_way(store, folder):
    pack = folder / "blobs" / "00000001.pack"
    whole = pack.read_bytes()
    flip(pack, whole.index(b"body 1"))
    (large,) = (folder / "blobs" / "large").glob("*/*")
    big = large.read_bytes()
    large.unlink()
    assert len(check_account(folder).problems) == 2
    healed = heal_account(folder, OPTIONS, REPAIR)
    assert healed.now.problems == ()
    places = [(one.mailbox, one.uid) for one in healed.now.damaged]
    assert places == [("INBOX", 1), ("INBOX", 5)]
    assert contents(store) == {3: MAIL[2], 4: MAIL[3]}
    home = Home(store)
    mailbox = home.open()
    assert list(home.run(mailbox.vanished([(1, 9)], 1, known=()))) == [(1, 2), (5, 5)]
    undelete = Undelete(home.account)
    found = home.run(undelete.removed(WantedRemovals()))
    assert [one.uid for one in found] == [2]  # the damaged ones can't come back so
    home.runtime.time += OPTIONS.retention * 2
    home.run(home.account.purge())
    home.close()
    report = check_account(folder)
    assert (report.problems, len(report.damaged)) == ((), 2)
    # Nothing is done twice; and when a backup brings the bytes back, all is well.
    again = heal_account(folder, OPTIONS, REPAIR)
    assert again.done == ()
    pack.write_bytes(whole)
    large.write_bytes(big)
    healed = heal_account(folder, OPTIONS, REPAIR)
    assert (healed.now.problems, healed.now.damaged) == ((), ())
    assert contents(store) == {3: MAIL[2], 4: MAIL[3], 6: MAIL[0], 7: BIG}


def test_a_damaged_message_of_a_deleted_mailbox_comes_back_to_another(store, folder):
    pack = folder / "blobs" / "00000001.pack"
    whole = pack.read_bytes()
    flip(pack, whole.index(b"Subject: c") + 2)
    heal_account(folder, OPTIONS, REPAIR)
    home = Home(store)
    home.run(home.account.delete("Sent"))
    home.close()
    pack.write_bytes(whole)
    heal_account(folder, OPTIONS, REPAIR)
    assert list(contents(store, RECOVERED).values()) == [b"Subject: c\r\n\r\nc"]


def test_a_removed_message_that_is_damaged_is_noted_and_purged(store, folder):
    pack = folder / "blobs" / "00000001.pack"
    flip(pack, pack.read_bytes().index(b"body 2"))
    healed = heal_account(folder, OPTIONS, REPAIR)
    assert [(one.mailbox, one.uid) for one in healed.now.damaged] == [(None, 0)]
    home = Home(store)
    assert not home.run(Undelete(home.account).removed(WantedRemovals()))
    home.runtime.time += OPTIONS.retention * 2
    home.run(home.account.purge())
    assert damage.listed(home.account.readers.event) == []
    home.close()
    assert check(store).whole


def test_bytes_are_found_where_a_reference_does_not_lead(folder):
    spoil(folder, "UPDATE message SET blob = 'pack:77:8:9' WHERE id = 1")
    healed = heal_account(folder, OPTIONS, REPAIR)
    assert "message 1: its bytes were found elsewhere" in healed.done
    assert (healed.now.problems, healed.now.damaged) == ((), ())


def test_a_reference_to_another_message_is_set_right(store, folder):
    before = contents(store)
    spoil(
        folder,
        "UPDATE message SET blob = (SELECT blob FROM message WHERE id = 3)"
        " WHERE id = 1",
    )
    healed = heal_account(folder, OPTIONS, REPAIR)
    assert (healed.now.problems, healed.now.damaged) == ((), ())
    assert contents(store) == before


def test_a_row_that_names_no_message_is_told_and_its_bytes_can_be_salvaged(
    store, folder
):
    spoil(folder, "DELETE FROM message WHERE id = 3")
    healed = heal_account(folder, OPTIONS, Wish(repair=True, salvage=True))
    assert any("UID 3 named message 3" in text for text in healed.done)
    assert healed.salvaged == 0  # so young, it might be on its way
    assert healed.now.problems == ()
    healed = heal_account(folder, OPTIONS, Wish(salvage=True, server_runs=False))
    assert healed.salvaged == 1
    assert healed.snapshot is None
    assert list(contents(store, RECOVERED).values()) == [MAIL[2]]
    again = heal_account(folder, OPTIONS, Wish(salvage=True, server_runs=False))
    assert again.salvaged == 0


def test_a_message_that_is_in_no_mailbox_gets_one(store, folder):
    spoil(
        folder,
        "DELETE FROM entry WHERE uid = 3",
        "UPDATE mailbox SET (messages, bytes) = (SELECT count(*), sum(size) FROM entry"
        " WHERE mailbox = 1) WHERE id = 1",
    )
    healed = heal_account(folder, OPTIONS, REPAIR)
    assert healed.now.problems == ()
    assert list(contents(store, RECOVERED).values()) == [MAIL[2]]


def test_a_text_index_that_is_wrong_is_dropped(folder):
    from mailstore.search.textdb import TextDatabase

    text = TextDatabase.open(folder, writer=True)
    assert text is not None
    with text.transaction():
        text.set_watermark(9)
    text.close()
    assert check_account(folder).problems
    healed = heal_account(folder, OPTIONS, REPAIR)
    assert healed.now.problems == ()
    assert not (folder / "text.db").exists()


def test_running_sessions_notice_what_a_repair_does(store, folder):
    home = Home(store)
    mailbox = home.open()
    spoil(folder, "UPDATE mailbox SET messages = 77 WHERE name = 'INBOX'")
    pack = folder / "blobs" / "00000001.pack"
    flip(pack, pack.read_bytes().index(b"body 1"))
    with pytest.raises(Corrupt):
        (batch,) = home.fetch(mailbox, [1], Column.BLOB)
        home.run(mailbox.prove(batch.columns[Column.BLOB][0]))
    healed = heal_account(folder, OPTIONS, Wish(repair=True, server_runs=True))
    assert healed.now.problems == ()
    assert mailbox.stale()
    home.run(mailbox.refresh())
    assert list(mailbox.uids) == [3, 4, 5]
    home.close()


def test_one_repair_at_a_time(folder):
    spoil(folder, "UPDATE mailbox SET messages = 77 WHERE name = 'INBOX'")
    with held_alone(folder / "repair.lock"), pytest.raises(Busy):
        heal_account(folder, OPTIONS, REPAIR)


# -- an index that is lost


def test_a_lost_index_is_made_of_the_segments_alone(store, folder):
    for name in ("index.db", "index.db-wal", "index.db-shm"):
        (folder / name).unlink(missing_ok=True)
    running = heal_account(folder, OPTIONS, Wish(repair=True))
    assert any("stop the server" in text for text in running.now.problems)
    assert not (folder / "index.db").exists()
    healed = heal_account(folder, OPTIONS, REPAIR)
    assert healed.now.problems == ()
    assert healed.salvaged == 7
    found = everything(store)
    assert sorted(found[RECOVERED].values()) == sorted([*ALL, MAIL[1]])
    assert "INBOX" in found


def test_dates_survive_the_loss_of_an_index(tmp_path):
    from mailstore.model import Arrival, InternalDate

    home = Home(tmp_path)
    date = InternalDate(1_000_000_000, 120)
    home.run(home.account.append("INBOX", [Arrival(b"x", (), date)]))
    home.close()
    (folder,) = account_folders(tmp_path)
    (folder / "index.db").unlink()
    heal_account(folder, OPTIONS, REPAIR)
    home = Home(tmp_path)
    mailbox = home.open(RECOVERED)
    (batch,) = home.fetch(mailbox, mailbox.uids, Column.INTERNALDATE)
    assert batch.columns[Column.INTERNALDATE] == [(1_000_000_000, 120)]
    home.close()


def pages_of(folder, table):
    database = apsw.Connection(str(folder / "index.db"))
    rows = database.execute(
        "SELECT pageno FROM dbstat WHERE name = ? AND pagetype = 'leaf'", (table,)
    ).fetchall()
    database.close()
    return [row[0] for row in rows]


@pytest.mark.parametrize("table", ["entry", "message", "mailbox", "account", "link"])
def test_of_a_damaged_index_is_kept_what_can_be_read(store, folder, table):
    spoil(folder, "PRAGMA wal_checkpoint(TRUNCATE)")
    page = pages_of(folder, table)[0]
    with (folder / "index.db").open("r+b") as file:
        file.seek((page - 1) * 4096)
        file.write(os.urandom(4096))
    healed = heal_account(folder, OPTIONS, REPAIR)
    assert healed.now.problems == (), healed
    assert list(folder.glob("index.db.damaged-*"))
    found = everything(store)
    # Nothing is lost; what was removed may be back.
    assert set(ALL) <= set(alike(found))
    if table == "link":
        assert alike({"INBOX": found["INBOX"]}) == sorted([MAIL[0], *MAIL[2:], BIG])


def test_nonsense_in_place_of_an_index(store, folder):
    size = (folder / "index.db").stat().st_size
    (folder / "index.db").write_bytes(os.urandom(size))
    healed = heal_account(folder, OPTIONS, REPAIR)
    assert healed.now.problems == ()
    assert len(everything(store)[RECOVERED]) == 7


def test_rows_behind_a_damaged_page_are_read(tmp_path):
    from mailstore.index.database import Database

    path = tmp_path / "old.db"
    old = Database.open(path)
    many = 5_000
    with old.transaction():
        old.many(
            "INSERT INTO subscription VALUES (?)", [(f"n{n:06d}",) for n in range(many)]
        )
    old.checkpoint()
    old.close()
    (page,) = [
        row[0]
        for row in apsw.Connection(str(path)).execute(
            "SELECT pageno FROM dbstat WHERE name = 'subscription'"
            " AND pagetype = 'leaf' LIMIT 1 OFFSET 5"
        )
    ]
    with path.open("r+b") as file:
        file.seek((page - 1) * 4096)
        file.write(b"\xff" * 4096)
    new = Database.open(tmp_path / "new.db")
    told = readable.copy_readable(path, new)
    assert told
    ((count,),) = new.all("SELECT count(*) FROM subscription")
    assert many - 600 < count < many
    new.close()


# -- what is kept


def test_copies_are_removed_when_they_are_old(folder):
    path = snapshots.take(folder, 1_000_000_000.0)
    assert path.name == "index.db.before-repair-20010909T014640Z"
    database = apsw.Connection(str(path))
    assert database.execute("SELECT count(*) FROM entry").fetchall() == [(6,)]
    database.close()
    os.utime(path, (1_000_000_000, 1_000_000_000))
    snapshots.remove_old(folder, 1_000_000_000.0 + snapshots.KEPT_SECONDS)
    assert path.exists()
    snapshots.remove_old(folder, 1_000_000_001.0 + snapshots.KEPT_SECONDS)
    assert not path.exists()


def test_a_copy_is_one_state_of_an_index_that_is_being_written(store, folder):
    """It is no copy of files, of which the log would be a later state."""
    home = Home(store)
    home.append("INBOX", b"Subject: in the log\r\n\r\nx")
    path = snapshots.take(folder, 1_000_000_000.0)
    assert [one.name for one in folder.glob(f"{path.name}*")] == [path.name]
    home.close()
    database = apsw.Connection(str(path))
    assert database.execute("SELECT count(*) FROM entry").fetchall() == [(7,)]
    database.close()


def test_the_daily_round_removes_old_copies(store, folder):
    path = snapshots.take(folder, 0.0)
    os.utime(path, (0, 0))
    home = Home(store)
    home.run(home.account.reclaim())
    home.close()
    assert not path.exists()


def test_an_index_that_is_well_is_readable(folder):
    assert rebuild.unreadable(folder) is None


def test_a_damaged_directory_is_told(store):
    path = store / "directory.db"
    path.write_bytes(b"nonsense" * 1_000)
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    report = check(store)
    assert not report.whole
    assert report.problems


def test_what_is_derived_is_the_same_when_it_is_made_again(store, folder):
    home = Home(store)
    database, blobs = home.account.readers.event, home.account.blobs
    assert list(derived.prove_derived(database, blobs, None)) == []
    home.close()


def test_a_repair_that_finds_nothing_writes_no_row(store, folder):
    home = Home(store)
    repair = Repair(home.account, folder)
    home.run(repair.run())
    assert repair.done == []
    assert home.run(salvage(home.account, 2.0**40)).messages == 0
    home.close()
