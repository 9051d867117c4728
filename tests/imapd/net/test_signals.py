"""What a process is told from outside."""

import os
import signal
import socket

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
