"""`imapd serve` as administrators meet it: start, signals, workers, first start."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.certificates import make_certificates
from tests.support.client import Client, Disconnected
from tests.support.default_ports import default_ports
from tests.support.responses import Exists, Expunge, Status
from tests.support.server import ROOT, ServerProcess, running_server

pytestmark = pytest.mark.net

MESSAGE = b"Subject: x\r\n\r\nbody\r\n"
START_SECONDS = 30.0


@pytest.fixture
def two(tmp_path: Path) -> Iterator[ServerProcess]:
    """Give a server with two workers."""
    with running_server(tmp_path, arguments=("--workers", "2")) as made:
        yield made


def until(holds: Callable[[], bool], seconds: float = 60.0) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def children(pid: int, *, indexer: bool = False) -> list[int]:
    """List the workers that a supervisor has started, or the indexer."""
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    return [int(one) for one in text.split() if is_nicer(int(one), pid) == indexer]


def is_nicer(pid: int, than: int) -> bool:
    """Tell whether a process has less priority than another, as the indexer has."""
    try:
        given = [os.getpriority(os.PRIO_PROCESS, one) for one in (pid, than)]
    except ProcessLookupError:
        return False  # it has just ended
    return given[0] > given[1]


def worker_of(client: Client, pids: list[int]) -> int:
    """Give the worker that holds the other end of a connection."""
    port = client.socket.getsockname()[1]
    inode = next(
        row.split()[9]
        for row in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]
        if row.split()[2].endswith(f":{port:04X}") and row.split()[3] == "01"
    )
    for pid in pids:
        for entry in Path(f"/proc/{pid}/fd").iterdir():
            try:
                if os.readlink(entry) == f"socket:[{inode}]":
                    return pid
            except OSError:
                continue
    raise AssertionError("nobody holds that connection")


def at_worker(server: ServerProcess, pid: int, name: str = "alice") -> Client:
    """Connect until it is that worker that answers, and log in there."""
    workers = children(server.process.pid)
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        client = server.client(name)
        if worker_of(client, workers) == pid:
            return client
        client.close()
    raise AssertionError("that worker gets no connections")


@pytest.mark.parametrize("wanted", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_signal_says_goodbye_to_everybody(
    tmp_path: Path, wanted: signal.Signals, workers: str
):
    with running_server(tmp_path, arguments=("--workers", workers)) as server:
        clients = [server.client("alice"), server.client("bob", tls=True)]
        clients += [server.connect(), server.client("carol")]
        clients[0].select()
        clients[3].select()
        clients[3].send("IDLE")
        clients[3].read()
        server.process.send_signal(wanted)
        for client in clients:
            last = client.read_to_end()[-1]
            assert isinstance(last, Status)
            assert last.kind == "BYE"
            client.close()
        assert server.wait() == 0


def test_what_was_sent_before_the_signal_is_kept(tmp_path: Path):
    with running_server(tmp_path) as server:
        with server.client() as client:
            client.literal_plus = True
            tags = [client.send("APPEND INBOX {}", MESSAGE) for _ in range(50)]
            client.wait(tags[0])
            server.process.send_signal(signal.SIGTERM)
            told = 1
            try:
                for tag in tags[1:]:
                    told += client.wait(tag).kind == "OK"
            except Disconnected:
                pass
        assert server.wait() == 0
        server.start()
        with server.client() as client:
            assert told <= client.exists() <= 50


def test_who_is_silent_for_too_long_is_told_goodbye(tmp_path: Path):
    """RFC 3501 §5.4; with limits that no real server has."""
    limits = "[limits]\nlogin_seconds = 2\nidle_seconds = 2\n"
    with (
        running_server(tmp_path, more_config=limits) as server,
        server.connect() as stranger,
        server.client() as client,
    ):
        for silent in (stranger, client):
            last = silent.read_to_end()[-1]
            assert isinstance(last, Status)
            assert last.kind == "BYE"


def test_hangup_reads_the_certificate_again(tmp_path: Path):
    with running_server(tmp_path) as server:
        with server.client(tls=True) as old:
            server.certificates = make_certificates(tmp_path)
            server.process.send_signal(signal.SIGHUP)

            def renewed() -> bool:
                try:
                    server.client(tls=True).close()
                except OSError:  # it is still the old certificate
                    return False
                return True

            until(renewed)
            old.ok("NOOP")
            # A certificate that is of no use changes nothing.
            server.certificates.certificate.write_text("nonsense")
            server.process.send_signal(signal.SIGHUP)
            until(lambda: '"reload-failed"' in server.log)
            server.client(tls=True).close()
        shutil.copy(server.log_file, tmp_path / "seen.log")
        server.log_file.write_text("")


def test_workers_tell_each_other(two: ServerProcess):
    one, other = children(two.process.pid)
    with at_worker(two, one) as here, at_worker(two, other) as there:
        here.select()
        there.select()
        with here.idle() as idle:
            there.append(MESSAGE)
            assert isinstance(idle.next(), Exists)
            idle.next()
            there.ok(r"STORE 1 +FLAGS.SILENT (\Deleted)")
            idle.next()
            there.ok("EXPUNGE")
            assert idle.next() == Expunge(1)
        there.ok("CREATE told")
        assert here.ok('LIST "" told').untagged
        # And without IDLE, at the next command.
        here.append(MESSAGE)
        assert there.ok("NOOP").one(Exists).number == 1


def test_a_worker_that_dies_is_replaced(two: ServerProcess):
    one, other = children(two.process.pid)
    with at_worker(two, other) as survivor:
        os.kill(one, signal.SIGKILL)
        until(lambda: one not in children(two.process.pid))
        survivor.ok("NOOP")
        until(lambda: len(children(two.process.pid)) == 2)
        for _ in range(20):
            two.client().close()
    assert "worker-died" in two.log
    two.log_file.write_text("")


def test_the_command_line_works_beside_the_server(two: ServerProcess):
    """Mail that is imported appears in sessions; a removed account ends its login."""
    source = two.folder / "one.eml"
    source.write_bytes(MESSAGE)
    with two.client("bob") as client:
        client.select()
        two.imapd("import", "--account", "bob", str(source))
        assert client.ok("NOOP").one(Exists).number == 1
        two.imapd("mailbox", "create", "--account", "bob", "by hand")
        assert client.ok('LIST "" "by hand"').untagged
    two.imapd("check")
    two.imapd("account", "passwd", "bob", "--password-stdin", data=b"new password\n")
    with two.connect() as client:
        old = two.accounts["bob"].password.encode()
        assert client.command("LOGIN bob {}", old).code == "AUTHENTICATIONFAILED"
        client.login("bob", "new password")


def test_an_address_that_is_taken_is_told(tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        made = ServerProcess(tmp_path)
        text = made.config.read_text().replace("127.0.0.1:0", f"127.0.0.1:{port}", 1)
        made.config.write_text(text)
        done = made.imapd("serve", code=6)
    assert f"127.0.0.1:{port}".encode() in done.stderr


@default_ports()
def test_a_first_start_needs_nothing(tmp_path: Path):
    """As README says: one command, and it tells how to connect."""
    environment = {k: v for k, v in os.environ.items() if k != "IMAPD_CONFIG"}
    with subprocess.Popen(
        [sys.executable, "-m", "imapd", "serve"],
        cwd=tmp_path,
        env={**environment, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            told = []
            for line in process.stdout:
                told.append(line)
                if line.startswith("ready "):
                    break
            text = "".join(told)
            user = re.search(r"^user name: +(\S+)$", text, re.MULTILINE)
            password = re.search(r"^password: +(\S+)$", text, re.MULTILINE)
            assert user is not None, text
            assert password is not None, text
            import ssl

            context = ssl.create_default_context(
                cafile=str(next(tmp_path.rglob("certificate.pem")))
            )
            with Client.connect("127.0.0.1", 1143) as client:
                assert "LOGINDISABLED" in client.capabilities()
                client.starttls(context)
                client.login(user[1], password[1])
                client.append(MESSAGE)
            with Client.connect("localhost", 1993, tls=context) as client:
                client.login(user[1], password[1])
                assert client.exists() == 1
        finally:
            process.terminate()
        process.wait(START_SECONDS)
    assert process.returncode == 0
    assert (tmp_path / "var" / "imapd").stat().st_mode & 0o077 == 0


def test_the_log_is_json_and_has_no_secrets(tmp_path: Path):
    with running_server(tmp_path, more_config="commands = true") as server:
        secret = server.accounts["alice"].password
        with server.client() as client:
            client.append(MESSAGE + b"nobody else's business\r\n")
            client.select()
            client.ok("FETCH 1 BODY[]")
            client.command("SEARCH TEXT {}", b"a secret\r\n* OK forged\r\n")
        with server.connect() as client:
            client.authenticate("PLAIN", f"\0alice\0{secret}".encode(), initial=True)
            client.command("LOGIN {} {}", b"evil\nname", b"wrong-password")
        assert server.stop() == 0
        lines = [json.loads(line) for line in server.log.splitlines()]
        assert {"FETCH", "APPEND"} <= {str(line.get("command")) for line in lines}
        for hidden in (secret, "wrong-password", "business", "a secret", "forged"):
            assert hidden not in server.log
