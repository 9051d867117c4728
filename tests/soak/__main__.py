"""``python -m tests.soak``: random sessions over several worker processes, for long.

It makes a server of its own in a temporary folder, prints what it did once a minute,
and at the end has ``imapd check`` prove the store. With ``--kill`` a worker is killed
every few seconds. Not a part of the gate; run by hand.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from tests.soak.driver import Soak
from tests.soak.guests import Guests
from tests.support.client import Client, Disconnected
from tests.support.server import ACCOUNTS, Account, ServerProcess, running_server

_REPORT_SECONDS = 60.0
_KILL_SECONDS = 7.0


def main(arguments: Sequence[str]) -> int:
    """Run until the time is over or something is wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--seconds", type=float, default=3_600)
    parser.add_argument(
        "--seed", type=int, default=random.SystemRandom().getrandbits(32)
    )
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--clients", type=int, default=9)
    parser.add_argument(
        "--people", type=int, default=1, help="share the mailbox with so many accounts"
    )
    parser.add_argument("--kill", action="store_true", help="kill workers now and then")
    wanted = parser.parse_args(arguments)
    accounts = ACCOUNTS[:1] if wanted.people == 1 else people(wanted.people)
    names = tuple(account.name for account in accounts)
    say(f"seed {wanted.seed}, {wanted.workers} workers, {wanted.clients} clients")
    with tempfile.TemporaryDirectory(prefix="imapd-soak-") as folder:
        with running_server(
            Path(folder),
            accounts=accounts,
            arguments=("--workers", str(wanted.workers)),
        ) as server:
            soak = run_of(server, wanted.seed, wanted.clients, names)
            soak.begin()
            _run(soak, server, wanted.seconds, kill=wanted.kill)
            soak.end()
            if wanted.kill:  # the log tells of each worker that died
                server.log_file.write_text("")
        say(_told(soak) + "; the store is sound")
    return 0


def people(count: int) -> tuple[Account, ...]:
    """Give accounts that share a mailbox, the owner first."""
    return tuple(Account(f"person{n}", f"password {n}") for n in range(count))


def run_of(
    server: ServerProcess, seed: int, clients: int, names: Sequence[str]
) -> Soak:
    """Make a run over the accounts of a server."""
    kind = Soak if len(names) == 1 else Guests
    return kind(partial(connect, server), seed, clients, names)


def connect(server: ServerProcess, who: str) -> Client:
    """Log in at whichever worker; again if that one dies meanwhile."""
    for _ in range(20):
        try:
            client = server.client(who)
        except (OSError, Disconnected):
            continue
        client.literal_plus = True
        return client
    raise AssertionError("no worker answers")


def _run(soak: Soak, server: ServerProcess, seconds: float, *, kill: bool) -> None:
    begun = told = killed = time.monotonic()
    while time.monotonic() - begun < seconds:
        soak.step()
        now = time.monotonic()
        if now - told >= _REPORT_SECONDS:
            told = now
            say(f"{now - begun:.0f} s: {_told(soak)}")
        if kill and now - killed >= _KILL_SECONDS:
            killed = now
            _kill_one(server)
    soak.run(0)


def _kill_one(server: ServerProcess) -> None:
    pid = server.process.pid
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    if text.split():
        os.kill(int(random.choice(text.split())), signal.SIGKILL)


def _told(soak: Soak) -> str:
    most = soak.done.most_common()
    commands = ", ".join(f"{name} {count}" for name, count in most)
    total = sum(soak.done.values())
    done = f"{soak.steps} steps, {total} commands, {soak.lost} connections lost"
    return f"{done}; {commands}"


def say(text: str) -> None:
    """Write a line at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
