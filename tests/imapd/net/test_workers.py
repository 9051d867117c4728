"""The supervisor, with small programs in place of workers."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from imapd.net.listen import Endpoint
from imapd.net.workers import WorkerSpec

pytestmark = pytest.mark.net

SUPERVISOR = """
import json, subprocess, sys
from dataclasses import asdict
from imapd.config import Listen
from imapd.net import workers
from imapd.net.listen import open_endpoints

workers.FIRST_DELAY = 0.01
rows = open_endpoints([Listen(address=("127.0.0.1", 0), tls="none")], 2)

def start(spec, foreign):
    assert not set(spec.descriptors) & set(foreign)
    program = open(sys.argv[1]).read()
    command = [sys.executable, "-c", program, json.dumps(asdict(spec))]
    return subprocess.Popen(command, pass_fds=spec.descriptors)

def announce():
    print("ready", rows[0][0].bound[1], flush=True)

hung = float(sys.argv[2])
sys.exit(workers.Supervisor(rows, start, announce, hung_seconds=hung).run())
"""

WORKER = """
import json, os, selectors, signal, socket, sys
spec = json.loads(sys.argv[1])
control = socket.socket(fileno=spec["control"])
server = socket.socket(fileno=spec["endpoints"][0]["descriptor"])
server.setblocking(False)
stopped = []
signal.signal(signal.SIGTERM, lambda *_: stopped.append(1))
def say(word):  # whole lines: several workers write into one pipe
    os.write(1, (f"{word} {spec['index']}" + os.linesep).encode())


signal.signal(signal.SIGHUP, lambda *_: say("hup"))
selector = selectors.DefaultSelector()
selector.register(server, selectors.EVENT_READ)
selector.register(control, selectors.EVENT_READ)
control.send(b"R")
while not stopped:
    for key, _ in selector.select(0.05):
        if key.fileobj is control:
            sys.exit(0)
        client, _ = server.accept()
        client.sendall(f"{spec['index']} {os.getpid()}".encode())
        client.close()
say("bye")
"""


class Running:
    def __init__(self, folder: Path, worker: str, hung: float = 0) -> None:
        (folder / "worker.py").write_text(worker)
        self.process = subprocess.Popen(
            [sys.executable, "-c", SUPERVISOR, str(folder / "worker.py"), str(hung)],
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[3],
        )
        self.port = 0

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def ready(self) -> "Running":
        word, port = self.line().split()
        assert word == "ready"
        self.port = int(port)
        return self

    def ask(self) -> tuple[int, int]:
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as client:
            index, pid = client.recv(100).split()
        return int(index), int(pid)

    def end(self, number: signal.Signals = signal.SIGTERM) -> tuple[int, str]:
        self.process.send_signal(number)
        out, _ = self.process.communicate(timeout=20)
        return self.process.returncode, out


@pytest.fixture
def start(tmp_path):
    running: list[Running] = []

    def begin(worker: str = WORKER, hung: float = 0) -> Running:
        running.append(Running(tmp_path, worker, hung))
        return running[-1]

    yield begin
    for one in running:
        if one.process.poll() is None:
            one.process.kill()
        one.process.communicate()


def test_ready_is_said_once_and_a_signal_stops_all(start):
    server = start().ready()
    assert server.ask()[0] in (0, 1)
    code, out = server.end()
    assert code == 0
    assert sorted(out.split()) == ["0", "1", "bye", "bye"]


def test_hangup_is_passed_on(start):
    server = start().ready()
    server.process.send_signal(signal.SIGHUP)
    assert sorted([server.line(), server.line()]) == ["hup 0", "hup 1"]
    assert server.end(signal.SIGINT)[0] == 0


def test_a_killed_worker_is_replaced_and_no_connection_is_lost(start):
    server = start().ready()
    index, pid = server.ask()
    os.kill(pid, signal.SIGKILL)
    seen = set()
    for _ in range(40):  # each is answered, whichever worker's socket it lies in
        seen.add(server.ask())
    assert (index, pid) not in seen
    assert index in {one for one, _ in seen}
    assert server.end()[0] == 0


def test_a_worker_that_hangs_is_replaced(start):
    """It lives, and says nothing any more; who waits is served by the next one."""
    beats = WORKER.replace("while not stopped:\n", "while not stopped:\n    beat()\n")
    worker = beats.replace(
        "def say(word)",
        """def beat():
    control.send(b"B")
    if spec["run"] == 0:
        signal.pause()


def say(word)""",
    )
    server = start(worker, hung=1).ready()
    seen = {server.ask()[0] for _ in range(40)}
    assert seen == {0, 1}
    assert server.end()[0] == 0


def test_a_worker_that_never_said_that_it_turns_is_left_alone(start):
    server = start(hung=0.05).ready()
    pids: dict[int, int] = {}
    for _ in range(40):
        index, pid = server.ask()
        assert pids.setdefault(index, pid) == pid
    assert server.end()[0] == 0


def test_a_worker_that_cannot_begin_ends_the_whole_with_its_code(start):
    server = start("import sys; sys.exit(4)")
    assert server.process.wait(20) == 4


def test_a_worker_that_is_killed_at_the_start_is_a_failure(start):
    server = start("import os; os.kill(os.getpid(), 9)")
    assert server.process.wait(20) == 1


def test_workers_end_when_their_supervisor_is_killed(start):
    server = start().ready()
    pids: set[int] = set()
    while len(pids) < 2:
        pids.add(server.ask()[1])
    server.process.kill()
    server.process.wait()
    assert server.process.stdout is not None
    # The pipe closes when its last holder is gone: the workers are holders too.
    server.process.stdout.read()


INDEXED = """
import json, os, socket, sys
spec = json.loads(sys.argv[1])
control = socket.socket(fileno=spec["control"])
inbox = socket.socket(fileno=spec["inbox"])
if spec["endpoints"]:
    assert len(spec["others"]) == 1
    socket.socket(fileno=spec["indexer"]).send(b"%d" % spec["index"])
    control.send(b"R")
else:
    assert not spec["others"] and spec["indexer"] is None
    told = sorted(inbox.recv(10).decode() for _ in range(2))
    os.write(1, " ".join(["told", *told, os.linesep]).encode())
    control.send(b"R")
control.recv(1)
"""


def test_an_empty_row_is_the_indexer_whom_all_workers_can_tell(start, monkeypatch):
    monkeypatch.setitem(
        globals(), "SUPERVISOR", SUPERVISOR.replace("(rows, ", "((*rows, ()), ")
    )
    server = start(INDEXED)
    assert server.line() == "told 0 1"
    server.ready()
    server.process.kill()


NONE_LEFT = """
import errno
tries = []

def scarce(spec, foreign):
    tries.append(spec.index)
    if len(tries) == 3:
        raise OSError(errno.EAGAIN, "no more processes")
    return start(spec, foreign)

"""


def test_a_worker_that_cannot_be_started_now_is_started_later(start, monkeypatch):
    text = SUPERVISOR.replace("def announce", NONE_LEFT + "def announce")
    text = text.replace("(rows, start", "(rows, scarce")
    monkeypatch.setitem(globals(), "SUPERVISOR", text)
    server = start().ready()
    index, pid = server.ask()
    os.kill(pid, signal.SIGKILL)
    seen = {server.ask() for _ in range(40)}
    assert (index, pid) not in seen
    assert index in {one for one, _ in seen}
    assert server.end()[0] == 0


def test_nobody_is_started_when_the_first_ones_cannot_be(start, monkeypatch):
    text = SUPERVISOR.replace(
        "assert not set", "raise OSError('none')\n    assert not set"
    )
    monkeypatch.setitem(globals(), "SUPERVISOR", text)
    assert start().process.wait(20) == 1


def test_a_spec_knows_all_that_its_worker_inherits():
    endpoints = (Endpoint("imap", "none", ("::1", 143), 10, 5),)
    spec = WorkerSpec(1, 3, endpoints, 6, 7, (8, 9), 10)
    assert spec.descriptors == (5, 6, 7, 8, 9, 10)
    assert WorkerSpec(1, 3, (), 6, 7, ()).descriptors == (6, 7)
