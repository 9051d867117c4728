"""Logins over several workers, behind a proxy, against other servers; monitoring."""

from __future__ import annotations

import base64
import json
import re
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.imapd.auth.provider import running_provider
from tests.process.test_serve import at_worker, children, until, worker_of
from tests.support.client import Client
from tests.support.server import ROOT, ServerProcess, running_server
from tests.support.slapd import ldap_config, running_slapd

pytestmark = [pytest.mark.net, pytest.mark.workers]

FILTER = ROOT / "docs" / "howto" / "imapd-fail2ban.conf"


# -- several workers


@pytest.fixture
def two(tmp_path: Path) -> Iterator[ServerProcess]:
    limits = "\n[limits]\nconnections_per_account = 4\nlogin_failures = 50\n"
    with running_server(
        tmp_path, arguments=("--workers", "2"), more_config=limits
    ) as made:
        yield made


def test_workers_share_what_they_count(two: ServerProcess):
    first, second = children(two.process.pid)

    def guess(pid: int, times: int) -> None:
        while True:
            client = two.connect()
            if worker_of(client, [first, second]) == pid:
                break
            client.close()
        for _ in range(times):
            assert client.command("LOGIN nobody wrong").status.kind == "NO"
        client.close()

    guess(first, 5)
    before = two.log.count("login-delayed")
    guess(second, 1)  # its first
    assert two.log.count("login-delayed") == before + 1


def test_a_changed_password_ends_in_every_worker_at_once(two: ServerProcess):
    first, second = children(two.process.pid)
    for pid in (first, second):
        at_worker(two, pid, "bob").close()
    two.imapd("account", "passwd", "bob", "--password-stdin", data=b"changed\n")
    for _ in range(6):
        client = two.connect()
        old = two.accounts["bob"].password.replace('"', '\\"')
        assert client.command(f'LOGIN bob "{old}"').status.kind == "NO"
        client.close()
    client = two.connect()
    assert client.command("LOGIN bob changed").status.kind == "OK"
    client.close()


def test_connections_of_an_account_count_over_workers(two: ServerProcess):
    clients = [two.connect() for _ in range(12)]
    password = two.accounts["carol"].password
    kinds = []
    for client in clients:
        kinds.append(client.command(f'LOGIN carol "{password}"').status.kind)
        time.sleep(0)  # the note to the other worker is one datagram
    assert kinds.count("OK") == 4, kinds
    for client in clients:
        client.close()


# -- behind a proxy, LDAP


def test_behind_a_proxy(tmp_path: Path):
    more = """
[[listen]]
address = "127.0.0.1:0"
tls = "none"
proxy_from = ["127.0.0.1/32"]
"""
    with running_server(tmp_path, more_config=more) as server:
        with socket.create_connection(("127.0.0.1", server.port), 30) as tcp:
            tcp.sendall(b"PROXY TCP4 203.0.113.9 192.0.2.1 5 143\r\na LOGOUT\r\n")
            said = b""
            while data := tcp.recv(4_096):
                said += data
        assert said.startswith(b"* OK")
        assert b"a OK" in said
        with socket.create_connection(("127.0.0.1", server.port), 30) as tcp:
            tcp.sendall(b"a LOGOUT\r\n")
            with pytest.raises((ConnectionError, AssertionError)):
                assert tcp.recv(10)
        until(lambda: "PROXY:" in server.log)


def test_people_of_ldap(tmp_path: Path):
    (tmp_path / "slapd").mkdir()
    (tmp_path / "imapd").mkdir()
    with running_slapd(tmp_path / "slapd") as slapd:
        more = ldap_config(slapd, tmp_path / "secret")
        with running_server(tmp_path / "imapd", more_config=more) as server:
            client = server.connect()
            assert client.command("LOGIN twin1 wrong").status.kind == "NO"
            client.login("alice@example.org", "alice's")  # not ours: that one is alice
            client.ok("SELECT INBOX")
            client.close()
            with Client.connect(server.host, server.port) as other:
                other.login("twin1", "twin's")
            groups = json.loads(server.imapd("group", "list", "--json").stdout)
            assert {"name": "sales", "accounts": ["alice"]} in groups
            slapd.stop()
            down = server.connect()
            answer = down.command("LOGIN twin2 x").status
            assert (answer.kind, answer.code and answer.code.name) == (
                "NO",
                "UNAVAILABLE",
            )
            down.close()


def test_introspection(tmp_path: Path):
    with running_provider() as provider:
        provider.json("/ask", {"active": True, "username": "bob"})
        (tmp_path / "secret").write_text("s")
        more = f"""
[oauth]
issuer = "https://idp.example.org"
introspection_url = "{provider.url}/ask"
client_id = "imapd"
client_secret_file = {json.dumps(str(tmp_path / "secret"))}
"""
        with running_server(tmp_path, more_config=more) as server:
            client = server.connect()
            message = base64.b64encode(b"n,,\x01auth=Bearer opaque\x01\x01").decode()
            assert (
                client.command(f"AUTHENTICATE OAUTHBEARER {message}").status.kind
                == "OK"
            )
            client.close()


# -- fail2ban


LINES = """\
2026-11-24T01:02:03.004Z INFO login-failed id=1 user=alice address=192.0.2.7 reason="x"
2026-11-24T01:02:03.004Z INFO login-failed id=1 user="a \\" b" address=2001:db8::7 reason=x
2026-11-24T01:02:03.004Z INFO login-failed id=1 user="" address=192.0.2.8 reason="x"
2026-11-24T01:02:03.004Z INFO login-failed id=1 user="x address=9.9.9.9 reason=" address=192.0.2.9 reason="x"
2026-11-24T01:02:03.004Z INFO login id=1 user=alice address=8.8.8.8 tls=True mechanism=PLAIN
2026-11-24T01:02:03.004Z INFO id id=1 client="INFO login-failed id=1 user=x address=7.7.7.7 reason="
"""  # noqa: E501 - as they are in a log
FOUND = ["192.0.2.7", "2001:db8::7", "192.0.2.8", "192.0.2.9"]


def test_the_filter_finds_who_guesses_and_nobody_else():
    (line,) = [
        text.removeprefix("failregex = ")
        for text in FILTER.read_text().splitlines()
        if text.startswith("failregex")
    ]
    pattern = re.compile(line.replace("<HOST>", r"(?P<host>[0-9a-fA-F.:]+)"))
    undated = [text.partition(" ")[2] for text in LINES.splitlines()]
    found = [match["host"] for text in undated if (match := pattern.search(text))]
    assert found == FOUND


def test_fail2ban_understands_the_filter(tmp_path: Path):
    program = shutil.which("fail2ban-regex")
    if program is None:
        pytest.skip("fail2ban is not installed")
    (tmp_path / "log").write_text(LINES)
    done = subprocess.run(
        [program, "--print-all-matched", "--out", "ip", "log", str(FILTER)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=tmp_path,
    )
    assert done.stdout.split() == FOUND, done.stdout + done.stderr


# -- monitoring


def test_numbers_of_all_workers(tmp_path: Path):
    more = """
[[listen]]
protocol = "metrics"
address = "127.0.0.1:0"
tls = "none"
"""
    with running_server(
        tmp_path, arguments=("--workers", "2"), more_config=more
    ) as server:
        url = f"http://127.0.0.1:{server.ports['metrics']}"
        for pid in children(server.process.pid):
            at_worker(server, pid, "alice").close()
        with server.connect() as client:
            client.command("LOGIN nobody x")

        def numbers() -> dict[str, float]:
            with urllib.request.urlopen(f"{url}/metrics", timeout=30) as answer:
                text = answer.read().decode()
            lines = [line for line in text.splitlines() if not line.startswith("#")]
            return {
                name: float(value)
                for name, _, value in (line.rpartition(" ") for line in lines)
            }

        def logins() -> list[float]:
            return [
                value
                for name, value in numbers().items()
                if name.startswith("imapd_logins_total")
            ]

        def failures() -> float:
            return sum(v for k, v in numbers().items() if 'event="login-failed"' in k)

        # Both workers' numbers, whichever is asked.
        until(lambda: len(logins()) == 2 and failures() == 1)
        gauges = {f'imapd_connections{{worker="{worker}"}}' for worker in (0, 1)}
        until(lambda: numbers().keys() >= gauges)
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(url, timeout=30)
