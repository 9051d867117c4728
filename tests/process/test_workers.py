"""Workers as processes: what holds goes on holding when one of them is replaced."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.process.test_serve import children, until
from tests.support.server import ServerProcess, running_server

pytestmark = pytest.mark.net


def replace_worker(server: ServerProcess) -> None:
    """Kill a worker and wait until two serve again."""
    first, _ = children(server.process.pid)
    os.kill(first, signal.SIGKILL)
    until(lambda: first not in children(server.process.pid))
    for _ in range(12):  # whichever socket a connection lies in, it is answered
        server.client().close()
    assert len(children(server.process.pid)) == 2


def test_a_worker_is_replaced_though_the_configuration_was_broken(tmp_path: Path):
    with running_server(tmp_path, arguments=("--workers", "2")) as server:
        right = server.config.read_text()
        server.config.write_text(right + "\n[limits]\nnonsense = 1\n")
        replace_worker(server)
        server.process.send_signal(signal.SIGHUP)
        until(lambda: server.log.count('"reload-failed"') == 2)
        replace_worker(server)
        # And what is right again holds for who comes next.
        server.config.write_text(right.replace("[server]\n", "") + "\n[limits]\n")
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
