"""npm's imapflow: it compresses, and speaks IMAP4rev2, QRESYNC and UTF-8.

It uses what it finds: ID, ENABLE, COMPRESS=DEFLATE, OBJECTID, LIST-STATUS, MOVE, IDLE.
`.ci/run` installs it into a folder that IMAPD_NODE_MODULES names.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.clients.programs import SECONDS, environment, needed_program
from tests.support.server import ServerProcess, running_server

pytestmark = pytest.mark.net
SCRIPT = Path(__file__).with_name("imapflow.cjs")
LABELS = Path(__file__).with_name("imapflow_labels.cjs")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """Give a server whose log tells each command."""
    folder = tmp_path_factory.mktemp("server")
    with running_server(folder, more_config="commands = true") as made:
        yield made


@pytest.fixture(scope="module")
def told(
    server: ServerProcess, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    """Give what the program found out."""
    return run_script(SCRIPT, server, tmp_path_factory.mktemp("home"))


def run_script(script: Path, server: ServerProcess, home: Path) -> dict[str, Any]:
    """Run a script against a server; gives what it tells."""
    node = needed_program("node", "nodejs")
    modules = os.environ.get("IMAPD_NODE_MODULES")
    if not modules or not (Path(modules) / "imapflow").is_dir():
        pytest.skip("imapflow is not installed (npm install imapflow; see .ci/run)")
    account = server.accounts["carol"]
    password = home / "password"
    password.write_text(account.password)
    done = subprocess.run(
        [
            node,
            str(script),
            str(server.tls_port),
            account.name,
            str(password),
            str(server.certificates.authority),
        ],
        capture_output=True,
        check=False,
        timeout=SECONDS,
        env={**environment(home), "NODE_PATH": modules},
        text=True,
    )
    assert done.returncode == 0, done.stderr + server.log[-4_000:]
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_what_it_wants_is_enabled(told: dict[str, Any], server: ServerProcess):
    assert {"CONDSTORE", "IMAP4REV2", "UTF8=ACCEPT"} <= set(told["enabled"])
    assert told["compressed"]
    for command in ("COMPRESS", "ENABLE", "ID", "NAMESPACE", "IDLE", "MOVE"):
        assert f'"command": "{command}"' in server.log


def test_messages_are_what_they_were(told: dict[str, Any]):
    assert told["uid"] == 1
    assert told["path"] == "imapflow/Entwürfe"
    assert told["exists"] == 2
    assert told["subject"] == "grüße"
    assert told["flags"] == ["$flow", "\\Seen"]
    assert told["source"]
    assert told["download"]
    assert told["part"] == [0, 1, 2, 3, 4]
    assert told["parts"] == ["text/plain", "application/octet-stream"]


def test_changes_and_searches(told: dict[str, Any]):
    assert told["modseq"] == "true"
    assert told["found"] == [1]
    assert told["unseen"] == [2]
    assert told["flagged"] == [2]
    assert told["changed"]
    assert (told["copied"], told["moved"], told["left"]) == (2, 1, 0)
    assert told["inbox"] == 2
    assert told["idle"]


def test_mailboxes(told: dict[str, Any]):
    assert told["listed"]
    assert {"\\Sent", "\\Trash", "\\Drafts", "\\Junk"} <= set(told["special"])
    if "OBJECTID" in told["capabilities"]:
        assert told["emailId"]
        assert told["threadId"]


def test_labels_and_their_changes(tmp_path: Path):
    """X-GM-EXT-1: it asks for labels by CHANGEDSINCE, whoever has changed them."""
    for name in ("server", "home"):
        (tmp_path / name).mkdir()
    offered = '[features]\non = ["X-GM-EXT-1"]\n'
    with running_server(tmp_path / "server", more_config=offered) as server:
        told = run_script(LABELS, server, tmp_path / "home")
    assert told == {
        "before": {"1": [], "2": []},
        "stored": True,
        "added": {"1": ["\\Starred", "Ärger"], "2": []},
        "copied": {"2": ["Archive"]},
        "removed": {"2": []},
        "nothing": {},
        "found": [1, 2],
        "after": {"1": ["\\Starred"], "2": []},
    }
