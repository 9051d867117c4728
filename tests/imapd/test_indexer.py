"""The indexer's process: what it hears, when it works, that it ends."""

from __future__ import annotations

import socket
from collections.abc import Callable

import pytest

from imapd.indexer import Indexer, IndexerPort
from mailstore.model import AccountId

ANN, BOB = AccountId("a" * 32), AccountId("b" * 32)


class Work:
    """Stands for the filler; a turn calls the pause, then what the test wants."""

    def __init__(self, pause: Callable[[], None]) -> None:
        self.pause = pause
        self.heard: list[tuple[AccountId, bool]] = []
        self.turns = 0
        self.due = 0
        self.then: Callable[[], bool] = lambda: True

    def wanted(self, account: AccountId, *, anew: bool = False) -> None:
        self.heard.append((account, anew))
        self.due += 1

    def turn(self) -> bool:
        self.turns += 1
        self.due -= 1
        self.pause()
        return self.then()


@pytest.fixture
def pair():
    ends = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    yield ends
    for end in ends:
        end.close()


def indexer_of(inbox: socket.socket) -> tuple[Indexer, Work]:
    made: list[Work] = []

    def filler(pause: Callable[[], None]) -> Work:
        made.append(Work(pause))
        return made[0]

    indexer = Indexer(filler, inbox, {})  # type: ignore[arg-type]
    return indexer, made[0]


def test_what_workers_tell_is_heard_and_anything_else_is_not(pair):
    indexer, work = indexer_of(pair[0])
    port = IndexerPort(pair[1])
    assert port.tell(ANN, False)
    pair[1].send(b"+../../etc")
    pair[1].send(b"x" * 500)
    assert port.tell(BOB, True)

    def then() -> bool:
        indexer.stop()
        return True

    work.then = then
    indexer.run()
    assert work.heard == [(ANN, False), (BOB, True)]
    assert work.turns == 1


def test_a_word_that_comes_while_it_works_is_heard_in_between(pair):
    indexer, work = indexer_of(pair[0])
    port = IndexerPort(pair[1])
    port.tell(ANN, False)

    def then() -> bool:
        if work.turns == 1:
            port.tell(BOB, False)
        else:
            indexer.stop()
        return True

    work.then = then
    indexer.run()
    assert [account for account, _ in work.heard] == [ANN, BOB]


def test_it_stops_in_the_middle_of_a_piece(pair):
    indexer, work = indexer_of(pair[0])
    IndexerPort(pair[1]).tell(ANN, False)
    before = work.pause

    def pause() -> None:
        indexer.stop()
        before()

    work.pause = pause
    work.then = lambda: pytest.fail("went on")  # the piece was not done to its end
    indexer.run()
    assert work.turns == 1


def test_a_full_queue_is_told(pair):
    port = IndexerPort(pair[1])
    while port.tell(ANN, False):
        pass
    assert not port.tell(BOB, False)
