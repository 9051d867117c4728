"""The client against a script: what it sends, what it waits for, what it gives."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.support.client import Client, Disconnected, Refused
from tests.support.responses import Exists, Fetch, Status

Script = list[tuple[bytes, bytes]]
"""Pairs: what the client must send, and what it is answered."""


@contextmanager
def scripted(script: Script) -> Iterator[Client]:
    ours, theirs = socket.socketpair()
    ours.settimeout(10)
    theirs.settimeout(10)
    seen: list[bytes] = []

    def play() -> None:
        theirs.sendall(b"* OK ready\r\n")
        for wanted, answer in script:
            got = b""
            while len(got) < len(wanted):
                piece = theirs.recv(len(wanted) - len(got))
                if not piece:
                    break
                got += piece
            seen.append(got)
            theirs.sendall(answer)
        theirs.close()

    thread = threading.Thread(target=play)
    thread.start()
    with Client(ours) as client:
        yield client
        thread.join(10)
    assert seen == [wanted for wanted, _ in script]


def test_a_command_gives_its_untagged_responses_with_its_status():
    script = [(b"t1 NOOP\r\n", b"* 3 EXISTS\r\n* 1 FETCH (UID 9)\r\nt1 OK done\r\n")]
    with scripted(script) as client:
        answer = client.ok("NOOP")
        assert answer.one(Exists).number == 3
        assert answer.one(Fetch).uid == 9


def test_literals_wait_for_the_server():
    script = [
        (b"t1 LOGIN {1}\r\n", b"* 1 EXISTS\r\n+ go\r\n"),
        (b"a {2}\r\n", b"+ go\r\n"),
        (b"bc\r\n", b"t1 OK in\r\n"),
    ]
    with scripted(script) as client:
        assert client.login("a", "bc").of(Exists) == [Exists(1)]


def test_a_refused_literal_is_not_sent():
    script = [
        (b"t1 APPEND x {3}\r\n", b"t1 NO [TRYCREATE] none\r\n"),
        (b"t2 NOOP\r\n", b"t2 OK done\r\n"),
    ]
    with scripted(script) as client:
        assert client.command("APPEND x {}", b"abc").code == "TRYCREATE"
        assert client.command("NOOP").kind == "OK"


def test_literal_plus_sends_all_at_once():
    script = [(b"t1 APPEND x {3+}\r\nabc\r\n", b"t1 OK [APPENDUID 7 9] done\r\n")]
    with scripted(script) as client:
        client.literal_plus = True
        assert client.ok("APPEND x {}", b"abc").code_value("APPENDUID", tuple) == (
            7,
            (9,),
        )


def test_idle_gives_what_arrives_until_done():
    script = [
        (b"t1 IDLE\r\n", b"+ idling\r\n* OK still here\r\n* 4 EXISTS\r\n"),
        (b"DONE\r\n", b"t1 OK done\r\n"),
    ]
    with scripted(script) as client:
        with client.idle() as idle:
            assert idle.next() == Exists(4)
        assert idle.answer is not None


def test_a_refusal_and_a_lost_connection_are_told_apart():
    with scripted([(b"t1 NOOP\r\n", b"t1 BAD no\r\n"), (b"t2 NOOP\r\n", b"")]) as one:
        with pytest.raises(Refused):
            one.ok("NOOP")
        with pytest.raises(Disconnected):
            one.command("NOOP")


def test_bye_ends_a_command():
    with scripted([(b"t1 NOOP\r\n", b"* BYE going\r\n")]) as client:
        assert client.command("NOOP").status == Status("BYE", "going")
