"""What a client hears when the disk fails or the store is damaged; it goes on."""

from __future__ import annotations

import errno
import os

import apsw
import pytest

from mailstore.index import database as index
from mailstore.maintenance.check import check
from tests.crash.disk import DiskFiles, recorded
from tests.support.responses import Fetch, SearchResult
from tests.support.session import World

SMALL = b"Subject: a\r\n\r\nfirst words\r\n"
LARGE = b"Subject: b\r\n\r\n" + b"second words\r\n" * 90_000
WRITES = frozenset(
    {"write", "sync", "create", "rename", "truncate", "make_folder", "sync_folder"}
)
COMMANDS = (
    b"APPEND INBOX {%d+}\r\n%b" % (len(SMALL), SMALL),
    b"APPEND INBOX {%d+}\r\n%b" % (len(LARGE), LARGE),
    b"APPEND INBOX {3+}\r\na:  {3+}\r\nb: ",
    b"APPEND INBOX CATENATE (TEXT {3+}\r\nc: )",
    b"UID REPLACE 1 INBOX {3+}\r\nd: ",
    b"UID STORE 1:* +FLAGS (\\Answered)",
    b"UID STORE 1:* -FLAGS ($Other)",
    b"UID COPY 1:2 Archive",
    b"UID MOVE 2 Archive",
    b"CREATE new",
    b"RENAME Trash bin",
    b"DELETE Junk",
    b"SUBSCRIBE Sent",
    b"UNSUBSCRIBE Drafts",
    b'SETMETADATA INBOX (/private/comment "x")',
    b"RESETKEY",
    b"UID FETCH 1 BODY[]",
    b"EXPUNGE",
)


@pytest.fixture
def disk(tmp_path):
    with recorded(tmp_path / "store") as made:
        yield made


@pytest.fixture
def world(disk):
    made = World(disk.root, "ann", "ben", files=DiskFiles(disk))
    made.deliver(SMALL, LARGE, SMALL)
    yield made
    disk.fault = lambda *_: None
    made.close()
    assert check(disk.root).whole


def breaking(calls, number):
    def fault(what, role):
        if what in calls:
            raise OSError(number, f"{os.strerror(number)} ({what} of {role})")

    return fault


@pytest.mark.parametrize(
    ("calls", "number"),
    [
        (WRITES, errno.EIO),
        (WRITES, errno.ENOSPC),
        (WRITES, errno.EROFS),
        (frozenset({"sync", "sync_folder"}), errno.EIO),
        (frozenset({"open", "create"}), errno.EMFILE),
    ],
    ids=["EIO", "ENOSPC", "EROFS", "sync", "EMFILE"],
)
def test_every_command_tells_of_a_disk_that_does_not_write(world, disk, calls, number):
    ann = world.session("ann", b"INBOX")
    refused = 0
    for command in COMMANDS:
        disk.fault = breaking(calls, number)
        answer = ann.run(command)
        if answer.status.kind == "OK":
            continue  # needs nothing that fails; what was loose may have been enough
        assert answer.status.kind == "NO", (command[:30], answer.status)
        assert answer.code == "UNAVAILABLE", (command[:30], answer.status)
        refused += 1
        rows = ann.ok(b"FETCH 1:* (UID FLAGS RFC822.SIZE)").of(Fetch)
        assert len(rows) >= 3
        if "open" not in calls:
            ann.ok(b"UID FETCH 3 BODY.PEEK[]")
        ann.ok(b"NOOP")
        disk.fault = lambda *_: None
        ann.ok(command)
    assert refused > (0 if number == errno.EMFILE else 12)


def test_a_disk_that_does_not_read_ends_no_session(world, disk):
    world.close()
    again = World(disk.root, "ann", "ben", files=DiskFiles(disk))
    ann, ben = again.session("ann"), again.session("ben")
    disk.fault = breaking(frozenset({"read"}), errno.EIO)
    answer = ann.run(b"SELECT INBOX")
    assert (answer.status.kind, answer.code) == ("NO", "UNAVAILABLE")
    disk.fault = lambda *_: None
    ann.ok(b"SELECT INBOX")
    ben.ok(b"SELECT INBOX")
    again.close()


def index_of(world, name="ann"):
    return world.store.folder(world.store.directory.find(name).id) / "index.db"


def account_of(world, name="ann"):
    return world.store._accounts[world.store.directory.find(name).id]


def test_another_program_that_holds_the_index_makes_it_busy(world, monkeypatch):
    monkeypatch.setattr(index, "_BUSY_MS", 1)
    ann = world.session("ann", b"INBOX")
    ann.ok(b"STORE 1 +FLAGS (\\Seen)")
    account_of(world).lane._reopen()
    other = apsw.Connection(str(index_of(world)))
    other.execute("BEGIN IMMEDIATE")
    for command in (b"STORE 1 +FLAGS ($x)", b"CREATE new", b"COPY 1 Archive"):
        answer = ann.run(command)
        assert (answer.status.kind, answer.code) == ("NO", "INUSE")
    ann.ok(b"FETCH 1:* FLAGS")
    other.execute("ROLLBACK")
    other.close()
    for command in (b"STORE 1 +FLAGS ($x)", b"CREATE new", b"COPY 1 Archive"):
        ann.ok(command)


def test_a_damaged_page_hurts_nobody_else(tmp_path):
    world = World(tmp_path, "ann", "ben")
    for _ in range(30):
        world.deliver(*[SMALL] * 10)
    world.deliver(SMALL, name="ben")
    path = index_of(world)
    world.close()
    pages = bytearray(path.read_bytes())
    for at in range(4_096, len(pages), 4_096):
        pages[at : at + 100] = b"\xff" * 100
    path.write_bytes(pages)
    world = World(tmp_path, "ann", "ben")
    ann = world.connect()
    answer = ann.run(b'LOGIN ann "open sesame"')
    if answer.status.kind == "OK":
        answer = ann.run(b"SELECT INBOX")
    assert (answer.status.kind, answer.code) == ("NO", "CORRUPTION")
    ann.ok(b"NOOP")
    ben = world.session("ben", b"INBOX")
    ben.ok(b"FETCH 1 BODY[]")
    world.close()
    assert not check(tmp_path).whole


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: os.truncate(path, path.stat().st_size - 30),
        lambda path: path.unlink(),
        lambda path: os.truncate(path, 0),
    ],
    ids=["cut", "gone", "empty"],
)
@pytest.mark.parametrize("which", ["*.pack", "large/*/*"])
def test_a_damaged_message_is_told_and_the_others_are_served(tmp_path, damage, which):
    world = World(tmp_path)
    world.deliver(SMALL, LARGE)
    blobs = index_of(world).parent / "blobs"
    world.close()
    (path,) = blobs.glob(which)
    damage(path)
    world = World(tmp_path)
    ann = world.session("ann", b"INBOX")
    bad, good = (b"1", b"2") if which == "*.pack" else (b"2", b"1")
    answer = ann.run(b"UID FETCH %b BODY.PEEK[]" % bad)
    assert answer.status.kind == "NO"
    assert answer.code in ("CORRUPTION", "NONEXISTENT", "UNAVAILABLE")
    assert len(ann.ok(b"UID FETCH 1:* (FLAGS ENVELOPE)").of(Fetch)) == 2
    assert len(ann.ok(b"UID FETCH %b BODY.PEEK[]" % good).of(Fetch)) == 1
    ann.ok(b"UID MOVE %b Trash" % bad)
    ann.ok(b"APPEND INBOX {%d+}\r\n%b" % (len(SMALL), SMALL))
    world.close()


def test_a_text_index_that_is_destroyed_is_made_again(tmp_path):
    world = World(tmp_path)
    world.deliver(SMALL, LARGE)
    ann = world.session("ann", b"INBOX")
    path = index_of(world).with_name("text.db")
    account = account_of(world)
    account.indexing.fill()
    wanted = [SearchResult((1,))]
    assert ann.ok(b'SEARCH BODY "first"').of(SearchResult) == wanted
    world.close()
    for content in (b"", b"junk " * 5_000, path.read_bytes()[:5_000]):
        path.write_bytes(content)
        world = World(tmp_path)
        ann = world.session("ann", b"INBOX")
        assert ann.ok(b'SEARCH BODY "first"').of(SearchResult) == wanted
        world.runtime.advance(10)
        assert ann.ok(b'SEARCH BODY "first"').of(SearchResult) == wanted
        world.close()
        assert check(tmp_path).whole


def test_a_clock_that_goes_back_gives_no_number_twice(tmp_path):
    world = World(tmp_path)
    (first,) = world.deliver(SMALL)
    ann = world.session("ann", b"INBOX")
    ann.ok(b"CREATE box")
    before = ann.ok(b"STATUS box (UIDVALIDITY)").raw
    ann.ok(b"STORE 1 +FLAGS (\\Deleted)")
    ann.ok(b"EXPUNGE")
    world.runtime.time -= 400 * 86_400
    ann.ok(b"DELETE box")
    ann.ok(b"CREATE box")
    after = ann.ok(b"STATUS box (UIDVALIDITY)").raw
    assert _number(after) > _number(before)
    (second,) = world.deliver(SMALL)
    assert second > first
    ann.ok(b"UID FETCH 1:* (FLAGS MODSEQ SAVEDATE)")
    world.close()
    again = World(tmp_path)
    again.runtime.time -= 800 * 86_400
    ann = again.session("ann", b"INBOX")
    assert len(ann.ok(b"UID FETCH 1:* FLAGS").of(Fetch)) == 1
    again.close()
    assert check(tmp_path).whole


def _number(raw):
    return int(raw.partition(b"UIDVALIDITY ")[2].partition(b")")[0])
