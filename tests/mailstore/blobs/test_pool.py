"""The pool of a backup: each message once, nothing listed is ever written over."""

from __future__ import annotations

import hashlib

import pytest

from mailstore.blobs import FileSystem, open_blobs
from mailstore.blobs.pool import Pool
from mailstore.blobs.segment import RECORD_SIZE
from mailstore.errors import Corrupt, DiskFull, NotFound
from mailstore.model import InternalDate

DATE = InternalDate(1_000_000_000, 60)
CONTENTS = [b"Subject: %d\r\n\r\n%b" % (at, b"x" * at * 100) for at in range(9)]


def digest(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()


@pytest.fixture
def blobs(tmp_path):
    made = open_blobs(tmp_path / "account" / "blobs", "packs")
    yield made
    made.close()


def fill(pool: Pool, blobs, *contents: bytes) -> None:
    for content in contents:
        stored = blobs.add(content, DATE)
        with blobs.open(stored.ref) as reader:
            pool.add(digest(content), DATE, reader)


def read(pool: Pool, content: bytes) -> bytes:
    reader, date = pool.open(digest(content))
    with reader:
        reader.verify()
        assert date == DATE
        return reader.pread(0, reader.size)


def test_what_was_added_is_there_again(tmp_path, blobs):
    pool = Pool(tmp_path / "pool")
    fill(pool, blobs, *CONTENTS)
    pool.sync()
    assert pool.octets == sum(RECORD_SIZE + len(one) for one in CONTENTS)
    again = Pool(tmp_path / "pool")
    assert len(again) == len(CONTENTS)
    assert [read(again, one) for one in CONTENTS] == CONTENTS
    with pytest.raises(NotFound):
        again.open(b"\0" * 32)
    assert list(again.damages()) == []


def test_a_pack_grows_and_a_full_one_stays_as_it_is(tmp_path, blobs):
    folder = tmp_path / "pool"
    for content in CONTENTS:
        before = {path.name: path.read_bytes() for path in folder.glob("*.pack")}
        pool = Pool(folder, roll=1_000)
        fill(pool, blobs, content)
        pool.sync()
        for name, octets in before.items():
            assert (folder / name).read_bytes().startswith(octets)
    assert len(list(folder.glob("*.pack"))) > 3
    assert [read(Pool(folder), one) for one in CONTENTS] == CONTENTS


def test_a_message_that_is_not_what_it_was_is_not_added(tmp_path, blobs):
    pool = Pool(tmp_path / "pool")
    fill(pool, blobs, CONTENTS[0])
    with blobs.open(blobs.add(CONTENTS[1], DATE).ref) as reader, pytest.raises(Corrupt):
        pool.add(digest(CONTENTS[2]), DATE, reader)
    fill(pool, blobs, CONTENTS[3])
    pool.sync()
    again = Pool(tmp_path / "pool")
    assert len(again) == 2
    assert read(again, CONTENTS[3]) == CONTENTS[3]


def test_what_a_killed_run_copied_is_taken_over(tmp_path, blobs):
    folder = tmp_path / "pool"
    pool = Pool(folder)
    fill(pool, blobs, *CONTENTS[:2])
    pool.sync()
    fill(pool, blobs, *CONTENTS[2:4])
    pool.close()  # as a kill: neither synced nor listed
    with (folder / "00000001.pack").open("ab") as torn:
        torn.write(b"IMRC" + b"\1" * 99)
    assert digest(CONTENTS[2]) not in Pool(folder)  # not proved durable
    again = Pool(folder)
    fill(again, blobs, CONTENTS[4])
    assert digest(CONTENTS[2]) in again
    again.sync()
    assert again.octets == RECORD_SIZE + len(CONTENTS[4])
    assert [read(Pool(folder), one) for one in CONTENTS[:5]] == CONTENTS[:5]


@pytest.mark.parametrize("damage", [b"", b"IMPL", None])
def test_a_list_can_be_made_anew(tmp_path, blobs, damage):
    folder = tmp_path / "pool"
    pool = Pool(folder)
    fill(pool, blobs, *CONTENTS)
    pool.sync()
    path = folder / "00000001.list"
    if damage is None:
        path.unlink()
    else:
        path.write_bytes(damage + path.read_bytes()[len(damage) + 1 :])
    assert [read(Pool(folder), one) for one in CONTENTS] == CONTENTS


def test_damage_is_found_and_copied_again(tmp_path, blobs):
    folder = tmp_path / "pool"
    pool = Pool(folder)
    fill(pool, blobs, *CONTENTS)
    pool.sync()
    path = folder / "00000001.pack"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    pool = Pool(folder)
    (found,) = pool.damages()
    assert found.digest == digest(CONTENTS[-1])
    assert found.pack == "00000001.pack"
    pool.forget([found.digest])
    assert list(Pool(folder).damages()) == []
    assert found.digest not in Pool(folder)


def test_a_pack_that_was_cut_lacks_what_is_behind_the_cut(tmp_path, blobs):
    folder = tmp_path / "pool"
    pool = Pool(folder)
    fill(pool, blobs, *CONTENTS)
    pool.sync()
    path = folder / "00000001.pack"
    path.write_bytes(path.read_bytes()[:-1])
    pool = Pool(folder)
    assert digest(CONTENTS[-1]) not in pool
    assert [one.digest for one in pool.damages()] == [digest(CONTENTS[-1])]
    fill(pool, blobs, CONTENTS[-1])
    pool.sync()
    assert (folder / "00000002.pack").exists()
    assert [read(Pool(folder), one) for one in CONTENTS] == CONTENTS
    path.unlink()
    assert len(Pool(folder)) == 1


def test_a_sweep_gives_up_what_is_not_needed(tmp_path, blobs):
    folder = tmp_path / "pool"
    pool = Pool(folder, roll=1_000)
    fill(pool, blobs, *CONTENTS)
    pool.sync()
    size = sum(path.stat().st_size for path in folder.glob("*.pack"))
    needed = {digest(one) for one in CONTENTS[::3]}
    freed = pool.sweep(needed)
    left = Pool(folder)
    assert {digest(one) for one in CONTENTS if digest(one) in left} >= needed
    assert [read(left, one) for one in CONTENTS[::3]] == CONTENTS[::3]
    assert freed == size - sum(path.stat().st_size for path in folder.glob("*.pack"))
    assert left.sweep(needed) == 0
    assert left.sweep(set()) > 0
    assert list(folder.iterdir()) == []


def test_a_sweep_keeps_a_pack_that_it_cannot_copy(tmp_path, blobs):
    folder = tmp_path / "pool"
    pool = Pool(folder)
    fill(pool, blobs, *CONTENTS)
    pool.sync()
    path = folder / "00000001.pack"
    data = bytearray(path.read_bytes())
    data[20 + RECORD_SIZE] ^= 1  # of the first message
    path.write_bytes(data)
    pool = Pool(folder)
    pool.sweep({digest(CONTENTS[0]), digest(CONTENTS[1])})
    assert path.exists()
    assert read(Pool(folder), CONTENTS[1]) == CONTENTS[1]


class Full(FileSystem):
    """A disk that is full after so many octets."""

    def __init__(self, room: int) -> None:
        self.room = room

    def write(self, fd: int, data: bytes, at: int) -> None:
        self.room -= len(data)
        if self.room < 0:
            raise DiskFull
        super().write(fd, data, at)


@pytest.mark.parametrize("room", range(0, 1_200, 150))
def test_a_full_disk_harms_nothing_that_was_there(tmp_path, blobs, room):
    folder = tmp_path / "pool"
    pool = Pool(folder)
    fill(pool, blobs, *CONTENTS[:3])
    pool.sync()
    pool = Pool(folder, Full(room))
    try:
        fill(pool, blobs, *CONTENTS[3:6])
        pool.sync()
    except DiskFull:
        pool.close()
    again = Pool(folder)
    assert [read(again, one) for one in CONTENTS[:3]] == CONTENTS[:3]
    fill(again, blobs, *[one for one in CONTENTS if digest(one) not in again])
    again.sync()
    assert [read(Pool(folder), one) for one in CONTENTS] == CONTENTS
    assert list(Pool(folder).damages()) == []


class Unsynced(FileSystem):
    """A disk on which a sync fails once."""

    failing = True

    def sync(self, fd: int) -> None:
        if self.failing:
            self.failing = False
            raise DiskFull
        super().sync(fd)


def test_what_a_failed_sync_may_have_lost_is_not_taken_over(tmp_path, blobs):
    folder = tmp_path / "pool"
    pool = Pool(folder)
    fill(pool, blobs, CONTENTS[0])
    pool.sync()
    pool = Pool(folder, Unsynced())
    fill(pool, blobs, CONTENTS[1])
    with pytest.raises(DiskFull):
        pool.sync()
    again = Pool(folder)
    fill(again, blobs, CONTENTS[2])
    assert digest(CONTENTS[1]) not in again


@pytest.mark.parametrize("torn", [b"", b"IMRC" + b"\1" * 99])
def test_a_pack_without_its_list_keeps_all_when_a_sync_fails(tmp_path, blobs, torn):
    folder = tmp_path / "pool"
    pool = Pool(folder)
    fill(pool, blobs, *CONTENTS[:3])
    pool.sync()
    (folder / "00000001.list").write_bytes(b"IMPL")
    with (folder / "00000001.pack").open("ab") as pack:
        pack.write(torn)
    pool = Pool(folder, Unsynced())
    assert pool.bad_lists() == ["00000001.list"]
    before = (folder / "00000001.pack").read_bytes()
    fill(pool, blobs, CONTENTS[3])
    with pytest.raises(DiskFull):
        pool.sync()
    assert (folder / "00000001.pack").read_bytes() == before
    again = Pool(folder)
    assert [read(again, one) for one in CONTENTS[:3]] == CONTENTS[:3]
    again.sync()
    assert Pool(folder).bad_lists() == []
    again = Pool(folder)
    fill(again, blobs, CONTENTS[3])
    again.sync()
    assert (folder / "00000001.pack").read_bytes() == before
    assert [read(Pool(folder), one) for one in CONTENTS[:4]] == CONTENTS[:4]
    assert list(Pool(folder).damages()) == []


def test_damage_of_a_record_and_its_list_costs_no_other_octet(tmp_path, blobs):
    """What a walk does not come to is still there for who looks for it."""
    folder = tmp_path / "pool"
    pool = Pool(folder)
    fill(pool, blobs, *CONTENTS[:3])
    pool.sync()
    (folder / "00000001.list").unlink()
    path = folder / "00000001.pack"
    data = bytearray(path.read_bytes())
    data[20] ^= 1
    path.write_bytes(data)
    for content in CONTENTS:
        pool = Pool(folder)
        if digest(content) not in pool:
            fill(pool, blobs, content)
        pool.sync()
        assert path.read_bytes().startswith(data)
    assert [read(Pool(folder), one) for one in CONTENTS] == CONTENTS
