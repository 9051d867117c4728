"""A server in a process of its own, on a folder of its own, with real ports.

::

    def test_noop(server: ServerProcess):
        with server.client("alice") as client:
            assert client.ok("NOOP").kind == "OK"

It knows the command line and the ``ready`` line only, never the code behind them.
At the end the server has to stop clean, its log has to be free of errors, and
``imapd check`` has to find the store sound.
"""

from __future__ import annotations

import atexit
import functools
import json
import os
import re
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.support.certificates import Certificates, make_certificates
from tests.support.client import TIMEOUT, Client

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 60.0
STOP_SECONDS = 30.0
_PAIR = re.compile(r"([A-Za-z0-9/+-]+)=(\[[^\]]+\]|[^\s:]+):([0-9]+)")

CONFIG = """\
[store]
path = "store"

[[listen]]
protocol = "imap"
address = "127.0.0.1:0"
tls = "starttls"

[[listen]]
protocol = "imap"
address = "127.0.0.1:0"
tls = "implicit"

[tls]
certificate = {certificate}
key = {key}

[auth]
allow_plaintext_without_tls = true
bcrypt_cost = 4

[log]
level = "info"
format = "json"
{more}
"""


@dataclass(frozen=True, slots=True)
class Account:
    """One who may log in."""

    name: str
    password: str = field(repr=False)


ACCOUNTS = (
    Account("alice", "alice's pass \\ word"),
    Account("bob", 'bob"s-password'),
    Account("carol", "carol's password"),
)


class ServerProcess:
    """``imapd serve`` on one folder; it may be killed and started again.

    ``folder`` holds configuration and store; ``ports`` the bound ports by the names
    of the ready line (``imap``, ``imaps``).
    """

    def __init__(
        self,
        folder: Path,
        *,
        more_config: str = "",
        arguments: Sequence[str] = (),
        accounts: Sequence[Account] = (),
    ) -> None:
        self.folder = folder
        self.arguments = tuple(arguments)
        self.environment: dict[str, str] = {}
        self.config = folder / "imapd.toml"
        self.log_file = folder / "stderr.log"
        self.accounts: dict[str, Account] = {}
        self.ports: dict[str, int] = {}
        self.ready_line = ""
        self._process: subprocess.Popen[bytes] | None = None
        self.certificates: Certificates = make_certificates(folder)
        text = CONFIG.format(
            certificate=json.dumps(str(self.certificates.certificate)),
            key=json.dumps(str(self.certificates.key)),
            more=more_config,
        )
        apart = tomllib.loads(more_config).keys() - _SAME_ACCOUNTS
        if accounts and not apart:
            shutil.copytree(_store_of(tuple(accounts)), folder / "store")
            self.accounts = {account.name: account for account in accounts}
        else:
            self.imapd("init", str(folder), config=False)
        self.config.write_text(text, encoding="utf-8")
        if accounts and apart:
            for account in accounts:
                self.add_account(account)

    # -- the process

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The running server."""
        assert self._process is not None, "the server is not running"
        return self._process

    def start(self) -> None:
        """Start, and wait for the ready line."""
        assert self._process is None
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(
                [*_PROGRAM, "serve", "--config", str(self.config), *self.arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=self.folder,
                env={**_environment(), **self.environment},
                process_group=0,
            )
        self.ready_line = self._wait_until_ready()
        found = _PAIR.findall(self.ready_line)
        self.ports = {name: int(port) for name, _, port in found}
        assert {"imap", "imaps"} <= self.ports.keys(), self.ready_line

    def _wait_until_ready(self) -> str:
        output = self.process.stdout
        assert output is not None
        data = b""
        deadline = time.monotonic() + START_SECONDS
        with selectors.DefaultSelector() as selector:
            selector.register(output, selectors.EVENT_READ)
            while left := max(deadline - time.monotonic(), 0.0):
                if not selector.select(left):
                    break
                piece = os.read(output.fileno(), 65_536)
                data += piece
                found = re.search(rb"^ready .*\n", data, re.MULTILINE)
                if found is not None:
                    return found[0].decode("ascii").strip()
                if not piece:
                    break
        self.kill()
        raise AssertionError(f"no ready line; said {data!r}; log: {self.log}")

    def stop(self) -> int:
        """Send SIGTERM and wait; give the exit code."""
        process = self.process
        process.send_signal(signal.SIGTERM)
        return self.wait()

    def wait(self) -> int:
        """Wait for the server's end; give its exit code."""
        process, self._process = self.process, None
        try:
            code = process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise AssertionError(f"it doesn't stop; log: {self.log}") from None
        finally:
            if process.stdout is not None:
                process.stdout.close()
        return code

    def kill(self) -> None:
        """End the server and its workers at once, wherever they are (SIGKILL)."""
        process, self._process = self.process, None
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if process.stdout is not None:
            process.stdout.close()

    def restart(self) -> None:
        """Start again on the same store after `kill` or `stop`."""
        if self._process is not None:
            assert self.stop() == 0, self.log
        self.start()

    @property
    def running(self) -> bool:
        return self._process is not None

    # -- the command line

    def imapd(
        self,
        *arguments: str,
        data: bytes = b"",
        code: int | None = 0,
        config: bool = True,
    ) -> subprocess.CompletedProcess[bytes]:
        """Run ``imapd`` with a subcommand; ``code`` is the exit code it must have."""
        more = ("--config", str(self.config)) if config else ()
        done = subprocess.run(
            [*_PROGRAM, *arguments, *more],
            input=data,
            capture_output=True,
            check=False,
            cwd=self.folder,
            timeout=300,
            env=_environment(),
        )
        if code is not None and done.returncode != code:
            raise AssertionError(
                f"imapd {' '.join(arguments)} gave {done.returncode}, not {code}: "
                f"{done.stdout[-2_000:]!r} {done.stderr[-4_000:]!r}"
            )
        return done

    def add_account(self, account: Account) -> None:
        """Make an account with ``imapd account add``."""
        self.imapd(
            "account",
            "add",
            account.name,
            "--password-stdin",
            data=account.password.encode() + b"\n",
        )
        self.accounts[account.name] = account

    def check(self) -> None:
        """Prove that the store is sound (``imapd check``)."""
        self.imapd("check")

    # -- connections

    @property
    def host(self) -> str:
        return "127.0.0.1"

    @property
    def port(self) -> int:
        """The port that speaks plain IMAP and offers STARTTLS."""
        return self.ports["imap"]

    @property
    def tls_port(self) -> int:
        """The port that speaks TLS from the first octet."""
        return self.ports["imaps"]

    def connect(self, *, tls: bool = False, timeout: float = TIMEOUT) -> Client:
        """Connect without logging in."""
        context = self.certificates.client_context() if tls else None
        port = self.tls_port if tls else self.port
        return Client.connect(self.host, port, tls=context, timeout=timeout)

    def client(self, name: str = "alice", *, tls: bool = False) -> Client:
        """Connect and log in."""
        client = self.connect(tls=tls)
        try:
            client.login(name, self.accounts[name].password)
        except BaseException:  # the server may be killed meanwhile
            client.close()
            raise
        return client

    # -- what it said

    @property
    def log(self) -> str:
        """All that the server wrote to stderr so far."""
        return self.log_file.read_text(encoding="utf-8", errors="backslashreplace")

    def log_errors(self) -> list[str]:
        """List the lines of the log that tell of an error, or are no log lines."""
        found = []
        for line in self.log.splitlines():
            try:
                level = json.loads(line)["level"]
            except (ValueError, KeyError, TypeError):
                level = "not a log line"
            if level not in ("debug", "info", "warning"):
                found.append(line)
        return found


_PROGRAM = (sys.executable, "-m", "imapd")
_SAME_ACCOUNTS = frozenset(
    {"delivery", "features", "limits", "listen", "pop3", "quota", "server", "sharing"}
)
"""Tables of a configuration under which an account is made as without them."""


@functools.cache
def _store_of(accounts: tuple[Account, ...]) -> Path:
    """Make a store with accounts by the command line, once: servers get copies."""
    folder = Path(tempfile.mkdtemp(prefix="imapd-accounts-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    made = ServerProcess(folder)
    for account in accounts:
        made.add_account(account)
    return folder / "store"


def _environment() -> dict[str, str]:
    # A server that is installed has its bytecode: without it each start compiles all.
    away = ("IMAPD_CONFIG", "PYTHONDONTWRITEBYTECODE")
    kept = {k: v for k, v in os.environ.items() if k not in away}
    return {**kept, "PYTHONPATH": str(ROOT), "PYTHONDEVMODE": "0"}


@contextmanager
def running_server(
    folder: Path,
    *,
    accounts: Sequence[Account] = ACCOUNTS,
    more_config: str = "",
    arguments: Sequence[str] = ("--workers", "1"),
) -> Iterator[ServerProcess]:
    """Run a server for the length of a ``with`` block; prove at its end all is well."""
    made = ServerProcess(
        folder, more_config=more_config, arguments=arguments, accounts=accounts
    )
    made.start()
    try:
        yield made
    except BaseException:
        if made.running:
            made.kill()
        raise
    if made.running:
        code = made.stop()
        assert code == 0, f"exit code {code} after SIGTERM; log: {made.log}"
    assert made.log_errors() == []
    made.check()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """Give the server of this test module, with the accounts alice, bob and carol."""
    with running_server(tmp_path_factory.mktemp("server")) as made:
        yield made
