"""The contract of the blob store, on each engine, and what faults do to it."""

from __future__ import annotations

import errno
import hashlib
import os

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from mailstore.blobs import FileSystem, Folders, open_blobs
from mailstore.blobs.filesystem import store_error
from mailstore.blobs.packs import Packs
from mailstore.blobs.segment import RECORD_SIZE, records
from mailstore.errors import Corrupt, NotFound, StoreError, Unavailable
from mailstore.model import InternalDate

DATE = InternalDate(1_700_000_000, 60)
BIG = b"x" * (2**20 + 1)


@pytest.fixture(params=["packs", "files"])
def engine(request):
    return request.param


@pytest.fixture
def blobs(tmp_path, engine):
    store = open_blobs(tmp_path / "blobs", engine)
    yield store
    store.close()


def add(blobs, *contents):
    stored = [blobs.add(content, DATE) for content in contents]
    blobs.sync()
    return [one.ref for one in stored]


def content(blobs, ref):
    with blobs.open(ref) as reader:
        return reader.pread(0, reader.size)


@pytest.mark.parametrize("data", [b"x", b"a\r\n" * 1000, b"\x00" * 10, BIG])
def test_what_was_added_is_read(blobs, data):
    stored = blobs.add(data, DATE)
    blobs.sync()
    assert stored.size == len(data)
    assert stored.digest == hashlib.sha256(data).digest()
    with blobs.open(stored.ref) as reader:
        assert reader.size == len(data)
        assert reader.pread(0, len(data)) == data
        assert reader.pread(len(data) // 2, 10**9) == data[len(data) // 2 :]
        assert reader.pread(len(data), 5) == b""
        assert reader.digest() == stored.digest
        reader.verify()
        with reader.buffer() as whole:
            assert bytes(whole) == data


def test_what_was_verified_is_read_from_where_it_is(tmp_path):
    blobs = open_blobs(tmp_path / "blobs", "packs")
    data = bytes(range(256)) * 100
    (ref, after) = add(blobs, data, b"after")
    known, whole = blobs.packs.verified(ref)
    assert whole == data
    for start, length in [(0, 0), (0, 9), (0, len(data)), (4_096, 5), (4_097, 5_000)]:
        found = blobs.packs.read(known, start, length)
        assert found is not None
        assert bytes(found) == data[start : start + length]
    assert blobs.packs.read(known, 1, len(data)) is None
    assert blobs.octets(ref) == data
    other, _ = blobs.packs.verified(after)
    for start in (0, 5_000):
        wrong = known._replace(mark=other.mark)
        assert blobs.packs.read(wrong, start, 5) is None
        assert blobs.packs.read(known._replace(number=7), start, 5) is None
    blobs.close()


def test_a_writer_takes_pieces(blobs):
    for pieces in ([b"ab", b"", b"c"], [b"y" * 700_000, b"z" * 700_000], []):
        writer = blobs.writer()
        for piece in pieces:
            writer.write(piece)
        writer.finish()
        data = b"".join(pieces)
        assert writer.size == len(data)
        with writer.buffer() as seen:
            assert bytes(seen) == data
        stored = blobs.add(writer, DATE)
        blobs.sync()
        assert content(blobs, stored.ref) == data
        writer.abort()
        assert content(blobs, stored.ref) == data


def test_a_writer_sees_nul_octets(blobs):
    writer = blobs.writer()
    writer.write(b"ab")
    assert not writer.has_nul
    writer.write(b"a\x00b")
    writer.write(b"c")
    assert writer.has_nul
    writer.abort()


def test_an_aborted_message_leaves_nothing(tmp_path, blobs):
    writer = blobs.writer(len(BIG))
    writer.write(BIG)
    writer.abort()
    writer.abort()
    writer.write(b"late")
    assert [p for p in (tmp_path / "blobs").rglob("*") if p.is_file()] == []


def test_another_engine_reads_it_too(tmp_path, engine):
    first = open_blobs(tmp_path, engine)
    (ref,) = add(first, b"kept")
    first.close()
    for other in ("packs", "files"):
        again = open_blobs(tmp_path, other)
        assert content(again, ref) == b"kept"
        again.close()


def test_unknown_references_are_not_found(blobs):
    for ref in (
        "",
        "x",
        "pack:1:0:1",
        "pack:9:8:70",
        "pack:../1:2:3",
        "pack:1:-1:2",
        "file:" + "0" * 32 + ":5",
        "large:../../etc/passwd:1",
    ):
        with pytest.raises((NotFound, Corrupt)):
            blobs.open(ref)


def test_entries_are_everything_that_was_synced(blobs):
    refs = add(blobs, b"one", b"two" * 100, BIG)
    assert {entry.ref: entry.size for entry in blobs.entries()} == dict(
        zip(refs, (3, 300, len(BIG)), strict=True)
    )


def test_a_rolled_back_message_is_gone(blobs):
    (kept,) = add(blobs, b"kept")
    lost = [blobs.add(data, DATE).ref for data in (b"lost", BIG)]
    blobs.rollback()
    assert [entry.ref for entry in blobs.entries()] == [kept]
    for ref in lost:
        with pytest.raises((NotFound, Corrupt)):
            content(blobs, ref)
    (after,) = add(blobs, b"after")
    assert content(blobs, after) == b"after"
    assert content(blobs, kept) == b"kept"


def test_files_are_private(tmp_path, blobs):
    add(blobs, b"x", BIG)
    for path in (tmp_path / "blobs").rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path


def test_a_link_in_place_of_a_file_is_not_followed(tmp_path):
    blobs = open_blobs(tmp_path, "files")
    (ref,) = add(blobs, b"x" * 5)
    name = ref.split(":")[1]
    path = tmp_path / "files" / name[:2] / name
    path.unlink()
    (tmp_path / "other").write_bytes(b"other")
    path.symlink_to(tmp_path / "other")
    with pytest.raises(NotFound):
        blobs.open(ref)
    blobs.close()


def test_deleted_files_are_gone_and_open_ones_stay_readable(tmp_path):
    blobs = open_blobs(tmp_path, "files")
    (ref,) = add(blobs, b"bytes")
    reader = blobs.open(ref)
    blobs.delete([ref])
    assert reader.pread(0, 5) == b"bytes"
    with pytest.raises(NotFound):
        blobs.open(ref)
    blobs.delete([ref])
    reader.close()
    with pytest.raises(ValueError, match="closed"):
        reader.pread(0, 1)
    blobs.close()


# -- segments


def test_segments_roll(tmp_path):
    packs = open_blobs(tmp_path, "packs")
    packs.packs._roll = 1000
    refs = add(packs, *[b"m%d" % n * 100 for n in range(10)])
    assert len(list(tmp_path.glob("*.pack"))) == 4
    assert [content(packs, ref) for ref in refs] == [
        b"m%d" % n * 100 for n in range(10)
    ]
    packs.close()


def test_each_writer_has_a_segment_of_its_own(tmp_path):
    first, second = (open_blobs(tmp_path, "packs") for _ in range(2))
    (a,), (b,) = add(first, b"a"), add(second, b"b")
    assert a.split(":")[1] != b.split(":")[1]
    assert content(first, b) + content(second, a) == b"ba"
    first.close()
    second.close()


def test_a_restart_never_writes_over_what_is_there(tmp_path):
    first = open_blobs(tmp_path, "packs")
    (a,) = add(first, b"first")
    first.add(b"unsynced", DATE)
    first.close()
    second = open_blobs(tmp_path, "packs")
    add(second, b"second")
    assert content(second, a) == b"first"
    second.close()


@given(cut=st.integers(0, 400), junk=st.binary(max_size=60))
@example(cut=179, junk=b"c")
def test_a_torn_tail_hides_nothing_in_front_of_it(tmp_path_factory, cut, junk):
    folder = tmp_path_factory.mktemp("torn")
    blobs = open_blobs(folder, "packs")
    refs = add(blobs, b"first", b"second" * 20)
    blobs.close()
    path = folder / "00000001.pack"
    whole = path.read_bytes()
    last = len(whole) - 120 - RECORD_SIZE
    torn = whole[: last + min(cut, len(whole) - last - 1)] + junk
    assume(not torn.startswith(whole))  # the junk is what was torn off
    path.write_bytes(torn)
    again = open_blobs(folder, "packs")
    assert refs[0] in {entry.ref for entry in again.entries()}
    assert content(again, refs[0]) == b"first"
    with pytest.raises(Corrupt), again.open(refs[1]) as reader:
        reader.verify()
    again.close()


def test_a_damaged_record_does_not_hide_the_next(tmp_path):
    blobs = open_blobs(tmp_path, "packs")
    refs = add(blobs, b"one" * 50, b"two" * 50, b"three" * 50)
    path = tmp_path / "00000001.pack"
    data = bytearray(path.read_bytes())
    _, _, start, _ = refs[1].split(":")
    data[int(start) + RECORD_SIZE + 10] ^= 1
    path.write_bytes(data)
    assert [entry.ref for entry in blobs.entries()] == [refs[0], refs[2]]
    with blobs.open(refs[1]) as reader, pytest.raises(Corrupt):
        reader.verify()
    blobs.close()


def test_a_reference_to_the_middle_of_a_record_is_refused(tmp_path):
    blobs = open_blobs(tmp_path, "packs")
    (ref,) = add(blobs, b"abc" * 100)
    _, number, start, length = ref.split(":")
    for at, size in ((int(start) + 1, length), (int(start), int(length) - 1)):
        with pytest.raises(Corrupt):
            blobs.open(f"pack:{number}:{at}:{size}")
        with pytest.raises(Corrupt):
            blobs.octets(f"pack:{number}:{at}:{size}")
    with pytest.raises(NotFound):
        blobs.octets("pack:7:8:100")
    assert blobs.octets("large:x") is None
    blobs.close()


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=8))
def test_records_are_their_own_inverse(tmp_path_factory, contents):
    folder = tmp_path_factory.mktemp("records")
    blobs = open_blobs(folder, "packs")
    add(blobs, *contents)
    with (folder / "00000001.pack").open("rb") as file:
        found = list(records(file.fileno()))
    assert [one.digest for one in found] == [
        hashlib.sha256(data).digest() for data in contents
    ]
    assert {one.date for one in found} == {DATE}
    blobs.close()


# -- compaction


def test_compaction_keeps_the_living(tmp_path):
    old = open_blobs(tmp_path, "packs")
    refs = add(old, *[b"%d" % n * 100 for n in range(10)])
    old.close()
    live = frozenset(refs[:3])
    packs = Packs(tmp_path, FileSystem(), Folders(FileSystem(), tmp_path))
    later = (tmp_path / "00000001.pack").stat().st_mtime + 1
    assert packs.compactable(live, 0.4, later - 100) == []
    assert packs.compactable(frozenset(refs[:7]), 0.4, later) == []
    assert packs.compactable(live, 0.4, later) == [1]
    moves = packs.copy_live(1, live)
    packs.sync()
    assert moves.keys() == live
    packs.drop(1)
    again = open_blobs(tmp_path, "packs")
    for number in range(3):
        assert content(again, moves[refs[number]]) == b"%d" % number * 100
    with pytest.raises(NotFound):
        again.open(refs[0])
    again.close()
    packs.close()


def test_a_segment_in_use_is_not_compacted(tmp_path):
    writing = open_blobs(tmp_path, "packs")
    (ref, *_) = add(writing, b"a", *[b"dead" * 100] * 5)
    other = Packs(tmp_path, FileSystem(), Folders(FileSystem(), tmp_path))
    later = (tmp_path / "00000001.pack").stat().st_mtime + 1
    assert other.compactable(frozenset({ref}), 0.4, later) == []
    writing.close()
    assert other.compactable(frozenset({ref}), 0.4, later) == [1]
    other.close()


def test_a_number_is_never_given_anew(tmp_path):
    """Another process may have a segment open that was removed.

    It would read what was in it, a message that is gone, in place of a new one.
    """
    writer, other = open_blobs(tmp_path, "packs"), open_blobs(tmp_path, "packs")
    old = add(writer, b"secret", b"more")
    known, _ = other.packs.verified(old[0])
    writer.close()
    writer = open_blobs(tmp_path, "packs")
    for _ in range(3):
        assert writer.packs.remove_dead(frozenset(), 2**40) <= 1
    assert writer.packs.remove_dead(frozenset(), 2**40) == 0, "nothing is left to go"
    assert [path.stat().st_size for path in tmp_path.glob("*.pack")] == [0]
    (new,) = add(writer, b"public")
    assert new not in old
    assert other.packs.verified(new)[1] == b"public"
    assert other.packs.read(known, 0, 6) == b"secret", "its own message still"
    assert writer.packs.remove_dead(frozenset([new]), 2**40) == 1
    for blobs in (writer, other):
        blobs.close()


def test_a_damaged_live_record_stops_compaction(tmp_path):
    old = open_blobs(tmp_path, "packs")
    (ref, *_) = add(old, b"abc" * 10, b"dead" * 100)
    old.close()
    path = tmp_path / "00000001.pack"
    data = bytearray(path.read_bytes())
    data[8 + RECORD_SIZE] ^= 1
    path.write_bytes(data)
    packs = Packs(tmp_path, FileSystem(), Folders(FileSystem(), tmp_path))
    with pytest.raises(Corrupt):
        packs.copy_live(1, frozenset({ref}))
    packs.close()


# -- faults


class Failing(FileSystem):
    """Fails the n-th call that changes the disk, once or from then on."""

    def __init__(self, at: int, number: int, *, forever: bool) -> None:
        self.left = at
        self._number = number
        self._forever = forever

    def _count(self) -> None:
        self.left -= 1
        if self.left == 0 or (self._forever and self.left < 0):
            raise store_error(OSError(self._number, os.strerror(self._number)))

    def make_folder(self, path):
        self._count()
        super().make_folder(path)

    def create(self, path):
        self._count()
        return super().create(path)

    def write(self, fd, data, at):
        self._count()
        super().write(fd, data[: len(data) // 2], at)  # a short write before it fails
        super().write(fd, data, at)

    def sync(self, fd):
        self._count()
        super().sync(fd)

    def sync_folder(self, path):
        self._count()
        super().sync_folder(path)

    def rename(self, source, target):
        self._count()
        super().rename(source, target)

    def truncate(self, fd, size):
        self._count()
        super().truncate(fd, size)


@pytest.mark.parametrize("forever", [False, True])
@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC])
def test_every_failing_call_tells_the_truth(tmp_path, engine, number, forever):
    """Sweeps n: the n-th call fails, until an operation passes without a fault."""
    for at in range(1, 60):
        folder = tmp_path / str(at)
        first = open_blobs(folder, engine)
        (kept,) = add(first, b"kept")
        first.close()
        files = Failing(at, number, forever=forever)
        blobs = open_blobs(folder, engine, files)
        blobs.packs._busy = 300
        durable = []
        told = set()
        for group in ([b"a", b"b" * 500], [BIG], [b"c"]):
            try:
                refs = [blobs.add(data, DATE).ref for data in group]
                blobs.sync()
            except Unavailable as error:
                told.add(error.text)
                blobs.rollback()
            else:
                durable += list(zip(refs, group, strict=True))
            blobs.widen()
        blobs.close()
        assert ("the disk is full" in told) is (bool(told) and number == errno.ENOSPC)
        again = open_blobs(folder, engine)
        assert content(again, kept) == b"kept"
        for ref, data in durable:
            assert content(again, ref) == data
        again.close()
        if files.left > 0:
            assert len(durable) == 4
            return
        if not forever:
            assert durable, "one fault must not end the service"
    raise AssertionError("the sweep did not end")


def test_after_a_failed_sync_the_segment_is_left_alone(tmp_path):
    files = Failing(10**6, errno.EIO, forever=False)
    blobs = open_blobs(tmp_path, "packs", files)
    (kept,) = add(blobs, b"kept")
    blobs.add(b"lost", DATE)
    files.left = 1
    with pytest.raises(StoreError):
        blobs.sync()
    (after,) = add(blobs, b"after")
    assert after.split(":")[1] != kept.split(":")[1]
    assert content(blobs, kept) + content(blobs, after) == b"keptafter"
    blobs.close()


def test_old_spool_files_are_removed(tmp_path):
    blobs = open_blobs(tmp_path, "packs")
    writer = blobs.writer(len(BIG))
    writer.write(BIG)
    assert blobs.remove_spooled(0) == 0
    assert blobs.remove_spooled(2**40) == 1
    writer.abort()
    blobs.close()


def test_an_old_message_that_is_about_to_be_named_is_not_removed(tmp_path):
    """Another process collects while a message of long ago is being stored."""
    blobs, others = (open_blobs(tmp_path, "packs") for _ in range(2))
    stored = blobs.add(BIG, InternalDate(1_000_000_000))
    assert others.remove_spooled(tmp_path.stat().st_ctime - 3_600) == 0
    blobs.sync()
    assert content(blobs, stored.ref) == BIG
    blobs.close()
    others.close()


def test_an_engine_has_to_exist(tmp_path):
    with pytest.raises(ValueError, match="no blob engine"):
        open_blobs(tmp_path, "tape")
