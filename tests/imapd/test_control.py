"""Control sockets: names, the dead, answers that are none."""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from imapd.control import NoAnswer, ask, control_folder, open_control, sockets

pytestmark = pytest.mark.net


@contextmanager
def answering(folder: Path, answer: bytes) -> Iterator[tuple[str, list[bytes]]]:
    """Have a thread answer the next request so; gives the socket's name."""
    control = open_control(folder)
    control.socket.setblocking(True)
    asked: list[bytes] = []

    def serve() -> None:
        connected, _ = control.socket.accept()
        with connected:
            asked.append(connected.recv(65_536))
            connected.sendall(answer)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield control.name, asked
    finally:
        thread.join(20)
        control.close()


def test_a_request_and_its_answer(tmp_path):
    answer = b'{"id": "a"}\n\n{"id": "b"}\n{"end": 2}\n'
    with answering(control_folder(tmp_path), answer) as (name, asked):
        found = list(ask(control_folder(tmp_path), name, {"do": "list"}))
    assert found == [{"id": "a"}, {"id": "b"}]
    assert json.loads(asked[0]) == {"do": "list"}


@pytest.mark.parametrize("answer", [b"", b'{"id": "a"}\n', b"nonsense\n", b"[]\n"])
def test_an_answer_without_an_end_is_none(tmp_path, answer):
    with (
        answering(tmp_path, answer) as (name, _),
        pytest.raises(NoAnswer),
    ):
        list(ask(tmp_path, name, {}))


def test_the_folder_and_the_socket_are_the_owners(tmp_path):
    folder = control_folder(tmp_path)
    control = open_control(folder)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (folder / control.name).stat().st_mode & 0o777 == 0o600
    assert sockets(folder) == [control.name]
    control.close()
    assert sockets(folder) == []
    assert sockets(tmp_path / "nothing") == []


def test_a_path_may_be_longer_than_a_sockets_name(tmp_path):
    folder = tmp_path / ("long" * 30)
    folder.mkdir()
    with answering(folder, b'{"end": 0}\n') as (name, _):
        assert list(ask(folder, name, {})) == []


def test_who_starts_removes_the_sockets_of_the_dead_and_no_others(tmp_path):
    alive = open_control(tmp_path)
    with socket.socket(socket.AF_UNIX) as dead:
        descriptor = os.open(tmp_path, os.O_RDONLY)
        dead.bind(f"/proc/self/fd/{descriptor}/1-dead.sock")
        os.close(descriptor)
    with pytest.raises(ConnectionRefusedError):
        list(ask(tmp_path, "1-dead.sock", {}))
    another = open_control(tmp_path)
    assert sockets(tmp_path) == sorted([alive.name, another.name])
    with pytest.raises(FileNotFoundError):
        list(ask(tmp_path, "1-dead.sock", {}))
    alive.close()
    another.close()
