"""``imapd serve`` as a process: first start, signals, workers, ports."""

import imaplib
import os
import re
import signal
import socket
import ssl
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from imapd.cli.exits import Exit
from imapd.net.selfsigned import make_certificate
from tests.process.test_serve import children
from tests.support.default_ports import default_ports

pytestmark = pytest.mark.net
ROOT = Path(__file__).parents[3]
CONFIG = """
[store]
path = "store"
[[listen]]
address = "127.0.0.1:0"
tls = "starttls"
[[listen]]
address = "127.0.0.1:0"
tls = "implicit"
[tls]
certificate = "tls/certificate.pem"
key = "tls/key.pem"
[auth]
allow_plaintext_without_tls = true
bcrypt_cost = 4
[log]
file = "imapd.log"
commands = true
"""
PASSWORD = "a secret nobody may read in a log"


class Server:
    """A server process; it is ready when this is made."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.folder = folder
        self.process = start(folder, "serve", *arguments)
        self.said: list[str] = []
        self.ports: dict[str, int] = {}
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.append(line.rstrip())
            if line.startswith("ready "):
                found = re.findall(r"(\w+)=127\.0\.0\.1:(\d+)", line)
                self.ports = {name: int(port) for name, port in found}
                return
        raise AssertionError(f"not ready: {self.process.communicate()[1]}")

    def connect(self) -> imaplib.IMAP4:
        return imaplib.IMAP4("127.0.0.1", self.ports["imap"], timeout=20)

    def raw(self) -> Any:
        with socket.create_connection(
            ("127.0.0.1", self.ports["imap"]), timeout=20
        ) as made:
            file = made.makefile("rwb", buffering=0)
        assert file.readline().startswith(b"* OK ")
        return file

    def break_off(self) -> None:
        """Reset a connection right behind its TLS handshake."""
        try:
            with (
                socket.create_connection(("127.0.0.1", self.ports["imaps"])) as made,
                self._context().wrap_socket(made) as secured,
            ):
                linger = struct.pack("ii", 1, 0)
                secured.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        except (ConnectionError, ssl.SSLError):
            return  # refused: too many connections, for now

    def _context(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return context

    def served_certificate(self) -> bytes:
        context = self._context()
        try:
            with (
                socket.create_connection(("127.0.0.1", self.ports["imaps"])) as made,
                context.wrap_socket(made) as secured,
            ):
                return secured.getpeercert(binary_form=True) or b""
        except (ConnectionError, ssl.SSLError):
            return b""  # refused: too many connections, for now

    def end(self, *, logs: bool = False) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.wait(logs=logs)

    def wait(self, *, logs: bool = False) -> int:
        out, error = self.process.communicate(timeout=40)
        self.said += out.splitlines()
        # The log goes there unless a file is configured; nothing else may.
        lines = [x for x in error.splitlines() if not (logs and " INFO " in x)]
        assert lines == []
        return self.process.returncode


def environment() -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if k != "IMAPD_CONFIG"}
    return {**kept, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error"}


def start(folder: Path, *arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "imapd", *arguments],
        cwd=folder,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(
    folder: Path, *arguments: str, text: str = ""
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "imapd", *arguments],
        cwd=folder,
        env=environment(),
        input=text,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a store, a certificate and an account, as a pattern."""
    folder = tmp_path_factory.mktemp("home")
    assert run(folder, "init", ".").returncode == 0
    (folder / "imapd.toml").write_text(CONFIG)
    done = run(folder, "account", "add", "alice", "--password-stdin", text=PASSWORD)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def serve(home: Path) -> Iterator[Any]:
    running: list[Server] = []
    (home / "imapd.toml").write_text(CONFIG)

    def begin(*arguments: str) -> Server:
        running.append(Server(home, "--config", str(home / "imapd.toml"), *arguments))
        return running[-1]

    yield begin
    for server in running:
        if server.process.poll() is None:
            server.process.kill()
        server.process.communicate()


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_says_bye_to_everybody_and_ends_clean(serve, workers, number):
    server = serve("--workers", workers)
    clients = [server.raw() for _ in range(8)]
    server.process.send_signal(number)
    for client in clients:
        assert client.readline() == b"* BYE [UNAVAILABLE] the server is stopping\r\n"
        assert client.read() == b""
        client.close()
    assert server.wait() == 0
    assert len([line for line in server.said if line.startswith("ready ")]) == 1


def test_people_log_in_with_and_without_tls(serve, home):
    server = serve("--workers", "1")
    context = ssl.create_default_context(cafile=str(home / "tls" / "certificate.pem"))
    plain = server.connect()
    upgraded = server.connect()
    upgraded.host = "localhost"
    upgraded.starttls(context)
    implicit = imaplib.IMAP4_SSL(
        "localhost", server.ports["imaps"], ssl_context=context, timeout=20
    )
    for client in (plain, upgraded, implicit):
        assert client.login("alice", PASSWORD)[0] == "OK"
        assert client.select()[0] == "OK"
        client.logout()
    stranger = server.connect()
    with pytest.raises(imaplib.IMAP4.error):
        stranger.login("alice", "wrong")
    stranger.logout()
    assert server.end() == 0
    log = (home / "imapd.log").read_text()
    assert "command=LOGIN" in log
    assert "command=SELECT" in log
    assert PASSWORD not in log
    assert "wrong" not in log


def test_hangup_renews_certificate_and_limits_and_keeps_sessions(serve, home):
    server = serve("--workers", "1")
    client = server.raw()
    before = server.served_certificate()
    make_certificate(home / "new" / "c.pem", home / "new" / "k.pem")
    (home / "imapd.toml").write_text(
        CONFIG.replace("tls/certificate", "new/c").replace("tls/key", "new/k")
        + "[limits]\nconnections_per_address = 1\n"
    )
    (home / "imapd.log").rename(home / "old.log")
    server.process.send_signal(signal.SIGHUP)
    _wait_for((home / "imapd.log").exists)
    with socket.create_connection(("127.0.0.1", server.ports["imap"])) as refused:
        assert b"too many connections" in refused.recv(200)
    client.write(b"a1 NOOP\r\n")
    assert client.readline() == b"a1 OK NOOP completed\r\n"
    client.close()
    _wait_for(lambda: server.served_certificate() not in (before, b""))
    assert server.end() == 0


def test_a_bad_new_configuration_is_logged_and_changes_nothing(serve, home):
    server = serve("--workers", "1")
    before = server.served_certificate()
    (home / "imapd.toml").write_text(CONFIG + "[limits]\nmesage = 1\n")
    server.process.send_signal(signal.SIGHUP)
    log = home / "imapd.log"
    _wait_for(lambda: "did you mean message?" in log.read_text())
    assert server.served_certificate() == before
    assert server.end() == 0


def test_a_connection_that_breaks_is_counted_no_more(serve, home):
    (home / "imapd.toml").write_text(CONFIG + "[limits]\nconnections_per_address = 2\n")
    server = Server(home, "--config", str(home / "imapd.toml"), "--workers", "1")
    try:
        for _ in range(40):
            server.break_off()
        _wait_for(server.served_certificate)
        assert server.end() == 0
    finally:
        server.process.kill()
        server.process.communicate()


def test_a_killed_worker_is_replaced(serve):
    server = serve("--workers", "2")
    first = children(server.process.pid)
    assert len(first) == 2
    os.kill(first[0], signal.SIGKILL)
    for _ in range(10):  # whichever worker's socket a connection lies in
        server.raw().close()
    assert len(children(server.process.pid)) == 2
    assert server.end() == 0


def test_workers_do_not_outlive_a_killed_supervisor(serve):
    server = serve("--workers", "2")
    client = server.raw()
    server.process.kill()
    assert client.readline() == b"* BYE [UNAVAILABLE] the server is stopping\r\n"
    client.close()
    # The pipe closes when its last holder is gone: the workers are holders too.
    server.process.communicate(timeout=40)


def test_a_taken_port_has_its_exit_code(home):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        text = CONFIG.replace("127.0.0.1:0", f"127.0.0.1:{port}", 1)
        (home / "taken.toml").write_text(text)
        done = run(home, "serve", "--config", "taken.toml")
    assert done.returncode == Exit.ADDRESS
    assert done.stderr.startswith(f"imapd: cannot listen on 127.0.0.1:{port}: Address")


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        (("[log]", "[lgo]"), Exit.CONFIG, "did you mean log?"),
        (("tls/key.pem", "tls/no.pem"), Exit.CONFIG, "cannot be read"),
        (('path = "store"', 'path = "tls/key.pem"'), Exit.STORE, ""),
    ],
)
def test_what_prevents_a_start_has_its_exit_code(home, change, code, words):
    (home / "wrong.toml").write_text(CONFIG.replace(*change))
    for workers in ("1", "2"):
        done = run(home, "serve", "--config", "wrong.toml", "--workers", workers)
        assert done.returncode == code, done.stderr
        assert words in done.stderr
        assert "Traceback" not in done.stderr
        assert "ready" not in done.stdout


@default_ports()
def test_the_first_start_makes_everything_and_the_second_keeps_it(
    tmp_path, monkeypatch
):
    """Port numbers are the README's; a second server there is told so in words."""
    server = Server(tmp_path, "--workers", "1")
    said = dict(line.split(":", 1) for line in server.said if ":" in line)
    assert server.said[-1] == "ready imap=127.0.0.1:1143 imaps=127.0.0.1:1993"
    password = said["password"].strip()
    client = imaplib.IMAP4_SSL(
        "localhost",
        1993,
        ssl_context=ssl.create_default_context(
            cafile=str(tmp_path / "var" / "imapd" / "tls" / "certificate.pem")
        ),
        timeout=20,
    )
    assert client.login(said["user name"].strip(), password)[0] == "OK"
    client.logout()
    assert server.end(logs=True) == 0
    again = Server(tmp_path, "--workers", "1")
    assert not [line for line in again.said if "password" in line]
    assert again.end(logs=True) == 0
    folder = tmp_path / "var" / "imapd"
    assert (folder.stat().st_mode & 0o777) == 0o700
    assert ((folder / "store").stat().st_mode & 0o777) == 0o700


def _wait_for(condition: Any) -> None:
    """Wait for what another process does; a deadline, not a guess."""
    for _ in range(2_000):
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError("it did not happen")
