"""What a process is told from outside."""

import os
import signal
import socket
import subprocess
import sys

from imapd.net.signals import Lifeline, Signals


def test_signals_become_calls_once_each_and_old_handlers_come_back():
    seen: list[str] = []
    before = signal.getsignal(signal.SIGHUP)
    signals = Signals(
        {
            signal.SIGHUP: lambda: seen.append("hup"),
            signal.SIGTERM: lambda: seen.append("term"),
        }
    )
    try:
        os.kill(os.getpid(), signal.SIGHUP)
        os.kill(os.getpid(), signal.SIGHUP)
        os.kill(os.getpid(), signal.SIGTERM)
        assert seen == []
        signals.doRead()
        assert sorted(seen) == ["hup", "term"]
        signals.doRead()
        assert len(seen) == 2
    finally:
        signals.close()
    assert signal.getsignal(signal.SIGHUP) is before


def test_the_end_of_the_supervisor_is_noticed():
    ours, theirs = socket.socketpair()
    gone: list[bool] = []
    lifeline = Lifeline(theirs.detach(), lambda: gone.append(True))
    lifeline.tell(b"R")
    assert ours.recv(10) == b"R"
    assert lifeline.doRead() is None
    assert gone == []
    ours.close()
    assert lifeline.doRead() is not None
    assert gone == [True]
    lifeline.connectionLost(None)


HANGING = """
import os, sys
from imapd.net.signals import when_orphaned
when_orphaned(int(sys.argv[1]), lambda: os._exit(7))
print("hangs", flush=True)
while True:
    pass
"""


def test_a_process_whose_loop_hangs_ends_without_its_supervisor():
    ours, theirs = socket.socketpair()
    with theirs, ours:
        program = subprocess.Popen(
            [sys.executable, "-c", HANGING, str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            stdout=subprocess.PIPE,
        )
        theirs.close()
        with program:
            assert program.stdout is not None
            assert program.stdout.readline() == b"hangs\n"
            assert program.poll() is None
            ours.close()
            assert program.wait(60) == 7
