"""What no honest client does: long lines, other protocols, cuts, silence."""

from __future__ import annotations

import dataclasses

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.pop3 import Pop3Client
from tests.support.session import PASSWORD


def test_another_protocol_ends_at_once(world):
    for line in (b"GET / HTTP/1.1", b"EHLO x", b"a1 LOGIN a b", b""):
        client = Pop3Client(world)
        assert client.err(line) == "this is a POP3 server"
        assert client.closed


def test_a_stranger_has_few_bad_commands(world):
    client = Pop3Client(world)
    client.lines(b"CAPA")
    for _ in range(3):
        client.feed(b"HELP\r\n")
    assert client.raw.endswith(b"-ERR too many errors\r\n")
    assert client.closed


def test_a_line_too_long_is_dropped_as_it_comes(world):
    client = Pop3Client(world).login("ann")
    for _ in range(200):
        client.feed(b"STAT" * 1_000)
        assert client.talk.intake.waiting <= 8_192
    client.feed(b"\r\n")
    assert client.one() == "-ERR the line is too long"
    client.ok(b"NOOP")


def test_a_nul_or_a_bare_cr_ends_the_connection(world):
    for line in (b"USER ann\0x\r\n", b"USER ann\rQUIT\r\n"):
        client = Pop3Client(world)
        client.feed(line)
        assert client.one() == "-ERR a line has no bare CR and no NUL"
        assert client.closed


def test_people_may_type(world):
    client = Pop3Client(world)
    client.feed(b"USER ann\nPASS " + PASSWORD + b"\nSTAT\n")
    assert client.raw.count(b"+OK") == 3


def test_a_flood_of_commands_stops_the_reading(world):
    client = Pop3Client(world).login("ann")
    client.slow = True
    world.deliver(b"x" * 100_000)
    client = Pop3Client(world).login("ann")
    client.slow = True
    client.feed(b"RETR 1\r\n")
    client.feed(b"NOOP\r\n" * 12_000)
    assert client.paused
    client.slow = False
    client.hungry()
    assert client.raw.endswith(b"+OK\r\n" * 12_000)
    assert not client.paused


def test_silence_ends_after_ten_minutes_and_strangers_sooner(world):
    stranger, ann = Pop3Client(world), Pop3Client(world).login("ann")
    world.runtime.advance(61)
    assert stranger.one() == "-ERR log in sooner"
    assert stranger.closed
    world.runtime.advance(530)
    ann.ok(b"NOOP")
    world.runtime.advance(599)
    assert not ann.closed
    world.runtime.advance(2)
    assert ann.one() == "-ERR nothing was heard for too long"
    assert ann.closed


def test_an_administrator_sees_the_session(world):
    world.deliver(b"x: y\r\n\r\n")
    ann = Pop3Client(world).login("ann")
    facts = ann.talk.facts()
    assert (facts.user, facts.protocol, facts.mailbox) == ("ann", "pop3", "INBOX")
    assert facts.commands == 2
    assert not facts.readonly
    assert facts.octets_out > 0


def test_commands_are_logged_without_their_secrets(world):
    ann = Pop3Client(world).login("ann")
    ann.err(b"XSECRET 1")
    ann.ok(b"QUIT")
    told = [facts for kind, facts in world.log.events if kind == "command"]
    assert [(one["command"], one["result"]) for one in told] == [
        ("USER", "OK"),
        ("PASS", "OK"),
        ("", "ERR"),
        ("QUIT", "OK"),
    ]
    assert PASSWORD.decode() not in repr(world.log.events)
    assert "XSECRET" not in repr(world.log.events)


TALK = (
    b"CAPA\r\nUSER ann\r\nPASS " + PASSWORD + b"\r\nSTAT\r\nLIST\r\nUIDL\r\nTOP 1 1\r\n"
    b"RETR 1\r\nDELE 2\r\nRSET\r\nNOOP\r\nBAD\r\nQUIT\r\n"
)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(1, len(TALK) - 1), max_size=5, unique=True).map(sorted))
def test_answers_do_not_depend_on_how_the_octets_are_cut(world, cuts):
    wanted = _whole(world)
    client = Pop3Client(world)
    for start, end in zip([0, *cuts], [*cuts, len(TALK)], strict=True):
        client.feed(TALK[start:end])
    assert client.raw == wanted


def _whole(world):
    session = Pop3Client(world)
    if not session.login("ann").ok(b"STAT").startswith("2"):
        world.deliver(b"Subject: a\r\n\r\n.b\r\nc\r\n", b"d: e\r\n\r\n")
    session.drop()
    client = Pop3Client(world)
    client.feed(TALK)
    return client.raw


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.binary(max_size=20), max_size=8), st.booleans())
def test_any_octets_have_an_answer_and_no_defect(world, lines, inside):
    client = Pop3Client(world)
    if inside:
        client.login("ann")
    for line in lines:
        if not client.closed:
            client.feed(line + b"\r\n")
            assert client.raw[:3] in (b"+OK", b"-ER", b"+ \r")
            client.raw = b""
    client.drop()


def test_limits_are_read_each_time(world):
    ann = Pop3Client(world).login("ann")
    world.limits = dataclasses.replace(world.limits, pop3_idle_seconds=1)
    world.runtime.advance(31)
    assert ann.closed
