"""Twice the messages take twice the time: ratios within one run, never absolute times.

By hand, on an idle machine: `python -m tests.gate perf`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

import imapd.testing
from tests.support.client import Client

pytestmark = [pytest.mark.perf, pytest.mark.net]

FEW, MANY = 4_000, 8_000
MOST = 2.5
"""What twice the size may cost: linear, with a quarter for noise and n log n."""


def message(number: int) -> bytes:
    words = b"some words that are searched for %d\r\n" % number
    head = b"From: a@example.org\r\nSubject: number %d\r\n" % number
    return head + b"Message-ID: <%d@example.org>\r\n\r\n" % number + words * 20


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    """Give a client of a server that has a mailbox of each size."""
    with (
        imapd.testing.server() as server,
        Client.connect(server.host, server.port) as made,
    ):
        made.login(server.user, server.password)
        made.literal_plus = True
        for count in (FEW, MANY):
            made.ok(f"CREATE box{count}")
            for start in range(0, count, 100):
                tags = [
                    made.send(f"APPEND box{count} {{}}", message(start + number))
                    for number in range(100)
                ]
                for tag in tags:
                    assert made.wait(tag).kind == "OK"
        yield made


def seconds(work: Callable[[], object]) -> float:
    """Give the best of a few times: noise only ever adds."""
    found = []
    for _ in range(5):
        began = time.perf_counter()
        work()
        found.append(time.perf_counter() - began)
    return min(found)


@pytest.mark.parametrize(
    "command",
    [
        "FETCH 1:* (FLAGS UID)",
        "UID FETCH 1:* (UID RFC822.SIZE INTERNALDATE FLAGS)",
        "FETCH 1:* ENVELOPE",
        "FETCH 1:* BODYSTRUCTURE",
        "FETCH 1:* BODY.PEEK[HEADER.FIELDS (FROM SUBJECT)]",
        "FETCH 1:* BODY.PEEK[TEXT]",
        "SEARCH UNSEEN LARGER 100",
        "SEARCH SUBJECT 1234",
        'SEARCH BODY "not there at all"',
        "UID SORT (REVERSE DATE) UTF-8 ALL",
        "SORT (SUBJECT) UTF-8 UNSEEN",
        "UID THREAD REFERENCES UTF-8 ALL",
        "THREAD ORDEREDSUBJECT UTF-8 UNSEEN",
        r"STORE 1:* FLAGS.SILENT (\Seen)",
        "STATUS INBOX (MESSAGES UNSEEN)",
    ],
)
def test_time_grows_with_the_messages_and_no_faster(client: Client, command: str):
    times = []
    for count in (FEW, MANY):
        client.select(f"box{count}")
        raw = command.encode()

        def run(raw: bytes = raw) -> None:
            # The strict parser would take longer than the server.
            client.raw(b"perf %b\r\n" % raw)
            data = b""
            while b"\r\nperf " not in b"\r\n" + data:
                data = data[-16:] + client.socket.recv(1 << 20)

        times.append(seconds(run))
    few, many = times
    assert many < MOST * few + 0.002, f"{few * 1e3:.1f} ms, then {many * 1e3:.1f} ms"


def test_selecting_does_not_depend_on_what_was_loaded(client: Client):
    few = seconds(lambda: client.select(f"box{FEW}"))
    many = seconds(lambda: client.select(f"box{MANY}"))
    assert many < MOST * few + 0.002
