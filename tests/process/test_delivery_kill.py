"""kill -9 while mail comes in: what was answered 250 is there, and nothing came twice.

Two workers share one unix socket and each account; clients bring mail to two people at
once, and note the answers for each.
"""

from __future__ import annotations

import random
import re
import socket
import threading
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest

from tests.process.test_kill import stored
from tests.process.test_workers import sessions
from tests.support.responses import Exists
from tests.support.server import ACCOUNTS, ServerProcess, running_server

pytestmark = [pytest.mark.net, pytest.mark.mta]

CLIENTS = 3
ROUNDS = 1
NAMES = ("alice", "bob")
CONFIG = """
[[listen]]
protocol = "lmtp"
address = "unix:lmtp"
tls = "none"
"""
_MARK = re.compile(rb"\r\nSubject: ([0-9-]+)\r\n")


class Bringer:
    """One MTA's connection: brings messages until the server is dead."""

    def __init__(self, server: ServerProcess, number: int) -> None:
        self.server = server
        self.number = number
        self.sent: dict[str, bytes] = {}
        self.answered: dict[str, set[str]] = {name: set() for name in NAMES}

    def run(self, round_: int, after: int, enough: threading.Event) -> None:
        dice = random.Random(round_ * 100 + self.number)
        with (
            suppress(ConnectionError, EOFError),
            socket.socket(socket.AF_UNIX) as unix,
        ):
            unix.settimeout(60)
            unix.connect(str(self.server.folder / "lmtp"))
            file = unix.makefile("rb")
            _answer(file)
            unix.sendall(b"LHLO mta\r\n")
            _answer(file)
            for count in range(10_000):
                self._bring(unix, file, dice, f"{round_}-{self.number}-{count}")
                if count >= after:
                    enough.set()
        enough.set()

    def _bring(
        self, unix: socket.socket, file: object, dice: random.Random, mark: str
    ) -> None:
        size = dice.choice((10, 300, 5_000, 70_000, 1_100_000))
        body = dice.randbytes(size // 2).hex().encode()
        self.sent[mark] = b"Subject: %b\r\n\r\n%b\r\n" % (mark.encode(), body)
        unix.sendall(
            b"MAIL FROM:<>\r\nRCPT TO:<alice>\r\nRCPT TO:<bob>\r\nBDAT %d LAST\r\n"
            % len(self.sent[mark])
        )
        unix.sendall(self.sent[mark])
        for _ in range(3):
            assert _answer(file) == b"250"
        for name in NAMES:
            assert _answer(file) == b"250"
            self.answered[name].add(mark)


def _answer(file: object) -> bytes:
    while line := file.readline():  # type: ignore[attr-defined]
        if line[3:4] == b" ":
            return bytes(line[:3])
    raise EOFError


def crash(server: ServerProcess, round_: int, after: int) -> list[Bringer]:
    """Bring mail from several sides at once; kill the server in the middle."""
    enough = threading.Event()
    bringers = [Bringer(server, number) for number in range(CLIENTS)]
    threads = [
        threading.Thread(target=one.run, args=(round_, after, enough))
        for one in bringers
    ]
    for thread in threads:
        thread.start()
    assert enough.wait(60)
    server.kill()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    return bringers


def test_what_was_answered_is_there_after_a_kill(tmp_path: Path):
    with running_server(
        tmp_path,
        accounts=ACCOUNTS[:2],
        more_config=CONFIG,
        arguments=("--workers", "2"),
    ) as server:
        watching = server.client("alice")
        watching.select("INBOX")
        watching.send("IDLE")
        watching.read()
        for round_ in range(ROUNDS):
            bringers = crash(server, round_, after=4 + 5 * round_)
            if round_ == 0:
                # Told before it was answered, whichever worker the session is in.
                assert isinstance(watching.read(), Exists)
                watching.close()
            server.start()
            for name in NAMES:
                with server.client(name) as client:
                    kept = list(stored(client, "INBOX").values())
                found = Counter(mark_of(message) for message in kept)
                assert set(found.values()) <= {1}
                for one in bringers:
                    assert one.answered[name] <= found.keys()
                for message in kept:
                    mark = mark_of(message)
                    if mark.startswith(f"{round_}-"):
                        sent = bringers[int(mark.split("-")[1])].sent[mark]
                        assert message.endswith(b"\r\n" + sent)
        listed(server)


def mark_of(message: bytes) -> str:
    found = _MARK.search(message)
    assert found is not None, message[:300]
    return found[1].decode()


def listed(server: ServerProcess) -> None:
    """An administrator sees who brings mail."""
    with socket.socket(socket.AF_UNIX) as unix:
        unix.settimeout(60)
        unix.connect(str(server.folder / "lmtp"))
        file = unix.makefile("rb")
        assert _answer(file) == b"220"
        (found,) = sessions(server)
        assert (found["protocol"], found["address"]) == ("lmtp", "unix")
