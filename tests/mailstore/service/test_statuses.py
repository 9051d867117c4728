"""Counters of mailboxes are read once a version, and ahead for who polls them all."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mailstore.errors import NotFound
from mailstore.model import Arrival
from tests.mailstore.stores import Home, Statements


@pytest.fixture
def home(tmp_path) -> Home:
    made = Home(tmp_path)
    for number in range(40):
        made.run(made.account.create(f"box{number:02d}"))
    return made


def counters(statements: list[str]) -> list[str]:
    return [sql for sql in statements if "uidnext" in sql]


def ask(home: Home, name: str) -> int:
    status = home.run(home.account.status(name, recent=False))
    return status.messages


def test_the_same_question_is_read_once(home):
    ask(home, "box07")
    with Statements(home.account.readers.event) as statements:
        assert [ask(home, "box07") for _ in range(3)] == [0, 0, 0]
    assert counters(statements) == []


def test_all_mailboxes_one_by_one_take_few_statements(home):
    with Statements(home.account.readers.event) as statements:
        for number in range(40):
            assert ask(home, f"box{number:02d}") == 0
    assert len(counters(statements)) == 6  # 1, 2, 4, 8, 16 and 32 rows


def test_a_commit_of_anybody_is_seen_at_once(home, tmp_path):
    assert ask(home, "box07") == 0
    home.run(home.account.append("box07", [Arrival(b"a: b\r\n\r\n")]))
    assert ask(home, "box07") == 1
    other = Home(tmp_path)
    other.run(other.account.append("box07", [Arrival(b"a: b\r\n\r\n")]))
    assert ask(home, "box07") == 2
    other.run(other.account.rename("box07", "other"))
    with pytest.raises(NotFound):
        ask(home, "box07")
    assert ask(home, "other") == 2
    other.close()


def test_many_at_once_are_one_statement_and_remembered(home):
    names = [f"box{number:02d}" for number in range(40)]
    with Statements(home.account.readers.event) as statements:
        found = home.run(home.account.statuses([*names, "none"], recent=False))
        assert sorted(found) == names
        assert ask(home, "box11") == 0
    assert len(counters(statements)) == 1


def test_a_name_between_others_is_not_the_next_one(home):
    with pytest.raises(NotFound):
        ask(home, "box07x")
    with pytest.raises(NotFound):
        ask(home, "zzz")


def test_what_is_remembered_is_bounded(home, monkeypatch):
    monkeypatch.setattr("mailstore.service.statuses._KEPT", 10)
    for _ in range(2):
        for number in range(40):
            assert ask(home, f"box{number:02d}") == 0
    names = [f"box{number:02d}" for number in range(40)]
    assert len(home.run(home.account.statuses(names, recent=False))) == 40
    counters = home.account.counters
    kept = (counters._rows, counters._now, counters._made)
    assert all(len(one) <= 10 for one in kept)


def test_who_has_nothing_new_has_the_same_counters_as_before(home):
    """What was made of them, as the text of an answer, may be kept by that."""
    before = home.account.counters.one("box07")
    home.run(home.account.append("box08", [Arrival(b"a: b\r\n\r\n")]))
    assert home.account.counters.one("box07") is before
    home.run(home.account.append("box07", [Arrival(b"a: b\r\n\r\n")]))
    after = home.account.counters.one("box07")
    assert after is not None
    assert after is not before
    assert after.messages == 1
    assert home.account.counters.one("none") is None


def test_the_limit_of_a_message_is_todays(home):
    status = home.run(home.account.status("box07", recent=False))
    assert status.max_message == home.store.options.max_message
    home.store.use(replace(home.store.options, max_message=4711))
    status = home.run(home.account.status("box07", recent=False))
    assert status.max_message == 4711


def test_what_is_asked_for_next_is_read_by_one_statement(home):
    """Not all the names between those that a client is interested in."""
    names = [f"box{number:02d}" for number in range(0, 40, 3)]
    one = home.account.counters.one
    with Statements(home.account.readers.event) as statements:
        assert one(names[0], lambda most: names[1:]) is not None
        for at, name in enumerate(names):
            assert one(name, lambda most, at=at: names[at + 1 :]) is not None
    assert len(counters(statements)) == 1
    assert set(home.account.counters._rows) == set(names)


def test_names_without_a_mailbox_are_looked_for_once(home):
    names = [f"none{number:02d}" for number in range(10)]
    with Statements(home.account.readers.event) as statements:
        for at, name in enumerate(names):
            found = home.account.counters.one(name, lambda most, at=at: names[at + 1 :])
            assert found is None
    assert len(counters(statements)) == 1
    home.run(home.account.create("none07"))
    assert home.account.counters.one("none07") is not None


def test_more_is_expected_each_time(home):
    """So that commits in between cost little."""
    wanted: list[int] = []

    def expected(most: int) -> list[str]:
        wanted.append(most)
        return ["other"]

    for number in range(9):
        home.account.counters.one(f"box{number:02d}", expected)
    assert wanted == [16, 32, 64, 128, 128, 128, 128, 128, 128]
