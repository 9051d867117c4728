"""A worker's answers on its control socket, over real sockets."""

from __future__ import annotations

import contextlib
import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from imapd.control import NoAnswer, ask, open_control
from imapd.net import control as control_module
from imapd.net.control import Control
from tests.imapd.net.test_server import Running

pytestmark = pytest.mark.net


class Controlled(Running):
    """A server with a control socket in a folder."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder
        self.socket = open_control(folder)
        live = self.server._live
        self.control = Control(self.loop, self.runtime, live, self.log)
        self.loop.callFromThread(lambda: self.control.listen(self.socket.socket))

    def ask(self, do: str, **which: Any) -> list[dict[str, Any]]:
        return list(ask(self.folder, self.socket.name, {"do": do, **which}))


@pytest.fixture
def server(tmp_path) -> Iterator[Controlled]:
    made = Controlled(tmp_path)
    yield made
    made.loop.callFromThread(made.control.close)
    made.stop()
    made.wait()
    made.socket.close()
    assert made.errors == []


def test_every_session_is_told(server):
    assert server.ask("list") == []
    clients = [server.connect() for _ in range(150)]
    found = server.ask("list")
    assert len({one["id"] for one in found}) == 150
    assert {one["pid"] for one in found} == {os.getpid()}
    assert {(one["address"], one["tls"]) for one in found} == {("127.0.0.1", None)}
    assert server.ask("list", networks=["192.0.2.0/24"]) == []
    (one,) = server.ask("list", ids=[found[7]["id"]])
    assert one["id"] == found[7]["id"]
    for client in clients:
        client.close()


def test_a_killed_session_hears_why(server):
    first, second = server.connect(), server.connect()
    ids = [one["id"] for one in server.ask("list")]
    first.write(b"a NOOP\r\n")
    first.readline()
    (wanted,) = [one["id"] for one in server.ask("list") if one["commands"]]
    assert wanted in ids
    (ended,) = server.ask("kill", ids=[wanted])
    assert ended["id"] == wanted
    assert first.readline().startswith(b"* BYE ")
    assert first.readline() == b""
    second.write(b"a NOOP\r\n")
    assert second.readline().startswith(b"a ")
    killed = [facts for kind, facts in server.log.events if kind == "session-killed"]
    assert [facts["id"] for facts in killed] == [wanted]
    first.close()
    second.close()


def test_who_does_not_go_is_cut_off(server, monkeypatch):
    monkeypatch.setattr(control_module, "GOODBYE_SECONDS", 0.05)
    client = server.connect()
    client.write(b"a MUCH\r\n")  # 8 MB that nobody reads
    while not server.ask("list")[0]["command"]:
        pass
    server.ask("kill")
    while server.ask("list"):
        pass
    client.close()


@pytest.mark.parametrize(
    "request_",
    [
        b"\n",
        b"[]\n",
        b'{"do": "dance"}\n',
        b'{"do": "list", "networks": ["x"]}\n',
        b'{"do": "list", "ids": 7}\n',
        b"x" * 1_100_000,
    ],
)
def test_what_is_no_request_ends_the_conversation(server, request_):
    with socket.socket(socket.AF_UNIX) as asked:
        asked.settimeout(20)
        asked.connect(str(server.folder / server.socket.name))
        with contextlib.suppress(ConnectionError):
            asked.sendall(request_)
            assert asked.recv(10) == b""
    assert server.ask("list") == []


def test_somebody_else_gets_no_answer(server, monkeypatch):
    monkeypatch.setattr(control_module, "_peer_user", lambda _: 12_345)
    with pytest.raises(NoAnswer):
        server.ask("list")


def test_a_silent_administrator_is_not_waited_for(server, monkeypatch):
    monkeypatch.setattr(control_module, "_SECONDS", 0.05)
    with socket.socket(socket.AF_UNIX) as asked:
        asked.settimeout(20)
        asked.connect(str(server.folder / server.socket.name))
        asked.sendall(json.dumps({"do": "list"}).encode())  # no end of line
        with contextlib.suppress(ConnectionError):
            assert asked.recv(10) == b""
