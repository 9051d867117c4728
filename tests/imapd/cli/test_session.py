"""``imapd session`` against a server's workers that are threads of this test."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from imapd.cli.exits import Exit
from imapd.cli.session import command  # noqa: F401 - run by its name
from imapd.control import ControlSocket, control_folder, open_control
from tests.imapd.cli.test_people import Program
from tests.imapd.session.test_facts import FACTS

pytestmark = pytest.mark.net


@pytest.fixture
def imapd(tmp_path: Path) -> Program:
    made = Program(tmp_path)
    made("account", "add", "Ann", "--password-stdin", data="pw\n")
    return made


class Worker:
    """Answers like a worker that has some sessions, and keeps what it was asked."""

    def __init__(self, control: ControlSocket, sessions: list[dict[str, Any]]) -> None:
        self.asked: list[dict[str, Any]] = []
        self._control = control
        self._sessions = sessions
        control.socket.setblocking(True)

    def serve(self) -> None:
        while not self.asked:  # a worker that starts only looks who is alive
            self._answer(self._control.socket.accept()[0])

    def _answer(self, connected: socket.socket) -> None:
        with connected, connected.makefile("rwb") as file:
            line = file.readline()
            if not line:
                return
            self.asked.append(json.loads(line))
            for one in self._sessions:
                file.write(json.dumps(one).encode() + b"\n")
            if self._sessions != [{"broken": 1}]:
                file.write(b'{"end": 0}\n')


@contextmanager
def worker(folder: Path, *sessions: dict[str, Any]) -> Iterator[Worker]:
    """Have a worker with these sessions, for one request."""
    control = open_control(control_folder(folder / "store"))
    made = Worker(control, [{**FACTS.as_data(), **one} for one in sessions])
    if sessions == ({"broken": 1},):
        made = Worker(control, [{"broken": 1}])
    thread = threading.Thread(target=made.serve)
    thread.start()
    try:
        yield made
    finally:
        thread.join(20)
        control.close()


def test_sessions_of_all_workers_are_one_list(imapd, tmp_path):
    with ExitStack() as stack:
        first = stack.enter_context(
            worker(
                tmp_path,
                {"id": "0-2", "user": "zoe", "since": 5, "mailbox": "a b"},
                {"id": "0-1", "user": "", "secure": False, "tls": None},
            )
        )
        stack.enter_context(
            worker(
                tmp_path,
                {
                    "id": "1-1",
                    "admin": "root",
                    "mailbox": "INBOX",
                    "readonly": True,
                    "command": "UID FETCH",
                    "command_seconds": 12.3,
                    "client": {"Name": "evil\x1b[31m", "version": "1"},
                },
            )
        )
        rows = imapd("session", "list").splitlines()
    titles = "id protocol user address tls since idle mailbox command octets client"
    assert " ".join(rows[0].split()) == titles
    assert [row.split()[0] for row in rows[1:]] == ["0-1", "1-1", "0-2"]
    assert "ann (by root)" in rows[2]
    assert "INBOX (read-only)" in rows[2]
    assert "UID FETCH 12" in rows[2]
    assert "\x1b" not in rows[2]
    assert '"a b"' in rows[3]
    assert first.asked == [{"do": "list", "ids": [], "users": [], "networks": []}]


def test_json_for_scripts(imapd, tmp_path):
    with worker(tmp_path, {"since": 86_400.5}):
        (row,) = imapd.json("session", "list")
    assert row["since"] == "1970-01-02T00:00:00+00:00"
    assert row["id"] == "0-1"
    with worker(tmp_path):
        assert imapd.json("session", "list") == []


def test_names_are_those_of_accounts(imapd, tmp_path):
    line = ("session", "kill", "0-1", "--account", "ANN", "--account", "gone")
    with worker(tmp_path, {}) as asked:
        imapd(*line, "--address", "192.0.2.0/24")
    assert asked.asked == [
        {
            "do": "kill",
            "ids": ["0-1"],
            "users": ["Ann", "gone"],
            "networks": ["192.0.2.0/24"],
        }
    ]


def test_what_is_killed_has_to_be_said(imapd, tmp_path):
    imapd("session", "kill", code=Exit.USAGE)
    imapd("session", "kill", "--address", "nowhere", code=Exit.USAGE)
    with worker(tmp_path) as asked:
        assert "no such session" in imapd("session", "kill", "9-9", code=Exit.NAME)
    with worker(tmp_path, {}) as asked:
        assert "0-1" in imapd("session", "kill", "--all")
    assert asked.asked[0]["ids"] == []


def test_no_server_and_no_answer_are_told(imapd, tmp_path):
    assert "no server runs" in imapd("session", "list", code=Exit.FAILED)
    with worker(tmp_path, {"broken": 1}), worker(tmp_path, {}):
        said = imapd("session", "list", "--json", code=Exit.FAILED)
    assert "no answer" in said
