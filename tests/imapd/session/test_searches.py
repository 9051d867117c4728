"""A search as its session sees it: gone clients, too much work."""

from __future__ import annotations

from imapd.session.limits import Limits
from tests.support.session import World


def test_a_client_that_leaves_ends_its_search(tmp_path, monkeypatch):
    world = World(tmp_path)
    world.deliver(*[b"Subject: %d\r\n\r\nbody" % n for n in range(3)])
    session = world.session(mailbox=b"INBOX")
    (account,) = world.store._accounts.values()
    opened = []
    start, read = world.runtime.start, account.blobs.open

    def leave_first(pool, work):
        session.drop()
        start(pool, work)

    def note(ref):
        opened.append(ref)
        return read(ref)

    with monkeypatch.context() as patch:
        patch.setattr(world.runtime, "start", leave_first)
        patch.setattr(account.blobs, "open", note)
        session.connection.receive(b"a SEARCH OR BODY x BODY y\r\n")
    assert opened == []
    assert world.session(mailbox=b"INBOX").ok(b"SEARCH BODY body").untagged
    world.close()


def test_a_search_that_takes_too_long_is_refused(tmp_path, monkeypatch):
    world = World(tmp_path, limits=Limits(search_seconds=1))
    world.deliver(b"Subject: a\r\n\r\nbody")
    session = world.session(mailbox=b"INBOX")
    times = iter(range(0, 1000, 2))
    monkeypatch.setattr("mailstore.search.watch.time.thread_time", lambda: next(times))
    session.no(b"SEARCH BODY body", "LIMIT")
    world.close()
