"""A Postfix of its own in a folder of its own: configuration, queue, data, log.

::

    with running_postfix("virtual_transport = lmtp:unix:/…") as postfix:
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
{more}
"""


@dataclass(frozen=True, slots=True)
class Postfix:
    """A running one; ``port`` speaks SMTP."""

    folder: Path
    port: int

    @property
    def config(self) -> Path:
        """Its configuration folder."""
        return self.folder / "etc"

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
def running_postfix(more: str = "", services: str = "") -> Iterator[Postfix]:
    """Run one: ``more`` are lines of main.cf, ``services`` of master.cf."""
    postfix = _sbin("postfix")
    if os.geteuid() != 0:
        pytest.skip("Postfix can only be started by root")
    daemons = Path("/usr/lib/postfix/sbin")
    if not daemons.is_dir():
        pytest.skip("Postfix is not where Debian has it")
    # Not a folder of pytest's: Postfix's own user must get through.
    folder = Path(tempfile.mkdtemp(prefix="postfix-"))
    folder.chmod(0o755)
    try:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        for name in ("etc", "queue", "data"):
            (folder / name).mkdir(mode=0o755)
        shutil.chown(folder / "data", "postfix")
        main = _MAIN.format(
            folder=folder, commands=Path(postfix).parent, daemons=daemons, more=more
        )
        (folder / "etc" / "main.cf").write_text(main)
        master = _MASTER.format(port=port, more=services)
        (folder / "etc" / "master.cf").write_text(master)
        made = Postfix(folder, port)
        made.command("postfix", "start")
        try:
            yield made
        finally:
            made.command("postfix", "stop")
    finally:
        shutil.rmtree(folder)
