"""Workers as processes: what holds goes on holding when one of them is replaced."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from imapd.indexer import NICENESS
from tests.process.test_serve import at_worker, children, until
from tests.support.responses import Code, SearchResult, Status
from tests.support.server import ServerProcess, running_server

pytestmark = [pytest.mark.net, pytest.mark.workers]

BYE = Status("BYE", "an administrator has ended this session", Code("UNAVAILABLE"))


def replace_worker(server: ServerProcess) -> None:
    """Kill a worker and wait until two serve again."""
    first, _ = children(server.process.pid)
    os.kill(first, signal.SIGKILL)
    until(lambda: first not in children(server.process.pid))
    for _ in range(12):  # whichever socket a connection lies in, it is answered
        server.connect().close()
    assert len(children(server.process.pid)) == 2


def sessions(server: ServerProcess, *more: str) -> list[dict[str, Any]]:
    """List sessions by the command line."""
    found = json.loads(server.imapd("session", "list", "--json", *more).stdout)
    assert isinstance(found, list)
    return found


def test_sessions_of_all_workers_are_told_and_ended(tmp_path: Path):
    with running_server(tmp_path, arguments=("--workers", "2")) as server:
        assert sessions(server) == []
        workers = children(server.process.pid)
        first, second = (at_worker(server, pid, "alice") for pid in workers)
        secure = server.client("bob", tls=True)
        stranger = server.connect()
        first.ok('ID ("name" "mutt")')
        first.select("INBOX")
        second.select("Sent", examine=True)
        second.send("IDLE")
        second.read()
        found = sessions(server)
        assert len({one["id"] for one in found}) == 4
        assert sorted(one["user"] for one in found) == ["", "alice", "alice", "bob"]
        by_mailbox = {one["mailbox"]: one for one in found if one["mailbox"]}
        assert by_mailbox["INBOX"]["client"] == {"name": "mutt"}
        assert by_mailbox["INBOX"]["pid"] == workers[0]
        assert by_mailbox["Sent"]["command"] == "IDLE"
        assert by_mailbox["Sent"]["readonly"]
        assert by_mailbox["Sent"]["pid"] == workers[1]
        (bob,) = sessions(server, "--account", "bob")
        assert (bob["secure"], bob["tls"]) == (True, "TLSv1.3")
        # By account, in both workers; then by id; the stranger by the address.
        server.imapd("session", "kill", "--account", "Alice")
        for client in (first, second):
            assert client.read_to_end()[-1] == BYE
            client.close()
        secure.ok("NOOP")
        server.imapd("session", "kill", bob["id"])
        assert secure.read_to_end()[-1] == BYE
        secure.close()
        server.imapd("session", "kill", bob["id"], code=5)
        server.imapd("session", "kill", "--address", "127.0.0.0/8")
        assert stranger.read_to_end()[-1] == BYE
        stranger.close()
        until(lambda: sessions(server) == [])
        assert server.log.count('"session-killed"') == 4


def test_ids_are_new_in_a_worker_that_replaces_another(tmp_path: Path):
    with running_server(tmp_path, arguments=("--workers", "2")) as server:
        first, second = children(server.process.pid)
        at_worker(server, first).close()
        with at_worker(server, second) as kept:
            os.kill(first, signal.SIGKILL)
            until(lambda: first not in children(server.process.pid))
            until(lambda: len(children(server.process.pid)) == 2)
            (new,) = set(children(server.process.pid)) - {second}
            with at_worker(server, new):
                found = {one["id"].partition("-")[0] for one in sessions(server)}
                assert len(found) == 2
                assert "3" in found  # the indexer is the third that was started
            kept.ok("NOOP")
        assert len(list((tmp_path / "store" / "control").iterdir())) == 2
        server.log_file.write_text("")
    assert list((tmp_path / "store" / "control").iterdir()) == []


def test_texts_are_indexed_by_a_process_that_is_replaced(tmp_path: Path):
    def indexes() -> list[Path]:
        return list((tmp_path / "store").glob("accounts/*/*/text.db"))

    with running_server(tmp_path, arguments=("--workers", "2")) as server:
        supervisor = server.process.pid
        (first,) = children(supervisor, indexer=True)
        ours = os.getpriority(os.PRIO_PROCESS, supervisor)
        assert os.getpriority(os.PRIO_PROCESS, first) == min(ours + NICENESS, 19)
        with server.client("alice") as alice:
            alice.ok("APPEND INBOX {}", b"Subject: a\r\n\r\nfish\r\n")
            until(lambda: bool(indexes()))
            os.kill(first, signal.SIGKILL)
            until(lambda: children(supervisor, indexer=True) not in ([first], []))
            for path in indexes():
                path.unlink()
            alice.ok("APPEND INBOX {}", b"Subject: b\r\n\r\nfish\r\n")
            until(lambda: bool(indexes()))
            alice.select("INBOX")
            assert alice.ok("SEARCH BODY fish").one(SearchResult).numbers == (1, 2)
        (second,) = children(supervisor, indexer=True)
        server.log_file.write_text("")  # that one died is told there
    assert not Path(f"/proc/{second}").exists()


def test_a_server_that_is_not_there_is_told(tmp_path: Path):
    with running_server(tmp_path) as server:
        server.kill()
        server.imapd("session", "list", code=1)
        server.start()
        assert sessions(server) == []


def test_a_worker_is_replaced_though_the_configuration_was_broken(tmp_path: Path):
    with running_server(tmp_path, arguments=("--workers", "2")) as server:
        right = server.config.read_text()
        server.config.write_text(right + "\n[limits]\nnonsense = 1\n")
        replace_worker(server)
        server.process.send_signal(signal.SIGHUP)
        until(lambda: server.log.count('"reload-failed"') == 2)
        replace_worker(server)
        # And what is right again holds for who comes next.
        # What needs a restart does not: another store would take their mail.
        text = right.replace("[server]\n", "").replace('path = "', 'path = "no/')
        assert 'path = "no/store"' in text
        server.config.write_text(text + "\n[limits]\n")
        with server.config.open("a") as file:
            file.write("connections_per_account = 1\n")
        before = server.log.count('"reload"')
        server.process.send_signal(signal.SIGHUP)
        until(lambda: server.log.count('"reload"') == before + 2)
        replace_worker(server)
        with server.client("bob"), server.connect() as second:
            password = server.accounts["bob"].password.encode()
            assert second.command("LOGIN bob {}", password).code == "LIMIT"
        server.log_file.write_text("")
        server.config.write_text(right)


def test_the_supervisor_begins_a_new_log_file_too(tmp_path: Path):
    with running_server(
        tmp_path,
        arguments=("--workers", "2"),
        more_config=f'file = "{tmp_path / "imapd.log"}"\n',
    ) as server:
        log = tmp_path / "imapd.log"
        log.rename(tmp_path / "old.log")
        server.process.send_signal(signal.SIGHUP)
        until(lambda: log.exists() and log.read_text().count('"reload"') == 2)
        replace_worker(server)
        assert '"worker-died"' in log.read_text()
