"""Hostile input at the doors for mail: the policy of docs/explanation/delivery.md."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest

from tests.support.session import World
from tests.support.transfer import Mta, stored, without_way


def limited(world: World, *, lmtp: bool = False, **limits: int) -> Mta:
    world.limits = dataclasses.replace(world.limits, **limits)
    made = Mta(world, lmtp=lmtp)
    made.hello()
    return made


SMUGGLED = (
    b"MAIL FROM:<ceo@example.org>\r\nRCPT TO:<ann>\r\nDATA\r\nSubject: pay\r\n\r\n"
)


@pytest.mark.parametrize("lmtp", [True, False], ids=["lmtp", "smtp"])
@pytest.mark.parametrize(
    "end", [b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r\n.\r"]
)
def test_nothing_is_smuggled(world: World, end: bytes, *, lmtp: bool):
    mta = Mta(world, lmtp=lmtp)
    mta.hello()
    mta.say(b"MAIL FROM:<eve@example.net>", b"RCPT TO:<ann>", b"DATA")
    answers = mta.feed(b"Subject: hi\r\n\r\nhi" + end + SMUGGLED + b"\r\n.\r\nNOOP\r\n")
    assert answers == [
        (554, "5.6.0 the message has a bare CR or LF, lines end in CRLF"),
        (250, "2.0.0 OK"),
    ]
    assert stored(world) == []


@pytest.mark.parametrize("line", [b"NOOP\n", b"NO\rOP\r\n", b"NOOP\0\r\n", b"\n"])
def test_a_command_with_a_bare_end_or_a_nul_ends_the_conversation(
    stranger: Mta, line: bytes
):
    answers = stranger.feed(line + b"NOOP\r\n")
    assert [code for code, _ in answers] == [521]
    assert stranger.closed


def test_a_line_that_is_too_long_is_answered_and_passed_over(stranger: Mta):
    assert stranger.say(b"NOOP " + b"x" * 5_000, b"NOOP") == [500, 250]


def test_long_lines_nul_and_8_bit_in_a_message_are_kept(world: World, stranger: Mta):
    message = b"Subject: \xfc\r\n\r\n" + b"x" * 300_000 + b"\0\xff\r\n"
    assert stranger.send(b"ann", message=message) == ["250 2.0.0 stored"]
    session = world.session("ann", b"INBOX")
    answer = session.ok(b"FETCH 1 (RFC822.SIZE)")
    assert answer.untagged


def test_recipients_are_bounded(world: World):
    mta = limited(world, recipients=2)
    codes = mta.say(
        b"MAIL FROM:<>", b"RCPT TO:<ann>", b"RCPT TO:<bob>", b"RCPT TO:<eve>"
    )
    assert codes == [250, 250, 250, 452]


def test_a_group_counts_as_many_recipients_as_it_has(world: World):
    for name in ("ann", "bob", "eve"):
        found = world.store.directory.find(name)
        assert found is not None
        world.store.directory.addresses.add_alias("all", found.id)
    mta = limited(world, recipients=4)
    codes = mta.say(b"MAIL FROM:<>", *[b"RCPT TO:<all+%d>" % n for n in range(2)])
    assert codes == [250, 250, 452]
    mta = limited(world, recipients=2)
    assert mta.say(b"MAIL FROM:<>", b"RCPT TO:<all>", b"RCPT TO:<ann>") == [
        250,
        250,
        452,
    ]


def test_who_guesses_names_is_sent_away(world: World):
    mta = limited(world, transfer_errors=3)
    codes = mta.say(b"MAIL FROM:<>", *[b"RCPT TO:<x%d>" % n for n in range(5)])
    assert codes == [250, 550, 550, 550, 421]
    assert mta.closed


def test_commands_that_lead_to_nothing_are_bounded(world: World):
    mta = limited(world, transfer_commands=10)
    codes = mta.say(*[b"NOOP"] * 20)
    assert codes.count(250) == 10
    assert codes[-1] == 421
    mta = limited(world, transfer_commands=10)
    for _ in range(20):
        assert mta.send(b"ann", message=b"a: b\r\n\r\n") == ["250 2.0.0 stored"]


def test_silence_ends_a_conversation(world: World):
    mta = limited(world, transfer_idle_seconds=60)
    world.runtime.advance(50)
    assert mta.say(b"NOOP") == [250]
    world.runtime.advance(50)
    assert not mta.closed
    world.runtime.advance(70)
    assert mta.read() == [(421, "4.4.2 nothing was heard for too long")]
    assert mta.closed


def test_a_message_that_drips_in_is_cut_off(world: World):
    mta = limited(world, transfer_seconds=100)
    mta.say(b"MAIL FROM:<>", b"RCPT TO:<ann>", b"DATA")
    for _ in range(20):
        mta.talk.receive(b"x")
        world.runtime.advance(10)
    assert mta.read() == [(421, "4.4.2 the message takes too long")]
    assert list((world.store.path / "spool").glob("*")) == []


def test_refused_messages_are_errors_of_a_stranger(world: World):
    mta = limited(world, transfer_errors=2)
    for _ in range(2):
        mta.send(b"ann", message=b"a: b\n\r\n")
    assert mta.say(b"FOO")[-1] == 421


def test_a_loop_is_found(world: World):
    mta = limited(world, hops=3)
    received = b"Received: from a by b;\r\n\tnow\r\n"
    body = b"\r\nReceived: in the body\r\n"
    assert mta.send(b"ann", message=received * 3 + body) == ["250 2.0.0 stored"]
    (answer,) = mta.send(b"ann", message=received * 4 + body)
    assert answer.startswith("554 5.4.6 ")


def test_what_is_read_ahead_is_bounded(
    stranger: Mta, world: World, monkeypatch: pytest.MonkeyPatch
):
    started: list[Callable[[], None]] = []
    with monkeypatch.context() as patch:
        # Others have the loop: nothing goes on.
        patch.setattr(world.runtime, "deliver", started.append)
        stranger.talk.receive(b"NOOP\r\n" * 10)
        stranger.talk.receive(b"NOOP %b\r\n" % (b"x" * 500) * 200)
        paused = stranger.paused
    for call in started:
        call()
    stranger.talk.receive(b"")
    assert paused
    assert [code for code, _ in stranger.read()] == [250] * 210
    assert not stranger.paused


def test_a_text_without_a_header_stays_a_text(world: World, stranger: Mta):
    for text in (b"just text\r\nmore\r\n", b" folded: x\r\n", b"\r\nbody\r\n", b""):
        stranger.send(b"ann", message=text)
    bodies = [without_way(one) for one in stored(world)]
    assert bodies == [
        b"\r\njust text\r\nmore\r\n",
        b"\r\n folded: x\r\n",
        b"\r\nbody\r\n",
        b"",
    ]
