"""A Postfix of its own in a folder of its own: configuration, queue, data, log.

::

    with prepared_postfix() as postfix:
        postfix.start("virtual_transport = lmtp:unix:/…")
        smtplib.SMTP("127.0.0.1", postfix.port)

It needs root, as Postfix does, and touches nothing of a Postfix that is installed.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

_DAEMONS = Path("/usr/lib/postfix/sbin")
_MAIN = """\
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
command_directory = {commands}
daemon_directory = {daemons}
mail_owner = postfix
setgid_group = postdrop
maillog_file = {folder}/log
maillog_file_prefixes = {folder}
myhostname = mta.example.org
mydestination =
local_recipient_maps =
mynetworks = 127.0.0.0/8
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
smtp_dns_support_level = disabled
smtpd_peername_lookup = no
address_verify_map =
address_verify_poll_count = 20
smtpd_recipient_restrictions = reject_unauth_destination
alias_maps =
virtual_mailbox_domains = example.org
recipient_delimiter = +
{more}
"""
_MASTER = """\
127.0.0.1:{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
smtp unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
lmtp unix - - n - - lmtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


@dataclass(frozen=True, slots=True)
class Postfix:
    """One with a folder; ``port`` speaks SMTP once it is started."""

    folder: Path
    port: int

    @property
    def config(self) -> Path:
        """Its configuration folder."""
        return self.folder / "etc"

    def start(self, more: str = "") -> None:
        """Write its configuration, ``more`` being lines of main.cf, and run it.

        Never written again while it runs: a postlogd that starts in between finds half
        a file and ends, Postfix holds it back for a minute, and all that logs waits.
        """
        commands = Path(_sbin("postfix")).parent
        main = _MAIN.format(
            folder=self.folder, commands=commands, daemons=_DAEMONS, more=more
        )
        (self.config / "main.cf").write_text(main)
        (self.config / "master.cf").write_text(_MASTER.format(port=self.port))
        self.command("postfix", "start")

    def stop(self) -> None:
        """End it, if it was started."""
        if (self.config / "main.cf").exists():
            self.command("postfix", "stop")

    def command(self, *arguments: str, text: str = "") -> str:
        """Run one of Postfix's commands; gives what it prints."""
        program, *rest = arguments
        done = subprocess.run(
            [_sbin(program), *rest],
            env={**os.environ, "MAIL_CONFIG": str(self.config)},
            input=text,
            capture_output=True,
            check=False,
            timeout=60,
            text=True,
        )
        assert done.returncode == 0, (arguments, done.stdout, done.stderr, self.log())
        return done.stdout

    def log(self) -> str:
        """What it has logged."""
        path = self.folder / "log"
        return path.read_text("utf-8", "replace") if path.exists() else ""


def _sbin(program: str) -> str:
    found = shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if found is None:
        pytest.skip(f"{program} is not installed")
    return found


@contextmanager
def prepared_postfix() -> Iterator[Postfix]:
    """Give one that has a folder and a port; who starts it need not stop it."""
    _sbin("postfix")
    if os.geteuid() != 0:
        pytest.skip("Postfix can only be started by root")
    if not _DAEMONS.is_dir():
        pytest.skip("Postfix is not where Debian has it")
    # Not a folder of pytest's: Postfix's own user must get through.
    folder = Path(tempfile.mkdtemp(prefix="postfix-"))
    folder.chmod(0o755)
    try:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            made = Postfix(folder, free.getsockname()[1])
        for name in ("etc", "queue", "data"):
            (folder / name).mkdir(mode=0o755)
        shutil.chown(folder / "data", "postfix")
        try:
            yield made
        finally:
            made.stop()
    finally:
        shutil.rmtree(folder)
