"""Jobs of one transaction: each by itself, or like ones as one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from mailstore.errors import NotFound, OverQuota
from mailstore.group import Waiting
from mailstore.index import mailboxes
from mailstore.index.database import Database
from mailstore.running import Joinable, Rules, run_jobs
from mailstore.writer import Outcome
from tests.mailstore.index.records import new_index


class Subscribing(Joinable):
    """Subscribes to a name; those that begin with the same letter are alike."""

    durable = bounded = True

    def __init__(self, name: str) -> None:
        self.name = name

    def kind(self) -> str | None:
        return None if self.name[0] == "-" else self.name[0]

    def prepare(self, _: Any) -> bool:
        return False

    def look(self) -> None:
        pass

    def run(self, database: Database) -> Outcome[str]:
        if "wrong" in self.name:
            raise NotFound
        mailboxes.subscribe(database, self.name)
        return Outcome(f"{self.name} alone")

    def run_with(self, others: Any, database: Database) -> list[Outcome[str]]:
        names = [self.name, *[one.name for one in others]]
        for name in names:
            mailboxes.subscribe(database, name)
            if "wrong" in name:
                raise NotFound
        return [Outcome(f"{name} of {len(names)}") for name in names]


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    new_index(tmp_path).close()
    opened = Database.open(tmp_path / "index.db")
    yield opened
    opened.close()


def made(database: Database) -> set[str]:
    """Give the names that jobs have subscribed to."""
    return {name for name in mailboxes.subscriptions(database) if name[0] in "ab-"}


def run(
    database: Database, *names: str, rules: Rules | None = None, by: Any = None
) -> list[Any]:
    """Give what became of a job for each name."""
    jobs = [Waiting(Subscribing(name), Any, by) for name in names]  # type: ignore[arg-type]
    with database.transaction():
        run_jobs(database, rules or Rules(), jobs)
    return [
        type(one.error) if one.outcome is None else one.outcome.value for one in jobs
    ]


def test_neighbours_of_a_kind_are_one(database):
    done = run(database, "a1", "a2", "b1", "a3", "-1", "-2", "a4", "a5", "a6")
    assert done == [
        "a1 of 2",
        "a2 of 2",
        "b1 alone",
        "a3 alone",
        "-1 alone",
        "-2 alone",
        "a4 of 3",
        "a5 of 3",
        "a6 of 3",
    ]
    assert len(made(database)) == 9


def test_where_one_fails_each_is_done_by_itself(database):
    done = run(database, "a1", "a wrong one", "a2", "b1", "b2")
    assert done == ["a1 alone", NotFound, "a2 alone", "b1 of 2", "b2 of 2"]
    assert made(database) == {"a1", "a2", "b1", "b2"}


def test_who_wants_to_be_known_is_not_joined(database):
    assert run(database, "a1", "a2", by=object()) == ["a1 alone", "a2 alone"]


def test_bounds_hold_for_all_together_and_then_for_each(database):
    """Two don't fit: the first one gets in, as if it had come alone."""

    @contextmanager
    def bounds(database: Database) -> Iterator[None]:
        yield
        if len(made(database)) > 1:
            raise OverQuota

    done = run(database, "a1", "a2", rules=Rules(bounds=bounds))
    assert done == ["a1 alone", OverQuota]
    assert made(database) == {"a1"}


def test_what_follows_is_told_with_the_first(database):
    follow: Any = lambda _, deltas: ["more"]  # noqa: E731
    jobs = [Waiting(Subscribing(name), Any) for name in ("a1", "a2")]  # type: ignore[arg-type]
    with database.transaction():
        run_jobs(database, Rules(follow=follow), jobs)
    outcomes: list[Any] = [one.outcome for one in jobs]
    assert [list(one.deltas) for one in outcomes] == [["more"], []]


def test_a_transaction_that_ended_ends_them_all(database, monkeypatch):
    """As when the disk is full: SQLite has undone everything."""

    def ended(self: Any, others: Any, database: Database) -> Any:
        database.execute("ROLLBACK")
        raise NotFound

    monkeypatch.setattr(Subscribing, "run_with", ended)
    with pytest.raises(NotFound):
        run(database, "a1", "a2")
    assert not made(database)
