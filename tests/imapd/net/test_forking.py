"""Workers that are forked: what they inherit, and how they end."""

import signal
import subprocess
import sys
from pathlib import Path

from imapd.net.forking import ForkedWorker

ROOT = Path(__file__).parents[3]
BEGIN = """
import os, signal, socket, sys, threading
from imapd.net.forking import fork_worker
from imapd.net.workers import WorkerSpec

ours, theirs = socket.socketpair()
spec = WorkerSpec(0, 0, (), theirs.fileno(), theirs.fileno(), ())

def start(work, foreign=(ours.fileno(),)):
    return fork_worker(spec, foreign, work)

def ended(worker):
    while (code := worker.poll()) is None:
        pass
    return code
"""


def run(program: str) -> subprocess.CompletedProcess[str]:
    """Run a program that forks, in a process that has one thread."""
    return subprocess.run(
        [sys.executable, "-c", BEGIN + program],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=60,
        check=False,
    )


def test_a_worker_ends_with_what_its_work_gives():
    done = run("""
print("once")
worker = start(lambda _: 7)
assert (ended(worker), worker.poll()) == (7, 7)
worker.send_signal(signal.SIGTERM)  # there is nobody any more
print("twice")
""")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "once\ntwice\n"


def test_what_goes_wrong_in_a_worker_stays_there():
    done = run("""
def work(_):
    raise ValueError("wrong")

try:
    assert ended(start(work)) == 1
    assert ended(start(lambda _: sys.exit(9))) == 1
finally:
    print("here")
""")
    assert (done.returncode, done.stdout) == (0, "here\n"), done.stderr
    assert "ValueError: wrong" in done.stderr


def test_a_signal_ends_a_worker_that_has_not_begun_yet():
    """Also one that is sent before it could forget its parent's handlers."""
    done = run("""
signal.signal(signal.SIGTERM, lambda *_: None)
for _ in range(20):
    worker = start(lambda _: signal.pause())
    worker.send_signal(signal.SIGTERM)
    assert ended(worker) == -signal.SIGTERM
os.kill(os.getpid(), signal.SIGTERM)  # as before, here
""")
    assert (done.returncode, done.stderr) == (0, "")


def test_a_hangup_waits_until_a_worker_hears_it():
    done = run("""
from imapd.net.signals import Signals

def work(_):
    theirs.recv(1)
    heard = []
    signals = Signals({signal.SIGHUP: lambda: heard.append(1)})
    while not heard:
        signals.doRead()
    return 5

worker = start(work)
worker.send_signal(signal.SIGHUP)
ours.send(b"x")
assert ended(worker) == 5
""")
    assert (done.returncode, done.stderr) == (0, "")


def test_a_worker_never_becomes_a_second_supervisor():
    """Also when what it writes to is gone, or what it has to say cannot be said."""
    done = run("""
class Gone:
    def flush(self):
        raise BrokenPipeError

class Deaf:
    def write(self, _):
        raise MemoryError
    flush = write

def work(_):
    sys.stdout = sys.stderr = Deaf()
    raise ValueError

me, codes = os.getpid(), []
sys.stdout = Gone()
try:
    codes.append(ended(start(lambda _: 3)))
    codes.append(ended(start(work)))
finally:
    who = "here" if os.getpid() == me else "there"
    os.write(2, f"{who} {codes}".encode())
    os._exit(0)
""")
    assert done.stderr == "here [3, 1]"


def test_a_worker_notices_the_end_of_its_parent():
    """Nobody else has the other end of its control socket."""
    done = run("""
def work(spec):
    theirs.recv(1)
    os.write(1, b"alone" + os.linesep.encode())
    return 0

first = start(work)
second = start(work)
os._exit(0)
""")
    assert done.stdout == "alone\nalone\n"


def test_all_is_loaded_before_the_fork(tmp_path):
    """What a worker would import itself, it would not share."""
    (tmp_path / "c.toml").write_text(
        f'[store]\npath = "{tmp_path}/store"\n'
        + "".join(
            f'[[listen]]\naddress = "127.0.0.1:0"\nprotocol = "{name}"\ntls = "none"\n'
            for name in ("imap", "pop3", "lmtp", "socketmap", "metrics")
        )
        + "[auth]\nallow_plaintext_without_tls = true\nbcrypt_cost = 4\n"
    )
    program = f"""
from pathlib import Path

from imapd.app import Application, load_checked
from imapd.net.listen import open_endpoints
from imapd.net.loop import new_loop
from imapd.process import preload

config = load_checked(Path({str(tmp_path / "c.toml")!r}))
preload(config)
assert threading.active_count() == 1
before = set(sys.modules)
loop = new_loop()
application = Application(config, loop)
application.server.listen(open_endpoints(config.listen)[0])
application.listen_to_administrators()
loop.callLater(0, application.server.stop)
loop.run(installSignalHandlers=False)
application.close()
print(sorted(set(sys.modules) - before))
"""
    done = run(program)
    assert done.stdout == "[]\n", done.stderr


def test_no_signal_is_sent_to_who_has_ended():
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    worker = ForkedWorker(child.pid)
    assert worker.poll() is None
    worker.send_signal(signal.SIGTERM)
    while worker.poll() is None:
        pass
    assert worker.poll() == -signal.SIGTERM
    worker.send_signal(signal.SIGKILL)  # its number may be anybody's now
    child.communicate()
