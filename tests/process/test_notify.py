"""Changes that reach who waits for them in another worker process, or from another
program altogether (RFC 2177, RFC 5465)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.process.test_serve import at_worker, children
from tests.support.client import Client
from tests.support.responses import Exists, Fetch, ListLine, Response, StatusLine
from tests.support.server import ServerProcess, running_server

pytestmark = pytest.mark.net

MESSAGE = b"Subject: hello\r\n\r\nbody\r\n"
NOTIFY = (
    "NOTIFY SET (selected (MessageNew (UID) MessageExpunge FlagChange))"
    " (personal (MessageNew MessageExpunge FlagChange MailboxName SubscriptionChange))"
)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    with running_server(tmp_path, arguments=("--workers", "2")) as made:
        yield made


Opened = Callable[..., list[Client]]


@pytest.fixture
def opened() -> Iterator[Opened]:
    """Give what takes connections, to be closed in the end."""
    kept: list[Client] = []

    def keep(*clients: Client) -> list[Client]:
        kept.extend(clients)
        return list(clients)

    yield keep
    for client in kept:
        client.close()


def until(client: Client, kind: type[Response]) -> Response:
    """Read up to the first response of a kind."""
    while not isinstance(found := client.read(), kind):
        pass
    return found


def test_a_watcher_hears_of_all_mailboxes_from_the_other_worker(
    server: ServerProcess, opened: Opened
):
    first, second = children(server.process.pid)
    watcher, other = opened(at_worker(server, first), at_worker(server, second))
    watcher.select("INBOX")
    watcher.ok(NOTIFY)
    other.ok("CREATE Plans/2027")
    assert [watcher.read(), watcher.read()] == [
        ListLine(name, "/", frozenset({attribute, "\\Subscribed"}))
        for name, attribute in (
            ("Plans", "\\HasChildren"),
            ("Plans/2027", "\\HasNoChildren"),
        )
    ]
    other.append(MESSAGE, "Plans/2027")
    counted = watcher.read()
    assert isinstance(counted, StatusLine)
    assert (counted.name, counted.items["MESSAGES"]) == ("Plans/2027", 1)
    other.append(MESSAGE, "INBOX")
    assert watcher.read() == Exists(1)
    told = until(watcher, Fetch)
    assert isinstance(told, Fetch)
    assert told.uid == 1
    other.ok("RENAME Plans Dreams")
    renamed = watcher.read()
    assert isinstance(renamed, ListLine)
    assert renamed.extended == (("OLDNAME", (b"Plans",)),)
    watcher.ok("NOOP")


def test_idlers_of_both_workers_hear(server: ServerProcess, opened: Opened):
    workers = children(server.process.pid)
    idlers = opened(*[at_worker(server, pid) for pid in workers])
    for idler in idlers:
        idler.select("INBOX")
        idler.send("IDLE")
        idler.read()
    opened(server.client("alice"))[0].append(MESSAGE, "INBOX")
    assert [until(idler, Exists) for idler in idlers] == [Exists(1)] * 2


def test_what_another_program_brings_in_is_heard_of(
    server: ServerProcess, opened: Opened, tmp_path: Path
):
    """`imapd import` tells nobody; the workers look every few seconds."""
    box = tmp_path / "mail.mbox"
    box.write_bytes(b"From a@example.org Tue Nov 24 12:00:00 2026\n" + MESSAGE)
    watcher, idler = opened(server.client("alice"), server.client("alice"))
    watcher.ok(NOTIFY)
    idler.select("INBOX")
    idler.send("IDLE")
    idler.read()
    server.imapd("import", "--account", "alice", str(box))
    assert isinstance(until(idler, Exists), Exists)
    assert isinstance(until(watcher, StatusLine), StatusLine)
