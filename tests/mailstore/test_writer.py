"""The lane: groups, savepoints, the order of durability, faults, unclean boots."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from mailstore import writer as module
from mailstore.blobs import open_blobs
from mailstore.boot import boot_id
from mailstore.errors import Busy, NotFound, Unavailable
from mailstore.index import mailboxes, upkeep
from mailstore.index.database import Database
from mailstore.index.records import Delta
from mailstore.lanes import InlineRuntime
from mailstore.model import InternalDate, MailboxId
from mailstore.writer import Lane, Outcome
from tests.mailstore.index.records import add, new_index, state_of


class Patient(InlineRuntime):
    """Keeps work until a test lets it run."""

    def __init__(self) -> None:
        self.waiting: list[Callable[[], None]] = []
        self.timers: list[tuple[float, Callable[[], None]]] = []

    def start(self, pool, work):
        self.waiting.append(work)

    def later(self, seconds, call):
        self.timers.append((seconds, call))
        return super().later(seconds, call)

    def go(self):
        while self.waiting:
            self.waiting.pop(0)()


class Bench:
    def __init__(self, folder):
        self.folder = folder
        self.runtime = Patient()
        new_index(folder).close()
        database = Database.open(folder / "index.db")
        self.blobs = open_blobs(folder / "blobs", "packs")
        self.delivered: list[Any] = []
        self.statements: list[str] = []
        database.connection.set_exec_trace(self._trace)
        self.lane = Lane(database, self.blobs, self.runtime, self.delivered.append)

    @property
    def database(self):
        """The lane's connection; after a fault it is another one."""
        return self.lane._database

    def _trace(self, _, sql, __):
        self.statements.append(sql)
        return True

    def close(self):
        self.lane.close()
        self.blobs.close()


@pytest.fixture
def bench(tmp_path):
    made = Bench(tmp_path)
    yield made
    made.close()


def subscribe(name):
    def work(database):
        mailboxes.subscribe(database, name)
        return Outcome(name)

    return work


def failing(database):
    mailboxes.subscribe(database, "undone")
    raise NotFound


def names(bench):
    return mailboxes.subscriptions(bench.database)


def result(future):
    return InlineRuntime().run(_await(future))


async def _await(future):
    return await future


def test_what_waits_is_one_transaction(bench):
    futures = [bench.lane.write(subscribe(f"n{n}")) for n in range(5)]
    assert len(bench.runtime.waiting) == 1
    assert not futures[0].done()
    bench.runtime.go()
    assert [result(future) for future in futures] == ["n0", "n1", "n2", "n3", "n4"]
    assert sum(sql == "COMMIT" for sql in bench.statements) == 1
    assert len(bench.delivered) == 1


def test_one_that_fails_takes_nobody_along(bench):
    good, bad, also = (
        bench.lane.write(work) for work in (subscribe("a"), failing, subscribe("b"))
    )
    bench.runtime.go()
    assert result(good) == "a"
    assert result(also) == "b"
    with pytest.raises(NotFound):
        result(bad)
    assert {"a", "b"} <= names(bench)
    assert "undone" not in names(bench)


def test_one_alone_that_fails_undoes_itself(bench):
    bad = bench.lane.write(failing)
    bench.runtime.go()
    with pytest.raises(NotFound):
        result(bad)
    assert "undone" not in names(bench)
    good = bench.lane.write(subscribe("after"))
    bench.runtime.go()
    assert result(good) == "after"


def test_a_defect_reaches_its_caller_alone(bench):
    def defect(_):
        raise ZeroDivisionError

    bad, good = bench.lane.write(defect), bench.lane.write(subscribe("x"))
    bench.runtime.go()
    with pytest.raises(ZeroDivisionError):
        result(bad)
    assert result(good) == "x"


def test_a_failed_commit_fails_all_and_the_lane_goes_on(bench, monkeypatch):
    futures = [bench.lane.write(subscribe(f"n{n}")) for n in range(2)]
    execute = Database.execute

    def fail(self, sql, values=()):
        if sql == "COMMIT":
            raise Unavailable("the disk is full")
        execute(self, sql, values)

    with monkeypatch.context() as patch:
        patch.setattr(Database, "execute", fail)
        bench.runtime.go()
    for future in futures:
        with pytest.raises(Unavailable):
            result(future)
    assert not bench.delivered
    assert not {"n0", "n1"} & names(bench)
    after = bench.lane.write(subscribe("after"))
    bench.runtime.go()
    assert result(after) == "after"


def test_another_writer_makes_it_busy(bench):
    other = Database.open(bench.folder / "index.db")
    bench.database.connection.set_busy_timeout(0)
    future = bench.lane.write(subscribe("x"))
    with other.transaction():
        bench.runtime.go()
    with pytest.raises(Busy):
        result(future)
    other.close()


def test_memory_hears_before_the_caller(bench):
    heard: list[bool] = []
    future: Any = None
    bench.lane._deliver = lambda _: heard.append(future.done())
    future = bench.lane.write(lambda _: Outcome(1, (Delta(MailboxId(1), 1, 2),)))
    bench.runtime.go()
    assert heard == [False]
    assert future.done()
    assert not bench.lane.committing


def test_bytes_are_synced_before_rows(bench, monkeypatch):
    order = []
    monkeypatch.setattr(bench.blobs, "sync", lambda: order.append("sync"))

    class Adds:
        durable = True
        bounded = False

        def prepare(self, blobs):
            order.append("prepare")
            return True

        def look(self):
            pass

        def run(self, database):
            order.append("run")
            return Outcome(None)

    for _ in range(2):
        bench.lane.submit(Adds())
    bench.runtime.go()
    assert order == ["prepare", "prepare", "sync", "run", "run"]


def test_unsynced_bytes_get_no_row(bench, monkeypatch):
    def fail():
        raise Unavailable

    class Adds:
        durable = True
        bounded = False

        def prepare(self, blobs):
            return True

        def look(self):
            pass

        def run(self, database):
            raise AssertionError("a row for bytes that may be lost")

    monkeypatch.setattr(bench.blobs, "sync", fail)
    future, other = bench.lane.submit(Adds()), bench.lane.write(subscribe("x"))
    bench.runtime.go()
    with pytest.raises(Unavailable):
        result(future)
    assert result(other) == "x"


# -- loose commits


def settings(bench):
    return [sql for sql in bench.statements if "synchronous" in sql]


def test_durable_commits_sync_and_loose_ones_do_not(bench):
    bench.lane.write(subscribe("a"))
    bench.runtime.go()
    assert settings(bench) == ["PRAGMA synchronous = FULL"]
    bench.lane.write(subscribe("b"), durable=False)
    bench.runtime.go()
    # The first one is announced, durably, before any can be lost.
    assert settings(bench) == ["PRAGMA synchronous = FULL"]
    assert upkeep.loose_boots(bench.database) == {boot_id()}
    bench.lane.write(subscribe("c"), durable=False)
    bench.runtime.go()
    assert settings(bench)[-1] == "PRAGMA synchronous = NORMAL"
    bench.lane.write(subscribe("d"), durable=False)
    bench.lane.write(subscribe("e"))
    bench.runtime.go()
    assert settings(bench)[-1] == "PRAGMA synchronous = FULL"


def test_loose_commits_are_synced_within_a_second(bench):
    for name in ("a", "b"):
        bench.lane.write(subscribe(name), durable=False)
        bench.runtime.go()
    ((seconds, call),) = bench.runtime.timers
    assert seconds <= 1
    call()
    bench.runtime.go()
    assert settings(bench)[-1] == "PRAGMA synchronous = FULL"
    assert len(bench.runtime.timers) == 1


def test_a_clean_end_leaves_no_mark(tmp_path):
    bench = Bench(tmp_path)
    bench.lane.write(subscribe("a"), durable=False)
    bench.runtime.go()
    bench.close()
    database = Database.open(tmp_path / "index.db")
    assert upkeep.loose_boots(database) == frozenset()
    database.close()


def test_after_an_unclean_boot_every_modseq_is_new(tmp_path):
    database = new_index(tmp_path)
    add(database)
    upkeep.mark_loose(database, "somebody", "an earlier boot")
    before = state_of(database).modseq
    blobs = open_blobs(tmp_path / "blobs", "packs")
    for _ in range(2):  # once is enough
        Lane(database, blobs, InlineRuntime(), lambda _: None).recover()
        assert state_of(database).modseq == before + 2**20
        assert upkeep.loose_boots(database) == frozenset()
    database.close()


def test_the_same_boot_lost_nothing(tmp_path):
    database = new_index(tmp_path)
    add(database)
    upkeep.mark_loose(database, "killed", boot_id())
    before = state_of(database).modseq
    Lane(
        database, open_blobs(tmp_path / "b", "packs"), InlineRuntime(), lambda _: None
    ).recover()
    assert state_of(database).modseq == before
    database.close()


def test_the_end_waits_for_what_runs(tmp_path):
    bench = Bench(tmp_path)
    begun, go_on = threading.Event(), threading.Event()

    def slow(database):
        begun.set()
        go_on.wait(30)
        return subscribe("slow")(database)

    bench.lane.write(slow)
    thread = threading.Thread(target=bench.runtime.go)
    thread.start()
    begun.wait(30)
    closing = threading.Thread(target=bench.lane.close)
    closing.start()
    go_on.set()
    thread.join()
    closing.join()
    with pytest.raises(Unavailable):
        result(bench.lane.write(subscribe("late")))
    database = Database.open(tmp_path / "index.db")
    assert "slow" in mailboxes.subscriptions(database)
    database.close()
    bench.blobs.close()


# -- at once


def mark(bench):
    bench.lane.write(subscribe("first"), durable=False)
    bench.runtime.go()


def test_a_small_change_is_done_at_once(bench):
    mark(bench)
    future = bench.lane.write(subscribe("small"), durable=False, small=True)
    assert result(future) == "small"
    assert not bench.runtime.waiting
    assert len(bench.delivered) == 2


def test_a_small_change_waits_for_the_transaction_of_a_group(bench):
    mark(bench)
    second = []

    def first(database):
        second.append(bench.lane.write(subscribe("b"), durable=False, small=True))
        assert not second[0].done()
        return subscribe("a")(database)

    done = bench.lane.write(first)
    bench.runtime.go()
    assert (result(done), result(second[0])) == ("a", "b")


class Mail:
    """Brings bytes, whose sync takes as long as a test likes."""

    durable = bounded = True

    def __init__(self, content: bytes = b"mail") -> None:
        self.content = content

    def prepare(self, blobs):
        self.ref = blobs.add(self.content, InternalDate(0))
        return True

    def look(self):
        pass

    def run(self, database):
        return subscribe("mail")(database)


def test_a_small_change_does_not_wait_while_mail_is_synced(bench, monkeypatch):
    mark(bench)
    sync, during = bench.blobs.sync, []

    def slow():
        during.append(bench.lane.write(subscribe("small"), durable=False, small=True))
        assert during[0].done()
        sync()

    monkeypatch.setattr(bench.blobs, "sync", slow)
    done = bench.lane.submit(Mail())
    bench.runtime.go()
    assert (result(done), result(during[0])) == ("mail", "small")
    assert {"mail", "small"} <= names(bench)


def test_a_group_waits_until_a_small_change_is_through(bench):
    mark(bench)
    begun, order = threading.Event(), []
    thread = threading.Thread(target=bench.runtime.go)

    def group(database):
        order.append("group")
        return subscribe("group")(database)

    def small(database):
        thread.start()
        while not bench.lane._wanted:
            begun.wait(0.001)
        order.append("small")
        return subscribe("small")(database)

    done = bench.lane.write(group)
    small_done = bench.lane.write(small, durable=False, small=True)
    thread.join()
    assert (result(done), result(small_done)) == ("group", "small")
    assert order == ["small", "group"]


def test_a_group_heals_what_a_small_change_has_broken(bench, monkeypatch):
    mark(bench)
    sync, healed = bench.blobs.sync, []
    heal = Lane._heal

    def noted(lane):
        healed.append(True)
        heal(lane)

    monkeypatch.setattr(Lane, "_heal", noted)

    def broken(database):
        raise Unavailable(detail="a sync failed")

    def slow():
        failed = bench.lane.write(broken, durable=False, small=True)
        with pytest.raises(Unavailable):
            result(failed)
        assert not healed
        sync()

    monkeypatch.setattr(bench.blobs, "sync", slow)
    done = bench.lane.submit(Mail())
    bench.runtime.go()
    assert result(done) == "mail"
    assert healed


def test_a_small_change_does_not_wait_for_another_process(bench):
    mark(bench)
    other = Database.open(bench.folder / "index.db")
    with other.transaction():
        future = bench.lane.write(subscribe("x"), durable=False, small=True)
        assert not future.done()
        assert len(bench.runtime.waiting) == 1
    bench.runtime.go()
    assert result(future) == "x"
    other.close()


def test_a_small_change_that_must_be_durable_goes_to_the_thread(bench):
    mark(bench)
    bench.lane.write(subscribe("x"), small=True)
    assert len(bench.runtime.waiting) == 1
    bench.runtime.go()


def test_a_small_change_that_fails_undoes_itself(bench):
    mark(bench)
    with pytest.raises(NotFound):
        result(bench.lane.write(failing, durable=False, small=True))
    assert "undone" not in names(bench)
    assert result(bench.lane.write(subscribe("y"), durable=False, small=True)) == "y"


def test_checkpoints_stay_on_the_thread(bench, monkeypatch):
    mark(bench)
    monkeypatch.setattr(module, "_CHECKPOINT_PAGES", 0)
    called: list[bool] = []
    monkeypatch.setattr(Database, "checkpoint", lambda _: called.append(True))
    bench.lane.write(subscribe("x"), durable=False, small=True)
    assert not called
    bench.runtime.go()
    assert called
