"""Backups of a store that is served: nothing that was acknowledged before is missing.

While clients append, expunge and move, and another process purges and compacts, points
are taken, one of them killed in its middle. A copy of the folder is restored, checked,
and compared with what the clients had been told.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from mailstore.lanes import InlineRuntime
from mailstore.model import Column
from mailstore.service import Store, StoreOptions
from tests.process.test_serve import until
from tests.support.client import Client
from tests.support.server import ROOT, ServerProcess, running_server

pytestmark = [pytest.mark.net, pytest.mark.workers]

MARK = re.compile(rb"Subject: (\S+)\r\n")
OLD = 1_500_000_000
SEEDS, LEFT = 60, 6


@dataclass
class Ledger:
    """What one client was told: marks that are there, and those it is removing."""

    there: set[str] = field(default_factory=set)
    going: set[str] = field(default_factory=set)


def message(mark: str, size: int) -> bytes:
    return b"Subject: %b\r\n\r\n%b\r\n" % (mark.encode(), b"x" * size)


def busy(client: Client, number: int, ledger: Ledger, over: threading.Event) -> None:
    """Append to a mailbox of one's own, remove a third of it, move another third."""
    client.ok(f"CREATE Box{number}")
    client.select(f"Box{number}")
    count = 0
    while not over.is_set():
        marks = [f"{number}-{count}-{at}" for at in range(3)]
        uids = []
        for at, mark in enumerate(marks):
            size = 1_200_000 if (count + at) % 40 == 0 else 3_000
            uids.append(client.append(message(mark, size), f"Box{number}")[1])
            ledger.there.add(mark)
        ledger.going.add(marks[0])
        client.ok(rf"UID STORE {uids[0]} +FLAGS.SILENT (\Deleted)")
        client.ok(f"UID EXPUNGE {uids[0]}")
        client.ok(f"UID MOVE {uids[1]} Archive")
        count += 1


def reclaim(store: Path, over: threading.Event, removed: list[int]) -> None:
    """Purge and compact again and again, as a process of its own would.

    What it has emptied rests no longer than until the next round.
    """
    old = [path for path in store.rglob("*.pack") if path.stat().st_mtime == OLD]
    while not over.is_set():
        for path in old:
            with suppress(FileNotFoundError):
                os.utime(path, (OLD, OLD))
        opened = Store.open(store, runtime := InlineRuntime(), options=OPTIONS)
        try:
            row = opened.directory.find("alice")
            assert row is not None
            account = runtime.run(opened.account(row.id))
            runtime.run(account.purge())
            removed.append(runtime.run(account.reclaim()))
        finally:
            opened.close()


OPTIONS = StoreOptions(retention=0)


@contextmanager
def crowd(server: ServerProcess) -> Iterator[list[Ledger]]:
    """Have clients and a collector at work while the block lasts."""
    over = threading.Event()
    ledgers = [Ledger(), Ledger()]
    removed: list[int] = []
    clients = [server.client("alice") for _ in ledgers]
    with ThreadPoolExecutor(3) as threads:
        work = [
            threads.submit(busy, client, number, ledgers[number], over)
            for number, client in enumerate(clients)
        ]
        work.append(threads.submit(reclaim, server.folder / "store", over, removed))
        try:
            yield ledgers
        finally:
            over.set()
        for one in work:
            one.result(60)
    for client in clients:
        client.close()
    assert sum(removed) > 0


def seed(server: ServerProcess) -> None:
    """Leave segments that are mostly dead, and old enough to be compacted."""
    with server.client("alice") as client:
        for number in range(SEEDS):
            client.append(message(f"seed-{number}", 20_000))
        client.select("INBOX")
        client.ok(rf"STORE {LEFT + 1}:* +FLAGS.SILENT (\Deleted)")
        client.ok("EXPUNGE")
    assert server.stop() == 0
    text = server.config.read_text()
    server.config.write_text(
        text.replace('path = "store"', 'path = "store"\nretention_days = 0')
    )
    for path in (server.folder / "store").rglob("*.pack"):
        os.utime(path, (OLD, OLD))
    server.start()


def kill_in_the_middle(server: ServerProcess, backup: Path) -> None:
    """Start a backup, and end it with SIGKILL once it has written something."""
    program = [sys.executable, "-m", "imapd", "backup", str(backup)]
    process = subprocess.Popen(
        [*program, "--config", str(server.config)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        cwd=server.folder,
    )
    while process.poll() is None and not any(backup.rglob("*.pack")):
        threading.Event().wait(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()


def marks_of(store: Path) -> set[str]:
    """Give the marks of all messages of a store."""
    opened = Store.open(store, runtime := InlineRuntime(), options=OPTIONS)
    found = set()

    async def read() -> None:
        row = opened.directory.find("alice")
        assert row is not None
        account = await opened.account(row.id)
        for entry in await account.mailboxes():
            if not entry.selectable:
                continue
            mailbox = await account.open(entry.name, readonly=True)
            async for batch in mailbox.fetch(mailbox.uids, (Column.BLOB,)):
                for ref in batch.columns[Column.BLOB]:
                    with mailbox.blob(ref) as blob:
                        mark = MARK.match(blob.pread(0, 100))
                    assert mark is not None
                    found.add(mark[1].decode())
            await mailbox.close()

    try:
        runtime.run(read())
    finally:
        opened.close()
    return found


def test_a_served_store_is_backed_up_and_comes_back(tmp_path: Path):
    backup, copy = tmp_path / "backup", tmp_path / "copy"
    (tmp_path / "one").mkdir()
    with running_server(tmp_path / "one", arguments=("--workers", "2")) as server:
        seed(server)
        with crowd(server) as ledgers:
            until(lambda: all(len(ledger.there) > 20 for ledger in ledgers))
            kill_in_the_middle(server, backup)
            server.imapd("backup", str(backup))
            before = [set(ledger.there) for ledger in ledgers]
            server.imapd("backup", str(backup), "--verify", "--keep", "1")
        gone = set().union(*(ledger.going for ledger in ledgers))
        copied = shutil.which("rsync")
        if copied:
            subprocess.run([copied, "-a", f"{backup}/", f"{copy}/"], check=True)
        else:
            shutil.copytree(backup, copy)
        server.imapd("backup", "verify", str(copy))
        text = server.config.read_text()
        other = tmp_path / "other.toml"
        other.write_text(text.replace('path = "store"', f'path = "{tmp_path}/new"'))
        run = ("--config", str(other))
        server.imapd("restore", str(copy), *run, config=False)
        server.imapd("check", "--thorough", *run, config=False)
        found = marks_of(tmp_path / "new")
        wanted = set().union(*before) - gone
        assert len(wanted) > 10
        assert wanted <= found
        assert {f"seed-{n}" for n in range(LEFT)} <= found
        # Into the server that runs: what its owner has lost comes back.
        with server.client("alice") as client:
            client.select("INBOX")
            client.ok(r"STORE 1:* +FLAGS.SILENT (\Deleted)")
            client.ok("EXPUNGE")
            server.imapd(
                "restore", str(copy), "--account", "alice", "--mailbox", "INBOX"
            )
            client.ok("NOOP")
            assert client.exists("INBOX") == LEFT
