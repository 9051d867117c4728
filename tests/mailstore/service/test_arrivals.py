"""Messages that come: written first, looked at while they are being synced."""

from __future__ import annotations

import dataclasses
import os
from typing import Any

import pytest

from mailstore.blobs import FileSystem
from mailstore.errors import NoSuchPart, NotFound, Unavailable
from mailstore.group import Group, Waiting
from mailstore.lanes import InlineFuture, Pool
from mailstore.model import AnnotationChange, AnnotationName, Arrival, Column
from mailstore.service import arrivals
from mailstore.service.arrivals import AppendJob, Terms
from tests.mailstore.stores import Home, Statements
from tests.support.furnished import OPTIONS, Clocked


class Disk(FileSystem):
    """Notes what is done to blobs; its syncs may fail."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.broken = False

    def write(self, fd: int, data: bytes, at: int) -> None:
        super().write(fd, data, at)
        self.done.append("write")

    def sync(self, fd: int) -> None:
        self.done.append("sync")
        if self.broken:
            raise Unavailable
        super().sync(fd)


class Full(Clocked):
    """All threads that read have other work, for ever."""

    def __init__(self) -> None:
        super().__init__()
        self.queued: list[Any] = []

    def start(self, pool, work):
        if pool is Pool.READ:
            self.queued.append(work)
        else:
            super().start(pool, work)


@pytest.fixture
def disk():
    return Disk()


@pytest.fixture
def home(tmp_path, disk):
    made = Home(tmp_path / "store", files=disk)
    made.append("INBOX", message(0))  # makes the segment
    disk.done.clear()
    yield made
    made.close()


def message(number: int) -> bytes:
    return b"Subject: number %d\r\n\r\nText\r\n" % number


def subjects(home: Home) -> list[bytes]:
    mailbox = home.open()
    uids = range(1, len(mailbox.uids) + 1)
    (batch,) = home.fetch(mailbox, uids, Column.ENVELOPE)
    return [one.split(b'"')[1] for one in batch.columns[Column.ENVELOPE]]


def looking(monkeypatch, call):
    real = arrivals.look_at

    def look_at(*given):
        call()
        return real(*given)

    monkeypatch.setattr(arrivals, "look_at", look_at)


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_octets_are_written_before_they_are_looked_at(home, disk, monkeypatch):
    looking(monkeypatch, lambda: disk.done.append("look"))
    home.append("INBOX", message(1), message(2))
    assert disk.done == ["write", "write", "look", "look", "sync"]


def test_what_no_thread_has_looked_at_is_looked_at_behind_the_sync(
    home, disk, monkeypatch
):
    looking(monkeypatch, lambda: disk.done.append("look"))
    home.account.lane._runtime = runtime = Full()
    home.append("INBOX", message(1))
    assert disk.done == ["write", "sync", "look"]
    for late in runtime.queued:
        late()
    assert disk.done == ["write", "sync", "look"]
    assert subjects(home) == [b"number 0", b"number 1"]


def test_of_many_messages_few_are_open_at_once(tmp_path, monkeypatch):
    """A thousand may come with one command, each in a file (RFC 3502)."""
    home = Home(tmp_path / "store", dataclasses.replace(OPTIONS, blob_engine="files"))
    most = [0]
    looking(monkeypatch, lambda: most.append(open_files()))
    home.append("INBOX", message(0))
    before = open_files()

    async def bring() -> None:
        coming = []
        for number in range(1, 70):
            content = message(number)
            sink = await home.account.admit("INBOX", len(content))
            sink.write(content)
            sink.finish()
            coming.append(Arrival(sink))
        await home.account.append("INBOX", coming)

    home.run(bring())
    assert max(most) <= before + 69 + 16  # those that are to be synced, mapped
    assert open_files() <= before
    assert subjects(home) == [b"number %d" % number for number in range(70)]
    home.close()


def test_a_message_that_is_refused_after_all_leaves_nothing(home):
    before = open_files()
    part = AnnotationChange(AnnotationName("/7/comment", private=True), b"x")
    bad = Arrival(message(1), annotations=(part,))
    for coming in ([bad], [Arrival(message(2)), bad]):
        with pytest.raises(NoSuchPart):
            home.run(home.account.append("INBOX", coming))
    assert subjects(home) == [b"number 0"]
    assert open_files() == before
    home.append("INBOX", message(3))
    assert subjects(home) == [b"number 0", b"number 3"]


def test_a_message_that_was_not_synced_is_let_go(home, disk):
    disk.broken = True
    with pytest.raises(Unavailable):
        home.append("INBOX", message(1))
    disk.broken = False
    home.append("INBOX", message(2))
    assert subjects(home) == [b"number 0", b"number 2"]


def test_what_a_command_had_added_until_it_failed_is_cut_off(home, monkeypatch):
    blobs = home.account.blobs
    added: list[Any] = []
    plain = blobs.add

    def add(content, date):
        if added:
            raise Unavailable
        added.append(plain(content, date))
        return added[-1]

    monkeypatch.setattr(blobs, "add", add)
    with pytest.raises(Unavailable):
        home.run(home.account.append("INBOX", [Arrival(message(n)) for n in (1, 2)]))
    monkeypatch.undo()
    assert added[0].ref not in {entry.ref for entry in blobs.entries()}
    home.append("INBOX", message(3))
    assert subjects(home) == [b"number 0", b"number 3"]


def test_messages_that_many_bring_are_inserted_at_once(home):
    """Of one group; each learns its own UIDs, memory of one change of each mailbox."""
    lane = home.account.lane
    heard: list[Any] = []
    plain = lane._deliver

    def deliver(outcomes: Any) -> None:
        heard.extend(outcomes)
        plain(outcomes)

    lane._deliver = deliver
    home.open()
    jobs = [
        AppendJob("INBOX", [Arrival(message(n)), Arrival(message(n + 1))], 7, 10_000)
        for n in (1, 3, 5)
    ]
    jobs.insert(1, AppendJob("Sent", [Arrival(message(9))], 7, 10_000))
    group = Group([Waiting(job, InlineFuture()) for job in jobs])
    with Statements(lane._database) as statements:
        lane._attempt(lane._prepare, group)
        lane._attempt(lane._change, group)
    lane._finish(group)
    # Ids for all messages are taken at once, as all of their rows are inserted.
    assert len([sql for sql in statements if sql.startswith("UPDATE account")]) == 1
    got = [one.outcome.value.delta for one in group.waiting if one.outcome]
    assert [[row.uid for row in delta.new] for delta in got] == [
        [2, 3],
        [1],
        [4, 5],
        [6, 7],
    ]
    assert [len(outcome.deltas) for outcome in heard] == [1, 1, 0, 0]
    assert subjects(home) == [b"number %d" % n for n in range(7)]
    assert home.run(home.account.digests("Sent")).total() == 1


def test_of_many_who_bring_messages_one_fails_alone(home):
    """The other mailbox is gone by then: nothing of the common attempt is left."""
    lane = home.account.lane
    jobs = [
        AppendJob(name, [Arrival(message(n))], 7, 10_000)
        for n, name in enumerate(("INBOX", "Sent", "nowhere", "INBOX"), 1)
    ]
    group = Group([Waiting(job, InlineFuture()) for job in jobs])
    lane._attempt(lane._prepare, group)
    lane._attempt(lane._change, group)
    lane._finish(group)
    assert [type(one.error) for one in group.waiting] == [
        type(None),
        type(None),
        NotFound,
        type(None),
    ]
    assert subjects(home) == [b"number 0", b"number 1", b"number 4"]
    assert home.run(home.account.digests("Sent")).total() == 1


@pytest.mark.parametrize(
    "other",
    [
        AppendJob("INBOX", [Arrival(message(9))], 8, 10_000),
        AppendJob(
            "INBOX", [Arrival(message(9))], 7, 10_000, terms=Terms(bounded=False)
        ),
        AppendJob("INBOX", [Arrival(message(9))], 7, 10_000, terms=Terms(token="x")),
    ],
)
def test_what_is_not_alike_is_inserted_by_itself(home, other):
    first = AppendJob("INBOX", [Arrival(message(1))], 7, 10_000)
    for job in (first, other):
        job.prepare(home.account.blobs)
        job.look()
    assert first.kind() is not None
    assert other.kind() != first.kind()
