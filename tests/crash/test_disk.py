"""The simulated disk: what it leaves after a cut, and that it leaves enough out."""

from __future__ import annotations

import random

import apsw
import pytest

from mailstore.errors import StoreError
from tests.crash.cut import EVERYTHING, LUCKS, NOTHING, Image, pieces
from tests.crash.disk import DiskFiles, recorded
from tests.crash.log import Write, role_of


@pytest.fixture
def disk(tmp_path):
    (tmp_path / "disk").mkdir()
    with recorded(tmp_path / "disk") as made:
        yield made


@pytest.fixture
def files(disk):
    return DiskFiles(disk)


def left(disk, tmp_path, luck=NOTHING, without="", seed=1):
    image = Image(without)
    for entry in disk.log:
        image.feed(entry)
    target = tmp_path / f"left{len(list(tmp_path.iterdir()))}"
    image.leave(target, luck, random.Random(seed))
    return {
        str(path.relative_to(target)): path.read_bytes()
        for path in target.rglob("*")
        if path.is_file()
    }


def test_data_are_there_when_file_and_folder_were_synced(disk, files, tmp_path):
    fd = files.create(disk.root / "a")
    files.write(fd, b"one", 0)
    assert left(disk, tmp_path) == {}
    assert left(disk, tmp_path, EVERYTHING) == {"a": b"one"}
    files.sync_folder(disk.root)
    assert left(disk, tmp_path) == {"a": b""}
    files.sync(fd)
    files.write(fd, b"two", 3)
    assert left(disk, tmp_path) == {"a": b"one"}
    assert left(disk, tmp_path, EVERYTHING) == {"a": b"onetwo"}
    files.truncate(fd, 1)
    assert left(disk, tmp_path) == {"a": b"one"}
    assert left(disk, tmp_path, EVERYTHING) == {"a": b"o"}
    assert left(disk, tmp_path, without="a") == {"a": b""}
    files.close(fd)
    assert (disk.root / "a").read_bytes() == b"o"


def test_a_rename_is_one_thing(disk, files, tmp_path):
    fd = files.create(disk.root / "a")
    files.write(fd, b"x", 0)
    files.sync(fd)
    files.sync_folder(disk.root)
    files.make_folder(disk.root / "folder")
    files.rename(disk.root / "a", disk.root / "folder" / "b")
    assert left(disk, tmp_path) == {"a": b"x"}
    assert left(disk, tmp_path, EVERYTHING) == {"folder/b": b"x"}
    files.sync_folder(disk.root / "folder")
    assert left(disk, tmp_path) == {}  # the folder's own name is not durable
    files.sync_folder(disk.root)
    assert left(disk, tmp_path) == {"folder/b": b"x"}
    files.unlink(disk.root / "folder" / "b")
    assert left(disk, tmp_path) == {"folder/b": b"x"}
    assert left(disk, tmp_path, EVERYTHING) == {}
    files.close(fd)


def test_sectors_are_there_or_not_each_for_itself(disk, files, tmp_path):
    fd = files.create(disk.root / "a")
    files.write(fd, b"x" * 5_000, 100)
    files.sync_folder(disk.root)
    seen = {
        left(disk, tmp_path, luck, seed=seed).get("a")
        for luck in LUCKS
        for seed in range(4)
    }
    assert len(seen) > 6
    assert [len(one.data) for one in pieces(Write(1, 100, b"x" * 1_000), 512)] == [
        412,
        512,
        76,
    ]
    files.close(fd)


def test_what_a_failed_sync_lost_comes_with_the_next_write_alone(disk, files, tmp_path):
    fd = files.create(disk.root / "a")
    files.sync_folder(disk.root)
    files.write(fd, b"one", 0)

    def fail(what, _):
        if what == "sync":
            raise OSError(5, "it fails")

    disk.fault = fail
    with pytest.raises(StoreError):
        files.sync(fd)
    disk.fault = lambda *_: None
    files.sync(fd)  # says yes, and has written nothing
    files.write(fd, b"far", 8_192)
    files.sync(fd)
    assert left(disk, tmp_path)["a"] == bytes(8_192) + b"far"
    files.write(fd, b"one", 0)
    files.sync(fd)
    assert left(disk, tmp_path)["a"][:3] == b"one"
    files.close(fd)


def test_what_was_there_before_is_durable(tmp_path):
    (tmp_path / "disk" / "folder").mkdir(parents=True)
    (tmp_path / "disk" / "folder" / "a").write_bytes(b"x")
    with recorded(tmp_path / "disk") as disk:
        assert left(disk, tmp_path) == {"folder/a": b"x"}


def test_what_sqlite_has_committed_is_there(disk, tmp_path):
    database = apsw.Connection(str(disk.root / "a.db"))
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = FULL; CREATE TABLE t (x)")
    for number in range(5):
        database.execute("INSERT INTO t VALUES (?)", (number,))
        found = left(disk, tmp_path)
        again = tmp_path / f"again{number}.db"
        again.write_bytes(found["a.db"])
        again.with_name(f"{again.name}-wal").write_bytes(found["a.db-wal"])
        other = apsw.Connection(str(again))
        assert other.execute("SELECT count(*) FROM t").fetchall() == [(number + 1,)]
        other.close()
    database.close()


def test_roles_are_the_same_for_all_accounts():
    account = f"accounts/ab/{'0' * 32}"
    assert role_of("") == ""
    assert role_of("accounts") == "accounts"
    assert role_of("accounts/ab") == "accounts/xx"
    assert role_of(f"{account}/index.db-wal") == "index.db-wal"
    assert role_of(f"{account}/blobs/00000007.pack") == "blobs/segment"
    assert role_of(f"{account}/blobs/spool/ab12.part") == "blobs/spooled message"
    assert role_of(f"{account}/blobs/large/ab") == "blobs/large/xx"
    assert role_of(f"{account}/blobs/large/ab/{'1' * 32}") == "blobs/large/xx"
