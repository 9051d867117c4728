"""What all doors have in common: order, bounds, the end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from imapd.doors.conversation import Conversation, Why
from imapd.doors.intake import Intake
from imapd.session.credentials import NO_CHANNEL
from imapd.session.state import Peer
from tests.support.session import World


@dataclass
class Word:
    text: bytes

    def render(self):
        return self.text + b"\n"


class Echo(Conversation):
    """Says what it hears."""

    protocol = "echo"
    seconds = 100.0
    ended = False

    def greeting(self):
        return Word(b"hello")

    async def obey(self, line):
        if line == b"defect":
            raise ZeroDivisionError
        if line == b"wrong":
            self.fail(Word(b"wrong"))
        elif line == b"take":
            self.say(Word(await self.take()))
        elif line == b"store":
            self.storing = True
            await self.wait_for_release()
            self.storing = False
            self.say(Word(b"stored"))
        else:
            self.say(Word(line))

    async def wait_for_release(self):
        self.release = self.services.runtime.future()
        await self.release

    def words(self, why, text):
        return Word(why.name.encode())

    def most_errors(self):
        return 3

    def time_left(self):
        return self.seconds - self.idle(), Why.SILENT, ""

    async def left(self):
        self.ended = True


class Line:  # only what a conversation asks of it
    """A transport that keeps what is written."""

    def __init__(self, world):
        self.world = world
        self.raw = b""
        self.closed = False

    def write(self, data):
        self.raw += data

    def close(self):
        self.closed = True

    def crowded(self):
        return False

    def channel(self):
        return NO_CHANNEL

    def resume_reading(self):
        pass

    def pause_reading(self):
        pass

    def room(self):
        future = self.world.runtime.future()
        future.succeed(None)
        return future


@pytest.fixture
def world(tmp_path):
    made = World(tmp_path / "store", "x")
    yield made
    made.close()


@pytest.fixture
def echo(world):
    line: Any = Line(world)
    made = Echo(world.services, line, Peer("192.0.2.1"), Intake(50), secure=False)
    made.start()
    assert said(made) == [b"hello"]
    return made


def said(echo):
    lines, echo.transport.raw = echo.transport.raw.splitlines(), b""
    return lines


def test_answers_keep_the_order_of_what_was_sent_at_once(echo):
    echo.receive(b"".join(b"%d\r\n" % at for at in range(20)))
    assert said(echo) == [b"%d" % at for at in range(20)]
    assert echo.facts().commands == 20


def test_errors_end_it(echo):
    echo.receive(b"wrong\r\n" * 5)
    assert said(echo) == [b"wrong"] * 3 + [b"ERRORS"]
    assert echo.transport.closed
    assert echo.ended


def test_a_line_too_long_is_one_error_and_a_hostile_one_the_end(echo):
    echo.receive(b"x" * 100 + b"\r\n")
    assert said(echo) == [b"NO_LINE"]
    echo.receive(b"bare\n")
    assert said(echo) == [b"HOSTILE"]
    assert echo.transport.closed


def test_silence_ends_it(world, echo):
    world.runtime.advance(99)
    echo.receive(b"x\r\n")
    world.runtime.advance(99)
    assert said(echo) == [b"x"]
    world.runtime.advance(2)
    assert said(echo) == [b"SILENT"]


def test_what_is_being_stored_is_answered_before_the_end(echo):
    echo.receive(b"store\r\nnext\r\n")
    echo.shutdown()
    assert said(echo) == []
    echo.release.succeed(None)
    assert said(echo) == [b"stored", b"STOPPING"]
    assert echo.transport.closed


def test_no_word_goes_into_an_answer(echo):
    echo.speaking = True
    echo.shutdown()
    assert said(echo) == []
    assert echo.transport.closed


def test_octets_can_be_taken_between_lines(echo):
    echo.receive(b"take\r\n")
    echo.receive(b"any\0thing")
    assert said(echo) == [b"any\0thing"]


def test_a_lost_connection_frees_what_was_held(world, echo):
    echo.closed()
    assert echo.ended
    kinds = [kind for kind, _ in world.log.events]
    assert kinds == ["connect", "disconnect"]


def test_a_defect_ends_one_conversation_and_is_logged(world, echo, monkeypatch):
    seen = []
    monkeypatch.setattr(world.log, "failure", lambda error, **_: seen.append(error))
    echo.receive(b"defect\r\n")
    assert said(echo) == [b"DEFECT"]
    assert isinstance(seen[0], ZeroDivisionError)
