"""The greeting tells what CAPABILITY would, whoever connects how, and stays right."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from imapd.session.credentials import Channel
from imapd.session.greeting import greeting
from imapd.session.state import Peer, SessionState
from tests.support.session import World

BOUND = Channel(bindings={"tls-exporter": b"x"})


@pytest.fixture
def world(tmp_path):
    made = World(tmp_path)
    yield made
    made.close()


def fresh(world: World, **facts: object) -> SessionState:
    return SessionState(
        Peer("192.0.2.1"),
        "1",
        offered=world.services.authenticator.mechanisms,
        limits=world.services.limits,
        **facts,  # type: ignore[arg-type]
    )


def told(world: World, session: SessionState) -> bytes:
    text = world.services.registry.capability_text(session)
    return b"* OK [CAPABILITY %b] imapd ready\r\n" % text.encode("ascii")


def test_every_kind_of_session_is_told_what_it_can_do(world):
    kinds = list(itertools.product((False, True), repeat=5))
    for _ in range(2):  # as it is made, and as it was kept
        for secure, starttls, plaintext, refers, bound in kinds:
            session = fresh(
                world,
                secure=secure,
                starttls=starttls,
                plaintext_login=plaintext,
                refers=refers,
            )
            if bound:
                session.channel = lambda: BOUND
            assert greeting(world.services, session) == told(world, session)


def test_limits_that_change_are_told(world):
    before = greeting(world.services, fresh(world))
    world.limits = replace(world.limits, message=12_345)
    after = greeting(world.services, fresh(world))
    assert b"APPENDLIMIT=12345 " in after
    assert after != before
