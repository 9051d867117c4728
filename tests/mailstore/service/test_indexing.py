"""When the text index is filled: after arrivals, searches, purges; never in the way."""

from __future__ import annotations

import pytest

from mailstore.lanes import Pool
from mailstore.locking import held_alone
from mailstore.query import BodyContains
from mailstore.search import indexer
from mailstore.service import filling, indexing
from mailstore.service.indexing import Indexing
from mailstore.service.searching import Turns
from tests.support.session import World
from tests.support.stepping import SteppingRuntime

MAIL = [b"Subject: %d\r\n\r\nfish %d\r\n" % (n, n) for n in range(5)]


@pytest.fixture
def world(tmp_path):
    made = World(tmp_path)
    yield made
    made.close()


def watermark(world: World) -> int:
    (account,) = world.store._accounts.values()
    with (
        account.readers.take() as index,
        account.indexing.reading(index) as text,
    ):
        return 0 if text is None else text.progress()[0]


def worked(world: World) -> int:
    return world.runtime.pools.count(Pool.INDEX)


def test_what_arrives_together_is_taken_in_together(world):
    for data in MAIL:
        world.deliver(data)
    assert worked(world) == 0
    world.runtime.advance(0.9)
    assert watermark(world) == 0
    world.runtime.advance(0.5)
    assert watermark(world) == 5
    assert worked(world) == 2  # the messages, then a look whether there are more
    world.runtime.advance(600)
    assert worked(world) == 2


def test_much_is_taken_in_by_pieces(world, monkeypatch):
    monkeypatch.setattr(indexer, "BATCH", 2)
    world.deliver(*MAIL)
    world.runtime.advance(1.1)
    assert watermark(world) == 5
    assert worked(world) == 4


def test_a_search_of_what_is_missing_has_it_taken_in(world):
    world.deliver(*MAIL)
    session = world.session(mailbox=b"INBOX")
    world.runtime.advance(2)
    (account,) = world.store._accounts.values()
    for path in account._folder.glob("text.db*"):
        path.unlink()
    before = worked(world)
    session.ok(b"SEARCH BODY fish")
    assert worked(world) == before
    world.runtime.advance(0.1)
    assert watermark(world) == 5
    before = worked(world)
    session.ok(b"SEARCH BODY fish")
    world.runtime.advance(10)
    assert worked(world) == before


def test_an_account_catches_up_when_it_is_opened(tmp_path):
    world = World(tmp_path)
    world.deliver(*MAIL)
    world.close()
    again = World(tmp_path)
    again.session()
    again.runtime.advance(2)
    assert watermark(again) == 5
    again.close()


def test_another_process_is_waited_for(world):
    world.deliver(*MAIL)
    (account,) = world.store._accounts.values()
    with held_alone(account._folder / "text.lock") as alone:
        assert alone
        world.runtime.advance(2)
        assert watermark(world) == 0
    world.runtime.advance(indexing._ELSEWHERE)
    assert watermark(world) == 5


def test_a_damaged_index_is_made_again_beside_searches(world):
    world.deliver(*MAIL)
    world.runtime.advance(2)
    (account,) = world.store._accounts.values()
    (path,) = account._folder.glob("text.db")
    account.indexing._spare.clear()
    path.write_bytes(b"nonsense" * 9_000)
    session = world.session(mailbox=b"INBOX")
    assert b"* SEARCH 1 2 3 4 5" in session.ok(b"SEARCH BODY fish").raw
    world.runtime.advance(2)
    assert watermark(world) == 5
    assert b"* SEARCH 1 2 3 4 5" in session.ok(b"SEARCH BODY fish").raw


def test_a_full_disk_stops_it_until_the_next_arrival(world, monkeypatch):
    world.deliver(*MAIL)

    def fail(*_):
        from mailstore.errors import Unavailable

        raise Unavailable("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(filling, "step", fail)
        world.runtime.advance(60)
        assert worked(world) == 1
    world.deliver(MAIL[0])
    world.runtime.advance(2)
    assert watermark(world) == 6


def test_closing_ends_it_in_the_middle(world, monkeypatch):
    world.deliver(*MAIL)
    (account,) = world.store._accounts.values()
    calls = []

    def pause(self: Indexing) -> None:
        calls.append(1)
        self._closed = True
        original(self)

    original = Indexing._pause
    monkeypatch.setattr(Indexing, "_pause", pause)
    world.runtime.advance(2)
    assert calls == [1]
    assert watermark(world) == 0
    account.indexing._closed = False
    monkeypatch.setattr(Indexing, "_pause", original)
    account.indexing.wanted()
    world.runtime.advance(2)
    assert watermark(world) == 5


def test_search_by_a_mailbox_of_the_store(world):
    world.deliver(*MAIL)

    async def search():
        (account,) = world.store._accounts.values()
        mailbox = await account.open("INBOX")
        return list(await mailbox.search(BodyContains("fish 3")))

    assert world.runtime.run(search()) == [4]
    world.runtime.advance(2)
    assert world.runtime.run(search()) == [4]


# -- turns of searches


def test_one_search_of_an_account_runs_at_a_time():
    runtime = SteppingRuntime()
    turns, order = Turns(runtime), []
    gates = [runtime.future() for _ in range(3)]

    async def work(number: int) -> None:
        async with turns:
            order.append(f"begins {number}")
            await gates[number]
            order.append(f"ends {number}")
            if number == 0:
                raise ValueError("a search fails")

    async def shielded() -> None:
        with pytest.raises(ValueError, match="a search fails"):
            await work(0)

    runtime.spawn(shielded())
    runtime.spawn(work(1))
    runtime.spawn(work(2))
    assert order == ["begins 0"]
    for gate in gates:
        gate.succeed(None)
    assert order == [f"{what} {n}" for n in range(3) for what in ("begins", "ends")]
    runtime.run(work(2))
    assert order[-1] == "ends 2"
