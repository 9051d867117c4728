"""Searches tell how far they are, and end when nobody waits or time is over."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from mailstore.errors import TooMany
from mailstore.lanes import Pool
from mailstore.query import (
    And,
    BodyContains,
    Following,
    HasSystemFlag,
    Not,
    Or,
    TextContains,
)
from mailstore.search import watch
from mailstore.search.watch import Cancelled, Watch
from tests.mailstore.search.said import fill
from tests.mailstore.stores import Home


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    monkeypatch.setattr(watch, "_TELL_EVERY", 0)


def test_it_ends_when_nobody_waits():
    asked = iter([False, True])
    following = Watch(lambda: next(asked))
    following.step()
    with pytest.raises(Cancelled):
        following.step()


def test_it_ends_when_its_time_is_over():
    with pytest.raises(TooMany, match="too long"):
        Watch(seconds=-1).step()


def test_the_count_never_goes_back_and_ends_within_its_total():
    told = []
    following = Watch(told=lambda done, total: told.append((done, total)))
    following.plan(10)
    following.step(3)
    following.jump(2)
    following.jump(7)
    following.step(9)
    assert told == [(3, 10), (10, 10)]


def test_little_is_told(monkeypatch):
    monkeypatch.setattr(watch, "_TELL_EVERY", 1_000)
    told = []
    following = Watch(told=lambda done, total: told.append((done, total)))
    following.step()
    assert told == []


def test_a_search_tells_its_progress(tmp_path):
    home = Home(tmp_path)
    home.append("INBOX", *[b"Subject: a\r\n\r\nb%d" % n for n in range(5)])
    mailbox = home.open()
    predicate = Or(
        (
            And((HasSystemFlag(8), BodyContains("b"))),
            Not(BodyContains("b1")),
            TextContains("b1"),
        )
    )
    told = []
    note = lambda done, total: told.append((done, total))  # noqa: E731
    found = home.run(mailbox.search(predicate, Following(progress=note)))
    assert list(found) == [1, 2, 3, 4, 5]
    assert told
    assert all(total == 15 for _, total in told)
    assert sorted(told) == told
    fill(home)  # else it would wait for the index
    with pytest.raises(TooMany):
        home.run(mailbox.search(predicate, Following(seconds=-1)))
    home.close()


def test_the_time_that_counts_is_that_of_the_search(tmp_path, monkeypatch):
    """A thread that has searched for hours refused every further search."""
    home = Home(tmp_path)
    home.append("INBOX", b"Subject: a\r\n\r\nb")
    mailbox = home.open()
    spent = 0.0
    start = home.runtime.start

    def on_a_busy_thread(pool: Pool, work: Callable[[], None]) -> None:
        nonlocal spent
        spent += 10_000
        start(pool, work)
        spent -= 10_000

    monkeypatch.setattr(home.runtime, "start", on_a_busy_thread)
    monkeypatch.setattr(time, "thread_time", lambda: spent)
    found = home.run(mailbox.search(BodyContains("b"), Following(seconds=30)))
    assert list(found) == [1]
    monkeypatch.undo()
    home.close()
