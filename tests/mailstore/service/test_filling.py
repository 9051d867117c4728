"""Text indexes that another process fills: who is told, and what it does."""

from __future__ import annotations

from pathlib import Path

import pytest

from mailstore.changes import NoBus
from mailstore.errors import NotFound
from mailstore.locking import held_alone
from mailstore.model import AccountId, Arrival
from mailstore.search import indexer
from mailstore.search.textdb import TextDatabase
from mailstore.service import Store
from mailstore.service.filling import Filler
from mailstore.service.folders import account_folder
from tests.support.stepping import SteppingRuntime

MAIL = [b"Subject: %d\r\n\r\nfish %d\r\n" % (n, n) for n in range(5)]


class Home:
    """A store whose indexes are filled elsewhere, and the one who does it."""

    def __init__(self, path: Path) -> None:
        self.runtime = SteppingRuntime()
        self.told: list[tuple[AccountId, bool]] = []
        self.hears = True
        self.store = Store.open(
            path, self.runtime, bus=NoBus(), index_elsewhere=self._tell
        )
        self.id = self.store.directory.create("ann", b"secret")
        self.folder = self.store.folder(self.id)
        self.pauses = 0
        self.filler = Filler(path, self._pause)

    def _tell(self, account: AccountId, anew: bool) -> bool:
        if self.hears:
            self.told.append((account, anew))
        return self.hears

    def _pause(self) -> None:
        self.pauses += 1

    def deliver(self) -> None:
        async def work() -> None:
            account = await self.store.account(self.id)
            await account.append("INBOX", [Arrival(data) for data in MAIL])

        self.runtime.run(work())

    def watermark(self) -> int:
        text = TextDatabase.open(self.folder, writer=False)
        if text is None:
            return 0
        try:
            return text.progress()[0]
        finally:
            text.close()


@pytest.fixture
def home(tmp_path):
    made = Home(tmp_path)
    yield made
    made.store.close()


def test_who_fills_is_told_and_nothing_is_filled_here(home):
    home.deliver()
    home.runtime.advance(5)
    assert home.told == [(home.id, False)]
    assert home.watermark() == 0


def test_a_full_queue_is_told_again(home):
    home.hears = False
    home.deliver()
    home.runtime.advance(5)
    home.hears = True
    home.runtime.advance(2)
    assert home.told == [(home.id, False)]


def test_a_distrusted_index_is_asked_for_anew(home):
    home.deliver()
    home.hears = False
    (account,) = home.store._accounts.values()
    account.indexing.distrust()
    home.runtime.advance(2)
    home.hears = True
    home.runtime.advance(2)
    account.indexing.wanted()
    home.runtime.advance(1)
    assert home.told == [(home.id, True), (home.id, False)]


def test_turns_are_taken_until_all_is_in(home, monkeypatch):
    monkeypatch.setattr(indexer, "BATCH", 2)
    home.deliver()
    home.filler.wanted(home.id)
    turns = 0
    while home.filler.due:
        assert home.filler.turn()
        turns += 1
    assert turns == 4  # the last one finds nothing more
    assert home.watermark() == 5
    assert home.pauses >= 5


def test_accounts_take_turns(home, monkeypatch):
    order = []

    def fill(folder, *, anew):
        order.append(folder.name[0])
        return indexer.Done(1, more=len(order) < 4)

    monkeypatch.setattr(home.filler, "_fill", fill)
    for letter in "ab":
        home.filler.wanted(AccountId(letter * 32))
    while home.filler.due:
        home.filler.turn()
    assert order == ["a", "b", "a", "b", "a"]


def test_an_index_that_is_damaged_is_made_anew(home):
    home.deliver()
    home.filler.wanted(home.id)
    while home.filler.due:
        home.filler.turn()
    (home.folder / "text.db").write_bytes(b"nonsense" * 9_000)
    for name in ("text.db-wal", "text.db-shm"):
        (home.folder / name).unlink(missing_ok=True)
    home.filler.wanted(home.id)
    while home.filler.due:
        assert home.filler.turn()
    assert home.watermark() == 5


def test_another_process_is_waited_for(home):
    home.deliver()
    home.filler.wanted(home.id)
    with held_alone(home.folder / "text.lock") as alone:
        assert alone
        assert not home.filler.turn()
    assert home.filler.due == 1
    assert home.filler.turn()
    assert home.watermark() == 5


def test_an_account_that_is_gone_is_forgotten(home):
    home.filler.wanted(AccountId("0" * 32))
    assert home.filler.turn()
    assert not home.filler.due
    assert not account_folder(home.store.path, AccountId("0" * 32)).exists()


@pytest.mark.parametrize("name", ["", "..", "ABC", "0" * 31, "0" * 31 + "/"])
def test_only_an_id_has_a_folder(tmp_path, name):
    with pytest.raises(NotFound):
        account_folder(tmp_path, AccountId(name))
