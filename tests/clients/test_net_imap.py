"""Ruby's net/imap: SORT, THREAD, MOVE, IDLE, modified UTF-7."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.clients.programs import needed_program, run
from tests.support.server import ServerProcess

pytestmark = pytest.mark.net
SCRIPT = Path(__file__).with_name("net_imap.rb")
WANTED = {
    "exists": 2,
    "found": [1],
    "unseen": [2],
    "subject": "from ruby",
    "from": "ann",
    "flags": ["Seen", "ruby"],
    "same": True,
    "size": True,
    "parts": ["text/plain", "message/rfc822"],
    "date": " 1-Feb-2026 11:00:00 +0000",
    "thread": 2,
    "sort": [2, 1],
    "expunged": [2, 1],  # by MOVE, then by EXPUNGE
    "status": {"MESSAGES": 2, "UIDNEXT": 3, "UNSEEN": 1},
    "listed": ["ruby/Entwürfe"],
    "delimiter": "/",
    "idle": 3,
}


def test_it_finds_what_it_brought(server: ServerProcess, tmp_path: Path):
    ruby = needed_program("ruby", "ruby")
    account = server.accounts["carol"]
    (tmp_path / "password").write_text(account.password)
    said = run(
        [
            ruby,
            str(SCRIPT),
            str(server.tls_port),
            account.name,
            "password",
            str(server.certificates.authority),
        ],
        tmp_path,
    )
    told = json.loads(said.splitlines()[-1])
    assert "IMAP4REV1" in told.pop("capabilities")
    assert told == WANTED
