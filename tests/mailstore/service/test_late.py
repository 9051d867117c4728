"""Facts that are found when somebody first asks."""

from __future__ import annotations

import pytest

from mailstore.errors import Unavailable
from mailstore.index import late as index
from mailstore.index.database import Database
from mailstore.model import Column
from mailstore.service.late import LATE, LateFacts
from tests.mailstore.stores import Home, Statements


@pytest.fixture
def home(tmp_path):
    made = Home(tmp_path / "store")
    yield made
    made.close()


def fill(home, count):
    home.append("INBOX", *[b"Subject: x\r\n\r\nbody %d" % n for n in range(count)])
    return home.open()


def test_what_is_not_there_is_left_out(home):
    fill(home, 2)
    late: LateFacts = home.account.late
    found = home.run(late.find(Column.SHA1, [1, 2, 99]))
    assert list(found) == [1, 2]
    assert all(len(value) == 40 for value in found.values())


def test_a_full_disk_only_means_that_it_is_found_again(home, monkeypatch):
    mailbox = fill(home, 1)

    def full(database: Database, *_: object) -> None:
        raise Unavailable

    monkeypatch.setattr(index, "keep", full)
    (first,) = home.fetch(mailbox, [1], Column.SHA1)
    (second,) = home.fetch(mailbox, [1], Column.SHA1)
    assert first.columns == second.columns


def test_many_messages_cost_a_statement_for_some_of_them(home):
    mailbox = fill(home, 100)
    with Statements(home.account.lane._database) as writes:
        home.fetch(mailbox, mailbox.uids, Column.SHA1)
    assert len([sql for sql in writes if sql.startswith("BEGIN")]) == 4
    with Statements(home.account.lane._database) as writes:
        home.fetch(mailbox, mailbox.uids, Column.SHA1)
    assert writes == []


def test_only_known_columns_are_written(home):
    with pytest.raises(ValueError, match="no such column"):
        index.keep(home.account.lane._database, "blob", {1: b"x"})
    assert {name for name, _, _ in LATE.values()} == set(index.COLUMNS)
