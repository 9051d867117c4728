"""What is read ahead is what would be read now, and there is never much of it."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from mailstore.service.ahead import AHEAD, RowsAhead

MESSAGES = [10 * number for number in range(1, 200)]


class Index:
    """Stands for the index: it gives a row for each message but the gone ones."""

    def __init__(self) -> None:
        self.asked: list[int] = []
        self.gone: set[int] = set()
        self.version = 1
        self.long: set[int] = set()

    def texts(self, _: object, messages: Sequence[int], names: object):
        assert names == ("blob", "parts")
        self.asked.append(len(messages))
        for one in messages:
            if one not in self.gone:
                parts = b"p" * (5_000 if one in self.long else 10)
                yield one, f"{self.version}:{one}", parts


@pytest.fixture
def index(monkeypatch):
    made = Index()
    monkeypatch.setattr("mailstore.service.ahead.entries", made)
    return made


@pytest.fixture
def ahead(index):
    return RowsAhead(None, lambda: index.version)  # type: ignore[arg-type]


def blob(ahead: RowsAhead, at: int) -> str | None:
    row = ahead.row(MESSAGES, at)
    assert row is None or row[0] == MESSAGES[at]
    return None if row is None else row[1]


def test_who_takes_one_after_the_other_asks_seldom(ahead, index):
    assert [blob(ahead, at) for at in range(100)] == [f"1:{m}" for m in MESSAGES[:100]]
    assert index.asked == [1] + [AHEAD] * 7


def test_who_takes_them_anyhow_asks_for_each_alone(ahead, index):
    for at in range(190, 0, -3):
        blob(ahead, at)
    assert set(index.asked) == {1}


def test_what_was_committed_ends_what_is_known(ahead, index):
    blob(ahead, 0)
    blob(ahead, 1)
    index.version = 2
    index.gone.add(MESSAGES[3])
    assert blob(ahead, 2) == "2:30"
    assert blob(ahead, 3) is None
    assert blob(ahead, 4) == "2:50"


def test_little_is_kept(ahead, index):
    index.long.update(MESSAGES[1::2])
    for at in range(len(MESSAGES)):
        assert blob(ahead, at) == f"1:{MESSAGES[at]}"
        assert len(ahead._rows) <= 64
    assert not index.long & ahead._rows.keys()


def test_the_last_message_is_read_too(ahead):
    assert blob(ahead, len(MESSAGES) - 2)
    assert blob(ahead, len(MESSAGES) - 1)
