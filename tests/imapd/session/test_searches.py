"""A search as its session sees it: gone clients, too much work."""

from __future__ import annotations

import pytest

from imapd.session.limits import Limits
from mailstore import found
from mailstore.search import texts
from mailstore.service import indexing
from tests.support.session import World


def test_a_client_that_leaves_ends_its_search(tmp_path, monkeypatch):
    world = World(tmp_path)
    world.deliver(*[b"Subject: %d\r\n\r\nbody" % n for n in range(3)])
    session = world.session(mailbox=b"INBOX")
    (account,) = world.store._accounts.values()
    opened = []
    start, read = world.runtime.start, account.blobs.octets

    def leave_first(pool, work):
        session.drop()
        start(pool, work)

    def note(ref):
        opened.append(ref)
        return read(ref)

    with monkeypatch.context() as patch:
        patch.setattr(world.runtime, "start", leave_first)
        patch.setattr(account.blobs, "octets", note)
        session.connection.receive(b"a SEARCH OR BODY x BODY y\r\n")
    assert opened == []
    assert world.session(mailbox=b"INBOX").ok(b"SEARCH BODY body").untagged
    world.close()


def test_a_search_that_takes_too_long_is_refused(tmp_path, monkeypatch):
    world = World(tmp_path, limits=Limits(search_seconds=1))
    world.deliver(b"Subject: a\r\n\r\nbody")
    session = world.session(mailbox=b"INBOX")
    world.runtime.advance(2)  # it is in the index
    times = iter(range(0, 1000, 2))
    monkeypatch.setattr("mailstore.search.watch.time.thread_time", lambda: next(times))
    session.no(b"SEARCH BODY body", "LIMIT")
    world.close()


@pytest.fixture
def imported(tmp_path, monkeypatch):
    """A large import: to read the messages takes longer than a search may take."""
    world = World(tmp_path, limits=Limits(search_seconds=30))
    world.deliver(*[b"Subject: %d\r\n\r\nbody" % n for n in range(40)])
    session = world.session(mailbox=b"INBOX")
    watch = [0.0]

    def read(test, message):
        watch[0] += 1.0
        return real(test, message)

    real = texts.TextTest.__call__
    monkeypatch.setattr(texts.TextTest, "__call__", read)
    monkeypatch.setattr("mailstore.search.watch.time.thread_time", lambda: watch[0])
    yield world, session
    world.close()


def test_a_search_that_is_slow_without_the_index_waits_for_it(imported):
    world, session = imported
    assert session.feed(b"a SEARCH BODY body\r\n") == []
    assert session.feed(b"b NOOP\r\n") == []
    world.runtime.advance(4)
    session.read()
    assert b"* SEARCH 1 2 3" in session.raw
    assert session.raw.endswith(b"a OK SEARCH completed\r\nb OK NOOP completed\r\n")


def test_nobody_waits_for_an_index_that_nobody_fills(imported, monkeypatch):
    world, session = imported
    monkeypatch.setattr(indexing.Indexing, "fill", lambda _: None)
    assert session.feed(b"a SEARCH BODY body\r\n") == []
    world.runtime.advance(50)
    assert b" NO " not in session.raw
    world.runtime.advance(20)
    session.read()
    assert b"a NO [LIMIT]" in session.raw


def test_a_client_that_leaves_ends_the_waiting_too(imported, monkeypatch):
    world, session = imported
    monkeypatch.setattr(indexing.Indexing, "fill", lambda _: None)
    assert session.feed(b"a SEARCH BODY body\r\n") == []
    session.drop()
    world.runtime.advance(3)
    (account,) = world.store._accounts.values()
    assert not account.searching.turns._busy
    assert session.raw.endswith(b"* SEARCH\r\na OK SEARCH completed\r\n")  # to nobody


@pytest.fixture
def told(tmp_path):
    """A session, and how many lists of UIDs were made for its searches."""
    world = World(tmp_path)
    world.deliver(*[b"Subject: %d\r\n\r\nbody" % n for n in range(120)])
    session = world.session(mailbox=b"INBOX")
    session.ok(b"STORE 3:11,50:99 +FLAGS.SILENT (\\Seen)")
    lists = []

    def chosen(column, plane):
        lists.append(len(column))
        return real(column, plane)

    real = found.chosen
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(found, "chosen", chosen)
        yield world, session, lists
    world.close()


SEEN = [*range(3, 12), *range(50, 100)]


def numbers(answer) -> list[int]:
    (line,) = [one for one in answer.raw.split(b"\r\n") if one.startswith(b"* SEARCH")]
    return list(map(int, line.split()[2:]))


def test_many_numbers_are_told_without_a_list_of_them(told):
    """Where no UID is missing, and by number anywhere: as many as come and go."""
    _, session, lists = told
    assert numbers(session.ok(b"SEARCH SEEN")) == SEEN
    assert numbers(session.ok(b"UID SEARCH SEEN")) == SEEN
    assert b"COUNT 59" in session.ok(b"SEARCH RETURN (COUNT) SEEN").raw
    assert lists == []
    session.ok(b"STORE 20,60 +FLAGS.SILENT (\\Deleted)")
    session.ok(b"EXPUNGE")
    lists.clear()
    left = [uid for uid in SEEN if uid != 60]
    after = [uid - (uid > 20) - (uid > 60) for uid in left]
    assert numbers(session.ok(b"SEARCH SEEN")) == after
    assert lists == []
    assert numbers(session.ok(b"UID SEARCH SEEN")) == left


def test_a_view_that_is_behind_has_numbers_of_its_own(told):
    world, session, _ = told
    other = world.session(mailbox=b"INBOX")
    other.ok(b"STORE 20,60 +FLAGS.SILENT (\\Deleted)")
    other.ok(b"EXPUNGE")
    world.deliver(b"Subject: new\r\n\r\nbody")
    other.ok(b"NOOP")
    other.ok(b"STORE 119 +FLAGS.SILENT (\\Seen)")
    # RFC 3501 §7.4.1: no removal is told during SEARCH, and no message before EXISTS.
    left = [uid for uid in SEEN if uid != 60]
    assert numbers(session.ok(b"SEARCH SEEN")) == left
    session.ok(b"NOOP")
    after = [uid - (uid > 20) - (uid > 60) for uid in left]
    assert numbers(session.ok(b"SEARCH SEEN")) == [*after, 119]
