"""kill -9 while clients write: what was acknowledged is there, the rest whole or not.

Each client keeps a ledger of what the server said OK to. After the kill the store is
served again as it is, and compared with the ledgers; `imapd check` proves the rest.
"""

from __future__ import annotations

import random
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.support.client import Client, Disconnected
from tests.support.responses import Fetch
from tests.support.server import ServerProcess, running_server

pytestmark = [pytest.mark.net, pytest.mark.workers]

CLIENTS = 4
ROUNDS = 4
MARK = re.compile(rb"Subject: (\d+-\d+-\d+)\r\n")


@dataclass
class Ledger:
    """What one client was told, and how far it had got."""

    sent: dict[str, bytes] = field(default_factory=dict)
    acknowledged: dict[int, str] = field(default_factory=dict)  # by UID
    moved: set[str] = field(default_factory=set)
    flagged: set[str] = field(default_factory=set)
    validity: set[int] = field(default_factory=set)


def message(mark: str, size: int) -> bytes:
    body = random.Random(mark).randbytes(size // 2).hex().encode()
    return b"Subject: %b\r\n\r\n%b\r\n" % (mark.encode(), body)


class Crowd:
    """Clients that write at once; the server is killed after so many answers."""

    def __init__(self, server: ServerProcess, after: int) -> None:
        self.server = server
        self.ledgers = [Ledger() for _ in range(CLIENTS)]
        self._left = after
        self._lock = threading.Lock()
        self._enough = threading.Event()

    def answered(self) -> None:
        with self._lock:
            self._left -= 1
            if self._left <= 0:
                self._enough.set()

    def run(self, work: Callable[[Client, Ledger, int], Iterator[None]]) -> None:
        """Let every client work until the server is dead."""

        def one(number: int) -> None:
            with (
                suppress(Disconnected, ConnectionError),
                self.server.client("alice") as client,
            ):
                for _ in work(client, self.ledgers[number], number):
                    self.answered()
            self._enough.set()

        threads = [threading.Thread(target=one, args=(n,)) for n in range(CLIENTS)]
        for thread in threads:
            thread.start()
        assert self._enough.wait(60)
        self.server.kill()
        for thread in threads:
            thread.join(60)
            assert not thread.is_alive()


@pytest.fixture(params=["1", "2"], ids=["one-worker", "two-workers"])
def killed(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ServerProcess]:
    """Give a server that its test may kill."""
    arguments = ("--workers", str(request.param))
    with running_server(tmp_path, arguments=arguments) as made:
        made.client("alice").close()  # the account's first login makes its mailboxes
        yield made


def stored(client: Client, name: str) -> dict[int, bytes]:
    """Give the messages of a mailbox by UID."""
    if not client.exists(name):
        return {}
    rows = client.ok("UID FETCH 1:* BODY.PEEK[]").of(Fetch)
    found = {}
    for row in rows:
        uid, body = row.items["UID"], row.items["BODY[]"]
        assert isinstance(uid, int)
        assert isinstance(body, bytes)
        found[uid] = body
    assert len(found) == len(rows)
    return found


def mark_of(content: bytes) -> str:
    found = MARK.match(content)
    assert found is not None, content[:100]
    return found[1].decode()


def appending(round_: int) -> Callable[[Client, Ledger, int], Iterator[None]]:
    def work(client: Client, ledger: Ledger, number: int) -> Iterator[None]:
        dice = random.Random(round_ * 100 + number)
        client.literal_plus = number % 2 == 0
        for count in range(10_000):
            mark = f"{round_}-{number}-{count}"
            # Some are large enough for a file of their own.
            size = dice.choice((10, 300, 5_000, 60_000, 1_500_000))
            ledger.sent[mark] = message(mark, size)
            validity, uid = client.append(ledger.sent[mark])
            ledger.acknowledged[uid] = mark
            ledger.validity.add(validity)
            yield

    return work


def test_no_acknowledged_message_is_lost(killed: ServerProcess):
    known: dict[int, bytes] = {}
    validities: set[int] = set()
    for round_ in range(ROUNDS):
        crowd = Crowd(killed, after=10 + 15 * round_)
        crowd.run(appending(round_))
        killed.start()
        with killed.client("alice") as client:
            now = stored(client, "INBOX")
        sent = {k: v for ledger in crowd.ledgers for k, v in ledger.sent.items()}
        told = {
            k: v for ledger in crowd.ledgers for k, v in ledger.acknowledged.items()
        }
        assert now.items() >= known.items()
        for uid, mark in told.items():
            assert now[uid] == sent[mark]
        fresh = {uid: content for uid, content in now.items() if uid not in known}
        # No UID came twice, and what nobody was told of is whole.
        assert min(fresh, default=0) > max(known, default=0)
        marks = [mark_of(content) for content in fresh.values()]
        assert len(set(marks)) == len(marks)
        assert all(content == sent[mark_of(content)] for content in fresh.values())
        validities.update(*(ledger.validity for ledger in crowd.ledgers))
        known = now
    assert len(validities) == 1
    killed.check()


def moving(client: Client, ledger: Ledger, number: int) -> Iterator[None]:
    """Move a quarter of INBOX, one by one or in groups; flag some before."""
    client.select("INBOX")
    dice = random.Random(number)
    mine = list(range(1 + number, 201, CLIENTS))
    while mine:
        group, mine = mine[: (size := dice.choice((1, 1, 2, 5)))], mine[size:]
        uids = ",".join(map(str, group))
        client.ok(rf"UID STORE {uids} +FLAGS.SILENT (\Flagged)")
        ledger.flagged.update(map(str, group))
        client.ok(f"UID MOVE {uids} Archive")
        ledger.moved.update(map(str, group))
        yield


def test_no_moved_message_is_lost_or_doubled(killed: ServerProcess):
    with killed.client("alice") as client:
        client.literal_plus = True
        for number in range(1, 201):
            client.append(message(f"0-0-{number}", 50))
    crowd = Crowd(killed, after=30)
    crowd.run(moving)
    killed.start()
    with killed.client("alice") as client:
        here = [mark_of(content) for content in stored(client, "INBOX").values()]
        there = [mark_of(content) for content in stored(client, "Archive").values()]
        assert sorted(here + there) == sorted(f"0-0-{n}" for n in range(1, 201))
        moved = {f"0-0-{n}" for ledger in crowd.ledgers for n in ledger.moved}
        assert moved <= set(there)
        # A killed process forgets no flag either: only a power cut may.
        client.select("Archive")
        rows = client.ok("FETCH 1:* FLAGS").of(Fetch)
        assert all("\\Flagged" in row.items["FLAGS"] for row in rows)  # type: ignore[operator]
        # Nothing comes back under an old UID.
        _, uid = client.append(message("0-0-999", 10))
        assert uid == 201
    killed.check()


def test_names_survive(killed: ServerProcess):
    crowd = Crowd(killed, after=40)
    made: list[set[str]] = [set() for _ in range(CLIENTS)]
    gone: list[set[str]] = [set() for _ in range(CLIENTS)]

    def work(client: Client, _: Ledger, number: int) -> Iterator[None]:
        for count in range(10_000):
            name = f"box{number}/n{count}"
            client.ok(f"CREATE {name}")
            made[number].add(name)
            yield
            if count % 3 == 0:
                client.ok(f"RENAME {name} {name}-renamed")
                made[number].discard(name)
                made[number].add(f"{name}-renamed")
            elif count % 3 == 1:
                made[number].discard(name)
                client.ok(f"DELETE {name}")
                gone[number].add(name)
            yield

    crowd.run(work)
    killed.start()
    with killed.client("alice") as client:
        for number in range(CLIENTS):
            for name in made[number]:
                status = client.command(f"STATUS {name} (MESSAGES)")
                renamed = client.command(f"STATUS {name}-renamed (MESSAGES)")
                # One whose RENAME was on its way is under either name.
                assert "OK" in (status.kind, renamed.kind), name
            for name in gone[number]:
                assert client.command(f"STATUS {name} (MESSAGES)").kind == "NO"
    killed.check()
