"""Perl's Mail::IMAPClient, over TLS and compressed, as imapsync uses it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.clients.programs import needed_program, run
from tests.support.server import ServerProcess

pytestmark = pytest.mark.net
SCRIPT = Path(__file__).with_name("mail_imapclient.pl")
MODULES = {
    "Mail::IMAPClient": "libmail-imapclient-perl",
    "IO::Socket::SSL": "libio-socket-ssl-perl",
}
WANTED = {
    "appended": "1",
    "count": "2",
    "unseen": "2",
    "found": "1",
    "same": "1",
    "size": "1",
    "subject": "from perl",
    "part": "hello",
    "flags": "\\Flagged \\Seen",
    "date": " 1-Feb-2026 12:00:00 +0100",
    "type": "multipart/mixed",
    "parts": "2",
    "envelope": "from perl",
    "left": "0",
    "inbox": "1",
    "trash": "1",
    "exists": "1",
    "separator": "/",
    "folders": "1",
    "idle": "1",
}


def test_it_finds_what_it_brought(server: ServerProcess, tmp_path: Path):
    perl = needed_program("perl", "perl")
    for module, package in MODULES.items():
        if subprocess.run(
            [perl, f"-M{module}", "-e", "1"], capture_output=True, check=False
        ).returncode:
            pytest.skip(f"{module} is not installed (on Debian: apt install {package})")
    account = server.accounts["carol"]
    (tmp_path / "password").write_text(account.password)
    said = run(
        [
            perl,
            str(SCRIPT),
            str(server.tls_port),
            account.name,
            "password",
            str(server.certificates.authority),
        ],
        tmp_path,
    )
    assert dict(line.split("=", 1) for line in said.splitlines()) == WANTED
